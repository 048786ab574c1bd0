"""The order of a roll-out: the replicas of a service are replaced in turns, and all or none of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.kind import Effect
from reconciler.core.plan.plan import Step
from reconciler.record import replace


def in_turn(parts: Sequence[tuple[Change, Sequence[Step]]]) -> Iterator[Step]:
    """The steps of one service's containers, so many containers at a time as may be out of service.

    Where one that fails takes the others back with it, predecessors are kept, stopped, until all are through.
    """
    taking = [(change, steps) for change, steps in parts if steps and _takes_turns(change, steps)]
    turns = [steps for _, steps in taking]
    # With one container there is nobody to take back with it.
    if len(turns) > 1 and _setting(taking[0][0], "on_failure") == "rollback":
        turns = _all_or_none(turns, at_once=_setting(taking[0][0], "parallelism") or len(turns))
    first = {steps[0].id: number for number, steps in enumerate(turns)}
    replaced = {step.id: step for steps in turns for step in steps}
    for change, steps in parts:
        for step in (replaced.get(step.id, step) for step in steps):
            number = first.get(step.id)
            before = [_settled(each) for each in turns[:number]]
            yield step if number is None else _at_its_turn(step, change, before)


def _all_or_none(turns: Sequence[Sequence[Step]], *, at_once: int) -> list[Sequence[Step]]:
    """A failure undoes the finished and the running ones; one that did not begin has nothing to undo."""
    ends = frozenset(_settled(steps).id for steps in turns)
    backs = [next((step.on_failure for step in reversed(steps) if step.on_failure), ()) for steps in turns]

    def bound(step: Step, number: int) -> Step:
        # What is final, such as the removal of a predecessor, waits for all: until then each can go back.
        if step.final:
            return replace(step, after=step.after | ends)
        if not step.on_failure:
            return step
        others = [back for other, back in enumerate(backs[: number + at_once]) if other != number]
        return replace(step, on_failure=(*step.on_failure, *(step for back in reversed(others) for step in back)))

    return [[bound(step, number) for step in steps] for number, steps in enumerate(turns)]


def _settled(steps: Sequence[Step]) -> Step:
    """The step after which a container is as it should be."""
    return next(step for step in reversed(steps) if not step.final)


def _setting(change: Change, name: str) -> Any:
    rollout: Any = change.desired.spec["rollout"] if change.desired else {}
    return rollout.get(name)


def _takes_turns(change: Change, steps: Sequence[Step]) -> bool:
    """Returns whether it is out of service meanwhile, or an interrupted run left a predecessor to go back to."""
    is_out = change.action in (Action.UPDATE, Action.REPLACE) and change.effect >= Effect.RECONNECT
    return is_out or any(step.final for step in steps)


def _at_its_turn(step: Step, change: Change, before: Sequence[Step]) -> Step:
    at_once, delay_s = _setting(change, "parallelism") or len(before) + 1, _setting(change, "delay_s")
    # So many may be out of service at once, so the first ones need not wait.
    if len(before) < at_once:
        return step
    last = frozenset({before[-at_once].id})
    # With `continue` a failure of the one before is no reason to stop here.
    if _setting(change, "on_failure") == "continue":
        return replace(step, behind=step.behind | last, delay_s=delay_s)
    return replace(step, after=step.after | last, delay_s=delay_s)
