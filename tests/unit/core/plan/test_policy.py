from __future__ import annotations

from types import MappingProxyType

import pytest

from reconciler.core.difference.kind import Effect, Field, Kind
from reconciler.core.plan.plan import make
from reconciler.core.plan.policy import Policy, refusals
from reconciler.core.plan.risk import Risk
from reconciler.core.resource.resource import Bystander, Origin, Source
from reconciler.core.resource.values import Ref
from reconciler.providers.memory import MemoryProvider
from reconciler.record import replace
from tests.kit.build import address, live, resource

BOX = "memory.box/a"


def refused(policy, desired=(), observed=()):
    plan = make({"memory": MemoryProvider()}, desired, observed, prunes=lambda _: True)
    return [refusal.remedy for refusal in refusals(plan, policy)]


def test_creating_and_updating_what_is_ours_needs_nothing():
    assert refused(Policy(), [resource(BOX, size=2), resource("memory.box/b")], [live(BOX, size=1)]) == []


def test_deleting_needs_a_yes():
    assert refused(Policy(), (), [live(BOX)]) == ["allow it with `--yes`"]
    assert refused(Policy(deletes=True), (), [live(BOX)]) == []


def test_losing_data_needs_the_resource_by_name_and_a_yes_is_not_enough():
    desired, observed = [resource(BOX, disk="b")], [live(BOX, disk="a")]

    assert refused(Policy(deletes=True), desired, observed) == ["allow it with `--allow-delete memory.box/a`"]
    assert refused(Policy(may_lose=frozenset({address(BOX)})), desired, observed) == []


def test_a_kind_that_holds_data_is_never_deleted_by_a_yes():
    policy = Policy(deletes=True, keeps_data=frozenset({"memory.box"}))

    assert refused(policy, (), [live(BOX)]) == ["allow it with `--allow-delete memory.box/a`"]


def test_the_rules_for_a_kind_are_in_its_table_and_the_files_go_before_them():
    kinds = [
        Kind("swarm.service", {}, prunable=True),
        Kind("swarm.network", {}, prunable=True, left_in_use=True),
        Kind("swarm.volume", {}, keeps_data=True, left_in_use=True),
    ]

    policy = Policy.of(kinds, prune={"swarm.service": "off", "swarm.volume": "owned"}, deletes=True)

    assert policy.prune == {"swarm.service": "off", "swarm.network": "owned", "swarm.volume": "owned"}
    assert (policy.keeps_data, policy.left_in_use) == ({"swarm.volume"}, {"swarm.network", "swarm.volume"})
    assert policy.deletes


@pytest.mark.parametrize(
    ("observed", "is_refused"),
    [
        ((), True),
        ((live(BOX, image="a"),), True),
        ((live(BOX, size=1, image="b"),), False),
        ((live(BOX, size=2, image="b"),), False),
    ],
    ids=["made", "replaced", "updated", "kept"],
)
def test_what_has_a_risk_is_not_made_but_repaired_in_place(observed, is_refused):
    risk = Risk("host-pid", address(BOX), "box a has `pid: host`", lambda: Origin("stack.yaml", 3, 5))
    policy, desired = Policy(risks=(risk,)), [resource(BOX, size=2, image="b")]

    plan = make({"memory": MemoryProvider()}, desired, observed, prunes=lambda _: True)

    said = [refusal.message for refusal in refusals(plan, policy)]
    assert said == (["stack.yaml:3:5: box a has `pid: host`"] if is_refused else [])


def test_a_risk_is_that_of_each_replica_and_of_no_other_resource():
    risk = Risk("host-pid", address("docker.container/web"), "web has `pid: host`", lambda: Origin("stack.yaml"))

    assert [risk.is_of(address(f"docker.container/{name}")) for name in ("web", "web/2", "web-2", "db")] == [
        *(True, True),
        *(False, False),
    ]


def test_what_somebody_else_made_is_not_touched():
    desired, observed = [resource(BOX, size=2)], [live(BOX, owned=False, size=1)]

    assert refused(Policy(deletes=True), desired, observed) == [
        "remove or rename it, or take it over with `--adopt memory.box/a`"
    ]
    assert refused(Policy(may_adopt=frozenset({address(BOX)})), desired, observed) == []


def test_what_somebody_else_made_may_be_as_it_should():
    assert refused(Policy(), [resource(BOX, size=1)], [live(BOX, owned=False, size=1)]) == []


def test_what_is_protected_is_neither_deleted_nor_replaced():
    policy = Policy(deletes=True, protected=frozenset({address(BOX)}))

    assert len(refused(policy, (), [live(BOX)])) == 1
    assert len(refused(policy, [resource(BOX, image="b")], [live(BOX, image="a")])) == 1
    assert refused(policy, [resource(BOX, size=2)], [live(BOX, size=1)]) == []


def test_what_is_inside_of_something_protected_is_protected_as_well():
    inside, beside = address("memory.box/web/inside"), address("memory.box/web/beside")
    outer = replace(live(BOX), along={(): frozenset({inside})}, surplus=True)
    observed = {each.address: each for each in (outer, live(str(inside)), live(str(beside)))}
    policy = Policy(prune={"memory.box": "owned"}, protected=frozenset({address(BOX)}))

    assert policy.prunes(observed[inside])
    assert not policy.covering(observed).prunes(observed[inside])
    assert policy.covering(observed).prunes(observed[beside])
    assert Policy().covering(observed) == Policy()


