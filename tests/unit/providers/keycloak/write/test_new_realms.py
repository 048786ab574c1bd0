"""The objects made in a realm are the same, whether the realm is new or not, and one by one or many at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.core.plan.plan import make
from reconciler.core.plan.policy import Policy
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Observed
from reconciler.core.resource.values import Secret
from reconciler.providers.keycloak.expand import expand
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.providers.keycloak.registry import KINDS
from reconciler.vocabulary.keycloak import REALM
from tests.kit.keycloak.portrait import portrait
from tests.kit.keycloak.realms import a_realm, a_whole_realm
from tests.kit.keycloak.scenarios import applied, lab, left
from tests.kit.keycloak.server import document
from tests.kit.keycloak.simulator.line import SimulatedClient
from tests.kit.keycloak.simulator.server import SimulatedKeycloak

SCOPES = ("basic", "email", "extra")


def made(*realms: Mapping[str, Any]) -> SimulatedKeycloak:
    """A server to which these files were applied one after the other, each in one run without a failure."""
    server = SimulatedKeycloak()
    for realm in realms:
        report, _ = applied(server, realm, Policy(deletes=True))
        assert not report.failed, [event.note for event in report.failed]
        assert not left(server, realm, Policy())
    return server


def client_of(server: SimulatedKeycloak, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(each for each in server.exported("lab")["clients"] if each["clientId"] == name)
    return found


def test_a_client_of_a_new_realm_gets_the_default_scopes_that_are_declared() -> None:
    scopes = {
        "clientScopes": [{"name": "extra", "protocol": "openid-connect"}],
        "defaultDefaultClientScopes": list(SCOPES),
        "defaultOptionalClientScopes": ["phone"],
    }

    at_once = made(lab(**scopes, clients=[{"clientId": "app"}]))
    later = made(lab(**scopes), lab(**scopes, clients=[{"clientId": "app"}]))

    assert set(client_of(at_once, "app")["defaultClientScopes"]) == set(SCOPES)
    assert client_of(at_once, "app")["optionalClientScopes"] == ["phone"]
    assert set(client_of(later, "app")["defaultClientScopes"]) == set(SCOPES)


def test_a_scope_moves_from_one_list_of_default_scopes_to_the_other() -> None:
    lists = ("defaultDefaultClientScopes", "defaultOptionalClientScopes")
    server = made(
        lab(**dict(zip(lists, (["email"], ["phone"]), strict=True))),
        lab(**dict(zip(lists, (["phone"], ["email"]), strict=True))),
    )

    assert [server.exported("lab")[name] for name in lists] == [["phone"], ["email"]]


def people(count: int, **more: Any) -> list[dict[str, Any]]:
    credentials = [{"type": "password", "value": Secret("start"), "temporary": True}]
    return [{"username": f"user{number:02}", "credentials": credentials, **more} for number in range(count)]


def test_many_users_are_made_as_few_are() -> None:
    realm = {"groups": [{"name": "all"}], "defaultGroups": ["/all"]}
    actions = {"requiredActions": [{"alias": "VERIFY_EMAIL", "enabled": True, "defaultAction": True, "priority": 50}]}

    few = made(lab(**realm, **actions), lab(**realm, **actions, users=people(3)))
    many = made(lab(**realm, **actions), lab(**realm, **actions, users=people(30)))

    at_once = made(lab(**realm, **actions, users=people(3)))
    many_at_once = made(lab(**realm, **actions, users=people(30)))

    first, *_ = portrait(few, "lab")["users"]
    assert portrait(at_once, "lab")["users"] == portrait(few, "lab")["users"]
    assert portrait(many_at_once, "lab")["users"] == portrait(many, "lab")["users"]
    assert first["groups"] == ["all"]
    assert first["requiredActions"] == ["UPDATE_PASSWORD", "VERIFY_EMAIL"]
    assert first in portrait(many, "lab")["users"]
    assert all(user["groups"] == ["all"] for user in portrait(many, "lab")["users"])


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("made_by", [a_realm, a_whole_realm])
def test_each_object_is_written_after_those_that_decide_what_it_is_given(made_by: Any, is_new: bool) -> None:
    desired = list(expand(document(made_by("lab"))))
    realm = [] if is_new else [Observed(Address(REALM, ("lab",)), "lab", {})]

    plan = make({"keycloak": KeycloakProvider({})}, desired, realm)

    places: dict[str, list[int]] = {}
    for place, step in enumerate(plan.steps):
        for address in (step.address, *step.covers):
            places.setdefault(address.kind, []).append(place)
    for kind in KINDS.values():
        for first in kind.dependencies.behind:
            if places.get(kind.name) and places.get(first):
                assert max(places[first]) < min(places[kind.name]), (kind.name, first)


def test_what_a_file_says_of_many_users_is_all_that_they_get() -> None:
    server = made(
        lab(groups=[{"name": "all"}], defaultGroups=["/all"]),
        lab(groups=[{"name": "all"}], defaultGroups=["/all"], users=people(30, groups=[], requiredActions=[])),
    )

    assert all(user["groups"] == [] for user in portrait(server, "lab")["users"])
    assert len([call for call in server.writes if "/users" in call]) == 0


def test_users_made_along_with_the_default_groups_are_in_them() -> None:
    server = made(lab(groups=[{"name": "all"}], defaultGroups=["/all"], users=people(2)))

    assert all(user["groups"] == ["all"] for user in portrait(server, "lab")["users"])


def test_a_flow_stands_on_a_subflow_that_came_with_its_realm() -> None:
    execution = {"authenticatorFlow": True, "flowAlias": "forms", "requirement": "ALTERNATIVE", "priority": 10}
    flow = {"alias": "ours", "topLevel": True, "builtIn": False, "authenticationExecutions": [execution]}

    server = made(lab(), lab(authenticationFlows=[flow]))
    at_once = made(lab(authenticationFlows=[flow]))

    for each in (server, at_once):
        client = SimulatedClient(each)
        (found, *_) = client.get("admin/realms/lab/authentication/flows/ours/executions")
        assert found["displayName"] == "forms"
