"""A resource that a run leaves alone is shown, has no step, and holds up others that wait for it."""

from __future__ import annotations

from reconciler.core.difference.change import Action
from reconciler.core.execution.left import excluding, leaving
from reconciler.core.execution.report import State, standing
from reconciler.core.plan.plan import make
from reconciler.core.plan.policy import Policy, refusals
from reconciler.providers.memory import MemoryProvider
from tests.kit.build import address, live, resource

WEB, APP, DB = address("memory.box/web"), address("memory.box/app"), address("memory.box/db")


def a_plan():
    desired = [resource("memory.box/db", size=2), resource("memory.box/web", size=1, after={str(DB): ""})]
    desired.append(resource("memory.box/app", size=2))
    return make({"memory": MemoryProvider()}, desired, [live("memory.box/app", size=1)])


def steps_of(plan):
    return {step.address for step in plan.steps}


def changes_of(plan):
    return {change.address: change for change in plan.changes}


def paused(*addresses):
    return lambda each: "paused by alice" if each in addresses else ""


def test_what_is_left_alone_keeps_its_difference_and_has_no_step():
    plan = leaving(a_plan(), paused(APP))

    assert (changes_of(plan)[APP].action, changes_of(plan)[APP].left) == (Action.UPDATE, "paused by alice")
    assert steps_of(plan) == {DB, WEB}
    assert not plan.in_sync


def test_what_waits_for_it_is_left_alone_as_well():
    plan = leaving(a_plan(), paused(DB))

    assert steps_of(plan) == {APP}
    assert changes_of(plan)[WEB].left == "it waits for a resource that is left alone"


def test_nothing_to_do_is_left_where_all_that_differs_is_paused():
    plan = leaving(a_plan(), paused(DB, WEB, APP))

    assert plan.is_left
    assert not plan.steps
    assert not leaving(a_plan(), paused(DB)).is_left


def test_what_is_excluded_is_no_part_of_the_plan():
    plan = excluding(a_plan(), {DB})

    assert DB not in changes_of(plan)
    assert steps_of(plan) == {APP}
    assert changes_of(plan)[WEB].left


def test_no_policy_judges_what_is_left_alone():
    plan = make({"memory": MemoryProvider()}, [], [live("memory.box/app")], prunes=lambda _: True)

    assert refusals(plan, Policy())
    assert not refusals(leaving(plan, paused(APP)), Policy())


def test_a_paused_resource_has_a_state_of_its_own_where_it_differs():
    plan = leaving(a_plan(), paused(APP, DB))
    same = leaving(
        make({"memory": MemoryProvider()}, [resource("memory.box/app")], [live("memory.box/app")]), paused(APP)
    )

    found = {change.address: standing(change) for change in plan.changes}
    assert (found[APP].state, found[APP].note) == (State.PAUSED, "size differs; paused by alice")
    assert (found[DB].state, found[DB].note) == (State.PAUSED, "missing; paused by alice")
    assert (standing(same.changes[0]).state, standing(same.changes[0]).note) == (State.IN_SYNC, "paused by alice")
