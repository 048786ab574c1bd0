"""Who gets into what on a real server, and who gains or loses by a plan."""

from __future__ import annotations

from typing import Any

from reconciler.core.access import AccessChange
from reconciler.providers.keycloak.access import Grants, specs_of
from reconciler.providers.keycloak.whole import realm_of_access
from tests.kit.keycloak import Driver, Pass


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
    return {each.client: dict(each.roles) for each in grants.entries(user)}


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
