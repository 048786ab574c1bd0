"""What the tables say of older releases is true of this one; who needs more is told first, others notice nothing.

Run it with RECONCILE_TEST_KEYCLOAK_IMAGE for each release that is supported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from reconciler.core.errors import Rejected
from reconciler.core.values import ABSENT
from reconciler.providers.keycloak.kinds import KINDS
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.providers.keycloak.rest import ORGANIZATION_GROUPS, REALM, WORKFLOW
from reconciler.providers.keycloak.whole import whole
from tests.kit.keycloak import ByHand, CountingClient, Driver, Server, lacks, server_of, with_roles, without_newer
from tests.kit.realms import a_whole_realm

VALUES: dict[str, Any] = {
    "maxSecondaryAuthFailures": 3,
    "scimApiEnabled": False,
    "webAuthnPolicyResidentKey": "required",
    "webAuthnPolicyPasswordlessResidentKey": "required",
    "webAuthnPolicyPasswordlessMediation": "conditional",
}
ACME = {"alias": "acme", "name": "acme", "domains": [{"name": "acme.example.org"}]}
WORKFLOWS = [{"name": "leave", "steps": [{"uses": "disable-user", "after": "1d"}]}]


def refuses(hand: ByHand, name: str) -> bool:
    try:
        hand.put("", {name: VALUES[name]})
    except Rejected as error:
        return "nrecognized field" in str(error)
    return False


def test_settings_that_a_release_is_said_to_lack_are_those_that_it_refuses(by_hand: ByHand) -> None:
    server = server_of(by_hand.client)

    for name in KINDS[REALM].since:
        assert refuses(by_hand, name) == lacks(server, REALM, name), name


def test_groups_of_organizations_and_workflows_are_where_they_are_said_to_be(by_hand: ByHand) -> None:
    server = server_of(by_hand.client)
    by_hand.put("", {"organizationsEnabled": True})
    acme = by_hand.post("organizations", ACME)

    assert (by_hand.get(f"organizations/{acme}/groups") is ABSENT) == lacks(server, ORGANIZATION_GROUPS, "groups")
    if not server.version.startswith("26.4."):  # which can have some, in other words
        assert (by_hand.get("workflows") is ABSENT) == lacks(server, WORKFLOW)


def test_what_the_server_lacks_is_told_before_anything_is_written(driver: Driver, realm: str, by_hand: ByHand) -> None:
    driver.apply({"realm": realm, "organizationsEnabled": True, "organizations": [ACME]})
    server = server_of(by_hand.client)
    newer: dict[str, dict[str, Any]] = {
        f"keycloak.realm/{realm}": {"maxSecondaryAuthFailures": 3},
        f"keycloak.organization-groups/{realm}/acme": {"organizations": [{**ACME, "groups": [{"name": "smiths"}]}]},
        f"keycloak.workflow/{realm}/leave": {"workflows": WORKFLOWS},
    }
    lacking = {
        f"keycloak.realm/{realm}": lacks(server, REALM, "maxSecondaryAuthFailures"),
        f"keycloak.organization-groups/{realm}/acme": lacks(server, ORGANIZATION_GROUPS, "groups"),
        f"keycloak.workflow/{realm}/leave": lacks(server, WORKFLOW),
    }

    for address, section in newer.items():
        file = {"realm": realm, "displayName": "Lab", "clients": [{"clientId": "app"}], **section}
        plan, before = driver.plan(file), len(driver.client.writes)
        told = [str(each.address) for each in driver.provider.obstacles(plan.changes)]
        if not lacking[address]:
            assert told == []
            continue
        assert told == [address]
        with pytest.raises(
            Rejected, match=rf"is written:\nusers\.yaml:1:1: {address} .*needs (Keycloak 26\.|the feat)"
        ):
            driver.perform(plan.steps)
        assert len(driver.client.writes) == before

    fits = {key: part for at, each in newer.items() if not lacking[at] for key, part in each.items()}
    assert driver.apply({"realm": realm, **fits})[-1].plan.in_sync


@dataclass
class Noting(CountingClient):
    """A line that notes which paths are not there."""

    absent: list[str] = field(default_factory=list)

    def get(self, path: str) -> Any:
        answer = super().get(path)
        if answer is ABSENT:
            self.absent.append(path.partition("?")[0])
        return answer


def test_no_path_is_asked_for_that_the_server_does_not_have(server: Server, driver: Driver, realm: str) -> None:
    file = without_newer(driver.client, a_whole_realm(realm))
    driver.apply(file)
    client = server.client()
    noting = Noting(client)
    own = Driver(noting)
    own.provider = KeycloakProvider({}, client=noting)

    assert own.look(file).plan.in_sync
    whole(noting, realm)

    asked = [f"admin/realms/{realm}/workflows"]  # which is how it is found out whether 26.5 has them
    about = server_of(client)
    assert noting.absent == (asked if lacks(about, WORKFLOW) and about.version.startswith("26.5.") else [])
    client.close()


def test_an_account_of_the_realm_is_told_as_well(server: Server, driver: Driver, realm: str, by_hand: ByHand) -> None:
    driver.apply({"realm": realm})
    client = server.client(**with_roles(by_hand, "manage-realm"))
    worker = Driver(client)
    file = {"realm": realm, "maxSecondaryAuthFailures": 3}

    if lacks(server_of(by_hand.client), REALM, "maxSecondaryAuthFailures"):
        with pytest.raises(
            Rejected, match=r"`maxSecondaryAuthFailures` needs Keycloak 26\.6 or newer, and this server"
        ):
            worker.once(file)
    else:
        assert worker.apply(file)[-1].plan.in_sync
    client.close()
