from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from reconciler.core.message.errors import Locked, LockLost, Unreachable
from reconciler.record import replace
from reconciler.run.clock import RealClock
from reconciler.run.lock.lock import HELD_S, LEASE_S, Lease, Lock, State, holders, other_names
from reconciler.run.lock.owner import Owner
from tests.kit.clock import TurnedClock
from tests.kit.leases import MemoryLeases

THEIRS = "reconcile-lock-p-0123456789ab"
ELSEWHERE = Owner("elsewhere", 1, "1", "apply", "another-boot pid:[1] time:[1]")
FIRST_FORMAT = {f"reconcile.lock.{key}": value for key, value in {"pid": "1", "began": "1", "what": "apply"}.items()}


def a_lock(clock=None, warn=print, **rest):
    clock = clock or TurnedClock()
    return Lock(clock, warn, uptime=clock.now, **rest)


def held(store, clock=None, **rest):
    return a_lock(clock).held(store, "p", "apply", **rest)


def a_store(mark=None, name=THEIRS):
    store = MemoryLeases()
    store.put_lease(name, ELSEWHERE.mark() if mark is None else mark)
    return store


def ended_here():
    """A process of this machine that has ended."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return replace(Owner.me("apply"), pid=done.pid)


def test_the_lock_is_held_and_given_back():
    store = MemoryLeases()

    with held(store):
        assert len(store.marks) == 1

    assert store.marks == {}


def test_it_is_given_back_when_the_work_fails():
    store = MemoryLeases()

    with pytest.raises(ZeroDivisionError), held(store):
        raise ZeroDivisionError

    assert store.marks == {}


def test_another_living_run_is_named():
    store = a_store()

    with pytest.raises(Locked, match="`reconcile apply` on elsewhere, process 1"), held(store):
        pytest.fail("both are at work")
    assert list(store.marks) == [THEIRS]


def test_another_run_may_end_while_we_wait():
    store = a_store()

    class Clock(TurnedClock):
        def sleep(self, seconds):
            super().sleep(seconds)
            if self.now() > 5:
                store.drop_lease(THEIRS)

    with held(store, Clock(), wait_s=60):
        assert THEIRS not in store.marks


# ------------------------------------------------------------------ who is dead


def test_a_process_of_this_machine_that_has_ended_is_not_waited_for():
    store = a_store(ended_here().mark())

    with held(store):
        assert THEIRS not in store.marks


@pytest.mark.parametrize(
    "change",
    [
        {"domain": "another-boot pid:[1] time:[1]"},
        {"domain": Owner.me("x").domain.replace("pid:[", "pid:[9")},
        {"domain": Owner.me("x").domain.replace("time:[", "time:[9")},
        {"domain": ""},
        {"host": "elsewhere"},
    ],
    ids=["another machine", "another PID namespace", "another time namespace", "unknown", "another host"],
)
def test_a_process_number_that_does_not_count_here_proves_no_death(change):
    store = a_store(replace(ended_here(), **change).mark())

    with pytest.raises(Locked), held(store):
        pytest.fail("both are at work")
    assert list(store.marks) == [THEIRS]


def test_a_number_that_another_process_has_by_now_is_that_of_a_dead_one():
    assert replace(Owner.me("apply"), began="1").is_dead()


def test_the_running_process_lives():
    assert not Owner.of(Owner.me("apply").mark()).is_dead()


def test_a_process_whose_start_can_not_be_read_is_taken_to_live():
    """Process 1 of another user behind ``hidepid`` has no readable start; here: one that began at no known time."""
    assert not replace(Owner.me("apply"), pid=1, began=Owner.me("x").began).is_dead() or Owner.me("x").pid != 1


# ------------------------------------------------------------------ how long a mark counts


@pytest.mark.parametrize(
    "mark",
    [ELSEWHERE.mark(), {**FIRST_FORMAT, "reconcile.lock.host": "x", "reconcile.lock.until": "1970-01-01T00:00:00"}],
    ids=["ours", "first format with an expiry that is long over"],
)
def test_a_mark_is_over_once_it_was_watched_unchanged_for_the_lease(mark):
    store, clock = a_store(mark), TurnedClock()

    with held(store, clock, wait_s=LEASE_S + 10):
        assert clock.now() > LEASE_S
        assert THEIRS not in store.marks


def test_a_mark_that_is_renewed_is_waited_for():
    store = a_store()

    class Clock(TurnedClock):
        def sleep(self, seconds):
            super().sleep(seconds)
            if self.now() // 30 != (self.now() - seconds) // 30:
                store.marks = {f"reconcile-lock-p-{int(self.now()):012x}": ELSEWHERE.mark()}

    with pytest.raises(Locked), held(store, Clock(), wait_s=10 * LEASE_S):
        pytest.fail("both are at work")
    assert len(store.marks) == 1


def test_what_was_watched_is_remembered_from_one_try_to_the_next():
    store, clock = a_store(), TurnedClock()
    lock = a_lock(clock)
    with pytest.raises(Locked), lock.held(store, "p", "daemon"):
        pytest.fail("both are at work")

    clock.sleep(LEASE_S + 1)

    with lock.held(store, "p", "daemon"):
        assert THEIRS not in store.marks


# ------------------------------------------------------------------ marks that are none


MALFORMED = {
    "no labels": {},
    "a word as process number": {"reconcile.lock.pid": "abc"},
    "a number in other digits": {"reconcile.lock.pid": "٣"},
    "process 0": {"reconcile.lock.pid": "0"},
    "a negative number": {"reconcile.lock.pid": "-1"},
    "a number without end": {"reconcile.lock.pid": "9" * 5000},
    "no host": {"reconcile.lock.host": ""},
    "an escape in the host": {"reconcile.lock.host": "\x1b[2J"},
    "a C1 control in the host": {"reconcile.lock.host": "a\x9bb"},
    "a change of direction in the host": {"reconcile.lock.host": "a\u202eb"},
    "a line break in the command": {"reconcile.lock.what": "apply\n::error::x"},
    "a host without end": {"reconcile.lock.host": "x" * 300},
    "no start": {"reconcile.lock.began": ""},
}


@pytest.mark.parametrize("change", MALFORMED.values(), ids=MALFORMED)
def test_a_mark_that_can_not_be_read_is_reported_and_left(change):
    mark = {**ELSEWHERE.mark(), **change} if change else {}
    store, clock = a_store(mark), TurnedClock()

    with (
        pytest.raises(Locked, match=f"volume {THEIRS} .*remove it with `reconcile unlock`") as caught,
        held(store, clock, wait_s=2 * LEASE_S),
    ):
        pytest.fail("it went on")

    assert str(caught.value).isprintable()
    assert list(store.marks) == [THEIRS]
    assert [holder.state for holder in holders(store, "p")] == [State.MALFORMED]


def test_a_mark_of_a_newer_version_is_never_taken_for_over():
    store = a_store({"reconcile.lock.format": "3"})

    with pytest.raises(Locked, match="another version"), held(store, wait_s=3 * LEASE_S):
        pytest.fail("both are at work")

    assert [holder.state for holder in holders(store, "p")] == [State.FOREIGN]


@pytest.mark.parametrize("name", ["data", "reconcile-lock-other-0123456789ab", "reconcile-lock-p", f"x{THEIRS}"])
def test_a_volume_with_the_label_of_a_mark_and_another_name_is_left_alone(name):
    store, clock = a_store(ended_here().mark(), name), TurnedClock()

    with held(store, clock, wait_s=2 * LEASE_S):
        assert name in store.marks

    assert other_names(store, "p") == [name]
    assert holders(store, "p") == []


# ------------------------------------------------------------------ renewal and loss


def a_lease(store, clock):
    lease = Lease(store, "p", Owner.me("apply"), clock.now)
    lease.claim()
    return lease


def test_a_renewed_mark_has_another_name_and_there_is_one():
    store, clock = MemoryLeases(), TurnedClock()
    lease = a_lease(store, clock)
    first = lease.name

    lease.renew()

    assert list(store.marks) == [lease.name]
    assert lease.name != first


def test_a_run_whose_mark_was_removed_does_nothing_more():
    store, clock = MemoryLeases(), TurnedClock()
    lease = a_lease(store, clock)
    store.marks.clear()
    lease.require_held()  # nobody can know yet

    lease.renew()

    with pytest.raises(LockLost, match="lost"):
        lease.require_held()
    assert store.marks == {}


def test_a_run_that_could_not_renew_its_mark_asks_before_it_goes_on():
    store, clock = MemoryLeases(), TurnedClock()
    lease = a_lease(store, clock)
    clock.sleep(HELD_S + 1)

    lease.require_held()
    store.marks.clear()
    clock.sleep(HELD_S + 1)

    with pytest.raises(LockLost, match="lost"):
        lease.require_held()


def test_a_run_that_does_not_reach_the_engine_does_nothing_more():
    store, clock = MemoryLeases(), TurnedClock()
    lease = a_lease(store, clock)
    store.fails = away
    clock.sleep(HELD_S + 1)

    with pytest.raises(Unreachable):
        lease.require_held()


def away(_verb, _name):
    raise Unreachable("injected")


def test_a_run_whose_mark_is_gone_before_it_looked_begins_again():
    store, removed = MemoryLeases(), []

    def somebody_breaks_it(verb, _name):
        if verb == "list" and store.marks and not removed:
            removed.extend(store.marks)
            store.marks.clear()

    store.fails = somebody_breaks_it

    with held(store):
        assert len(store.marks) == 1
        assert removed


# ------------------------------------------------------------------ faults of the store


def test_a_release_that_fails_is_reported_and_changes_nothing_of_the_result():
    store, said = MemoryLeases(), []
    lock = a_lock(warn=said.append)

    with lock.held(store, "p", "apply"):
        store.fails = lambda verb, name: away(verb, name) if verb == "drop" else None

    assert len(store.marks) == 1
    assert next(iter(store.marks)) in said[0]


def test_the_error_of_the_work_is_not_replaced_by_that_of_the_release():
    store = MemoryLeases()

    def work():
        store.fails = away
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), held(store):
        work()


def test_an_engine_that_hangs_does_not_hold_up_the_release():
    store, said, go = MemoryLeases(), [], threading.Event()
    lock = a_lock(warn=said.append, release_s=0.2)

    with lock.held(store, "p", "daemon"):
        store.fails = lambda _verb, _name: go.wait(30)
        began = time.monotonic()

    go.set()
    assert time.monotonic() - began < 5
    assert "could not be given back" in said[0]


def test_messages_have_the_word_of_the_place_where_marks_are():
    store, said = MemoryLeases("knot"), []
    unreadable = "reconcile-lock-p-unreadable"
    store.marks[unreadable] = {}

    with pytest.raises(Locked) as locked, held(store):
        pass
    store.marks.clear()
    lock = a_lock(warn=said.append)
    with lock.held(store, "p", "daemon"):
        store.fails = away

    assert f"knot {unreadable}" in str(locked.value)
    assert "knot reconcile-lock-p-" in said[0]
    assert "volume" not in f"{locked.value}{said}"


def test_a_release_that_fails_once_is_tried_again():
    store, failed = MemoryLeases(), []

    def once(verb, name):
        if verb == "drop" and not failed:
            failed.append(name)
            away(verb, name)

    with held(store):
        store.fails = once

    assert (store.marks, len(failed)) == ({}, 1)


def test_what_this_process_left_behind_does_not_lock_it_out():
    store = MemoryLeases()
    lock = a_lock()
    with lock.held(store, "p", "daemon"):
        store.fails = lambda verb, name: away(verb, name) if verb == "drop" else None
    store.fails = lambda verb, name: None  # noqa: ARG005

    with lock.held(store, "p", "daemon"):
        assert len(store.marks) == 1


@pytest.mark.parametrize("call", range(3))
@pytest.mark.parametrize("has_effect", [False, True])
def test_a_call_that_fails_while_the_lock_is_taken_leaves_no_mark(call, has_effect):
    store, calls = MemoryLeases(), []

    def fails(verb, name):
        calls.append(verb)
        if len(calls) == call + 1:
            if has_effect and verb == "put":
                store.marks[name] = Owner.me("apply").mark()
            away(verb, name)

    store.fails = fails
    with pytest.raises(Unreachable), held(store):
        pytest.fail("it went on")

    assert calls[:3] == ["list", "put", "list"][: call + 1] + (["drop"] if call else [])[: 3 - call - 1]
    assert store.marks == {}


def test_of_many_that_come_at_once_never_two_are_at_work():
    store, inside, most = MemoryLeases(), [], []

    def work():
        try:
            with Lock(RealClock()).held(store, "p", "apply", wait_s=5):
                inside.append(1)
                most.append(len(inside))
                inside.pop()
        except Locked:
            pass

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(most) == {1}
