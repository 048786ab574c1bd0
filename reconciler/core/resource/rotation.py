"""Rotation of a secret, as the files declare it: the way of a new value into a service that goes on living."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Origin
from reconciler.record import Struct

OLD: Final = "OLD"
NEW: Final = "NEW"
"""The variables of the command that changes a secret."""

TRIED: Final = "SECRET"
"""The variable of the command that tries whether a value opens."""


class Call(Struct, frozen=True):
    """A command in the container of a service; no command at all where it is empty."""

    service: str = ""
    words: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.words)


@dataclass(frozen=True, slots=True)
class Rotation:
    """The declared way of a new value.

    ``service`` asks others for the secret: while it changes they are stopped. ``change`` gives it the new value while
    it runs; without one the service takes the value of its environment whenever it starts. ``check`` ends with 0 if a
    value opens it. ``user`` is the account that has the secret as its password.
    """

    service: str = ""
    change: Call = field(default_factory=Call)
    check: Call = field(default_factory=Call)
    user: Address | None = None
    origin: Origin = field(default=Origin(""), compare=False)

    @property
    def is_on_the_spot(self) -> bool:
        """Returns whether something that runs is given the new value, before any container is replaced."""
        return bool(self.change) or self.user is not None
