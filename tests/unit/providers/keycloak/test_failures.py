"""A failure in Keycloak blocks the steps that need it, and no others; a temporary one is tried again."""

from __future__ import annotations

from reconciler.core.execution.report import What
from reconciler.core.message.errors import ProviderError, Rejected, Unreachable
from reconciler.core.plan.plan import Step, make
from reconciler.core.provider import Done, Verdict
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.run.reconciliation.execute import execute
from tests.kit.clock import TurnedClock
from tests.kit.keycloak.scripted import ScriptedConnection
from tests.kit.keycloak.server import document

LAB = {"realm": "lab", "id": "lab", "accessTokenLifespan": 300, "roles": {"realm": []}, "groups": [], "clients": []}
ANSWERS = {"ASK lab/partial-export?exportClients=true&exportGroupsAndRoles=true": LAB, "GET lab/clients": []}
FILE = {
    "realm": "lab",
    "roles": {"realm": [{"name": "one"}, {"name": "two"}]},
    "groups": [{"name": "ones", "realmRoles": ["one"]}, {"name": "twos", "realmRoles": ["two"]}],
    "users": [{"username": "ann", "groups": ["/ones"]}, {"username": "bob", "groups": ["/twos"]}],
    "clients": [{"clientId": "app"}],
}


def outcomes(address: str, *failures: ProviderError) -> dict[str, set[str]]:
    """The fate of the names that the file declares, where the steps of one of them fail so, one after the other."""
    provider = KeycloakProvider({}, client=ScriptedConnection(ANSWERS))
    desired = list(provider.expand(document(FILE)))
    plan = make({"keycloak": provider}, desired, provider.observe(desired))
    left = list(failures)

    def perform(step: Step) -> Verdict:
        if str(step.address) == address and left:
            raise left.pop(0)
        return Done()

    found: dict[str, set[str]] = {}
    for event in execute(plan.steps, perform, TurnedClock(), workers=1):
        if event.what in (What.DONE, What.FAILED, What.BLOCKED):
            found.setdefault(event.what.value, set()).add(event.step.address.name)
    return found


def test_a_role_that_is_refused_blocks_only_who_gets_it() -> None:
    found = outcomes("keycloak.role/lab/one", Rejected("not this one"))

    assert found["failed"] == {"one"}
    assert found["blocked"] == {"ones", "ann"}
    assert found["done"] >= {"two", "twos", "bob", "app"}
    assert not found["done"] & {"one", "ann"}


def test_a_client_that_is_refused_blocks_nobody() -> None:
    found = outcomes("keycloak.client/lab/app", Rejected("not this one"))

    assert found["failed"] == {"app"}
    assert "blocked" not in found


def test_what_is_temporary_is_tried_again() -> None:
    found = outcomes("keycloak.role/lab/one", *[Unreachable("502")] * 3)

    assert found.keys() == {"done"}
    assert found["done"] >= {"one", "ones", "ann"}
