from __future__ import annotations

from reconciler.core.difference.change import Action, diff
from reconciler.core.difference.kind import Effect, Field, Kind
from reconciler.core.resource.values import ABSENT, Secret
from reconciler.providers.memory import BOX
from tests.kit.build import live, resource

SETS = Kind("memory.sets", {"names": Field(normalise=lambda names: tuple(sorted(names or ())))})


def box(**spec):
    return resource("memory.box/a", **spec)


def live_box(**spec):
    return live("memory.box/a", **spec)


def test_equal_fields_are_no_change():
    assert diff(BOX, box(size=1, image="x"), live_box(size=1, image="x")).action is Action.KEEP


def test_a_field_that_is_not_expected_is_not_managed():
    assert diff(BOX, box(size=1), live_box(size=1, image="by hand")).action is Action.KEEP


def test_the_action_is_the_greatest_effect_of_the_fields_that_differ():
    change = diff(BOX, box(size=2, image="y", note="b"), live_box(size=1, image="x", note="a"))

    assert change.action is Action.REPLACE
    assert change.effect is Effect.REPLACE
    assert {field.path[0] for field in change.fields} == {"size", "image", "note"}
    assert change.reason == "image differs"


def test_a_note_is_no_action():
    change = diff(BOX, box(note="b"), live_box(note="a"))

    assert change.action is Action.KEEP
    assert len(change.fields) == 1


def test_mappings_are_compared_key_by_key():
    change = diff(BOX, box(settings={"a": 1, "b": {"c": 2}}), live_box(settings={"a": 1, "b": {"c": 3}, "d": 4}))

    assert [(field.path, field.before, field.after) for field in change.fields] == [
        (("settings", "b", "c"), 3, 2),
        (("settings", "d"), 4, ABSENT),
    ]


def test_reordered_sets_are_no_change():
    desired = resource("memory.sets/a", names=["b", "a"])

    assert diff(SETS, desired, live("memory.sets/a", names=["a", "b"])).action is Action.KEEP


def test_a_secret_equals_its_text_and_neither_side_prints():
    assert diff(BOX, box(key=Secret("x")), live_box(key="x")).action is Action.KEEP

    change = diff(BOX, box(key=Secret("new")), live_box(key="old"))

    assert "old" not in repr(change.fields)
    assert "new" not in repr(change.fields)


def test_a_secret_that_is_live_is_compared_with_a_plain_desired_value():
    assert diff(BOX, box(key="x"), live_box(key=Secret("x"))).action is Action.KEEP


def test_what_is_missing_is_created_with_its_declared_fields():
    change = diff(BOX, box(size=1, foreign=2), None)

    assert change.action is Action.CREATE
    assert [field.path for field in change.fields] == [("size",)]
    assert change.effect is Effect.NOTE


def test_what_is_not_desired_is_deleted():
    assert diff(BOX, None, live_box()).action is Action.DELETE
