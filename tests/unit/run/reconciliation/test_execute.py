from __future__ import annotations

import threading
import time

import pytest

from reconciler.core.execution.report import Report, What
from reconciler.core.message.errors import LockLost, Rejected, Throttled, Unreachable
from reconciler.core.plan.plan import Step
from reconciler.core.provider import Done, Pending
from reconciler.run.clock import RealClock
from reconciler.run.reconciliation.execute import TRIES, execute
from tests.kit.build import address
from tests.kit.clock import TurnedClock

BOX = address("memory.box/a")


def step(name, *after, **rest):
    return Step(name, BOX, name, after=frozenset(after), **rest)


def told(events, *kinds):
    return [(event.step.id, event.what.value) for event in events if event.what in kinds]


def run(steps, perform, clock=None, **rest):
    return list(execute(steps, perform, clock or TurnedClock(), **rest))


def test_steps_run_in_order():
    done = []

    run([step("b", "a"), step("a"), step("c", "b")], lambda s: done.append(s.id) or Done())

    assert done == ["a", "b", "c"]


def test_who_is_behind_a_step_comes_after_it_even_if_it_fails():
    def perform(what):
        if what.id == "a":
            raise Rejected("no")
        return Done()

    events = run([step("b", behind=frozenset({"a"})), step("a")], perform)

    assert told(events, What.FAILED, What.STARTED) == [("a", "started"), ("a", "failed"), ("b", "started")]


def test_what_a_failed_step_leaves_is_cleared_before_its_way_back_and_is_no_way_back_itself():
    done = []

    def perform(what):
        done.append(what.id)
        if what.id.startswith("bad"):
            raise Rejected("no")
        return Done()

    clears = (step("clear"),)
    events = run([step("bad", clears=clears), step("bad too", clears=clears, on_failure=(step("back"),))], perform)

    assert sorted(done) == ["back", "bad", "bad too", "clear", "clear"]
    assert done.index("back") > done.index("bad too") + 1
    assert told(events, What.ROLLED_BACK) == [("bad too", "rolled back")]


def test_independent_steps_run_side_by_side():
    meet = threading.Barrier(2, timeout=5)

    events = run([step("a"), step("b")], lambda _: Done(str(meet.wait())))

    assert len(told(events, What.DONE)) == 2


def test_a_step_that_waits_holds_no_worker_and_no_real_time():
    left = {"gate": 50}

    def perform(s):
        left[s.id] = left.get(s.id, 0) - 1
        return Pending(1.0, "starting") if left[s.id] > 0 else Done()

    clock = TurnedClock()
    events = run([step("gate"), step("next", "gate")], perform, clock, workers=1)

    assert told(events, What.DONE) == [("gate", "done"), ("next", "done")]
    assert clock.now() == 49


def test_a_wait_that_takes_too_long_fails_and_says_what_was_last_seen():
    events = run([step("gate", timeout_s=10)], lambda _: Pending(1.0, "health: starting"))

    assert told(events, What.FAILED) == [("gate", "failed")]
    assert "not done within 10 s; health: starting" in events[-1].note


def test_a_wait_that_takes_too_long_is_asked_what_more_there_is_to_say():
    def unheard():
        raise Unreachable("nobody there")

    told_more = run([step("gate", timeout_s=1)], lambda _: Pending(1.0, "starting", lambda: "; last words"))
    told_less = run([step("gate", timeout_s=1)], lambda _: Pending(1.0, "starting", unheard))

    assert told_more[-1].note.endswith("not done within 1 s; starting; last words")
    assert told_less[-1].note.endswith("not done within 1 s; starting")


def test_a_step_with_a_delay_begins_that_much_later():
    clock, begun = TurnedClock(), {}

    def perform(what):
        begun[what.id] = clock.now()
        return Done()

    run([step("a"), step("b", "a", delay_s=30.0)], perform, clock)

    assert begun == {"a": 0.0, "b": 30.0}


