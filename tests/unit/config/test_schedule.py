"""Maintenance windows: schedules of cron in a time zone, also where clocks are put forward."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from reconciler.config.schedule import is_open, next_change, problems_of
from reconciler.core.plan.restraint import Window

SATURDAYS = Window("0 22 * * 6", "4h", "Europe/Berlin")


def at(text: str, zone: str = "Europe/Berlin") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-28T21:59:59", False),
        ("2026-11-28T22:00:00", True),
        ("2026-11-28T22:00:30", True),
        ("2026-11-29T01:59:59", True),
        ("2026-11-29T02:00:00", False),
        ("2026-11-30T22:30:00", False),
    ],
)
def test_it_is_open_from_its_schedule_on_for_its_duration(moment: str, expected: bool) -> None:
    assert is_open(SATURDAYS, at(moment)) is expected


def test_the_schedule_is_one_of_its_time_zone() -> None:
    utc = Window("0 22 * * 6", "4h")

    assert not is_open(utc, at("2026-11-28T22:30:00"))
    assert is_open(utc, at("2026-11-28T23:30:00"))


def test_a_time_that_the_clock_leaves_out_comes_as_soon_as_it_goes_on() -> None:
    night = Window("30 2 * * *", "30m", "Europe/Berlin")

    assert is_open(night, at("2026-03-29T03:10:00"))  # 02:30 does not exist on this day


def test_windows_that_overlap_themselves_stay_open() -> None:
    assert is_open(Window("0 * * * *", "90m"), at("2026-11-28T10:59:59", "UTC"))


def test_the_next_change_is_its_end_or_its_next_beginning() -> None:
    begin, end = at("2026-11-28T22:00:00"), at("2026-11-29T02:00:00")

    assert next_change(SATURDAYS, begin - 100) == begin
    assert next_change(SATURDAYS, begin) == end
    assert next_change(SATURDAYS, end) == at("2026-12-05T22:00:00")


@pytest.mark.parametrize(
    ("texts", "wrong"),
    [
        (("0 22 * * 6", "4h", "UTC"), set()),
        (("0 22 * *", "4h", "UTC"), {"schedule"}),
        (("0 0 22 * * 6", "4h", "UTC"), {"schedule"}),
        (("0 25 * * 6", "4h", "UTC"), {"schedule"}),
        (("0 0 31 2 *", "4h", "UTC"), {"schedule"}),
        (("", "", ""), {"schedule", "duration", "timezone"}),
        (("0 22 * * 6", "-4h", "UTC"), {"duration"}),
        (("0 22 * * 6", "four", "Mars/Base"), {"duration", "timezone"}),
        (("0 22 * * 6", "4h", "../../etc/passwd"), {"timezone"}),
    ],
)
def test_each_mistake_of_a_window_is_found(texts: tuple[str, str, str], wrong: set[str]) -> None:
    assert set(problems_of(dict(zip(("schedule", "duration", "timezone"), texts, strict=True)))) == wrong
