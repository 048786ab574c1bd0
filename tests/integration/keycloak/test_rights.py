"""An account with the roles that `reconcile permissions` prints, and no others, can do all of it."""

from __future__ import annotations

from reconciler.providers.keycloak.expand import expand
from reconciler.providers.keycloak.rights import rights
from tests.kit.keycloak import ByHand, Driver, Server, document, without_newer
from tests.kit.realms import a_whole_realm


def test_the_roles_that_are_said_to_be_needed_are_enough(server: Server, realm: str, by_hand: ByHand) -> None:
    file = without_newer(by_hand.client, a_whole_realm(realm))
    by_hand.post("clients", {"clientId": "worker", "secret": "s", "serviceAccountsEnabled": True})
    management = by_hand.id_of("clients", clientId="realm-management")
    account = by_hand.one("users?username=service-account-worker", username="service-account-worker")["id"]
    needed = rights(expand(document(file)))[realm]
    roles = [by_hand.get(f"clients/{management}/roles/{role}") for role in needed]
    by_hand.client.post(by_hand.path(f"users/{account}/role-mappings/clients/{management}"), roles)
    worker = server.client(realm=realm, clientId="worker", clientSecret="s")

    *_, last = Driver(worker).apply(file)

    assert last.plan.in_sync
    worker.close()
