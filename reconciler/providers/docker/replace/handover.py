"""The order between containers: one releases a name, a port or a volume before another one takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from reconciler.core.difference.change import Action, Change
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Health, Resource
from reconciler.core.resource.values import Value
from reconciler.providers.docker.container import claims


def giving_way(changes: Sequence[Change]) -> Mapping[Address, Sequence[Change]]:
    """Finds for containers that take something the present holders that are to be replaced or connected otherwise."""
    desired = {change.address: change.desired for change in changes if change.desired}
    takers: dict[str, list[Address]] = {}
    for change in changes:
        for claim in claims.running(change.desired.spec) if change.desired and change.acts else ():
            takers.setdefault(claim, []).append(change.address)
    found: dict[Address, list[Change]] = {}
    for giver in changes:
        if giver.action in (Action.REPLACE, Action.UPDATE) and giver.desired and giver.observed:
            # It gives up what it holds live and will not hold as declared.
            given_up = claims.running(giver.observed.spec) - claims.running(giver.desired.spec)
            wanting = {address for claim in given_up for address in takers.get(claim, ())}
            # Only where the giver needs the taker do the usual orders contradict each other.
            for address in _needed(giver.address, wanting, desired):
                found.setdefault(address, []).append(giver)
    return found


def _needed(
    address: Address, wanted: AbstractSet[Address], desired: Mapping[Address, Resource]
) -> AbstractSet[Address]:
    """The wanted ones that a resource needs, over however many."""
    needed, frontier = set[Address](), {address}
    while frontier and not wanted <= needed:  # mostly those next to it, or none
        after = {need for each in frontier if each in desired for need in desired[each].after}
        frontier = after - needed
        needed |= frontier
    return wanted & needed


def circles(changes: Sequence[Change]) -> set[Address]:
    """The containers whose names in place go round in a circle: the name each is to get is that of the next."""
    renamed = {
        change.observed.spec["container_name"]: change
        for change in changes
        if change.observed and change.action is Action.UPDATE and _is_renamed(change)
    }
    return {change.address for name, change in renamed.items() if name in _names_from(change, renamed)}


def _names_from(change: Change, renamed: Mapping[Value, Change]) -> set[Value]:
    """The name that it is to get, the one that whoever has that is to get, and so on."""
    names: set[Value] = set()
    following: Change | None = change
    # Until there is nobody at the name, or it was there before: then it is a circle.
    while following and following.desired and (name := following.desired.spec["container_name"]) not in names:
        names.add(name)
        following = renamed.get(name)
    return names


def _is_renamed(change: Change) -> bool:
    return any(field.path[0] == "container_name" for field in change.fields)


def waits(changes: Sequence[Change]) -> set[Address]:
    """Kept containers that somebody who acts waits for, and that are not ready yet."""
    acting = [change.desired for change in changes if change.acts and change.desired]
    # A milestone is reached by a start; only who waits for the end of a gate needs one here.
    needed = {need for resource in acting for need, milestone in resource.after.items() if not milestone}
    return {
        change.address
        for change in changes
        if change.action is Action.KEEP and change.address in needed and not _is_ready(change)
    }


def _is_ready(change: Change) -> bool:
    return change.observed is not None and change.observed.status.health is Health.OK
