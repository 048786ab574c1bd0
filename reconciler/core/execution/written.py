"""Memory of one run: which changes were written, so that what was written in vain is not written for ever.

It also says what a pass with a failure leaves for another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.core.difference.change import Action, Change
from reconciler.core.execution.report import Report, What
from reconciler.core.plan.plan import Plan
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Health
from reconciler.record import Struct, field, replace


class Written(Struct, frozen=True):
    """The changes that earlier passes of a run carried out, every step of them with success.

    ``alone`` are the addresses whose change was the only one of its pass: no other write of ours can have undone it.
    ``started`` are those that were started, and came as far as they had to.
    """

    changes: Mapping[Address, tuple[Change, ...]] = field(default_factory=dict)
    alone: frozenset[Address] = frozenset()
    started: frozenset[Address] = frozenset()

    def after(self, plan: Plan, report: Report) -> Written:
        """The memory once the steps of a plan ended as the report has it."""
        # An address counts only if all of its steps are done: half of a replacement is not written.
        done = _addresses(report, What.DONE) - _addresses(report, What.FAILED, What.BLOCKED, What.NOT_STARTED)
        new = {
            change.address: (*self.changes.get(change.address, ()), change) for change in plan.changes if change.acts
        }
        carried_out = {address: changes for address, changes in new.items() if address in done}
        alone = frozenset(carried_out) if len(carried_out) == 1 else frozenset()
        started = frozenset(event.step.address for event in report.of(What.DONE) if event.step.serves)
        return Written({**self.changes, **carried_out}, self.alone | alone, self.started | started & done)

    def forgetting(self, addresses: frozenset[Address]) -> Written:
        """The memory without these addresses."""
        kept = {address: changes for address, changes in self.changes.items() if address not in addresses}
        return Written(kept, self.alone - addresses, self.started - addresses)

    def in_vain(self, plan: Plan) -> tuple[Change, ...]:
        """The changes of a plan that were written before, and that the other side shows as if they were not.

        A write that was not the only one of its pass gets a second try, as another one may have undone it.
        """
        return tuple(change for change in plan.changes if change.acts and self._is_in_vain(change))

    def _is_in_vain(self, change: Change) -> bool:
        if self.has_failed(change):
            return True
        before = [each for each in self.changes.get(change.address, ()) if _is_of_the_same(each, change)]
        times = min(
            (sum(difference in each.fields for each in before) for difference in change.fields), default=len(before)
        )
        # Alone in its pass, nothing else of ours can have undone it; otherwise it gets one more try.
        return times > (0 if change.address in self.alone else 1)

    def has_failed(self, change: Change) -> bool:
        """Returns whether a start would repeat one of this run: what was started has ended with a failure since."""
        # A migration that fails after a minute would otherwise run in each pass, ten times where others keep it busy.
        is_failed = change.observed is not None and change.observed.status.health is Health.FAILED
        return change.action in _STARTS and is_failed and change.address in self.started


_STARTS: Final = (Action.START, Action.RUN)


def _is_of_the_same(before: Change, change: Change) -> bool:
    """Returns whether two changes do the same. A deletion may leave another live object at its address, to go next."""
    if change.action is Action.DELETE and before.observed and change.observed:
        return before.action is Action.DELETE and before.observed.id == change.observed.id
    return before.action is change.action


def _addresses(report: Report, *whats: What) -> set[Address]:
    return {address for what in whats for each in report.of(what) for address in (each.step.address, *each.step.covers)}


def without(plan: Plan, changes: tuple[Change, ...]) -> Plan:
    """The plan without these changes; what would have come after their steps does not wait for them."""
    left_out = {change.address for change in changes}
    # A batch stays as long as one of its resources does.
    dropped = {step.id for step in plan.steps if left_out.issuperset((step.address, *step.covers))}
    steps = tuple(
        replace(step, after=step.after - dropped, behind=step.behind - dropped)
        for step in plan.steps
        if step.id not in dropped
    )
    kept = tuple(change for change in plan.changes if change.address not in left_out)
    return replace(plan, changes=kept, steps=steps)


def stepless(plan: Plan) -> frozenset[Address]:
    """The changes without a step: a server makes these objects with their parent, and the next pass compares them."""
    begun = {address for step in plan.steps for address in (step.address, *step.covers)}
    return frozenset(change.address for change in plan.changes if change.acts and change.address not in begun)


def restricted(plan: Plan, addresses: frozenset[Address]) -> Plan:
    """The plan without all other changes, and without each change that waits for one of them."""
    # Each round may find others that wait for a change that is left out, until none is left.
    kept = addresses
    while True:
        others = tuple(change for change in plan.changes if change.acts and change.address not in kept)
        left_out = {change.address for change in others}
        dropped = {step.id for step in plan.steps if left_out.intersection((step.address, *step.covers))}
        waiting = {each for step in plan.steps if step.after & dropped for each in (step.address, *step.covers)}
        if not kept & waiting:
            return without(plan, others)
        kept -= waiting
