"""The pace of repairs: failures wait ever longer, a fight is slowed down, and both are forgotten after calm."""

from __future__ import annotations

from reconciler.core.execution.pace import CALM_S, FIRST_PAUSE_S, LONGEST_S, MOST, Pace, Paces, backoff_s


def test_the_wait_after_failures_doubles_up_to_five_minutes() -> None:
    assert [backoff_s(failures) for failures in (0, 1, 2, 3, 8, 9, 10_000)] == [0, 2, 4, 8, 256, LONGEST_S, LONGEST_S]


def test_a_failure_delays_its_own_subject_alone() -> None:
    paces = Paces()

    paces.failed("web", 100.0)

    assert not paces.is_due("web", 101.0)
    assert paces.is_due("web", 102.0)
    assert paces.is_due("db", 100.0)
    assert paces.next_due_at(("web", "db"), 100.0) == 102.0


def test_a_subject_seen_as_declared_has_no_failures_left() -> None:
    pace = Pace().failed(1.0).failed(2.0)

    assert pace.settled(3.0) == Pace()


def test_failures_may_be_counted_up_to_a_limit() -> None:
    pace = Pace()
    for now in range(10):
        pace = pace.failed(now, most=3)

    assert pace.due_at == 9 + backoff_s(3)


def repaired(times: int, every_s: float = 1.0) -> Pace:
    pace = Pace()
    for number in range(times):
        pace = pace.repaired(("memory",), number * every_s)
    return pace


def test_a_few_repairs_of_one_field_are_not_slowed_down() -> None:
    pace = repaired(MOST - 1)

    assert (pace.worst, pace.due_at) == (None, MOST - 2)


def test_more_of_them_are_slowed_down_ever_more() -> None:
    pauses = [repaired(times).due_at - (times - 1) for times in (MOST, MOST + 1, MOST + 2, MOST + 40)]

    assert pauses == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S, LONGEST_S]
    assert repaired(MOST).worst == ("memory", repaired(MOST).fields["memory"])


def test_repairs_of_other_fields_do_not_add_up() -> None:
    pace = Pace()
    for number in range(MOST * 2):
        pace = pace.repaired((f"field {number}",), number)

    assert pace.worst is None


def test_repairs_far_apart_do_not_add_up() -> None:
    assert repaired(MOST * 2, every_s=CALM_S + 1).worst is None


def test_a_fight_goes_on_through_its_own_pauses_and_is_over_after_a_calm_time() -> None:
    pace = repaired(MOST)
    again = pace.repaired(("memory",), pace.due_at)

    calm = pace.due_at + CALM_S + FIRST_PAUSE_S + 1

    assert again.fields["memory"].times == MOST + 1
    assert pace.settled(pace.due_at).worst == pace.worst
    assert pace.settled(calm) == Pace()


def test_what_is_calm_takes_no_room() -> None:
    paces = Paces()
    for number in range(1_000):
        paces.failed(str(number), 0.0)
        paces.settled(str(number), 1.0)

    assert len(paces) == 0