def test_what_has_to_hold_is_watched_for_so_long():
    clock = TurnedClock()

    events = run([step("gate", hold_s=5.0, timeout_s=1.0)], lambda _: Done("running", mark="since one"), clock)

    assert clock.now() == pytest.approx(5.0)
    assert [event.note for event in events] == ["", "running, watched for 5 s", "running"]


@pytest.mark.parametrize("between", [Done("running", mark="since two"), Pending(0.25, "restarting")])
def test_what_does_not_hold_is_watched_again_from_then_on(between):
    clock = TurnedClock()

    def perform(_step):
        return between if 2.0 <= clock.now() < 3.0 else Done("running", mark="since one")

    run([step("gate", hold_s=5.0)], perform, clock)

    assert clock.now() == pytest.approx(8.0)


def test_what_has_no_mark_needs_no_watching():
    clock = TurnedClock()

    run([step("gate", hold_s=5.0)], lambda _: Done("healthy"), clock)

    assert clock.now() == 0.0


def test_a_failure_blocks_what_comes_after_it_and_nothing_else():
    def perform(s):
        if s.id == "bad":
            raise Rejected("boom")
        return Done()

    events = run([step("bad"), step("x", "bad"), step("y", "x"), step("good")], perform)

    assert told(events, What.BLOCKED) == [("x", "blocked"), ("y", "blocked")]
    assert told(events, What.DONE) == [("good", "done")]


def test_a_failed_step_takes_its_way_back():
    done = []

    def perform(s):
        if s.id == "bad":
            raise Rejected("boom")
        done.append(s.id)
        return Done()

    events = run([step("bad", on_failure=(step("undo"), step("restore")))], perform)

    assert done == ["undo", "restore"]
    assert told(events, What.FAILED, What.ROLLED_BACK) == [("bad", "failed"), ("bad", "rolled back")]
    assert Report(tuple(events)).rolled_back


@pytest.mark.parametrize("error", [KeyError("Id"), OSError(28, "No space left on device"), RecursionError("too deep")])
def test_whatever_a_step_raises_it_failed_and_takes_its_way_back(error):
    done = []

    def perform(s):
        if s.id == "bad":
            raise error
        done.append(s.id)
        return Done()

    bad = step("bad", clears=(step("clear"),), on_failure=(step("undo"),))
    events = run([bad, step("next", "bad"), step("other")], perform)

    assert sorted(done) == ["clear", "other", "undo"]
    assert told(events, What.FAILED, What.ROLLED_BACK, What.BLOCKED) == [
        ("bad", "failed"),
        ("bad", "rolled back"),
        ("next", "blocked"),
    ]
    (failed,) = Report(tuple(events)).failed
    assert failed.error.__cause__ is error
    assert failed.note == f"unexpected {type(error).__name__}: {error}"
    assert str(failed.error) == f"bad memory.box/a: {failed.note}"


def test_a_way_back_that_raises_anything_ends_there_and_the_run_goes_on():
    def perform(s):
        if s.id == "other":
            return Done()
        raise Rejected("boom") if s.id == "bad" else KeyError("Id")

    events = run([step("bad", on_failure=(step("undo"), step("restore"))), step("other")], perform)

    assert told(events, What.FAILED) == [("bad", "failed"), ("undo", "failed")]
    assert ("other", "done") in told(events, What.DONE)
    assert not Report(tuple(events)).rolled_back


def test_a_way_back_is_tried_again_where_the_other_side_is_silent():
    clock, tries = TurnedClock(), []

    def perform(s):
        if s.id == "bad":
            raise Rejected("boom")
        tries.append(clock.now())
        if len(tries) < TRIES:
            raise Unreachable("away")
        return Done()

    events = run([step("bad", on_failure=(step("undo"),))], perform, clock)

    assert tries == [0, 1, 3, 7]
    assert Report(tuple(events)).rolled_back


def test_last_words_that_fail_in_any_way_are_left_out():
    def last_words():
        raise KeyError("State")

    events = run([step("gate", timeout_s=1)], lambda _: Pending(1.0, "starting", last_words))

    assert events[-1].note.endswith("not done within 1 s; starting")


