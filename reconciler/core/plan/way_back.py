"""The way back from changes that were made: the resources as they were seen before, as far as that is known. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from reconciler.core.difference.change import Action, Change
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Resource
from reconciler.core.resource.values import ABSENT, UNKNOWN, Value
from reconciler.record import Struct, field, replace

STATE: Final = "state"
"""A field that no file declares; a container that was started is not stopped again."""


class WayBack(Struct, frozen=True):
    """All desired resources, those of ``addresses`` as they were before; ``left`` says why others stay as they are."""

    desired: tuple[Resource, ...]
    addresses: frozenset[Address]
    left: Mapping[Address, str] = field(default_factory=dict)


def way_back(desired: Sequence[Resource], changes: Iterable[Change]) -> WayBack:
    """The way back from these changes, in the order in which they were planned; the first of a resource counts."""
    first: dict[Address, Change] = {}
    for change in changes:
        if change.acts:
            # A later pass changes the result of an earlier one; the way back leads to the state before all of them.
            first.setdefault(change.address, change)
    left = {address: why for address, change in first.items() if (why := _why_left(change))}
    back = {address: change for address, change in first.items() if address not in left and _fields(change)}
    made = tuple(_as_before(each, back[each.address]) if each.address in back else each for each in desired)
    return WayBack(made, frozenset(back), left)


def _why_left(change: Change) -> str:
    """The reason for which a change stays; "" if it can be taken back, or if there is nothing to take back."""
    if change.action is Action.CREATE:
        return "it was created"
    if change.action is Action.DELETE:
        return "it was deleted"
    # What is made anew in its place has no data, so going back would not bring back what was there.
    if change.loses_data:
        return "its data is gone"
    unknown = [name for name in _fields(change) if _is_unknown(_before(change, name))]
    return f"its former {unknown[0]} is not known" if unknown else ""


def _fields(change: Change) -> tuple[str, ...]:
    """The names of the fields that differed."""
    return tuple(dict.fromkeys(each.path[0] for each in change.fields if each.path[0] != STATE))


def _before(change: Change, name: str) -> Value:
    return change.observed.spec.get(name, ABSENT) if change.observed else ABSENT


def _is_unknown(value: Value) -> bool:
    match value:
        case Mapping():
            return any(_is_unknown(part) for part in value.values())
        case list() | tuple():
            return any(_is_unknown(part) for part in value)
        case _:
            return value is UNKNOWN


def _as_before(resource: Resource, change: Change) -> Resource:
    """The resource with the differing fields as they were; one that was not there is not declared."""
    before = {name: _before(change, name) for name in _fields(change)}
    spec = {name: value for name, value in {**resource.spec, **before}.items() if value is not ABSENT}
    return replace(resource, spec=spec)
