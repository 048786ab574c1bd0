"""A plan names what a step will be refused for, without a server: the cases of the tests on a real one, as far as they
are about the lists of a realm.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.keycloak.test_foreseen import REFUSED, TAKEN
from tests.kit.keycloak.server import Driver
from tests.kit.keycloak.simulator.line import SimulatedClient
from tests.kit.keycloak.simulator.server import SimulatedKeycloak

NAMED_IN_LISTS = ("required action", "identity elsewhere", "flow of the realm", "flow of a provider")
MADE_WITH_IT = ("required action", "identity elsewhere", "flow")
EMPTY = {"realm": "lab", "enabled": True}


def planned(*, is_new: bool, **file: Any) -> list[str]:
    """The messages of a plan for a realm with this file."""
    driver = Driver(SimulatedClient(SimulatedKeycloak()))
    if not is_new:
        driver.apply(EMPTY)
    return [each.message for each in driver.provider.obstacles(driver.plan({**EMPTY, **file}).steps)]


@pytest.mark.parametrize("case", NAMED_IN_LISTS)
def test_a_name_that_no_list_has_is_foreseen(case: str) -> None:
    file, words = REFUSED[case]

    (message,) = planned(is_new=False, **file)

    assert words in message


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("case", MADE_WITH_IT)
def test_what_the_same_plan_makes_is_in_its_list(case: str, is_new: bool) -> None:
    assert planned(is_new=is_new, **TAKEN[case]) == []


def test_a_new_realm_has_the_flows_that_every_one_has() -> None:
    assert planned(is_new=True, browserFlow="registration", directGrantFlow="direct grant") == []
    assert planned(is_new=True, browserFlow="ours") != []
