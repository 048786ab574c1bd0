"""Access on a real server, and the access that people gain or lose by a plan."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
import requests

from reconciler.core.plan.access import AccessChange
from reconciler.providers.keycloak.access.grants import Grants, specs_of
from reconciler.providers.keycloak.export import realm_of_access
from reconciler.vocabulary.keycloak import ORGANIZATION_GROUPS
from tests.kit.keycloak.server import Driver, Pass, Server, lacks, server_of


def declared(realm: str, **more: Any) -> dict[str, Any]:
    return {
        "realm": realm,
        "roles": {
            "realm": [{"name": "lead", "composites": {"client": {"app": ["edit"]}}}, {"name": "reader"}],
            "client": {"app": [{"name": "edit"}]},
        },
        "clients": [{"clientId": "app", "publicClient": True}],
        "groups": [
            {"name": "staff", "realmRoles": ["reader"], "subGroups": [{"name": "heads", "realmRoles": ["lead"]}]}
        ],
        "users": [
            {"username": "ann", "groups": ["/staff/heads"]},
            {"username": "bob", "groups": ["/staff"]},
            {"username": "cat"},
        ],
        **more,
    }


def told(driver: Driver, found: Pass) -> list[AccessChange]:
    return list(driver.provider.access(found.plan.changes))


def entries(grants: Grants, user: str) -> dict[str, dict[str, tuple[str, ...]]]:
    return {client: dict(each.roles) for each in grants.entries(user) for client in each.clients}


def test_the_realm_gives_what_the_files_say(driver: Driver, realm: str) -> None:
    driver.apply(declared(realm))

    live = Grants(realm, specs_of(realm_of_access(driver.client.inner, realm)))

    files = Grants(realm, specs_of(declared(realm)), complete=False)
    assert {user: entries(live, user) for user in ("ann", "bob", "cat")} == {
        user: entries(files, user) for user in ("ann", "bob", "cat")
    }
    assert entries(live, "ann")["app"]["app/edit"] == ("/staff/heads",)
    assert {"app"} <= live.open_clients() == files.open_clients()


def test_one_user_is_read_alone(driver: Driver, realm: str) -> None:
    driver.apply(declared(realm))
    before = len(driver.client.reads)

    grants = Grants(realm, specs_of(realm_of_access(driver.client, realm, ["Bob"])))

    assert set(grants.users) == {"bob"}
    assert len(driver.client.reads) - before == 4  # the export, the user, groups, roles


def test_a_plan_tells_who_gains_and_loses(driver: Driver, realm: str) -> None:
    driver.apply(declared(realm))
    users = [{"username": "bob", "groups": []}, {"username": "cat", "enabled": False}]
    roles = {"realm": [{"name": "lead", "composites": {}}]}

    found = driver.look({"realm": realm, "roles": roles, "users": users})
    gains = told(driver, found)

    assert gains == [
        AccessChange(realm, ("ann",), (), ("app/edit",)),
        AccessChange(realm, ("bob",), (), ("/staff", "reader")),
        AccessChange(realm, ("cat",), (), ("login",)),
    ]


def test_nothing_more_is_read_where_the_look_had_it_all(driver: Driver, realm: str) -> None:
    full = declared(realm)
    for user in full["users"]:
        user |= {"groups": user.get("groups", []), "realmRoles": [], "clientRoles": {}}
    driver.apply(full)
    full["users"][2]["groups"] = ["/staff"]
    found = driver.look(full)
    before = len(driver.client.reads)

    assert told(driver, found) == [AccessChange(realm, ("cat",), ("/staff", "reader"), ())]
    assert len(driver.client.reads) == before


# ------------------------------------------------------------------ groups of organizations

TELLS = {
    "name": "teams",
    "protocol": "openid-connect",
    "protocolMapper": "oidc-organization-group-membership-mapper",
    "config": {"access.token.claim": "true", "addGroupRoleMappings": "true"},
}
WORD = "long enough"
HEADS = {"name": "heads", "realmRoles": ["lead"], "clientRoles": {}}
SMITHS = {"name": "smiths", "realmRoles": ["guest"], "clientRoles": {"app": ["see"]}, "subGroups": [HEADS]}


def member(name: str, *groups: str) -> dict[str, Any]:
    return {"username": name, "groups": list(groups)}


def a_firm(realm: str) -> dict[str, Any]:
    """People in groups of an organization, and clients: one is told of all of it, one of nothing."""
    password = {"type": "password", "value": WORD, "temporary": False}
    account = {"enabled": True, "firstName": "A", "lastName": "B", "credentials": [password], "groups": []}
    open_client = {"publicClient": True, "directAccessGrantsEnabled": True, "fullScopeAllowed": False}
    return {
        "realm": realm,
        "organizationsEnabled": True,
        "roles": {
            "realm": [
                {"name": "lead", "composites": {"realm": ["reader"], "client": {"app": ["edit"]}}},
                {"name": "reader"},
                {"name": "guest"},
            ],
            "client": {"app": [{"name": "edit"}, {"name": "see"}]},
        },
        "clients": [
            {"clientId": "app", **open_client, "protocolMappers": [TELLS]},
            {"clientId": "plain", **open_client, "protocolMappers": []},
        ],
        "users": [
            {"username": name, "email": f"{name}@example.org", **account} for name in ("ann", "bob", "cat", "dan")
        ],
        "organizations": [
            {
                "alias": "acme",
                "domains": [{"name": "acme.example.org"}],
                "groups": [SMITHS],
                "members": [member("ann", "/smiths"), member("bob", "/smiths/heads"), member("cat")],
            },
            {
                "alias": "closed",
                "enabled": False,
                "domains": [{"name": "closed.example.org"}],
                "groups": [{"name": "g", "realmRoles": ["guest"]}],
                "members": [member("dan", "/g")],
            },
        ],
    }


def claims(server: Server, realm: str, user: str, client: str) -> dict[str, Any]:
    """The claims of a user's token for a client that asks for organizations."""
    answer = requests.post(
        f"{server.url}/realms/{realm}/protocol/openid-connect/token",
        {
            "grant_type": "password",
            "client_id": client,
            "username": user,
            "password": WORD,
            "scope": "openid organization:*",
        },
        timeout=30,
    )
    payload = answer.json()["access_token"].split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return found


