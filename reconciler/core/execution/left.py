"""Resources that a run leaves alone: they are shown with their differences, and have no steps."""

from __future__ import annotations

from collections.abc import Callable, Collection

from reconciler.core.difference.change import Change
from reconciler.core.execution.written import restricted
from reconciler.core.plan.plan import Plan
from reconciler.core.resource.address import Address
from reconciler.record import replace


def leaving(plan: Plan, why: Callable[[Address], str]) -> Plan:
    """The plan that leaves those alone for which there is a reason, and acts on nothing that would wait for them."""
    reasons = {change.address: reason for change in plan.changes if (reason := why(change.address))}
    acting = frozenset(change.address for change in plan.changes if change.acts)
    # Without a change to leave out, the notes are all there is to add.
    if not acting & reasons.keys():
        return replace(plan, changes=tuple(_left(change, reasons.get(change.address, "")) for change in plan.changes))
    rest = restricted(plan, acting - reasons.keys())
    goes_on = {change.address for change in rest.changes}
    waits = dict.fromkeys(acting - goes_on, "it waits for a resource that is left alone")
    found = {**waits, **reasons}
    return replace(
        plan,
        steps=rest.steps,
        changes=tuple(_left(change, found.get(change.address, "")) for change in plan.changes),
    )


def excluding(plan: Plan, addresses: Collection[Address]) -> Plan:
    """The plan without these resources, which acts on nothing that would wait for them."""
    left = leaving(plan, lambda address: "excluded" if address in addresses else "")
    return replace(left, changes=tuple(change for change in left.changes if change.address not in addresses))


def _left(change: Change, reason: str) -> Change:
    return replace(change, left=reason) if reason else change
