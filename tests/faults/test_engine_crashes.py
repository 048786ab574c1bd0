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
    record_property("row", [name, run.points, len(run.states), run.down])

    found = [problem for state in run.states for problem in problems(scenario, run, state, more=MOST_ACTIONS_MORE)]

    assert found == []


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
