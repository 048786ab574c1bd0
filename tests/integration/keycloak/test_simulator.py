"""The Keycloak in memory answers random calls as a real one of the release that it was recorded from does.

RECONCILE_TEST_FAULTS=all makes 10,000 calls; otherwise there are a few hundred.
"""

from __future__ import annotations

import os

import pytest

from tests.kit.keycloak.server import Server
from tests.kit.keycloak.simulator.honesty import Side, calls
from tests.kit.keycloak.simulator.line import SimulatedClient
from tests.kit.keycloak.simulator.recorded import recorded
from tests.kit.keycloak.simulator.server import SimulatedKeycloak

CALLS = 1000
SEEDS = range(10) if os.environ.get("RECONCILE_TEST_FAULTS") == "all" else range(1)
COUNT = CALLS if os.environ.get("RECONCILE_TEST_FAULTS") == "all" else 120


@pytest.mark.parametrize("seed", SEEDS)
def test_the_simulator_answers_as_the_server_does(server: Server, fresh: str, seed: int) -> None:
    client, simulated = server.client(), SimulatedClient(SimulatedKeycloak())
    version = client.get("admin/serverinfo")["systemInfo"]["version"]
    assert version[:4] == recorded()["info"]["systemInfo"]["version"][:4]
    sides = Side(client, fresh), Side(simulated, "another-realm")
    for side in sides:
        side.client.create("admin/realms", {"realm": side.realm, "enabled": True})

    for number, call in enumerate(calls(seed, COUNT)):
        real, ours = (side.call(*call) for side in sides)

        assert ours == real, f"seed {seed}, call {number}: {call}"
    client.close()
