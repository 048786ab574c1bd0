"""Deletions that take other resources along: shown with the change, and settled before a plan is made of them.

What a server deletes along with a resource, or with a field of it, is part of what is observed. If it is declared
elsewhere it is made anew first, where its kind allows that; otherwise the plan has an obstacle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.kind import Kind
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Place
from reconciler.core.resource.values import ABSENT, Path
from reconciler.record import replace


def with_cascades(kinds: Mapping[str, Kind], changes: Mapping[Address, Change]) -> dict[Address, Change]:
    """Returns the changes with what goes along; a declared resource that goes along is replaced or has an obstacle."""
    removed = {address: paths for address, change in changes.items() if (paths := frozenset(_removed(change)))}
    along = {address: _along(changes[address], paths) for address, paths in removed.items()}
    cause = {each: address for address, found in along.items() for each in sorted(found - {address})}
    places = {(address, path) for address, paths in removed.items() for path in paths}
    settled = dict(changes)
    for address, by in cause.items():
        # A declared resource that goes along must come back, so the plan shows its replacement and the price of that.
        change = changes.get(address)
        if change and change.desired and change.observed:
            settled[address] = _renewed(kinds[address.kind], change, by)
    for address, found in along.items():
        # Deletions of the plan itself stand there already; only the others are shown as going along.
        others = tuple(sorted(each for each in found if not _is_deleted(changes.get(each))))
        obstacle = settled[address].obstacle or _still_held(changes[address], found, places, cause)
        settled[address] = replace(settled[address], along=others, obstacle=obstacle)
    return settled


def _removed(change: Change) -> Iterator[Path]:
    """The paths of what goes with a change and takes something along; () is the resource itself."""
    if change.observed is None or not change.observed.along:
        return
    if change.action is Action.DELETE:
        yield from change.observed.along
    elif change.acts:
        # Only parts that are taken out, and switches that are turned off, take something along.
        gone = {field.path for field in change.fields if field.after is ABSENT or field.after is False}
        yield from (path for path in change.observed.along if path in gone)


def _along(change: Change, paths: frozenset[Path]) -> frozenset[Address]:
    assert change.observed is not None
    return frozenset(each for path in paths for each in change.observed.along[path])


def _is_deleted(change: Change | None) -> bool:
    return change is not None and change.action is Action.DELETE


def _renewed(kind: Kind, change: Change, by: Address) -> Change:
    """The change of what would go along with something else."""
    assert change.desired is not None
    assert change.observed is not None
    reason = "is declared, and would be" if kind.renewal is None else kind.renewal(change.desired, change.observed)
    if reason:
        return replace(change, goes_with=by, obstacle=f"{reason} deleted along with {by}")
    verb = f"made anew, as the old one is deleted along with {by}"
    return replace(change, action=Action.REPLACE, reason=verb, verb=verb, goes_with=by)


def _still_held(change: Change, along: frozenset[Address], places: set[Place], cause: Mapping[Address, Address]) -> str:
    """Explains why something can't go: it is in another place as well, and would be missing there."""
    holders = change.observed.holders if change.observed else {}
    for address in sorted(along & holders.keys()):
        for holder, path in sorted(holders[address] - places):
            # A holder that goes along as well loses nothing.
            if holder not in cause:
                return (
                    f"can't let go of {address}: {holder} has it in {'.'.join(path)}, and would lose it as well; "
                    f"declare a copy under another name for {holder}"
                )
    return ""
