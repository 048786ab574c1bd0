"""One of several daemons acts; another one takes over when its mark is no longer renewed, and soon."""

from __future__ import annotations

import threading
import time

import pytest

from reconciler.core.message.errors import Unreachable
from reconciler.record import replace
from reconciler.run.clock import RealClock
from reconciler.run.lock.leadership import Leadership
from reconciler.run.lock.lock import LEAD, STANDBY, WORK, Lock, other_names
from reconciler.run.lock.owner import Owner
from tests.kit.clock import TurnedClock
from tests.kit.leases import EventfulLeases, MemoryLeases

ELSEWHERE = Owner("elsewhere", 1, "1", "daemon", "another-boot pid:[1] time:[1]")
FAST = replace(LEAD, lease_s=1.2, held_s=0.9, renewal_s=0.4)
THEIRS = f"{LEAD.prefix('p')}0123456789ab"


@pytest.fixture
def begun():
    made = []

    def begin(store, terms=LEAD):
        changed = threading.Event()
        one = Leadership(store, "p", RealClock(), changed.set, release_s=1.0, terms=terms)
        one.begin()
        made.append(one)
        assert changed.wait(5)
        return one

    yield begin
    for one in made:
        one.end()


def until(holds, seconds=8.0):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_first_leads_and_the_second_stands_by_until_the_first_ends(begun):
    store = MemoryLeases()
    first, second = begun(store), begun(store)
    assert (first.is_held, second.is_held) == (True, False)
    assert second.leader.startswith("`reconcile daemon` on ")

    first.end()

    until(lambda: second.is_held)
    assert not first.is_held


def test_without_an_engine_nobody_stands_by_and_the_reason_is_known(begun):
    def away(*_call):
        raise Unreachable("the engine does not answer")

    store = MemoryLeases()
    store.fails = away
    one = begun(store)
    assert (one.is_held, one.leader) == (False, "")
    assert "the engine does not answer" in one.why

    store.fails = lambda *_call: None

    until(lambda: one.is_held)
    assert (one.leader, one.why) == ("", "")


def test_a_lease_that_somebody_broke_is_lost(begun):
    store = MemoryLeases()
    one = begun(store)

    store.marks.clear()

    until(lambda: not one.is_held)


def test_a_run_that_acts_is_not_kept_out_by_the_daemon_that_leads(begun):
    store = MemoryLeases()
    begun(store)

    with Lock(RealClock()).held(store, "p", "apply"):
        names = set(store.marks)

    assert {name.startswith(LEAD.prefix("p")) for name in names} == {True, False}
    assert other_names(_Of(store), "p") == []


class _Of:
    def __init__(self, store):
        self.leases = store.leases


def test_a_mark_that_is_not_renewed_is_over_within_fifteen_seconds():
    store, clock = MemoryLeases(), TurnedClock()
    store.put_lease(THEIRS, ELSEWHERE.mark())
    lock = Lock(clock, uptime=clock.now, terms=LEAD)

    with lock.held(store, "p", "daemon", wait_s=60.0):
        waited_s = clock.now()

    assert LEAD.lease_s < waited_s < 15.0 - 2.0


@pytest.mark.parametrize("terms", [LEAD, WORK])
def test_a_holder_stops_well_before_others_take_it_for_gone(terms):
    assert terms.renewal_s * 2 < terms.held_s < terms.lease_s


# ------------------------------------------------------------------ requests


def test_a_leader_whom_nobody_watches_asks_nothing(begun):
    store = EventfulLeases()
    one = begun(store, FAST)
    time.sleep(2 * FAST.renewal_s)  # the first renewal looks who came before

    before, mark = store.requests, dict(store.marks)
    time.sleep(4 * FAST.renewal_s)

    assert store.requests == before
    assert store.marks == mark
    assert one.is_held


def test_a_leader_renews_its_mark_as_soon_as_somebody_watches_it_and_until_that_ends(begun):
    store = EventfulLeases()
    first = begun(store, FAST)
    time.sleep(2 * FAST.renewal_s)
    (quiet,) = store.marks

    second = begun(store, FAST)
    until(lambda: quiet not in store.marks, seconds=2.0)
    time.sleep(FAST.lease_s + FAST.renewal_s)
    assert (first.is_held, second.is_held) == (True, False)
    second.end()

    until(lambda: len(store.marks) == 1)
    time.sleep(2 * FAST.renewal_s)
    before = store.requests
    time.sleep(2 * FAST.renewal_s)
    assert store.requests == before


def test_one_that_stands_by_takes_over_and_leaves_no_other_mark(begun):
    store = EventfulLeases()
    first, second = begun(store, FAST), begun(store, FAST)
    until(lambda: any(name.startswith(STANDBY.prefix("p")) for name in store.marks))

    first.end()

    until(lambda: second.is_held)
    until(lambda: [name.startswith(LEAD.prefix("p")) for name in store.marks] == [True])


def test_a_leader_without_events_renews_its_mark(begun):
    store = EventfulLeases()
    begun(store, FAST)
    time.sleep(0.2)
    (before,) = store.marks
    store.cut_off()

    until(lambda: before not in store.marks)


def test_a_quiet_lease_that_somebody_broke_is_lost(begun):
    store = EventfulLeases()
    one = begun(store, FAST)
    time.sleep(2 * FAST.renewal_s)

    store.drop_lease(next(iter(store.marks)))

    until(lambda: not one.is_held, seconds=2.0)
