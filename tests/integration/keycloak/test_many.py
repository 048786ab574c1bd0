"""A realm of the size of a company: few requests to look at it, few to make it, one for one change; and pruning."""

from __future__ import annotations

import copy
import time
from typing import Any

from tests.kit.keycloak.server import ByHand, Driver, Server, with_quick_keys, without_newer

USERS = 60


def a_large_realm(name: str) -> dict[str, Any]:
    return {
        "realm": name,
        "adminEventsEnabled": True,
        "clients": [{"clientId": f"app{number}"} for number in range(5)],
        "roles": {
            "realm": [{"name": f"role{number}"} for number in range(5)],
            "client": {"app0": [{"name": "reader"}]},
        },
        "groups": [{"name": f"group{number}"} for number in range(10)],
        "users": [
            {
                "username": f"User{number}",
                "email": f"user{number}@example.org",
                "firstName": "First",
                "lastName": "Last",
                "groups": [f"group{number % 10}"],
                "realmRoles": [f"role{number % 5}"],
                "clientRoles": {"app0": ["reader"]} if number % 2 else {},
            }
            for number in range(USERS)
        ],
    }


def test_many_users_are_one_write_to_make_few_requests_to_look_at_and_one_write_to_change(
    driver: Driver, realm: str, by_hand: ByHand
) -> None:
    file = a_large_realm(realm)
    made, settled = driver.apply(file)

    assert len([write for write in made.writes if "partialImport" in write]) == 1
    assert settled.plan.in_sync
    # Export, clients, count, a page of users, and one for each group and role.
    assert len(settled.reads) < 4 + 10 + USERS
    assert not [read for read in settled.reads if "role-mappings" in read or "/groups?" in read]

    other = copy.deepcopy(file)
    other["users"][3] |= {"firstName": "Other"}
    changed = driver.once(other)

    assert len(changed.writes) == 1
    assert driver.look(other).plan.in_sync
    by_hand.delete(f"groups/{by_hand.id_of('groups', name='group3')}")
    assert [len(each.writes) for each in driver.apply(other)] == [1 + 6, 0]


def a_company(name: str) -> dict[str, Any]:
    """50 clients, 50 groups, 200 roles and 100 users with memberships."""
    return {
        "realm": name,
        "adminEventsEnabled": True,
        "clients": [{"clientId": f"app{number}", "secret": f"s{number}"} for number in range(50)],
        "roles": {"realm": [{"name": f"role{number}"} for number in range(200)]},
        "groups": [{"name": f"group{number}", "realmRoles": [f"role{number}"]} for number in range(50)],
        "users": [
            {
                "username": f"user{number}",
                "email": f"user{number}@example.org",
                "firstName": "First",
                "lastName": "Last",
                "groups": [f"group{number % 50}"],
                "realmRoles": [f"role{number}", f"role{number + 100}"],
            }
            for number in range(100)
        ],
    }


def test_a_company_is_looked_at_with_few_requests_and_one_change_is_one_write(
    server: Server, driver: Driver, fresh: str
) -> None:
    file = with_quick_keys(a_company(fresh))
    driver.apply(file)
    hand = ByHand(server.client(), fresh)
    events = len(hand.events())

    began = time.process_time()
    again = driver.once(file)
    own = time.process_time() - began

    assert again.plan.in_sync
    assert again.writes == ()
    of_groups = [read for read in again.reads if "/members?" in read]
    of_roles = [read for read in again.reads if "/role-mappings" in read or ("/users?" in read and "/roles/" in read)]
    assert len(of_groups) <= 50
    assert len(of_roles) <= 200
    assert len(again.reads) - len(of_groups) - len(of_roles) <= 6
    assert own < 1, "this program's own share of the time, as that of the server depends on the machine"

    other = copy.deepcopy(file)
    other["users"][3]["firstName"] = "Other"
    changed = driver.once(other)

    assert len(changed.writes) == 1
    assert len(hand.events()) - events == 1
    assert driver.look(other).plan.in_sync
    hand.client.close()


def test_one_wrong_user_keeps_no_other_from_being_made(driver: Driver, realm: str, by_hand: ByHand) -> None:
    file = {"realm": realm, "users": [{"username": f"user{number}"} for number in range(25)]}
    file["users"][7]["groups"] = ["nowhere"]
    plan = driver.plan(file)

    failures = [error for step in plan.steps if (error := failure(driver, step)) is not None]

    assert len(failures) == 1
    assert "user7" in str(failures[0])
    assert len(by_hand.get("users?max=100")) == 24


def failure(driver: Driver, step: Any) -> Exception | None:
    try:
        driver.perform([step])
    except Exception as error:  # noqa: BLE001  # whatever it is, it is looked at
        return error
    return None


def test_what_is_no_longer_declared_goes_and_nothing_else(driver: Driver, realm: str, by_hand: ByHand) -> None:
    sections = ("groups", "authenticationFlows", "components", "workflows")
    options = {"prune": {"clients": "owned", **dict.fromkeys(sections, "exact")}}
    flow = {"alias": "ours", "topLevel": True, "authenticationExecutions": [{"flowAlias": "inner"}]}
    inner = {"alias": "inner", "topLevel": False, "authenticationExecutions": []}
    first = {
        "realm": realm,
        "clients": [{"clientId": "ours"}, {"clientId": "kept"}],
        "groups": [{"name": "staff", "subGroups": [{"name": "night"}]}, {"name": "gone", "subGroups": [{"name": "x"}]}],
        "authenticationFlows": [flow, inner],
        "browserFlow": "ours",
        "workflows": [{"name": name, "steps": [{"uses": "disable-user"}]} for name in ("gone", "kept")],
        "x-reconcile": options,
    }
    driver.apply(without_newer(driver.client, first))
    by_hand.post("clients", {"clientId": "by-hand"})
    then = {
        "realm": realm,
        "clients": [{"clientId": "kept"}],
        "groups": [{"name": "staff", "subGroups": [{"name": "night"}]}],
        "browserFlow": "browser",
        "workflows": [{"name": "kept", "steps": [{"uses": "disable-user"}]}],
        "x-reconcile": options,
    }
    then = without_newer(driver.client, then)

    plan = driver.pruning(then)
    driver.perform(plan.steps)

    assert driver.pruning(then).in_sync
    clients = {client["clientId"] for client in by_hand.get("clients")}
    assert {"kept", "by-hand", "account"} <= clients
    assert "ours" not in clients
    assert {group["name"] for group in by_hand.get("groups")} == {"staff"}
    assert len(by_hand.get(f"groups/{by_hand.id_of('groups', name='staff')}/children")) == 1
    assert "ours" not in {each["alias"] for each in by_hand.get("authentication/flows")}
    if "workflows" in then:
        assert [each["name"] for each in by_hand.get("workflows")] == ["kept"]
