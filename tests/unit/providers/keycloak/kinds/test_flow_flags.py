"""`topLevel` and `builtIn` of a flow are compared and written like any other property: Keycloak takes both (26.7)."""

from __future__ import annotations

import pytest

from reconciler.core.plan.policy import Policy
from tests.kit.keycloak.scenarios import a_reconciler, applied, lab, left
from tests.kit.keycloak.server import ByHand
from tests.kit.keycloak.simulator.line import SimulatedClient
from tests.kit.keycloak.simulator.server import SimulatedKeycloak

FLOW = {"alias": "ours", "topLevel": True, "builtIn": False, "authenticationExecutions": []}


@pytest.mark.parametrize("name", ["topLevel", "builtIn"])
def test_a_flag_that_differs_is_shown_and_put_right(name: str) -> None:
    realm, server = lab(authenticationFlows=[FLOW]), SimulatedKeycloak()
    applied(server, realm, Policy())
    hand = ByHand(SimulatedClient(server), "lab")
    path = f"authentication/flows/{hand.id_of('authentication/flows', alias='ours')}"
    hand.change(path, **{name: not FLOW[name]})

    plan = a_reconciler(server, realm, Policy()).look().plan

    (change,) = [each for each in plan.changes if each.acts]
    assert [(field.path, field.before, field.after) for field in change.fields] == [
        ((name,), not FLOW[name], FLOW[name])
    ]
    applied(server, realm, Policy())
    assert not left(server, realm, Policy())
    assert hand.get(path)[name] is FLOW[name]


def test_a_flow_of_keycloaks_own_can_be_made_ones_own() -> None:
    """Executions can be taken away from it afterwards, in the same run."""
    execution = {"authenticator": "auth-cookie", "requirement": "ALTERNATIVE", "priority": 10}
    own = {"alias": "browser", "topLevel": True, "builtIn": False, "authenticationExecutions": [execution]}
    realm, server = lab(authenticationFlows=[own]), SimulatedKeycloak()
    applied(server, lab(), Policy())

    report, _ = applied(server, realm, Policy())

    assert not report.failed
    assert not left(server, realm, Policy())
