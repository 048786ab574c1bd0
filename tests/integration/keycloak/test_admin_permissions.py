"""Permissions for administrators: what a file says is what an administrator may do, and stays so."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from reconciler.config.realm.minimal import minimal
from reconciler.core.message.errors import Rejected
from reconciler.providers.keycloak.expand import expand
from reconciler.providers.keycloak.export import new_realm, whole
from reconciler.providers.keycloak.permissions import rights
from tests.kit.keycloak.realms import a_permission
from tests.kit.keycloak.server import ByHand, Driver, Server, document, still

HELPERS = {"name": "helpers", "type": "role", "config": {"roles": '[{"id": "helper"}]'}}
OURS = "keycloak.admin-permissions"


def a_realm(name: str, *policies: Any, **more: Any) -> dict[str, Any]:
    return {
        "realm": name,
        "enabled": True,
        "adminEventsEnabled": True,
        "adminPermissionsEnabled": True,
        "roles": {"realm": [{"name": "helper"}, {"name": "viewer"}], "client": {"app": [{"name": "reader"}]}},
        "groups": [{"name": "staff", "subGroups": [{"name": "night"}]}],
        "users": [{"username": "ann"}],
        **more,
        "clients": [
            {"clientId": "app"},
            {"clientId": "admin-permissions", "authorizationSettings": {"policies": [HELPERS, *policies]}},
            *more.get("clients", ()),
        ],
    }


ALL = (
    a_permission("help-ann", "Users", ["ann"], "view", applies=["helpers"]),
    a_permission("see-night", "Groups", ["/staff/night"], "view", applies=["helpers"]),
    a_permission("keep-app", "Clients", ["app"], "view", applies=["helpers"]),
    a_permission("give-roles", "Roles", ["viewer", "app/reader"], "map-role", applies=["helpers"]),
)


def settings(hand: ByHand) -> Any:
    """The permissions in the export, which alone shows them."""
    clients = hand.client.ask(hand.path("partial-export?exportClients=true"))["clients"]
    return next(each for each in clients if each["clientId"] == "admin-permissions")["authorizationSettings"]


def services(hand: ByHand) -> str:
    return f"clients/{hand.id_of('clients', clientId='admin-permissions')}/authz/resource-server"


def of_keycloak(hand: ByHand) -> Any:
    """The part that Keycloak made by itself: a resource for each type, and all scopes."""
    path = services(hand)
    resources = [each for each in hand.get(f"{path}/resource?max=-1") if each.get("type")]
    return resources, hand.get(f"{path}/scope?max=-1")


def test_an_administrator_may_do_what_the_file_says_and_nothing_else(
    server: Server, driver: Driver, realm: str
) -> None:
    robot = {"clientId": "robot", "secret": "s", "serviceAccountsEnabled": True, "redirectUris": []}
    may_ask = {"realmRoles": ["helper"], "clientRoles": {"realm-management": ["query-clients", "query-users"]}}
    account = {"username": "service-account-robot", "serviceAccountClientId": "robot", **may_ask}
    people = [{"username": "ann"}, {"username": "bob"}, account]
    driver.apply(a_realm(realm, *ALL, clients=[robot, {"clientId": "other"}], users=people))
    worker = server.client(realm=realm, clientId="robot", clientSecret="s")
    seen = ByHand(worker, realm)

    assert [each["clientId"] for each in seen.get("clients")] == ["app"]
    assert [each["username"] for each in seen.get("users")] == ["ann"]
    worker.close()


def test_permissions_are_made_with_all_that_they_name_and_then_nothing_differs(driver: Driver, fresh: str) -> None:
    file = a_realm(fresh, *ALL)
    driver.apply(copy.deepcopy(file))
    hand = ByHand(driver.client, fresh)
    before, events = of_keycloak(hand), hand.events()

    again = driver.once(file)

    assert again.plan.in_sync
    assert again.writes == ()
    assert hand.events() == events
    assert of_keycloak(hand) == before
    assert {each["name"] for each in before[0]} >= {"Users", "Groups", "Clients", "Roles"}


def test_they_are_switched_on_in_a_realm_that_is_there(driver: Driver, realm: str, by_hand: ByHand) -> None:
    *_, last = driver.apply(a_realm(realm, *ALL))

    assert last.plan.in_sync
    assert {each["name"] for each in settings(by_hand)["policies"]} == {"helpers", *(each["name"] for each in ALL)}


def test_who_declares_none_asks_nothing_more(driver: Driver, realm: str) -> None:
    file = a_realm(realm, *ALL)
    driver.apply(copy.deepcopy(file))
    without = {**file, "clients": file["clients"][:1], "users": []}

    seen = driver.look(without)

    assert seen.plan.in_sync
    assert [each.rpartition("/")[2].partition("?")[0] for each in seen.reads] == ["partial-export", "clients"]


def test_organizations_can_be_administered(driver: Driver, realm: str) -> None:
    if still(driver.client, "has no permissions for organizations"):
        pytest.skip("this release has no permissions for organizations")
    permission = a_permission("see-acme", "Organizations", ["acme"], "view", applies=["helpers"])
    acme = {"alias": "acme", "name": "Acme", "domains": [{"name": "acme.example.org"}]}
    file = a_realm(realm, permission, organizationsEnabled=True, organizations=[acme])

    *_, last = driver.apply(copy.deepcopy(file))

    assert last.plan.in_sync
    assert driver.look(file).writes == ()


# ------------------------------------------------------------------ what somebody does to it


def test_a_policy_that_is_deleted_takes_permissions_with_it_and_all_come_back(
    driver: Driver, realm: str, by_hand: ByHand
) -> None:
    file = a_realm(realm, *ALL)
    driver.apply(copy.deepcopy(file))
    before, own = settings(by_hand), of_keycloak(by_hand)
    path = f"{services(by_hand)}/policy"
    by_hand.delete(f"{path}/{by_hand.id_of(f'{path}?max=-1', name='helpers')}")

    seen, after = driver.apply(copy.deepcopy(file))

    assert seen.fields.keys() == {
        f"{OURS}/{realm} policies.{name}" for name in ("helpers", *(each["name"] for each in ALL))
    }
    assert len(seen.writes) == 1 + len(ALL)
    assert after.writes == ()
    assert by_name(settings(by_hand)) == by_name(before)
    assert of_keycloak(by_hand) == own


def by_name(found: Any) -> dict[str, Any]:
    """Policies of an export; the order of names in a list has no meaning."""
    return {each["name"]: {key: sorted(str(part)) for key, part in each.items()} for each in found["policies"]}


def test_a_permission_follows_the_name_and_not_the_object(driver: Driver, realm: str, by_hand: ByHand) -> None:
    file = a_realm(realm, *ALL)
    driver.apply(copy.deepcopy(file))
    by_hand.change(f"clients/{by_hand.id_of('clients', clientId='app')}", clientId="renamed")

    seen, *_, last = driver.apply(copy.deepcopy(file))

    assert seen.fields[f"{OURS}/{realm} policies.keep-app.config.resources"] == (("renamed",), ("app",))
    assert last.plan.in_sync
    (kept,) = [each for each in settings(by_hand)["policies"] if each["name"] == "keep-app"]
    assert json.loads(kept["config"]["resources"]) == [by_hand.id_of("clients", clientId="app")]


def test_who_was_deleted_comes_back_with_the_permission(driver: Driver, realm: str, by_hand: ByHand) -> None:
    file = a_realm(realm, *ALL)
    driver.apply(copy.deepcopy(file))
    by_hand.delete(f"users/{by_hand.id_of('users', username='ann')}")
    by_hand.delete(f"groups/{by_hand.id_of('groups', name='staff')}")

    seen, *_, last = driver.apply(copy.deepcopy(file))

    names = {each.rpartition(".")[2] for each in seen.fields if each.startswith(OURS)}
    assert names == {"help-ann", "see-night"}
    assert last.plan.in_sync
    assert len(settings(by_hand)["policies"]) == 1 + len(ALL)


def test_a_policy_of_another_type_is_made_anew(driver: Driver, realm: str, by_hand: ByHand) -> None:
    driver.apply(a_realm(realm, *ALL))
    file = a_realm(realm, *ALL)
    file["clients"][1]["authorizationSettings"]["policies"][0] = {
        "name": "helpers",
        "type": "user",
        "config": {"users": '["ann"]'},
    }

    seen, after = driver.apply(copy.deepcopy(file))

    assert seen.fields[f"{OURS}/{realm} policies.helpers.type"] == ("role", "user")
    assert after.writes == ()
    assert len(settings(by_hand)["policies"]) == 1 + len(ALL)


def test_what_is_no_longer_in_the_list_goes_and_nothing_else(driver: Driver, realm: str, by_hand: ByHand) -> None:
    driver.apply(a_realm(realm, *ALL))
    own = of_keycloak(by_hand)

    seen, after = driver.apply(a_realm(realm, ALL[0]))

    assert {write.partition(" ")[0] for write in seen.writes} == {"DELETE"}
    assert len(seen.writes) == len(ALL) - 1
    assert after.plan.in_sync
    assert {each["name"] for each in settings(by_hand)["policies"]} == {"helpers", "help-ann"}
    assert of_keycloak(by_hand) == own


# ------------------------------------------------------------------ what is wrong


WRONG = {
    "user": (a_permission("p", "Users", ["bob"], "view"), "keycloak.user/{realm}/bob, which is not there"),
    "group": (a_permission("p", "Groups", ["/no"], "view"), "keycloak.group/{realm}/no, which is not there"),
    "client": (a_permission("p", "Clients", ["no"], "view"), "keycloak.client/{realm}/no, which is not there"),
    "role": (a_permission("p", "Roles", ["no"], "map-role"), "keycloak.role/{realm}/no, which is not there"),
    "id": (
        a_permission("p", "Users", ["11111111-1111-4111-8111-111111111111"], "view"),
        "is the id of none of the Users",
    ),
    "scope": (a_permission("p", "Roles", [], "manage"), "of Roles this server knows `map-role`, `map-role-c"),
    "type": (a_permission("p", "Things", [], "manage"), "one of `Clients`, `Groups`"),
}


@pytest.mark.sweep(every=3)
@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_there_is_said_and_nothing_is_given(driver: Driver, realm: str, by_hand: ByHand, case: str) -> None:
    permission, said = WRONG[case]
    with pytest.raises(Rejected) as raised:
        driver.apply(a_realm(realm, permission))

    assert said.format(realm=realm) in str(raised.value)
    assert settings(by_hand)["policies"] == []


def test_a_permission_that_keycloak_does_not_take_is_told_of_by_name(driver: Driver, realm: str) -> None:
    if still(driver.client, "takes any strategy of a permission for administrators"):
        pytest.skip("this release takes it")
    permission = {**a_permission("p", "Users", ["ann"], "view"), "decisionStrategy": "AFFIRMATIVE"}

    with pytest.raises(Rejected, match=r"`p`: .*unknown_error .*takes no `decisionStrategy` of a permission but U"):
        driver.apply(a_realm(realm, permission))


def test_a_realm_without_such_permissions_is_told_how_to_get_them(driver: Driver, realm: str) -> None:
    with pytest.raises(Rejected, match="set `adminPermissionsEnabled: true`"):
        driver.apply({**a_realm(realm), "adminPermissionsEnabled": False})


def test_the_roles_that_are_said_to_be_needed_are_enough(
    server: Server, driver: Driver, realm: str, by_hand: ByHand
) -> None:
    driver.apply(a_realm(realm))
    by_hand.post("clients", {"clientId": "worker", "secret": "s", "serviceAccountsEnabled": True})
    management = by_hand.id_of("clients", clientId="realm-management")
    account = by_hand.one("users?username=service-account-worker", username="service-account-worker")["id"]
    file = a_realm(realm, ALL[0])
    only_these = {key: each for key, each in file.items() if key in ("realm", "adminPermissionsEnabled")}
    only_these["clients"] = file["clients"][1:]
    needed = [by_hand.get(f"clients/{management}/roles/{each}") for each in rights(expand(document(only_these)))[realm]]
    by_hand.client.post(by_hand.path(f"users/{account}/role-mappings/clients/{management}"), needed)
    worker = server.client(realm=realm, clientId="worker", clientSecret="s")

    *_, last = Driver(worker).apply(only_these)

    assert last.plan.in_sync
    worker.close()


# ------------------------------------------------------------------ export


def test_an_export_has_names_and_nothing_that_is_of_keycloak(driver: Driver, realm: str) -> None:
    driver.apply(a_realm(realm, *ALL))

    file = minimal(whole(driver.client, realm), new_realm(driver.client, realm))

    (own,) = [each for each in file["clients"] if each["clientId"] == "admin-permissions"]
    assert own.keys() == {"clientId", "authorizationSettings"}
    assert own["authorizationSettings"].keys() == {"policies"}
    resources = {each["name"]: each["config"].get("resources") for each in own["authorizationSettings"]["policies"]}
    assert {name: sorted(json.loads(each)) for name, each in resources.items() if each} == {
        "help-ann": ["ann"],
        "see-night": ["/staff/night"],
        "keep-app": ["app"],
        "give-roles": ["app/reader", "viewer"],
    }
    assert f"{OURS}/{realm}" not in driver.look(file).changes


def test_an_export_of_keycloak_with_its_ids_is_as_good(driver: Driver, realm: str, by_hand: ByHand) -> None:
    driver.apply(a_realm(realm, *ALL))
    found = by_hand.client.ask(by_hand.path("partial-export?exportClients=true&exportGroupsAndRoles=true"))
    kept = ("realm", "adminPermissionsEnabled", "groups", "roles")
    clients = [each for each in found["clients"] if each["clientId"] in ("app", "admin-permissions")]

    seen = driver.look({**{key: found[key] for key in kept}, "clients": clients})

    assert {key: each for key, each in seen.fields.items() if key.startswith(OURS)} == {}
    assert f"{OURS}/{realm}" not in seen.changes
