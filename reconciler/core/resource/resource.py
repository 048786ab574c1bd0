"""Desired and observed resources, in one vocabulary of fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias

from reconciler.core.resource.address import Address
from reconciler.core.resource.values import Path, Spec, Value
from reconciler.pattern import lazy_pattern
from reconciler.record import Struct

_PLACE: Final = lazy_pattern(r"(.+):(\d+):(\d+)")


class Origin(Struct, frozen=True):
    """A place in a file; line and column count from 1, 0 where only the file is known."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    @classmethod
    def parse(cls, text: str) -> Origin:
        """Read a place as it is written."""
        found = _PLACE.fullmatch(text)
        return cls(found[1], int(found[2]), int(found[3])) if found else cls(text)


@dataclass(frozen=True, slots=True)
class Source:
    """The declaration of a field: its path in the user's own terms, and the place in the file.

    One that is not ``exact`` is the declaration of what is around a part that no file declares.
    """

    path: str
    find: Callable[[], Origin] = field(repr=False, compare=False)
    exact: bool = True

    @property
    def origin(self) -> Origin:
        """The place in the file. Finding it may take another look at a large file."""
        return self.find()


Locate: TypeAlias = Callable[[Path], Source | None]
"""Finds where a field of a resource, or a part of one, was declared, and under () the resource itself.

A part that has no place of its own has that of the nearest thing around it. None for what no file declares.
"""


def nowhere(_path: Path) -> Source | None:
    """The places of what no file declares."""
    return None


def at(origin: Origin) -> Locate:
    """The places of a resource of which only its own is known."""
    return lambda path: None if path else Source("", lambda: origin)


Place: TypeAlias = tuple[Address, Path]
"""A field of a live resource."""


class Health(Enum):
    """The health of a live resource, apart from whether its fields are as desired."""

    OK = "ok"
    SETTLING = "settling"
    FAILED = "failed"


class Status(Struct, frozen=True):
    """Health and a few words about it, for people."""

    health: Health = Health.OK
    note: str = ""


class Bystander(Struct, frozen=True):
    """Something outside the plan that uses a resource, and that the planned change of the resource would hurt.

    ``loss`` says what becomes of it, after its name: "would be disconnected". A loss that is not ``lasting`` is
    reported, and not refused. One that ``holds`` the resource keeps the server from removing it: no flag can allow the
    change.
    """

    id: str
    name: str
    loss: str
    lasting: bool = True
    holds: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """One desired resource.

    ``after`` names what must be there first, and how far it must have come (a milestone of its steps;
    "" means all of them). ``locate`` finds where it and its fields were declared. That may read the file again, so it
    is asked only for what a message shows.
    """

    address: Address
    spec: Spec
    after: Mapping[Address, str] = field(default_factory=dict)
    locate: Locate = field(default=nowhere, repr=False, compare=False)

    @property
    def origin(self) -> Origin | None:
        """The place of the resource in the files."""
        found = self.locate(())
        return found.origin if found else None

    def source(self, *path: str) -> Source | None:
        """The declaration of one of its fields, or of a part of one, if there is one."""
        return self.locate(path) if path else None

    def declares(self, path: Path) -> bool:
        """Returns whether the files declare this very field, or this very part of one."""
        found = self.source(*path)
        return found is not None and found.exact

    def place(self, path: Path) -> Origin | None:
        """The place of a field or a part of one; of what the file leaves out, that of the resource."""
        found = self.source(*path)
        return found.origin if found else self.origin


@dataclass(frozen=True, slots=True)
class Observed:
    """One live resource, as a provider read it.

    ``facts`` are what ``Kind.expect`` and the provider's ``steps`` need to know besides the fields;
    ``after`` names what it uses while it lives, so that deletions can run backwards. ``surplus`` says that the
    files do not declare it, and want nothing of its kind that they do not declare. ``vital`` are the fields by which
    the account that we work with could lock itself out. ``along`` names what the server deletes with the field at a
    path, under () with the resource itself. ``names`` are others that its fields name: an update lets go of them
    before they are deleted, while a deletion waits for nothing. ``holders`` says for what is in more than one place
    which fields those are.
    ``bystanders`` are known only where the plan would hurt them.
    ``restarts`` counts how often the other side has restarted it by itself. It is ``stopped_by_hand`` if a person has
    stopped it, as far as the other side tells.
    ``outlived_by`` are those that it depends on: where both are deleted it goes first.
    One that is not owned is ``claimable`` if it is nobody else's either: as declared, it is taken over as it is.
    Where its ``data_stays`` it only leads to data that is kept elsewhere, and that its end does not touch.
    ``called`` is how one that is not owned is named on the other side, with its owner, if it has one.
    An ``obstacle`` says why a change of it would fail, after its name.
    ``unread`` is the reason for which nothing of it can be read, not even whether it exists.
    """

    address: Address
    id: str
    spec: Spec
    owned: bool = True
    status: Status = field(default_factory=Status)
    outputs: Mapping[str, Value] = field(default_factory=dict)
    facts: Mapping[str, Value] = field(default_factory=dict)
    after: frozenset[Address] = frozenset()
    surplus: bool = False
    vital: frozenset[str] = frozenset()
    names: frozenset[Address] = frozenset()
    along: Mapping[Path, frozenset[Address]] = field(default_factory=dict)
    holders: Mapping[Address, frozenset[Place]] = field(default_factory=dict)
    bystanders: tuple[Bystander, ...] = ()
    data_stays: bool = False
    restarts: int = 0
    stopped_by_hand: bool = False
    outlived_by: frozenset[Address] = frozenset()
    claimable: bool = False
    called: str = ""
    obstacle: str = ""
    unread: str = ""