def in_token(token: Mapping[str, Any], client: str) -> dict[str, Any]:
    """The roles, as a users file has them, and the groups of each organization in a token that has any."""
    claim = token.get("organization")
    found = {}
    for alias, own in (claim if isinstance(claim, dict) else {}).items():
        client_roles = own.get("resource_access", {}).get(client, {}).get("roles", [])
        roles = {*own.get("realm_access", {}).get("roles", []), *(f"{client}/{name}" for name in client_roles)}
        if roles or own["groups"]:
            found[alias] = (roles, set(own["groups"]))
    return found


def inside(grants: Grants, user: str, client: str) -> dict[str, Any]:
    entries = [each for each in grants.entries(user) if client in each.clients]
    return {one.organization: (set(one.roles), set(one.groups)) for each in entries for one in each.inside}


@pytest.fixture
def has_roles_inside(driver: Driver) -> None:
    if lacks(server_of(driver.client), ORGANIZATION_GROUPS, "groups.*.**.realmRoles"):
        pytest.skip("groups of organizations have no roles in this release")


@pytest.mark.usefixtures("has_roles_inside")
def test_what_groups_of_organizations_give_is_what_is_in_tokens(driver: Driver, server: Server, realm: str) -> None:
    """A role of such a group holds within the organization only, and a token has it where a mapper puts it there."""
    driver.apply(a_firm(realm))
    live = Grants(realm, specs_of(realm_of_access(driver.client, realm)))
    files = Grants(realm, specs_of(a_firm(realm)), complete=False)

    found = {}
    for user in ("ann", "bob", "cat", "dan"):
        alone = Grants(realm, specs_of(realm_of_access(driver.client, realm, [user])))
        for client in ("app", "plain"):
            token = claims(server, realm, user, client)
            found[user, client] = in_token(token, client)
            told_of = [inside(grants, user, client) for grants in (live, alone, files)]
            assert told_of == 3 * [found[user, client]]
            assert not {"guest", "reader", "lead"} & {*token.get("realm_access", {}).get("roles", [])}

    assert {who: what for who, what in found.items() if what} == {
        ("ann", "app"): {"acme": ({"guest", "app/see"}, {"/smiths"})},
        ("bob", "app"): {"acme": ({"lead", "reader", "app/edit"}, {"/smiths/heads"})},
    }


def of_acme(*roles: str) -> tuple[str, ...]:
    return tuple(f"{role} in organization acme" for role in roles)


