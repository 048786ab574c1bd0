"""Two runs of one change, stopped, woken and killed at any moments: never do two write, and the next run ends the work.

Of each change some pairs of moments are tried, chosen by RECONCILE_TEST_SEED; with RECONCILE_TEST_FAULTS=all many more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import pytest

from tests.kit.campaigns import SEED, WHOLE
from tests.kit.docker.crashes import recorded
from tests.kit.docker.runners import NEVER, World
from tests.kit.docker.scenarios import SCENARIOS, Scenario

PAIRS = 200 if WHOLE else 4
WHOLLY = ("stop first", "rolled back, since it ends")
"""The changes of which all pairs of moments are tried, where all cases are run: a replacement, and a rollback."""

Pair = tuple[int, int, bool, bool]


def pairs(name: str, scenario: Scenario) -> Iterator[Pair]:
    """A moment of each run, whether the second one is killed, and whether the first one is on another machine."""
    alone, after = World(scenario, NEVER, NEVER), World(scenario, 3, NEVER)
    alone.play(kills=False)
    after.play(kills=False)
    first, second = alone.first.moments, after.second.moments
    if WHOLE and name in WHOLLY:
        for one in range(1, first + 1):
            for other in range(1, second + 1):
                yield one, other, (one + other) % 2 == 0, other % 3 != 0
        return
    dice = Random(f"{SEED} {name}")
    for _ in range(PAIRS):
        yield dice.randint(1, first), dice.randint(1, second), dice.random() < 0.5, dice.random() < 0.5


@pytest.mark.parametrize("name", SCENARIOS)
def test_two_runs_never_write_at_once_and_the_next_one_ends_the_work(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    scenario, tried = SCENARIOS[name], 0
    whole = recorded(scenario)

    for first, second, kills, is_elsewhere in pairs(name, scenario):
        world = World(scenario, first, second, is_elsewhere=is_elsewhere)
        world.play(kills=kills)
        tried += 1

        assert list(world.problems(whole)) == [], (first, second, kills, is_elsewhere)
    record_property("cases", tried)
