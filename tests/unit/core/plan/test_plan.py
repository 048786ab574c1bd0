from __future__ import annotations

from itertools import permutations

import pytest

from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.compare import FieldChange
from reconciler.core.difference.kind import Effect
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import Problem, Severity
from reconciler.core.plan.graph import needs_of
from reconciler.core.plan.plan import Plan, make
from reconciler.core.resource.resource import Bystander, Health, Origin, Status
from reconciler.core.resource.values import Ref, Secret
from reconciler.providers.memory import MemoryProvider
from reconciler.record import replace
from tests.kit.build import HERE, address, live, resource

CLIENT = "memory.client/app"
BOX = "memory.box/web"
WEB, DESIRED = address(BOX), resource(BOX)
SEEN = live(BOX)
SICK = replace(SEEN, status=Status(Health.FAILED, "exited (1)"))
BY_THEM = "in use by them, which would be disconnected"
USED = replace(SEEN, bystanders=(Bystander("1", "them", "would be disconnected"),))


def plan_of(desired, observed=(), **rest):
    return make({"memory": MemoryProvider()}, desired, observed, **rest)


def order(plan):
    return [step.id for step in plan.steps]


def action(plan, where):
    return next(change.action for change in plan.changes if change.address == address(where))


def test_steps_come_after_those_of_what_they_need():
    plan = plan_of(
        [
            resource("memory.box/c", ["memory.box/b"]),
            resource("memory.box/b", ["memory.box/a"]),
            resource("memory.box/a"),
        ]
    )

    assert order(plan) == ["memory.box/a:put", "memory.box/b:put", "memory.box/c:put"]


def test_a_need_in_between_that_does_nothing_passes_the_order_on():
    plan = plan_of(
        [
            resource("memory.box/c", ["memory.box/b"]),
            resource("memory.box/b", ["memory.box/a"]),
            resource("memory.box/a"),
        ],
        [live("memory.box/b")],
    )

    assert plan.steps[1].after == {"memory.box/a:put"}


@pytest.mark.parametrize(
    ("who", "needed"),
    [("other.box/web", {"memory.client/app", "memory.scope/app/email"}), (BOX, {"memory.client/app"})],
)
def test_what_is_needed_from_another_provider_is_needed_with_its_parts(who, needed):
    declared = [resource(who, [CLIENT]), resource(CLIENT), resource("memory.scope/app/email", [CLIENT])]

    needs = needs_of({each.address: each for each in declared}, MemoryProvider().kinds)

    assert set(map(str, needs[address(who)])) == needed


def test_a_cycle_is_a_problem_that_names_it():
    with pytest.raises(
        ConfigError, match="memory.box/a → memory.box/b → memory.box/a|memory.box/b → memory.box/a → memory.box/b"
    ):
        plan_of([resource("memory.box/a", ["memory.box/b"]), resource("memory.box/b", ["memory.box/a"])])


def test_a_need_that_is_not_declared_is_a_problem():
    with pytest.raises(ConfigError, match="memory.box/web needs memory.box/db, which is not declared"):
        plan_of([resource(BOX, ["memory.box/db"])])


def test_a_need_of_a_provider_that_is_not_in_play_is_left_out():
    assert order(plan_of([resource(BOX, ["keycloak.realm/mlflow"])])) == ["memory.box/web:put"]


def test_a_declared_value_is_known_before_its_resource_exists():
    reference = Ref(address(CLIENT), "secret")
    plan = plan_of([resource(BOX, key=reference), resource(CLIENT, secret=Secret("s"))])

    assert plan.steps[-1].args["key"] == Secret("s")
    assert plan.steps[-1].after == {"memory.client/app:put"}


def test_a_value_that_only_exists_later_defers_who_needs_it():
    plan = plan_of([resource(BOX, key=Ref(address(CLIENT), "secret")), resource(CLIENT, redirect="x")])

    assert action(plan, BOX) is Action.DEFERRED
    assert order(plan) == ["memory.client/app:put"]


def test_the_later_action_of_what_is_deferred_does_not_hang_on_the_words_for_it():
    plan = plan_of([resource(BOX, key=Ref(address(CLIENT), "secret")), resource(CLIENT, redirect="x")])

    deferred = next(change for change in plan.changes if change.address == address(BOX))

    assert replace(deferred, reason="in other words").intended is Action.CREATE


def test_a_change_that_leaves_the_output_alone_defers_nobody():
    observed = MemoryProvider()
    for step in plan_of([resource(CLIENT, redirect="x")]).steps:
        observed.perform(step)
    found = observed.live[address(CLIENT)]

    plan = plan_of([resource(BOX, key=Ref(address(CLIENT), "secret")), resource(CLIENT, redirect="y")], [found])

    assert action(plan, CLIENT) is Action.UPDATE
    assert action(plan, BOX) is Action.CREATE


def test_everything_of_an_unread_provider_is_deferred():
    plan = plan_of([resource(BOX)], unread={"memory": address("docker.container/keycloak")})

    assert action(plan, BOX) is Action.DEFERRED
    assert not plan.in_sync


