"""The way back from changes: what was there before, as far as it is known."""

from __future__ import annotations

import pytest

from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.compare import FieldChange
from reconciler.core.difference.kind import Effect
from reconciler.core.plan.way_back import way_back
from reconciler.core.resource.values import UNKNOWN
from reconciler.record import replace
from tests.kit.build import address, live, resource

BOX = "memory.box/a"


def a_change(action=Action.UPDATE, *fields, before=None, effect=Effect.LIVE):
    changed = tuple(FieldChange((name,), None, None, effect) for name in fields)
    observed = live(BOX, **(before or {})) if before is not None else None
    return Change(address(BOX), action, changed, "", resource(BOX, size=2, image="b"), observed)


def back(*changes):
    return way_back([resource(BOX, size=2, image="b"), resource("memory.box/other", size=9)], changes)


def test_a_changed_field_is_as_it_was_and_nothing_else_is():
    found = back(a_change(Action.UPDATE, "size", before={"size": 1, "image": "a"}))

    assert [dict(each.spec) for each in found.desired] == [{"size": 1, "image": "b"}, {"size": 9}]
    assert (found.addresses, found.left) == ({address(BOX)}, {})


def test_a_field_that_was_not_there_is_not_declared():
    assert dict(back(a_change(Action.UPDATE, "size", before={})).desired[0].spec) == {"image": "b"}


def test_of_several_passes_the_first_counts():
    passes = (a_change(Action.UPDATE, "size", before={"size": 1}), a_change(Action.UPDATE, "size", before={"size": 5}))

    assert back(*passes).desired[0].spec["size"] == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (a_change(Action.CREATE, "size"), "it was created"),
        (replace(a_change(Action.DELETE, before={"size": 1}), desired=None), "it was deleted"),
        (a_change(Action.REPLACE, "size", before={"size": 1}, effect=Effect.DATA_LOSS), "its data is gone"),
        (a_change(Action.UPDATE, "size", before={"size": UNKNOWN}), "its former size is not known"),
        (a_change(Action.UPDATE, "size", before={"size": {"a": [UNKNOWN]}}), "its former size is not known"),
    ],
)
def test_what_can_not_be_taken_back_stays_with_its_reason(change, why):
    found = back(change)

    assert (found.addresses, dict(found.left)) == (frozenset(), {address(BOX): why})


@pytest.mark.parametrize(
    "change",
    [a_change(Action.KEEP, "size", before={"size": 1}), a_change(Action.START, "state", before={"state": "exited"})],
)
def test_what_changed_nothing_declared_has_no_way_back(change):
    found = back(change)

    assert (found.addresses, found.left) == (frozenset(), {})
