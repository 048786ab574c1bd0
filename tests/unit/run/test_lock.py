from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.core.errors import Locked
from reconciler.run.clock import RealClock
from reconciler.run.lock import Owner, locked
from tests.kit.clock import TurnedClock


class Store:
    """A place for marks, in memory."""

    def __init__(self):
        self.marks = {}

    def put_lease(self, name, mark):
        self.marks[name] = dict(mark)

    def leases(self):
        return dict(self.marks)

    def drop_lease(self, name):
        self.marks.pop(name, None)


def a_mark(*, host="elsewhere", pid=1, began="1", seconds=60):
    return Owner(host, pid, began, "apply").mark(datetime.now(UTC) + timedelta(seconds=seconds))


def test_the_lock_is_held_and_given_back():
    store = Store()

    with locked(store, "p", "apply", TurnedClock()):
        assert len(store.marks) == 1

    assert store.marks == {}


def test_it_is_given_back_when_the_work_fails():
    store = Store()

    with pytest.raises(ZeroDivisionError), locked(store, "p", "apply", TurnedClock()):
        raise ZeroDivisionError

    assert store.marks == {}


def test_another_living_run_is_named():
    store = Store()
    store.put_lease("x", a_mark())

    with (
        pytest.raises(Locked, match="`reconcile apply` on elsewhere, process 1"),
        locked(store, "p", "apply", TurnedClock()),
    ):
        pytest.fail("both are at work")
    assert list(store.marks) == ["x"]


def test_another_run_may_end_while_we_wait():
    store = Store()
    store.put_lease("x", a_mark())

    class Clock(TurnedClock):
        def sleep(self, seconds):
            super().sleep(seconds)
            if self.now() > 5:
                store.drop_lease("x")

    with locked(store, "p", "apply", Clock(), wait_s=60):
        assert "x" not in store.marks


@pytest.mark.parametrize("mark", [a_mark(seconds=-1), {}, a_mark(host=Owner.me("x").host, pid=2**22 + 1)])
def test_what_is_over_or_dead_is_not_waited_for(mark):
    store = Store()
    store.put_lease("x", mark)

    with locked(store, "p", "apply", TurnedClock()):
        assert "x" not in store.marks


def test_of_many_that_come_at_once_never_two_are_at_work():
    store, inside, most = Store(), [], []

    def work():
        try:
            with locked(store, "p", "apply", RealClock(), wait_s=5):
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