def test_a_resource_that_can_t_be_read_is_unknown_and_nothing_is_done_about_it():
    plan = plan_of([resource(BOX)], [replace(SEEN, unread="HTTP 403")])

    assert [(change.unread, change.observed) for change in plan.unread] == [("HTTP 403", None)]
    assert not plan.in_sync
    assert not plan.steps


def test_who_acts_and_needs_what_is_deferred_is_deferred_too_but_not_who_keeps():
    reference = Ref(address(CLIENT), "secret")
    desired = [
        resource(CLIENT, redirect="x"),
        resource("memory.box/a", key=reference),
        resource("memory.box/b", ["memory.box/a"], size=2),
        resource("memory.box/c", ["memory.box/a"], size=1),
    ]
    plan = plan_of(desired, [live("memory.box/b", size=1), live("memory.box/c", size=1)])

    assert action(plan, "memory.box/b") is Action.DEFERRED
    assert action(plan, "memory.box/c") is Action.KEEP


def test_orphans_are_in_the_order_of_kinds_and_names_whichever_arrived_first():
    orphans = [live("memory.box/b"), live(CLIENT), live("memory.box/a"), live("memory.client/aaa")]

    plans = [plan_of([], each, prunes=lambda _: True) for each in permutations(orphans)]

    assert [str(change.address) for change in plans[0].changes] == [
        *("memory.box/a", "memory.box/b"),
        *("memory.client/aaa", CLIENT),
    ]
    assert all(plan == plans[0] for plan in plans)


def test_an_orphan_is_left_alone_unless_it_is_to_be_pruned():
    assert action(plan_of([], [live(BOX)]), BOX) is Action.KEEP
    assert action(plan_of([], [live(BOX)], prunes=lambda orphan: orphan.owned), BOX) is Action.DELETE


def test_users_are_deleted_before_what_they_use():
    plan = plan_of([], [live("memory.box/net"), live(BOX, uses=["memory.box/net"])], prunes=lambda _: True)

    assert order(plan) == ["memory.box/web:delete", "memory.box/net:delete"]


def depending(where, *others):
    return replace(live(where), outlived_by=frozenset(map(address, others)))


def test_what_depends_on_another_is_deleted_before_it_and_one_that_stays_is_not_waited_for():
    chain = [depending("memory.box/a"), depending("memory.box/b", "memory.box/a"), depending("memory.box/c")]
    chain[2] = depending("memory.box/c", "memory.box/b", "memory.box/kept")

    plan = plan_of([resource("memory.box/kept")], [*chain, live("memory.box/kept")], prunes=lambda _: True)

    assert order(plan) == ["memory.box/c:delete", "memory.box/b:delete", "memory.box/a:delete"]


def test_live_resources_that_depend_on_each_other_in_a_circle_are_deleted_all_the_same():
    circle = [depending("memory.box/a", "memory.box/b"), depending("memory.box/b", "memory.box/a")]

    plan = plan_of([], circle, prunes=lambda _: True)

    assert sorted(order(plan)) == ["memory.box/a:delete", "memory.box/b:delete"]


def test_what_is_as_declared_but_fails_is_remarked():
    plan = plan_of([resource(BOX)], [live(BOX, health=Health.FAILED)])

    assert plan.in_sync
    assert [remark.address for remark in plan.remarks()] == [address(BOX)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change(WEB, Action.KEEP, desired=DESIRED, observed=SEEN), []),
        (Change(WEB, Action.CREATE, desired=DESIRED), []),
        (Change(WEB, Action.KEEP, desired=DESIRED, observed=SICK), ["is as declared, but exited (1)"]),
        (Change(WEB, Action.UPDATE, desired=DESIRED, observed=SICK), []),
        (Change(WEB, Action.KEEP, observed=SEEN), ["is not declared, and left alone"]),
        (
            Change(WEB, Action.KEEP, observed=USED),
            [f"is not declared, and left alone: {BY_THEM}"],
        ),
        (Change(WEB, Action.DELETE, observed=USED), [f"is {BY_THEM}"]),
        (Change(WEB, Action.KEEP, desired=DESIRED, observed=USED), []),
        (
            Change(WEB, Action.KEEP, (FieldChange(("a", "b"), 1, 2, Effect.NOTE),), desired=DESIRED, observed=SEEN),
            ["a.b differs, which can't be changed and does no harm"],
        ),
        (
            Change(WEB, Action.UPDATE, (FieldChange(("a",), 1, 2, Effect.NOTE),), desired=DESIRED, observed=SEEN),
            [],
        ),
    ],
)
def test_a_reader_is_told_what_no_change_says(change, expected):
    found = Plan((change,), ()).remarks()

    assert [remark.message for remark in found] == expected
    assert {remark.severity for remark in found} <= {Severity.WARNING}
    assert {remark.address for remark in found} <= {WEB}
    assert {remark.origin for remark in found} <= {HERE if change.desired else Origin("")}


def test_obstacles_come_before_other_remarks():
    obstacle = Problem("will fail", HERE)
    sick = Change(WEB, Action.KEEP, desired=DESIRED, observed=SICK)

    assert Plan((sick,), (), obstacles=(obstacle,)).remarks()[0] is obstacle
