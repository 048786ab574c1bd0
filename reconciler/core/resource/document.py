"""The frozen hand-over from the files to the providers: loaded, validated, canonical, in the user's terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

from reconciler.core.resource.address import Address
from reconciler.core.resource.options import ServiceOptions, StackOptions
from reconciler.core.resource.resource import Origin
from reconciler.core.resource.rotation import Rotation
from reconciler.core.resource.values import Secret, Value
from reconciler.record import Struct, field

DocumentPath = tuple[str | int, ...]


class Locator(Protocol):
    """Finds the place in the files where a value of the document is written."""

    def __call__(self, path: DocumentPath) -> Origin:
        """The place of ``path``, or of the nearest thing around it that stands in a file."""
        ...


class Unmade(Struct, frozen=True):
    """A mistake in a declaration, unless the resource exists already and may have what is named.

    ``find`` gives its place, which is asked for only if it is one: there may be thousands.
    """

    address: Address
    find: Callable[[], Origin]
    message: str

    @property
    def origin(self) -> Origin:
        """The place of the declaration."""
        return self.find()


class Document(Struct, frozen=True, dict=True):
    """Both files. None in place of a half means that it is not managed at all (so nothing of it is pruned).

    ``stack`` is the canonical Compose model; paths for ``locate`` begin with "stack". ``realms`` are realm
    representations in canonical form; paths begin with "realms" and the realm's index. ``connection`` is how
    to reach Keycloak: ``url``, ``service``, ``auth``. ``daemon`` is the daemon's policy, of both halves. ``idle`` is
    what the files declare for other profiles: neither made nor taken away. ``unmade`` are mistakes if the resource at
    their address does not exist yet. ``rotations`` are those of declared secrets, and ``secrets`` their values, by the
    names of their variables. ``corrected`` tells the place where a value is to be corrected, which may be a variable of
    an env file.
    """

    project: str
    directory: str
    locate: Locator
    stack: Mapping[str, Value] | None = None
    realms: Sequence[Mapping[str, Value]] | None = None
    connection: Mapping[str, Value] = field(default_factory=dict)
    daemon: Mapping[str, Value] = field(default_factory=dict)
    idle: frozenset[Address] = frozenset()
    unmade: tuple[Unmade, ...] = ()
    rotations: Mapping[str, Rotation] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    corrected: Callable[[DocumentPath], str] | None = None

    @property
    def options(self) -> StackOptions:
        """The options of the stack."""
        return StackOptions.of(self.stack)

    @property
    def engines(self) -> Mapping[str, str]:
        """The engines that the stack names, by the services that have one of their own; under "" that of all others."""
        own = {name: ServiceOptions.of(each).engine for name, each in self.section("services").items()}
        return {"": self.options.engine} | {name: engine for name, engine in own.items() if engine}

    def section(self, name: str) -> Mapping[str, Any]:
        """The declarations of a section of the stack, such as the services, by their keys; none without a stack."""
        return self._sections.get(name, {})

    @cached_property
    def _sections(self) -> Mapping[str, Mapping[str, Any]]:
        sections = {name: found for name, found in (self.stack or {}).items() if isinstance(found, Mapping)}
        return {
            name: {key: each for key, each in found.items() if isinstance(each, Mapping)}
            for name, found in sections.items()
        }

    def place(self, path: DocumentPath) -> str:
        """The place where a value is to be corrected, in words."""
        return self.corrected(path) if self.corrected else f"`{path[-1]}` at {self.locate(path)}"
