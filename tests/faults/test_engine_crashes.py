"""Killed before, during or after any request, the next run ends where an undisturbed one does, whatever the change is.

The next run is killed as well, after each of its writes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from tests.kit.docker.crashes import Recorded, State, after_the_kill, distinct, problems, recorded
from tests.kit.docker.scenarios import SCENARIOS, Scenario

MOST_ACTIONS_MORE = 1

STOP_FIRST = 12
"""A stop, the look that waits for its end, two renames and a start."""

MOST_DOWN = {
    "stop first": STOP_FIRST,
    "stop first without a health check": STOP_FIRST,
    "pull and replace": STOP_FIRST,
    "a port goes to another service": 73,
    "a chain": 24,
    "all of a chain": 24,
    "prepared": 44,
    "volume": 30,
    "the network of another service": 24,
    "rolled back, since it ends": 34,
    "rolled back, since it can't start": 30,
    "rolled back, since it is unhealthy": 24,
}
"""The most moments in which a service may be down. In all other changes there is none."""

MOST_UNFOUND = {
    **MOST_DOWN,
    "one replica after the other, stop first": 3 * STOP_FIRST,
    "rolled back, one replica after the other": 2 * STOP_FIRST,
    "in place": 6,
    "network": 16,
    "names": 18,
}
"""The most moments in which a running container may not be found under one of its names."""

Record = Callable[[str, object], None]


@cache
def run_of(name: str) -> Recorded:
    return recorded(SCENARIOS[name])


@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_any_moment_the_next_run_finishes_the_work(name: str, record_property: Record) -> None:
    scenario, run = SCENARIOS[name], run_of(name)
    record_property("cases", run.points)
    record_property("figure: states of the engine", len(run.states))
    record_property("figure: moments in which a service was down", run.down)
    record_property("figure: moments in which a name was not found", run.unfound)
    record_property("row", [name, run.points, len(run.states), run.down, run.unfound])

    found = [problem for state in run.states for problem in problems(scenario, run, state, more=MOST_ACTIONS_MORE)]

    assert found == []


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_kill_leaves_a_service_down_at_few_moments(name: str) -> None:
    run = run_of(name)

    assert run.down <= MOST_DOWN.get(name, 0)
    assert run.unfound <= MOST_UNFOUND.get(name, 0)


@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_once_more_the_run_after_that_finishes_the_work(name: str, record_property: Record) -> None:
    scenario, run = SCENARIOS[name], run_of(name)
    states = [state for first in run.states for state in of_the_next_run(scenario, first)]
    tried = distinct(states)
    record_property("cases", len(states))
    record_property("figure: states of the engine", len(tried))

    found = [problem for state in tried for problem in problems(scenario, run, state, more=2 * MOST_ACTIONS_MORE)]

    assert found == []


def of_the_next_run(scenario: Scenario, first: State) -> list[State]:
    """The states that the next run leaves if it is killed right after one of its writes."""
    engine, found = after_the_kill(first.engine), []

    def watch(moment: str, call: str) -> None:
        if moment == "done" and not call.startswith("GET"):
            found.append(State(engine.saved(), [f"{first.moments[0]}; then after {call}"]))

    engine.watch = watch
    scenario.run(engine)
    return found
