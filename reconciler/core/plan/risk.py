"""Risky declarations: what a resource may do to its machine, and the waivers by which the files allow it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from reconciler.core.message.problem import CHECK, Problem, Severity
from reconciler.core.resource.address import Address
from reconciler.core.resource.options import Waiver
from reconciler.core.resource.resource import Origin
from reconciler.record import Struct

REFUSE: Final = "refuse"
"""The word of the files and the command line for risks that are not only warned of."""


class Risk(Struct, frozen=True):
    """A risky part of a declaration: its rule, and a message that says what it can do.

    ``address`` is the resource's, or the first one's of several replicas. ``find`` gives the place, which is asked for
    only if it is shown.
    """

    rule: str
    address: Address
    message: str
    find: Callable[[], Origin]
    waiver: Waiver | None = None

    @property
    def origin(self) -> Origin:
        """The place of the declaration."""
        return self.find()

    @property
    def warning(self) -> Problem:
        """The risk as a person is warned of it."""
        message = f"{self.message}; {self.remedy}"
        return Problem(message, self.origin, Severity.WARNING, address=self.address, code=CHECK)

    @property
    def remedy(self) -> str:
        """The advice, also where a waiver has ended."""
        ended = f"its waiver ended on {self.waiver.last_day}; " if self.waiver else ""
        return f"{ended}take it out, or allow it in the service with `x-reconcile.waivers.{self.rule}`"

    def is_of(self, address: Address) -> bool:
        """Returns whether it is a risk of this resource, which may be a further replica."""
        return (address.kind, address.path[0]) == (self.address.kind, self.address.path[0])


def in_force(risks: Iterable[Risk], today: str) -> Iterator[Risk]:
    """The risks without a waiver on a day."""
    return (each for each in risks if each.waiver is None or each.waiver.last_day < today)
