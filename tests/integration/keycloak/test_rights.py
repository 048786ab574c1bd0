"""An account with the roles that `reconcile permissions` prints, and no others, can do all of it."""

from __future__ import annotations

from reconciler.providers.keycloak.expand import expand
from reconciler.providers.keycloak.permissions import rights
from tests.kit.keycloak.realms import a_whole_realm
from tests.kit.keycloak.server import ByHand, Driver, Server, document, with_roles, without_newer


def test_the_roles_that_are_said_to_be_needed_are_enough(server: Server, realm: str, by_hand: ByHand) -> None:
    file = without_newer(by_hand.client, a_whole_realm(realm))
    needed = rights(expand(document(file)))[realm]
    worker = server.client(**with_roles(by_hand, *needed))

    *_, last = Driver(worker).apply(file)

    assert last.plan.in_sync
    worker.close()
