"""A failure is reported at once, the same one once per interval, its end always."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.difference.change import Action, Change
from reconciler.core.history.facts import Ailment, Over, Pass, Repair, Trouble
from reconciler.core.history.notices import Notices, Sort, is_worth
from reconciler.core.resource.address import Address

HOUR = 3600.0
WEB = Address.parse("docker.container/web")


def a_repair(error: str = "") -> Repair:
    return Repair("p", Change(WEB, Action.START), 1.0, error)


def a_trouble(note: str = "is away", ailment: Ailment = Ailment.UNREAD) -> Trouble:
    return Trouble(ailment, "keycloak", note)


class Told:
    """Facts at their times, and the notices that they cause."""

    def __init__(self) -> None:
        self.notices = Notices(HOUR)

    def __call__(self, now: float, fact: Any) -> list[tuple[Sort, str]]:
        return [(each.sort, each.note) for each in self.notices.of(fact, now)]

    def reminders(self, now: float) -> list[str]:
        return [each.note for each in self.notices.reminders(now)]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.mark.parametrize("make", [a_repair, a_trouble])
def test_the_first_failure_is_reported_at_once_and_the_same_one_once_per_interval(told: Told, make: Any) -> None:
    assert told(0, make("no answer within 4 s")) == [(Sort.FAILURE, "no answer within 4 s")]
    assert told(1, make("no answer within 8.5 s")) == []
    assert told.reminders(HOUR - 1) == []
    assert told.reminders(HOUR) == ["no answer within 4 s"]
    assert told.reminders(HOUR + 1) == []
    assert told.reminders(2 * HOUR) == ["no answer within 4 s"]


def test_another_failure_of_the_same_subject_is_reported_at_once(told: Told) -> None:
    told(0, a_repair("no space left"))

    assert told(1, a_repair("port is taken")) == [(Sort.FAILURE, "port is taken")]


def test_a_recovery_is_always_reported_and_ends_the_reminders(told: Told) -> None:
    told(0, a_repair("no space left"))

    assert told(90, a_repair()) == [(Sort.RECOVERY, "after 90 s")]
    assert told(91, a_repair()) == []
    assert told.reminders(2 * HOUR) == []


def test_the_end_of_a_trouble_is_a_recovery(told: Told) -> None:
    told(0, a_trouble())

    assert told(5, Over(a_trouble(), 5.0)) == [(Sort.RECOVERY, "after 5 s")]


def test_a_failure_that_comes_and_goes_is_reported_once_per_interval_with_each_end(told: Told) -> None:
    told(0, a_repair("no space left"))
    told(10, a_repair())

    assert told(20, a_repair("no space left")) == []
    assert [sort for sort, _ in told(30, a_repair())] == [Sort.RECOVERY]
    assert [sort for sort, _ in told(HOUR + 1, a_repair("no space left"))] == [Sort.FAILURE]


def test_what_somebody_else_has_mended_is_a_recovery(told: Told) -> None:
    told(0, a_repair("no space left"))
    told(0, a_trouble())

    assert [*told.notices.settled({str(WEB)}, 5)] == []
    assert [(each.sort, each.subject) for each in told.notices.settled(set(), 7)] == [(Sort.RECOVERY, str(WEB))]


def test_what_ends_without_having_failed_is_no_notice(told: Told) -> None:
    assert told(0, a_repair()) == told(0, Over(a_trouble(), 1.0)) == []


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (a_repair("x"), True),
        (a_trouble(), True),
        (Over(a_trouble(), 1.0), True),
        (a_trouble(ailment=Ailment.UNDECLARED), False),
        (Over(a_trouble(ailment=Ailment.UNDECLARED), 1.0), False),
        (Pass("p", (), 1, 0, 0, 1.0), False),
    ],
)
def test_facts_of_which_nobody_need_be_notified(fact: Any, expected: bool) -> None:
    assert is_worth(fact) is expected


def test_very_many_failures_are_forgotten_from_the_oldest_on(told: Told) -> None:
    for number in range(1_001):
        told(0, Trouble(Ailment.UNHEALTHY, f"docker.container/{number}", "ill"))

    assert len(told.reminders(HOUR)) == 1_000
