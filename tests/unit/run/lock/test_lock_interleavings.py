"""Every order in which two runs may reach the engine, and many of three, with sleeps longer than any lease."""

from __future__ import annotations

import itertools
import random
import threading

import pytest

from reconciler.core.message.errors import Locked, ProviderError
from reconciler.run.lock.lock import LEASE_S, Lock
from tests.kit.clock import TurnedClock
from tests.kit.leases import MemoryLeases


class HurriedClock(TurnedClock):
    """Whoever waits between two looks waits for long."""

    def sleep(self, seconds):
        super().sleep(40 * seconds)


class World:
    """Runs that take turns, one call to the store at a time, as ``choose`` says; time passes when it chooses nobody."""

    def __init__(self, choose):
        self.choose = choose
        self.clock = HurriedClock()
        self.store = MemoryLeases()
        self.store.fails = lambda _verb, _name: self.pause()
        self.runs = []
        self.local = threading.local()
        self.entered = 0

    def pause(self):
        """Give the turn back, and wait for the next one."""
        run = getattr(self.local, "run", None)
        if run and not run.is_inside:
            run.gave.set()
            run.turn.wait()
            run.turn.clear()

    def play(self, count):
        self.runs = [Run(self, number) for number in range(count)]
        for run in self.runs:
            run.thread.start()
            run.gave.wait()
        for step in itertools.count():
            living = [run for run in self.runs if not run.is_done]
            if not living:
                return
            chosen = self.choose(step, len(living) + 1)
            if chosen == len(living):
                self.clock.time += LEASE_S + 1
                continue
            run = living[chosen]
            run.gave.clear()
            run.turn.set()
            run.gave.wait()
            self.require_one_holder()

    def require_one_holder(self):
        """Nobody but one may act at any moment."""
        assert sum(run.may_act() for run in self.runs) <= 1


class Run:
    """One run: takes the lock, renews it twice, gives it back."""

    def __init__(self, world, number):
        self.world, self.number = world, number
        self.turn, self.gave = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.lease, self.is_done, self.is_inside = None, False, False

    def may_act(self):
        """Asked from outside, where nothing may wait: by the age of the mark, as ``require_held`` does it."""
        lease = self.lease
        return bool(lease) and not lease.is_lost and lease.is_young

    def work(self):
        world = self.world
        world.local.run = self
        world.pause()
        lock = Lock(world.clock, uptime=world.clock.now)
        try:
            with lock.held(world.store, "p", "apply", wait_s=3 * LEASE_S) as lease:
                self.lease = lease
                world.entered += 1
                world.pause()
                for _ in range(2):
                    lease.renew()
                    world.pause()
                self.lease = None
        except (Locked, ProviderError):
            pass
        self.lease, self.is_done = None, True
        self.gave.set()


def exhaustive(depth, choices):
    """The first ``depth`` choices in every order; after that the first living run goes on to its end."""
    for path in itertools.product(range(choices), repeat=depth):
        yield lambda step, count, path=path: path[step] % count if step < depth else 0


@pytest.mark.parametrize("first", range(3))
def test_never_two_hold_the_lock_in_every_order_of_two_runs(first):
    entered = 0
    for choose in exhaustive(5, 3):
        world = World(lambda step, count, choose=choose: first % count if step == 0 else choose(step - 1, count))
        world.play(2)
        entered += world.entered

    assert entered > 3**5  # in most of them both came to work, one after the other


@pytest.mark.parametrize("count", [2, 3])
def test_never_two_hold_the_lock_in_random_orders(count):
    entered = 0
    for seed in range(150):
        dice = random.Random(seed)
        world = World(
            lambda _step, choices, dice=dice: choices - 1 if dice.random() < 0.1 else dice.randrange(choices - 1)
        )
        world.play(count)
        entered += world.entered

    assert entered > 150
