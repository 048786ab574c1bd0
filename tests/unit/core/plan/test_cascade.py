"""Objects that a server deletes along with another: shown, made anew where that can be, and otherwise an obstacle."""

from __future__ import annotations

from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.compare import FieldChange
from reconciler.core.difference.kind import Effect, Kind
from reconciler.core.plan.cascade import with_cascades
from reconciler.core.resource.resource import Observed
from reconciler.core.resource.values import ABSENT
from reconciler.record import replace
from tests.kit.build import address, resource

PARENT, CHILD, OTHER, HOLDER = (address(f"memory.box/{name}") for name in ("parent", "child", "other", "holder"))
KIND = Kind("memory.box", fields={})


def settled(*changes, kind=KIND):
    return with_cascades({"memory.box": kind}, {change.address: change for change in changes})


def deleted(along=((),), **rest):
    live = Observed(PARENT, "1", {}, along={path: frozenset({CHILD, OTHER}) for path in along}, **rest)
    return Change(PARENT, Action.DELETE, observed=live)


def kept(where, action=Action.KEEP):
    return Change(where, action, desired=resource(str(where)), observed=Observed(where, "2", {}))


def test_what_goes_along_is_named_in_order_but_for_what_the_plan_deletes_itself():
    gone = Change(OTHER, Action.DELETE, observed=Observed(OTHER, "3", {}))

    alone, beside = settled(deleted())[PARENT], settled(deleted(), gone)[PARENT]

    assert alone.along == (CHILD, OTHER)
    assert beside.along == (CHILD,)
    assert beside.obstacle == ""


def test_what_is_declared_and_would_go_along_is_an_obstacle_unless_it_can_be_made_anew():
    renewable = replace(KIND, renewal=lambda _desired, _observed: "")
    stubborn = replace(KIND, renewal=lambda _desired, _observed: "is built in, and would be")

    plain, anew, never = (settled(deleted(), kept(CHILD), kind=kind)[CHILD] for kind in (KIND, renewable, stubborn))

    assert plain.obstacle == f"is declared, and would be deleted along with {PARENT}"
    assert (plain.action, plain.goes_with) == (Action.KEEP, PARENT)
    assert never.obstacle == f"is built in, and would be deleted along with {PARENT}"
    assert (anew.action, anew.goes_with, anew.obstacle) == (Action.REPLACE, PARENT, "")
    assert anew.reason == anew.verb == f"made anew, as the old one is deleted along with {PARENT}"


def test_what_is_not_there_or_not_declared_is_left_as_it_is():
    created = Change(CHILD, Action.CREATE, desired=resource(str(CHILD)))
    foreign = Change(OTHER, Action.KEEP, observed=Observed(OTHER, "3", {}))

    found = settled(deleted(), created, foreign)

    assert (found[CHILD], found[OTHER]) == (created, foreign)


def test_a_field_that_goes_takes_along_what_is_in_it_and_no_other_does():
    live = Observed(PARENT, "1", {}, along={("flow",): frozenset({CHILD}), (): frozenset({OTHER})})
    wanted = resource(str(PARENT))
    gone = FieldChange(("flow",), "a", ABSENT, Effect.LIVE)
    other = FieldChange(("flow",), "a", "b", Effect.LIVE)

    update = Change(PARENT, Action.UPDATE, (gone,), desired=wanted, observed=live)

    assert settled(update)[PARENT].along == (CHILD,)
    assert settled(replace(update, fields=(other,)))[PARENT].along == ()
    assert settled(replace(update, action=Action.KEEP))[PARENT].along == ()
    assert settled(replace(update, observed=None))[PARENT].along == ()


def test_what_another_place_holds_as_well_can_not_go():
    places = frozenset({(PARENT, ("flow",)), (HOLDER, ("scopes", "a"))})
    live = Observed(
        PARENT,
        "1",
        {},
        along={("flow",): frozenset({CHILD})},
        holders={CHILD: places, OTHER: frozenset({(HOLDER, ())})},
    )
    change = Change(PARENT, Action.DELETE, observed=live)

    found = settled(change)[PARENT]

    assert found.obstacle == (
        f"can't let go of {CHILD}: {HOLDER} has it in scopes.a, and would lose it as well; "
        f"declare a copy under another name for {HOLDER}"
    )
    assert settled(replace(change, obstacle="already"))[PARENT].obstacle == "already"
    only = replace(live, holders={CHILD: frozenset({(PARENT, ("flow",))})})
    assert settled(replace(change, observed=only))[PARENT].obstacle == ""


def test_a_holder_that_goes_along_itself_keeps_nothing():
    along = {(): frozenset({CHILD, HOLDER})}
    live = Observed(PARENT, "1", {}, along=along, holders={CHILD: frozenset({(HOLDER, ("a",))})})

    assert settled(Change(PARENT, Action.DELETE, observed=live))[PARENT].obstacle == ""