def test_an_orphan_is_pruned_by_kind():
    policy = Policy(prune={"memory.box": "owned"})

    assert policy.prunes(live(BOX))
    assert not policy.prunes(live(BOX, owned=False))
    assert not policy.prunes(live("memory.client/x"))


def surplus(count, policy, kept=0):
    orphans = [replace(live(f"memory.box/{number}"), surplus=True) for number in range(count)]
    desired = [resource(f"memory.box/kept{number}", size=1) for number in range(kept)]
    plan = make(
        {"memory": MemoryProvider()},
        desired,
        [*orphans, *(live(str(each.address), size=1) for each in desired)],
        prunes=policy.prunes,
    )
    return [str(refusal) for refusal in refusals(plan, policy)]


def test_what_the_files_want_no_more_of_goes_without_a_mark():
    assert surplus(5, Policy(deletes=True)) == []
    assert surplus(1, Policy(deletes=True, protected=frozenset({address("memory.box/0")}))) == []


def test_a_flood_of_deletions_is_refused():
    (told,) = surplus(6, Policy(deletes=True))

    assert told.startswith("6 of 6 memory.box are not declared and would be deleted")
    assert "`--max-delete 6`" in told
    assert surplus(6, Policy(deletes=True, most_surplus=6)) == []
    assert surplus(6, Policy(deletes=True), kept=24) == []  # a fifth of them
    assert surplus(1, Policy(deletes=True, most_surplus=0))


def used_by(*names, **rest):
    return tuple(Bystander(name, name, "would lose it", **rest) for name in names)


def test_what_others_use_is_changed_only_if_that_was_said():
    desired, observed = [resource(BOX, image="b")], [replace(live(BOX, image="a"), bystanders=used_by("x", "y"))]

    plan = make({"memory": MemoryProvider()}, desired, observed)

    (told,) = refusals(plan, Policy())
    assert told.message == "memory.box/a would be replaced, but is in use by x, y, which would lose it"
    assert told.remedy == "allow it with `--allow-disrupt memory.box/a`"
    assert refused(Policy(may_disrupt=frozenset({address(BOX)})), desired, observed) == []


def test_what_others_only_miss_for_a_moment_is_remarked_and_not_refused():
    observed = [replace(live(BOX, image="a"), bystanders=used_by("x", lasting=False))]

    plan = make({"memory": MemoryProvider()}, [resource(BOX, image="b")], observed)

    assert refusals(plan, Policy()) == ()
    assert [remark.message for remark in plan.remarks()] == ["is in use by x, which would lose it"]


def test_what_the_server_will_not_do_no_flag_allows():
    observed = [replace(live(BOX, image="a"), bystanders=used_by("x", holds=True))]

    told = refused(Policy(may_disrupt=frozenset({address(BOX)})), [resource(BOX, image="b")], observed)

    assert told == ["remove what uses it first"]


def test_an_orphan_that_others_use_is_left_where_its_kind_is_made_to_be_shared():
    shared = Policy(prune={"memory.box": "owned"}, left_in_use=frozenset({"memory.box"}))
    used = replace(live(BOX), bystanders=used_by("x"))

    assert not shared.prunes(used)
    assert replace(shared, may_disrupt=frozenset({address(BOX)})).prunes(used)
    assert replace(shared, left_in_use=frozenset()).prunes(used)


@pytest.mark.parametrize(
    ("policy", "observed", "remedy"),
    [
        (Policy(), {"owned": False}, "have it removed and made anew with `--adopt memory.box/a`"),
        (Policy(protected=frozenset({address(BOX)})), {}, "take it out of `protect` first"),
    ],
)
def test_what_only_a_later_pass_would_do_is_judged_by_the_first(policy, observed, remedy):
    desired = [
        resource("memory.client/app", redirect="x"),
        resource(BOX, image=Ref(address("memory.client/app"), "secret")),
    ]

    (told,) = refused(policy, desired, [live(BOX, image="a", **observed)])

    assert told.endswith(remedy)


FIXED = replace(MemoryProvider.kinds["memory.box"], fields={"size": Field(Effect.FIXED), "wire": Field(Effect.LIVE)})


class Stubborn(MemoryProvider):
    kinds = MappingProxyType({"memory.box": FIXED})


def test_what_is_fixed_once_made_is_refused_with_the_place_of_the_field():
    places = {(): Origin("a.yaml", 1, 1), ("size",): Origin("a.yaml", 2, 3)}

    def locate(path):
        return Source(".".join(path), lambda: places[path]) if path in places else None

    desired = replace(resource(BOX, size=2, wire="x"), locate=locate)
    found = refusals(make({"memory": Stubborn()}, [desired], [live(BOX, size=1, wire="y")]), Policy())

    assert [str(each).partition(":2:3: ")[0] for each in found] == ["a.yaml"]
    assert "can't get another size" in found[0].message
