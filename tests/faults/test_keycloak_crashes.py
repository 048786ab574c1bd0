"""Killed at any moment of any request to Keycloak, the next run ends where an undisturbed one does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.kit.keycloak.crashes import problems, recorded
from tests.kit.keycloak.scenarios import SCENARIOS, Scenario

Record = Callable[[str, object], None]


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=str)
def test_a_kill_at_any_moment_is_made_good_by_the_next_run(scenario: Scenario, record_property: Record) -> None:
    run = recorded(scenario)
    record_property("cases", run.points)
    record_property("row", [scenario.name, run.points, len(run.states)])

    found = [said for number in range(len(run.states)) for said in problems(scenario, run, number)]

    assert not found, "\n".join(found[:5])
