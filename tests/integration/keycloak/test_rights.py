"""An account with the roles that `reconcile permissions` prints, and no others, can do all of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.core.message.errors import Denied, NotThere
from reconciler.providers.keycloak.expand import expand
from reconciler.providers.keycloak.permissions import rights
from tests.kit.keycloak.realms import a_whole_realm, the_seed_realm
from tests.kit.keycloak.server import ByHand, Driver, Server, document, unique_realm, with_roles, without_newer


def test_the_roles_that_are_said_to_be_needed_are_enough(server: Server, realm: str, by_hand: ByHand) -> None:
    file = without_newer(by_hand.client, a_whole_realm(realm))
    needed = rights(expand(document(file)))[realm]
    worker = server.client(**with_roles(server, by_hand, *needed))

    *_, last = Driver(worker).apply(file)

    assert last.plan.in_sync
    worker.close()


@pytest.fixture
def maker(server: Server) -> Iterator[dict[str, str]]:
    """The login of an account of master that has no role but what makes a realm."""
    client, name = server.client(), unique_realm()
    hand = ByHand(client, "master")
    hand.post("clients", {"clientId": name, "secret": "s", "serviceAccountsEnabled": True})
    own = hand.id_of(f"clients?clientId={name}", clientId=name)
    try:
        user = hand.get(f"clients/{own}/service-account-user")["id"]
        (needed,) = rights(expand(document({"realm": "lab"})))["master"]
        client.post(hand.path(f"users/{user}/role-mappings/realm"), [hand.get(f"roles/{needed}")])
        yield {"clientId": name, "clientSecret": "s", "realm": "master"}
    finally:
        hand.delete(f"clients/{own}")
        client.close()


def test_who_may_make_realms_makes_that_of_the_seed_and_sees_it(
    server: Server, fresh: str, maker: dict[str, str], tmp_path: Path
) -> None:
    worker = server.client(**maker)
    file = the_seed_realm(fresh, tmp_path)

    *_, last = Driver(worker).apply(file)

    assert last.plan.in_sync
    worker.close()


def test_nobody_sees_a_whole_realm_without_the_right_to_change_it(server: Server, realm: str, by_hand: ByHand) -> None:
    """The one request that shows a realm is a POST, for which Keycloak wants this role whatever is asked of it."""
    looking = ("view-realm", "view-clients", "view-users", "view-identity-providers", "view-events", "query-groups")
    watcher = server.client(**with_roles(server, by_hand, *looking, "view-authorization"))

    with pytest.raises(Denied, match="manage-realm"):
        Driver(watcher).look({"realm": realm, "groups": [{"name": "staff"}]})
    with pytest.raises(Denied):
        watcher.ask(f"admin/realms/{realm}/partial-export?exportClients=false&exportGroupsAndRoles=false")
    assert not Driver(watcher).look({"realm": realm, "displayName": "Lab"}).plan.in_sync
    watcher.close()


def test_a_realm_that_is_not_there_is_said_with_the_nearest_one(driver: Driver, realm: str) -> None:
    with pytest.raises(NotThere, match=f"there is no realm `{realm}x` .did you mean `{realm}`.*; the realms are: "):
        driver.provider.exported(f"{realm}x")