ANN_HAS = ("/smiths of organization acme", *of_acme("app/see", "guest"))
BOB_HAS = ("/smiths/heads of organization acme", *of_acme("app/edit", "lead", "reader"))
CHANGES: list[tuple[dict[str, Any], list[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]]]] = [
    (
        {"organizations": [{"alias": "acme", "members": [{"username": name} for name in ("bob", "cat", "dan")]}]},
        [(("ann",), (), ANN_HAS)],
    ),
    (
        {"organizations": [{"alias": "acme", "members": [member("cat", "/smiths/heads"), {"username": "ann"}]}]},
        [(("bob",), (), BOB_HAS), (("cat",), BOB_HAS, ())],
    ),
    (
        {
            "organizations": [
                {"alias": "acme", "groups": [{**SMITHS, "realmRoles": [], "subGroups": [{**HEADS, "realmRoles": []}]}]}
            ]
        },
        [(("ann",), (), of_acme("guest")), (("bob",), (), of_acme("app/edit", "lead", "reader"))],
    ),
    ({"organizations": [{"alias": "acme", "groups": []}]}, [(("ann",), (), ANN_HAS), (("bob",), (), BOB_HAS)]),
    (
        {"organizations": [{"alias": "closed", "enabled": True}]},
        [(("dan",), ("/g of organization closed", "guest in organization closed"), ())],
    ),
    (
        {"roles": {"realm": [{"name": "lead", "composites": {}}]}},
        [(("bob",), (), of_acme("app/edit", "reader"))],
    ),
    ({"users": [{"username": "ann", "enabled": False}]}, [(("ann",), (), (*ANN_HAS, "login"))]),
    (
        {"clients": [{"clientId": "app", "protocolMappers": []}]},
        [((), (), ("their groups of organizations in app", "their roles within organizations in app"))],
    ),
    ({"organizations": [{"alias": "acme", "description": "Smiths", "groups": [{**SMITHS, "description": "x"}]}]}, []),
]


@pytest.mark.usefixtures("has_roles_inside")
def test_a_plan_tells_who_gains_and_loses_within_organizations(driver: Driver, realm: str) -> None:
    driver.apply(a_firm(realm))

    for sections, expected in CHANGES:
        found = driver.look({"realm": realm, **sections})
        before = len(driver.client.reads)
        assert not found.plan.in_sync
        assert told(driver, found) == [AccessChange(realm, *each) for each in expected], sections
        assert bool(expected) == (len(driver.client.reads) > before)


@pytest.mark.usefixtures("has_roles_inside")
def test_where_no_client_is_told_of_roles_within_organizations_none_is_gained(driver: Driver, realm: str) -> None:
    firm = a_firm(realm)
    driver.apply({**firm, "clients": [{**client, "protocolMappers": []} for client in firm["clients"]]})
    sections = {"organizations": [{"alias": "acme", "members": [member("cat", "/smiths/heads")]}]}

    found = told(driver, driver.look({"realm": realm, **sections}))

    assert found == [
        AccessChange(realm, ("ann",), (), ("/smiths of organization acme",)),
        AccessChange(realm, ("bob",), (), ("/smiths/heads of organization acme",)),
        AccessChange(realm, ("cat",), ("/smiths/heads of organization acme",), ()),
    ]


@pytest.mark.usefixtures("has_roles_inside")
def test_who_was_in_an_organization_that_goes_loses_what_was_within_it(driver: Driver, realm: str) -> None:
    driver.apply(a_firm(realm))
    file = {
        "realm": realm,
        "organizations": [{"alias": "closed"}],
        "x-reconcile": {"prune": {"organizations": "exact"}},
    }

    plan = driver.pruning(file)

    assert list(driver.provider.access(plan.changes)) == [
        AccessChange(realm, ("ann",), (), ANN_HAS),
        AccessChange(realm, ("bob",), (), BOB_HAS),
    ]


def test_users_and_groups_are_searched_on_the_server(driver: Driver, realm: str) -> None:
    many = [{"username": f"many{number:02}"} for number in range(25)]
    driver.apply(declared(realm, users=[{"username": "ann", "groups": ["/staff/heads"]}, *many]))
    provider = driver.provider

    found = provider.users_found(realm, "many", most=20)
    groups = provider.groups_found(realm, "HEAD", most=20)
    members = provider.members_found(realm, "/staff/heads", most=20)

    assert (len(found.names), found.total) == (20, 25)
    assert provider.users_found(realm, "a&max=1000", most=20).names == ()
    assert (groups.names, members.names) == (("/staff/heads",), ("ann",))
    assert provider.members_found(realm, "/staff/none", most=20).names == ()


def test_one_users_access_is_compared_with_that_after_the_plan(driver: Driver, realm: str) -> None:
    driver.apply(declared(realm))
    moved = declared(realm)
    moved["users"] = [{"username": "bob", "groups": ["/staff/heads"]}, {"username": "new", "groups": ["/staff"]}]
    changes = driver.plan(moved).changes

    bob, new = (driver.provider.grants_of_user(realm, name, changes) for name in ("bob", "new"))
    before, after = driver.provider.grants_of_group(realm, "/staff/heads", changes)

    assert [entries(grants, "bob")["app"].get("app/edit") for grants in bob] == [None, ("/staff/heads",)]
    assert "new" not in new[0].users
    assert entries(new[1], "new")["app"]["reader"] == ("/staff",)
    assert entries(before, "")["app"] == entries(after, "")["app"]
    assert entries(before, "")["app"]["lead"] == ("/staff/heads",)
