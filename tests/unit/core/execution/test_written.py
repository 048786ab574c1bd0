"""The memory of one run: what was written in vain, and what is left for another pass."""

from __future__ import annotations

import pytest

from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.compare import FieldChange
from reconciler.core.difference.kind import Effect
from reconciler.core.execution.report import Event, Report, What
from reconciler.core.execution.written import Written, restricted, stepless, without
from reconciler.core.plan.plan import Plan, Step
from reconciler.core.resource.resource import Health, Observed, Status
from reconciler.record import replace
from tests.kit.build import address, resource

A, B, C = (address(f"memory.box/{name}") for name in "abc")
SIZE = FieldChange(("size",), 1, 2, Effect.LIVE)
WIRE = FieldChange(("wire",), 1, 2, Effect.RECONNECT)


def change(where, action=Action.UPDATE, *fields, identity="1", health=Health.OK):
    live = None if action is Action.CREATE else Observed(where, identity, {}, status=Status(health))
    desired = None if action is Action.DELETE else resource(str(where))
    return Change(where, action, fields, desired=desired, observed=live)


def step(where, name="put", *after, covers=()):
    return Step(f"{where}:{name}", where, name, after=frozenset(after), covers=covers)


def plan(*changes, steps=None):
    return Plan(changes, tuple(step(each.address) for each in changes) if steps is None else steps)


def written(*plans, what=What.DONE):
    memory = Written()
    for each in plans:
        memory = memory.after(each, Report(tuple(Event(one, what) for one in each.steps)))
    return memory


def test_the_only_write_of_a_pass_is_in_vain_when_the_same_difference_is_there_again():
    again = plan(change(A, Action.UPDATE, SIZE))

    assert Written().in_vain(again) == ()
    assert written(again).in_vain(again) == again.changes
    assert written(again).in_vain(plan(change(A, Action.UPDATE, WIRE))) == ()
    assert written(again).in_vain(plan(change(A, Action.UPDATE, SIZE, WIRE))) == ()
    assert written(again).in_vain(plan(change(B, Action.UPDATE, SIZE))) == ()
    assert written(again).in_vain(plan(change(A, Action.KEEP, SIZE))) == ()


def test_a_write_beside_others_gets_a_second_try():
    both = plan(change(A, Action.UPDATE, SIZE), change(B, Action.UPDATE, SIZE))
    one = plan(change(A, Action.UPDATE, SIZE))

    assert written(both).in_vain(one) == ()
    assert written(both, both).in_vain(both) == both.changes
    assert written(both, one).in_vain(one) == one.changes


@pytest.mark.parametrize("what", [What.FAILED, What.BLOCKED, What.NOT_STARTED])
def test_only_what_was_carried_out_is_remembered(what):
    one = plan(change(A, Action.UPDATE, SIZE))
    half = Report((Event(step(A), What.DONE), Event(step(A, "more"), what)))

    assert written(one, what=what).changes == {}
    assert Written().after(one, half).changes == {}
    assert Written().after(plan(change(A, Action.KEEP), steps=(step(A),)), Report((Event(step(A), What.DONE),))) == (
        Written()
    )


def test_what_a_step_covers_is_remembered_with_it():
    both = plan(change(A), change(B), steps=(step(A, covers=(B,)),))

    memory = written(both)

    assert memory.changes.keys() == {A, B}
    assert memory.alone == frozenset()


def test_an_action_without_fields_is_in_vain_by_its_action():
    created, deleted = plan(change(A, Action.CREATE)), plan(change(A, Action.DELETE))

    assert written(created).in_vain(created) == created.changes
    assert written(created).in_vain(deleted) == ()
    assert written(deleted).in_vain(deleted) == deleted.changes
    assert written(deleted).in_vain(plan(change(A, Action.DELETE, identity="2"))) == ()


@pytest.mark.parametrize("now", [Action.START, Action.RUN])
def test_what_was_started_and_has_failed_since_is_not_started_again(now):
    failed = change(A, now, health=Health.FAILED)
    gate = replace(step(A, "wait"), serves=True)

    beside = written(plan(change(A, Action.REPLACE), change(B), steps=(gate, step(B))))

    assert beside.has_failed(failed)
    assert beside.in_vain(plan(failed)) == (failed,)
    assert not beside.has_failed(change(A, now))
    assert not beside.has_failed(change(A, Action.REPLACE, health=Health.FAILED))
    assert not beside.has_failed(change(B, now, health=Health.FAILED))
    assert not beside.has_failed(replace(failed, observed=None))


def test_a_memory_forgets_all_that_it_has_of_an_address():
    gate = replace(step(A, "wait"), serves=True)
    memory = written(plan(change(A, Action.REPLACE), steps=(gate,)))

    assert memory.forgetting(frozenset({B})) == memory
    assert memory.forgetting(frozenset({A})) == Written()


def test_what_was_put_back_without_a_start_is_started_by_the_next_pass():
    renamed = plan(change(A, Action.REPLACE), change(B))
    stopped = change(A, Action.START, health=Health.FAILED)

    assert not written(renamed).has_failed(stopped)
    assert written(renamed).in_vain(plan(stopped)) == ()


def test_a_plan_without_some_changes_has_no_steps_of_them_and_none_waits_for_them():
    steps = (step(A), replace(step(B, "put", f"{A}:put"), behind=frozenset({f"{A}:put", "x"})), step(C, covers=(A,)))
    full = Plan((change(A), change(B), change(C)), steps)

    left = without(full, (full.changes[0],))

    assert [each.address for each in left.changes] == [B, C]
    assert [each.id for each in left.steps] == [f"{B}:put", f"{C}:put"]
    assert (left.steps[0].after, left.steps[0].behind) == (frozenset(), {"x"})
    assert without(full, ()) == full
    assert without(full, (full.changes[0], full.changes[2])).steps == (
        replace(steps[1], after=frozenset(), behind=frozenset({"x"})),
    )


def test_changes_without_a_step_are_left_for_the_next_pass():
    full = Plan(
        (change(A), change(B), change(C), change(address("memory.box/d"), Action.KEEP)), (step(A, covers=(B,)),)
    )

    assert stepless(full) == {C}


def test_a_restricted_plan_has_neither_the_others_nor_what_waits_for_them():
    steps = (step(A), step(B, "put", f"{A}:put"), step(C, "put", f"{B}:put"))
    full = Plan((change(A), change(B), change(C)), steps)

    assert restricted(full, frozenset({A, B, C})) == full
    assert restricted(full, frozenset({A, B})).steps == steps[:2]
    assert restricted(full, frozenset({B, C})).steps == ()
    assert [each.address for each in restricted(full, frozenset({A, C})).changes] == [A]
    kept = Plan((change(A, Action.KEEP), change(B)), (step(B),))
    assert restricted(kept, frozenset()).changes == (kept.changes[0],)
