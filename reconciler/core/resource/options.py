"""The options under ``x-reconcile`` in stack.yaml as values with names: of the whole stack, and of one service.

The schema has checked them before; what is left out has the default that is written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.core.resource.address import Address
from reconciler.core.resource.values import Secret
from reconciler.record import Struct, convert, field

OPTIONS: Final = "x-reconcile"
"""The name under which they stand, in both files."""


class LoginOptions(Struct, frozen=True):
    """The login of people that ``doctor`` walks; without a user it is walked up to its form."""

    url: str
    user: str = ""
    password: Secret | str | None = None
    ca_file: str = ""


class Waiver(Struct, frozen=True):
    """The reason for which a risk is taken, and the last day on which it is."""

    reason: str
    until: str

    @property
    def last_day(self) -> str:
        """The last day, as YYYY-MM-DD; Compose reads one without quotes as a time."""
        return self.until[:10]


class PolicyOptions(Struct, frozen=True):
    """Limits of what the files may do.

    ``risks`` is ``refuse`` where each command refuses them, and not the daemon alone. ``images`` is
    ``pinned`` where an image without a digest is a risk.
    """

    paths: str = ""
    risks: str = ""
    images: str = ""


class StackOptions(Struct, frozen=True):
    """The options of a stack. ``engine`` is ``swarm``, an address or context, or "" for the usual engine.

    ``protect`` holds addresses, and ``prune`` has ``owned`` or ``off`` by sections.
    """

    engine: str = ""
    prune: Mapping[str, str] = field(default_factory=dict)
    protect: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    login: LoginOptions | None = None
    policy: PolicyOptions = PolicyOptions()

    @classmethod
    def of(cls, stack: Mapping[str, Any] | None) -> StackOptions:
        """Reads those of a canonical Compose model, or of none."""
        return convert((stack or {}).get(OPTIONS) or {}, cls)


class ServiceOptions(Struct, frozen=True):
    """The options of a service. ``job`` is None where nothing is said, ``engine`` is "" for that of the stack.

    ``reload`` is a reaction to changed files, or one for each path: a word, or ``{"signal": NAME}``. ``waivers`` are by
    the names of the rules whose risks they allow.
    """

    depends_on: tuple[str, ...] = ()
    engine: str = ""
    job: bool | None = None
    reload: str | Mapping[str, Any] = "replace"
    waivers: Mapping[str, Waiver] = field(default_factory=dict)

    @classmethod
    def of(cls, service: Mapping[str, Any]) -> ServiceOptions:
        """Reads those of a service in a canonical Compose model."""
        return convert(service.get(OPTIONS) or {}, cls)

    @property
    def needs(self) -> tuple[Address, ...]:
        """The resources that must be there first."""
        return tuple(map(Address.parse, self.depends_on))
