"""Hints: they come in bursts, from several sides at once, and no source that fails ends them."""

from __future__ import annotations

import threading
import time

import pytest

from reconciler.core.message.errors import Unreachable
from reconciler.core.provider import Hint
from reconciler.run.clock import RealClock
from reconciler.run.daemon.hints import GOING_ON_S, LONGEST_S, Hints, changed_files
from tests.kit.clock import TurnedClock


@pytest.fixture
def hints():
    made = Hints(RealClock())
    yield made
    made.close()


def test_what_comes_at_once_is_one_burst(hints):
    for hint in ("a", "b", "c"):
        hints.give(Hint(hint))

    assert list(map(str, hints.wait(1.0))) == ["a", "b", "c"]


@pytest.mark.parametrize("at_most_s", [0.01, 0.0, -1.0])
def test_no_hint_in_time_is_none(hints, at_most_s):
    assert hints.wait(at_most_s) == []


def test_a_burst_without_end_is_cut_off():
    class Clock(TurnedClock):
        """A second passes at each look."""

        def now(self):
            self.sleep(1.0)
            return super().now()

    hints = Hints(Clock())
    for number in range(100):
        hints.give(Hint(str(number)))

    assert len(hints.wait(1.0)) <= 1 + LONGEST_S


def test_a_thousand_hints_within_a_few_seconds_are_two_bursts_at_most(hints):
    def source():
        for number in range(1_000):
            yield Hint(str(number))
            time.sleep(0.003)

    hints.follow("events", source)
    began, found = time.monotonic(), [hints.wait(5.0)]
    while sum(map(len, found)) < 1_000:
        found.append(hints.wait(5.0))

    longer_s = max(time.monotonic() - began - LONGEST_S - GOING_ON_S, 0.0)  # on a machine with much to do
    assert len(found) <= 2 + longer_s / GOING_ON_S


def test_the_first_hint_after_a_burst_waits_no_longer_than_any(hints):
    hints.give(Hint("a"))
    hints.wait(1.0)
    began = time.monotonic()
    hints.give(Hint("b"))

    assert list(map(str, hints.wait(1.0))) == ["b"]
    assert time.monotonic() - began < LONGEST_S


def test_all_sources_feed_one_queue(hints):
    arrived = threading.Barrier(3, timeout=5)

    def source(name):
        def run():
            yield Hint(name)
            arrived.wait()

        return run

    hints.follow("one", source("from one"))
    hints.follow("two", source("from two"))
    arrived.wait()

    assert sorted(map(str, hints.wait(1.0))) == ["from one", "from two"]


@pytest.mark.parametrize("error", [Unreachable("away"), None])
def test_a_source_that_ends_or_fails_is_begun_again(error):
    begun = []
    hints = Hints(RealClock())

    class Impatient(threading.Event):
        """Waits for nobody, and is set at the third try."""

        def wait(self, timeout=None):
            assert timeout
            if len(begun) == 3:
                self.set()
            return self.is_set()

    def source():
        begun.append(1)
        yield Hint(f"try {len(begun)}")
        if error:
            raise error

    hints._over = Impatient()
    hints._feed(source)

    assert list(map(str, hints.wait(0.0))) == ["try 1", "try 2", "try 3"]


def test_a_file_that_is_written_or_replaced_is_a_hint_and_its_neighbours_are_not(tmp_path):
    stack, other, stop = tmp_path / "stack.yaml", tmp_path / "other", threading.Event()
    stack.write_text("a")
    watch = changed_files(lambda: [stack], stop)
    first = next(watch)
    other.write_text("x")
    other.replace(stack)
    (tmp_path / "another").touch()

    began = time.monotonic()
    hint = next(watch)

    stop.set()
    assert (str(first), str(hint)) == ("files are watched", "file stack.yaml changed")
    assert time.monotonic() - began < 5
    assert list(watch) == []


def test_a_watch_ends_when_other_files_are_to_be_watched(tmp_path):
    files = [tmp_path / "stack.yaml", tmp_path / "nowhere" / ".env"]
    watch = changed_files(lambda: files, threading.Event())
    first = next(watch)
    files = [*files, tmp_path / "included.yaml"]

    assert (str(first), list(watch)) == ("files are watched", [])
