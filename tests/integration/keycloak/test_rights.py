"""An account with the roles that `reconcile permissions` prints, and no others, can do all of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.config import Sources, load
from reconciler.config.realm.minimal import minimal
from reconciler.core.difference.change import Action
from reconciler.core.message.errors import Denied, NotThere
from reconciler.providers.keycloak.expand import expand
from reconciler.providers.keycloak.export import live_realm
from reconciler.providers.keycloak.permissions import rights
from reconciler.providers.keycloak.read.whole import LOOKING
from reconciler.providers.keycloak.server.client import AdminClient
from reconciler.providers.keycloak.table.connection import Client
from reconciler.vocabulary.keycloak import (
    ADMIN_PERMISSIONS,
    AUTHORIZATION,
    ORGANIZATION,
    ORGANIZATION_GROUPS,
    WORKFLOW,
)
from tests.kit.keycloak.realms import a_realm, a_whole_realm, the_seed_realm
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


@pytest.fixture
def watcher(server: Server, by_hand: ByHand) -> Iterator[AdminClient]:
    """An account with the roles that only show a realm."""
    client = server.client(**with_roles(server, by_hand, *there(by_hand)))
    yield client
    client.close()


def there(by_hand: ByHand) -> list[str]:
    """The roles for looking that this release has."""
    management = by_hand.id_of("clients", clientId="realm-management")
    known = {role["name"] for role in by_hand.get(f"clients/{management}/roles")}
    return [role for role in LOOKING if role in known]


def hidden(by_hand: ByHand) -> set[str]:
    """The types that this release shows to no role which may only look."""
    of_organizations = {ORGANIZATION, ORGANIZATION_GROUPS} if "view-organizations" not in there(by_hand) else set()
    return {ADMIN_PERMISSIONS, WORKFLOW} | of_organizations


def planned(client: Client, file: Mapping[str, Any], without: set[str]) -> dict[str, Any]:
    """The changes of a plan that are not of hidden types."""
    changes = Driver(client).pruning(file).changes
    return {str(each.address): (each.action, each.fields) for each in changes if each.address.kind not in without}


def test_an_account_that_may_only_look_plans_what_an_administrator_does(
    driver: Driver, realm: str, by_hand: ByHand, watcher: AdminClient
) -> None:
    """Nothing that it does not see is to be made."""
    live = without_newer(by_hand.client, a_whole_realm(realm))
    driver.apply(live)
    other = {**a_realm(realm), "x-reconcile": {"prune": dict.fromkeys(("clientScopes", "groups", "roles"), "exact")}}

    unseen = hidden(by_hand)
    for file in (live, other):
        assert planned(watcher, file, unseen) == planned(by_hand.client, file, unseen)
    seen = {change.address.kind: change for change in Driver(watcher).plan(live).changes}
    unknown = unseen & seen.keys()
    assert unknown
    assert {ORGANIZATION, ORGANIZATION_GROUPS} <= seen.keys()
    assert seen[AUTHORIZATION].action is Action.KEEP
    reasons = [seen[kind].unread for kind in unknown]
    assert {kind: seen[kind].action for kind in unknown} == dict.fromkeys(unknown, Action.DEFERRED)
    assert all("the account needs the role" in said or "it takes the roles" in said for said in reasons)
    with pytest.raises(Denied):
        watcher.ask(f"admin/realms/{realm}/partial-export?exportClients=false&exportGroupsAndRoles=false")


def test_what_it_prints_of_a_realm_is_what_is_there(
    driver: Driver, realm: str, by_hand: ByHand, watcher: AdminClient, tmp_path: Path
) -> None:
    driver.apply(without_newer(by_hand.client, a_whole_realm(realm)))

    found = live_realm(watcher, realm)

    file = tmp_path / "users.json"
    file.write_text(json.dumps(minimal(found.realm, found.new, found.samples)))
    printed = load(Sources(tmp_path, users_files=(file,), environment={})).document.realms or ()
    assert driver.look(*printed).plan.in_sync
    assert any("create-realm of master" in remark for remark in found.remarks)
    assert any(remark.startswith("workflow: can't be read, and is left out: ") for remark in found.remarks)


def test_a_realm_that_is_not_there_is_said_with_the_nearest_one(driver: Driver, realm: str) -> None:
    with pytest.raises(NotThere, match=f"there is no realm `{realm}x` .did you mean `{realm}`.*; the realms are: "):
        driver.provider.exported(f"{realm}x")
