from __future__ import annotations

import pytest

from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.compare import FieldChange
from reconciler.core.difference.kind import Effect
from reconciler.core.execution.report import Event, Report, Standing, State, What, standing
from reconciler.core.plan.plan import Step
from reconciler.core.resource.resource import Health, Observed, Status
from reconciler.record import replace
from tests.kit.build import address, resource

WEB, NET = address("memory.box/web"), address("memory.box/net")
LIVE = Observed(WEB, "abc", {}, status=Status(Health.OK, "running"))
SICK = replace(LIVE, status=Status(Health.FAILED, "exited (1)"))
DESIRED = resource("memory.box/web")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change(WEB, Action.KEEP, desired=DESIRED, observed=LIVE), Standing(WEB, State.IN_SYNC, "running", "abc")),
        (Change(WEB, Action.KEEP, desired=DESIRED, observed=SICK), Standing(WEB, State.DEGRADED, "exited (1)", "abc")),
        (
            Change(WEB, Action.UPDATE, desired=DESIRED, observed=SICK, reason="size differs"),
            Standing(WEB, State.DRIFTED, "size differs", "abc"),
        ),
        (Change(WEB, Action.CREATE, desired=DESIRED, reason="does not exist"), Standing(WEB, State.MISSING)),
        (
            Change(WEB, Action.DELETE, observed=LIVE, reason="not declared"),
            Standing(WEB, State.UNDECLARED, "not declared", "abc"),
        ),
        (
            Change(WEB, Action.DEFERRED, desired=DESIRED, observed=LIVE, waits_for=(NET, WEB)),
            Standing(WEB, State.BLOCKED, f"waits for {NET}, {WEB}", "abc"),
        ),
        (
            Change(WEB, Action.DEFERRED, desired=DESIRED, waits_for=(NET,), unread="it is away"),
            Standing(WEB, State.UNKNOWN, "can't be read: it is away"),
        ),
        (
            Change(WEB, Action.DEFERRED, desired=DESIRED, waits_for=(NET,)),
            Standing(WEB, State.BLOCKED, f"waits for {NET}"),
        ),
    ],
)
def test_the_state_of_a_resource_follows_from_its_action_and_its_health(change, expected):
    assert standing(change) == expected


def test_the_state_names_all_fields_that_differ_the_costliest_first():
    effects = {"memory": Effect.LIVE, "networks": Effect.RECONNECT, "image": Effect.REPLACE, "tint": Effect.NOTE}
    fields = tuple(FieldChange((name,), 1, 2, effect) for name, effect in effects.items())

    found = standing(Change(WEB, Action.REPLACE, fields, "image differs", DESIRED, LIVE))

    assert found.note == "image, networks, memory differ"


def event(what, *covers, step="a", where=WEB):
    return Event(Step(step, where, "put", covers=covers), what)


def test_a_report_grows_and_is_asked_by_what_happened():
    first, second = event(What.DONE), event(What.FAILED, step="b")

    report = Report((first,))
    report += [second]

    assert report.events == (first, second)
    assert report.of(What.DONE) == (first,)
    assert report.failed == (second,)


def test_what_did_not_come_to_its_end_is_unfinished_with_all_it_covers():
    report = Report((event(What.DONE, where=NET), event(What.STARTED, where=NET), event(What.PENDING, where=NET)))

    assert report.unfinished == frozenset()
    report += [event(What.BLOCKED, NET)]
    assert report.unfinished == {WEB, NET}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], False),
        ([event(What.ROLLED_BACK)], False),
        ([event(What.FAILED)], False),
        ([event(What.FAILED), event(What.ROLLED_BACK)], True),
        ([event(What.FAILED), event(What.ROLLED_BACK), event(What.FAILED, step="b")], False),
        ([event(What.FAILED), event(What.FAILED, step="b"), event(What.ROLLED_BACK, step="b")], False),
    ],
)
def test_only_if_each_failure_was_taken_back_all_is_as_before(events, expected):
    assert Report(tuple(events)).rolled_back is expected