def test_a_way_back_that_fails_is_no_rollback():
    def perform(_):
        raise Rejected("boom")

    events = run([step("bad", on_failure=(step("undo"),))], perform)

    assert not Report(tuple(events)).rolled_back


@pytest.mark.parametrize("error", [Unreachable("away"), Throttled("slower", retry_in=3.0)])
def test_what_is_temporary_is_tried_again(error):
    tries = []

    def perform(_):
        tries.append(1)
        if len(tries) < TRIES:
            raise error
        return Done()

    assert told(run([step("a")], perform), What.DONE) == [("a", "done")]


def test_what_stays_away_is_given_up():
    tries = []

    def perform(_):
        tries.append(1)
        raise Unreachable("away")

    assert told(run([step("a")], perform), What.FAILED) == [("a", "failed")]
    assert len(tries) == TRIES


def test_after_a_stop_nothing_new_begins_and_what_is_left_is_told():
    stop = threading.Event()

    def perform(_):
        stop.set()
        return Done()

    events = run([step("a"), step("b", "a"), step("c", "b")], perform, stop=stop)

    assert told(events, What.DONE, What.NOT_STARTED) == [("a", "done"), ("b", "not started"), ("c", "not started")]


def test_a_stop_gives_up_waiting():
    stop = threading.Event()

    def perform(_):
        stop.set()
        return Pending(1.0)

    events = run([step("gate")], perform, stop=stop)

    assert told(events, What.INTERRUPTED, What.NOT_STARTED) == [("gate", "interrupted")]


def test_a_step_whose_delay_is_not_over_when_it_stops_was_not_begun():
    stop = threading.Event()

    def perform(_):
        stop.set()
        return Done()

    events = run([step("late", delay_s=30.0), step("now")], perform, stop=stop)

    assert told(events, What.INTERRUPTED, What.NOT_STARTED) == [("late", "not started")]


def test_a_wait_is_heard_of_every_ten_seconds():
    left = [35]

    def perform(_):
        left[0] -= 1
        return Pending(1.0, "starting") if left[0] > 0 else Done()

    heard = [event.seconds for event in run([step("gate")], perform) if event.what is What.PENDING]

    assert heard == [0, 10, 20, 30]


@pytest.mark.parametrize("on_the_way_back", [False, True])
def test_a_call_that_hangs_is_given_up_when_the_grace_of_a_stop_is_over(on_the_way_back):
    stop, go, hangs = threading.Event(), threading.Event(), "back" if on_the_way_back else "up"

    def perform(each):
        if each.id == hangs:
            stop.set()
            go.wait(30)
        if each.id == "up":
            raise Rejected("crashed")
        return Done()

    began = time.monotonic()
    events = run([step("up", on_failure=(step("back"),))], perform, RealClock(), stop=stop, grace_s=0.3)
    go.set()

    assert time.monotonic() - began < 5
    assert events[-1].what is (What.FAILED if on_the_way_back else What.INTERRUPTED)


@pytest.mark.parametrize("lost_at", ["a", "clear", "back"])
def test_a_lost_lock_ends_the_run_and_any_way_back(lost_at):
    done, events = [], []

    def perform(each):
        done.append(each.id)
        if each.id == lost_at:
            raise LockLost("lost", "somebody")
        if each.id == "a":
            raise Rejected("no")
        return Done()

    first = step("a", clears=(step("clear"),), on_failure=(step("back"), step("further back")))
    happened = execute([first, step("b", behind=frozenset({"a"}))], perform, TurnedClock())
    with pytest.raises(LockLost):
        events.extend(happened)

    assert done == ["a", "clear", "back"][: ["a", "clear", "back"].index(lost_at) + 1]
    ends = told(events, What.INTERRUPTED, What.ROLLED_BACK, What.NOT_STARTED)
    assert ends == [("a", "interrupted"), ("b", "not started")]
