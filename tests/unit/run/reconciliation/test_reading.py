"""Providers read side by side: one that hangs or fails holds up no other, and its late answer is not lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from reconciler.core.message.errors import ReconcileError, Unreachable
from reconciler.run.reconciliation.reading import IN_TURN
from reconciler.run.reconciliation.side_by_side import (
    FIRST_S,
    MOST_SLOW_S,
    RECENT,
    SLOW_S,
    TIMES_AS_LONG,
    Overdue,
    SideBySide,
)


class Hanging:
    """A provider that answers once it is let go."""

    def __init__(self) -> None:
        self.go, self.calls, self.late = threading.Event(), 0, list[str]()

    def __call__(self) -> str:
        self.calls += 1
        self.go.wait(30)
        return f"answer {self.calls}"


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    made = Hanging()
    yield made
    made.go.set()


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


def until(holds: object) -> None:
    end = time.monotonic() + 60
    while not holds() and time.monotonic() < end:  # type: ignore[operator]
        time.sleep(0.01)
    assert holds()  # type: ignore[operator]


def test_one_that_hangs_is_overdue_and_the_other_is_read(stop: threading.Event, hanging: Hanging) -> None:
    reads = SideBySide(stop, hanging.late.append, patience_s=0.2)
    began = time.monotonic()

    answers = dict(reads.all({"slow": hanging, "quick": lambda: "here"}))

    assert answers["quick"] == "here"
    assert isinstance(answers["slow"], Overdue)
    assert time.monotonic() - began < 20


def test_nothing_more_is_asked_of_one_that_hangs_and_it_is_not_waited_for_again(
    stop: threading.Event, hanging: Hanging
) -> None:
    reads = SideBySide(stop, hanging.late.append, patience_s=2.0)
    dict(reads.all({"slow": hanging}))
    began = time.monotonic()

    answers = [dict(reads.all({"slow": hanging}))["slow"] for _ in range(3)]

    assert all(isinstance(answer, Overdue) for answer in answers)
    assert (hanging.calls, time.monotonic() - began < 4) == (1, True)
    with pytest.raises(Overdue):
        reads.one("slow", lambda: "another question")


def test_a_late_answer_is_announced_and_used_once_but_not_under_a_lock(stop: threading.Event, hanging: Hanging) -> None:
    reads = SideBySide(stop, hanging.late.append, patience_s=0.2)
    dict(reads.all({"slow": hanging}))
    hanging.go.set()
    until(lambda: hanging.late == ["slow"])

    first, second = (dict(reads.all({"slow": hanging}))["slow"] for _ in range(2))

    assert (first, second) == ("answer 1", "answer 2")
    assert dict(reads.patiently("slow").all({"slow": hanging}))["slow"] == "answer 3"


def test_the_time_until_a_missing_answer_is_worth_a_report_follows_the_last_answers(stop: threading.Event) -> None:
    late: list[str] = []
    reads = SideBySide(stop, late.append)
    before = reads.slow_s("keycloak")
    for _ in range(RECENT + 1):
        dict(reads.all({"keycloak": lambda: "at once"}))
    at_once = reads.slow_s("keycloak")

    dict(reads.all({"keycloak": lambda: time.sleep(SLOW_S / TIMES_AS_LONG + 0.3)}))
    until(lambda: late)

    assert (before, at_once) == (FIRST_S, SLOW_S)
    assert SLOW_S < reads.slow_s("keycloak") < MOST_SLOW_S


def test_one_that_answers_slowly_is_waited_for_a_little_longer_and_never_for_long(stop: threading.Event) -> None:
    reads = SideBySide(stop, print, patience_s=0.4)
    slowly = lambda: time.sleep(0.6)  # noqa: E731
    late: list[str] = []
    reads.on_late = late.append
    dict(reads.all({"slow": slowly}))
    until(lambda: late)
    dict(reads.all({"slow": slowly}))  # the late answer

    assert dict(reads.all({"slow": slowly})) == {"slow": None}


def test_an_answer_that_comes_late_is_that_to_the_next_equal_question(stop: threading.Event, hanging: Hanging) -> None:
    reads = SideBySide(stop, hanging.late.append, patience_s=0.2)
    with pytest.raises(Overdue):
        reads.one("slow", hanging, question=["who has access"])
    hanging.go.set()
    until(lambda: hanging.late == ["slow"])

    answers = [
        reads.one("slow", hanging, question=[asked]) for asked in ("another", "who has access", "who has access")
    ]

    assert answers == ["answer 2", "answer 1", "answer 3"]


def test_a_stop_ends_the_wait(stop: threading.Event, hanging: Hanging) -> None:
    reads = SideBySide(stop, hanging.late.append, patience_s=30.0)
    threading.Timer(0.2, stop.set).start()
    began = time.monotonic()

    answers = dict(reads.all({"slow": hanging}))

    assert isinstance(answers["slow"], Overdue)
    assert time.monotonic() - began < 20


def test_one_that_is_held_is_not_asked(stop: threading.Event, hanging: Hanging) -> None:
    error = Unreachable("away")
    reads = SideBySide(stop, hanging.late.append, patience_s=0.2, held={"slow": error})

    answers = dict(reads.all({"slow": hanging, "quick": lambda: "here"}))

    assert (answers, hanging.calls) == ({"slow": error, "quick": "here"}, 0)


def test_a_mistake_of_ours_in_one_of_them_is_its_error(stop: threading.Event) -> None:
    def mistaken() -> str:
        raise KeyError("Labels")

    reads = SideBySide(stop, print)

    for answers in (reads.all({"one": mistaken, "two": lambda: "here"}), IN_TURN.all({"one": mistaken})):
        assert isinstance(dict(answers)["one"], ReconcileError)
