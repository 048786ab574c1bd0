"""Repairs beside the loop: the part of a plan that may be done, the lock that they share, and what a stop leaves."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, nullcontext

import pytest

from reconciler.core.message.errors import LockLost
from reconciler.core.plan.policy import Policy
from reconciler.providers.memory import MemoryProvider
from reconciler.run.clock import RealClock
from reconciler.run.daemon.repairs import Run, SharedLock, allowed
from reconciler.run.reconciliation.once import Reconciler
from tests.kit.build import a_document, address, live, resource


def a_run(provider, *names, stop=None):
    reconciler = Reconciler(a_document(), {"memory": provider}, RealClock(), Policy(deletes=True), defers=True)
    lock = SharedLock(nullcontext)
    asked = frozenset(address(f"memory.box/{name}") for name in names)
    return Run("pass", ("why",), asked, reconciler, lock, stop or threading.Event(), RealClock())


def boxes(*names, **after):
    return [resource(f"memory.box/{name}", [f"memory.box/{each}" for each in after.get(name, ())]) for name in names]


def test_only_what_it_was_asked_for_is_done():
    provider = MemoryProvider(boxes("a", "b"))
    run = a_run(provider, "a")

    run()

    assert [str(each) for each in provider.live] == ["memory.box/a"]
    assert [(str(each.change.address), each.error) for each in run.ended()] == [("memory.box/a", "")]
    assert (run.busy, run.is_over, run.error, run.unfinished) == (frozenset(), True, None, [])


def test_a_failure_is_told_with_what_it_blocks():
    provider = MemoryProvider(boxes("a", "b", b=["a"]))

    def fail(_step):
        raise KeyError("Id")

    provider.before_call = fail
    run = a_run(provider, "a", "b")

    run()

    ended = {each.change.address.name: each for each in run.ended()}
    assert "unexpected KeyError" in ended["a"].error
    assert (ended["b"].error, ended["b"].blocked_by) == ("", "memory.box/a")


def test_a_mistake_of_ours_ends_one_run_and_is_told():
    class Mistaken(MemoryProvider):
        def steps(self, _changes):
            raise KeyError("labels")

    run = a_run(Mistaken(boxes("a")), "a")

    run()

    assert "unexpected KeyError" in str(run.error)
    assert run.left == run.asked


def test_a_call_that_hangs_is_left_undone_after_a_stop():
    provider, stop, go = MemoryProvider(boxes("a")), threading.Event(), threading.Event()
    provider.before_call = lambda _step: go.wait(30)
    run = a_run(provider, "a", stop=stop)
    threading.Timer(0.3, stop.set).start()

    run()

    go.set()
    assert [str(each) for each, _ in run.unfinished] == ["memory.box/a"]
    assert run.ended() == []


def test_a_lost_lock_ends_a_repair_and_leaves_it_undone():
    provider = MemoryProvider(boxes("a", "b", b=["a"]))

    def lose(_step):
        raise LockLost("lost", "somebody")

    provider.before_call = lose
    run = a_run(provider, "a", "b")

    run()

    assert isinstance(run.error, LockLost)
    assert {str(each) for each, _ in run.unfinished} == {"memory.box/a", "memory.box/b"}
    assert run.ended() == []


def test_what_is_refused_keeps_back_itself_and_what_waits_for_it_alone():
    provider = MemoryProvider(boxes("a", "b", "c", b=["a"]))
    provider.live[address("memory.box/a")] = live("memory.box/a", owned=False, size=1)
    provider.resources[0] = resource("memory.box/a", size=2)
    reconciler = a_run(provider).reconciler
    plan = reconciler.look().plan
    acting = frozenset(change.address for change in plan.changes if change.acts)

    part = allowed(plan, acting, reconciler.policy)

    assert [each.address.name for each in plan.refusals] == ["a"]
    assert sorted(each.address.name for each in part.changes if each.acts) == ["c"]
    assert part.refusals == ()


@pytest.mark.parametrize("users", [1, 3])
def test_the_lock_is_taken_once_and_given_back_by_the_last(users):
    events = []

    @contextmanager
    def held():
        events.append("taken")
        yield
        events.append("given back")

    lock = SharedLock(held)
    together = threading.Barrier(users)

    def work():
        with lock.shared():
            together.wait(5)

    threads = [threading.Thread(target=work) for _ in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with lock.shared():
        pass

    assert events == ["taken", "given back"] * 2


def test_whoever_watches_sees_each_step_while_it_goes_on():
    provider = MemoryProvider(boxes("a", "b", b=["a"]))
    run = a_run(provider, "a", "b")
    seen, deadline = [], time.monotonic() + 10

    def states():
        (own,) = run.under_way.passes
        return {each.step.address.name: each.event.what.value if each.event else "" for each in own.steps}

    def watched(step):
        while states()[step.address.name] != "started" and time.monotonic() < deadline:
            time.sleep(0.005)  # the event is told beside the call
        seen.append(states())

    provider.before_call = watched

    run()

    assert seen == [{"a": "started", "b": ""}, {"a": "done", "b": "started"}]
    assert run.under_way.passes == []
