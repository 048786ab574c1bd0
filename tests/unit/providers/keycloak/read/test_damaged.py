"""A realm with a flow whose subflow was deleted can't be read: the message names the flow, and its advice works."""

from __future__ import annotations

import re
from typing import Any

import pytest

from reconciler.core.message.errors import Rejected
from reconciler.core.plan.policy import Policy
from tests.kit.keycloak.scenarios import applied, lab, left
from tests.kit.keycloak.server import ByHand
from tests.kit.keycloak.simulator.line import SimulatedClient
from tests.kit.keycloak.simulator.server import SimulatedKeycloak


def flow(alias: str, *executions: dict[str, Any], top: bool) -> dict[str, Any]:
    return {"alias": alias, "topLevel": top, "builtIn": False, "authenticationExecutions": list(executions)}


EXECUTION = {"requirement": "ALTERNATIVE", "priority": 10}
FLOWS = [
    flow("ours", {"authenticatorFlow": True, "flowAlias": "inner", **EXECUTION}, top=True),
    flow("inner", {"authenticatorFlow": True, "flowAlias": "innermost", **EXECUTION}, top=False),
    flow("innermost", {"authenticator": "auth-cookie", **EXECUTION}, top=False),
    flow("another", {"authenticator": "auth-cookie", **EXECUTION}, top=True),
]


@pytest.mark.parametrize("gone", ["inner", "innermost"])
@pytest.mark.parametrize("bound", ["browser", "ours"])
def test_the_message_names_the_flow_and_what_it_advises_repairs_the_realm(gone: str, bound: str) -> None:
    realm, server = lab(browserFlow=bound, authenticationFlows=FLOWS), SimulatedKeycloak()
    applied(server, realm, Policy())
    hand = ByHand(SimulatedClient(server), "lab")
    (subflow,) = [each for each in server.exported("lab")["authenticationFlows"] if each["alias"] == gone]
    hand.delete(f"authentication/flows/{subflow['id']}")

    with pytest.raises(Rejected) as caught:
        applied(server, realm, Policy())

    said = str(caught.value)
    found = re.search(r"`kcadm.sh delete (authentication/flows/\S+) -r lab`", said)
    assert "flow `ours` stands on a subflow that was deleted" in said
    assert "another" not in said.replace("another flow in its place", "")
    assert ("bind another flow in its place, then " in said) is (bound == "ours")
    assert found
    hand.put("", {"browserFlow": "browser"})
    hand.delete(found[1])
    report, _ = applied(server, realm, Policy())
    assert not report.failed
    assert not left(server, realm, Policy())


def test_another_failure_of_the_server_is_said_as_it_is() -> None:
    server = SimulatedKeycloak()
    applied(server, lab(authenticationFlows=FLOWS), Policy())

    class Failing(SimulatedClient):
        def ask(self, path: str) -> Any:
            raise Rejected(f"no room ({path})")

    from reconciler.providers.keycloak.read.damaged import explained

    client = Failing(server)
    with pytest.raises(Rejected, match=r"^no room \(x\)$"), explained(client, "lab"):
        client.ask("x")
