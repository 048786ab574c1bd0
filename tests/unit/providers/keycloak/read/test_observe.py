"""Reading: which requests, what is made of the answers, and when a thin answer is an error."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.message.errors import Conflict, Denied, NoLogin
from reconciler.core.resource.resource import Observed
from reconciler.core.resource.values import Secret
from reconciler.providers.keycloak.expand import expand
from reconciler.providers.keycloak.ids import Directory
from reconciler.providers.keycloak.read.observe import observe
from tests.kit.keycloak.scripted import ScriptedConnection
from tests.kit.keycloak.server import document

EXPORT = {
    "id": "lab",
    "realm": "lab",
    "displayName": "Lab",
    "clientScopes": [{"id": "s1", "name": "email", "description": "Mail"}],
    "clients": [{"id": "c1", "clientId": "app", "secret": "**********"}],
    "roles": {
        "realm": [{"id": "r1", "name": "viewer", "composites": {"realm": ["other"]}}],
        "client": {"app": [{"id": "r2", "name": "reader"}]},
    },
    "groups": [{"id": "g1", "name": "staff", "path": "/staff", "subGroups": [{"id": "g2", "name": "a/b"}]}],
    "users": [{"id": "u9", "username": "service-account-app", "realmRoles": ["viewer"]}],
}
CLIENTS = [
    {
        "id": "c1",
        "clientId": "app",
        "secret": "in clear",
        "attributes": {"saml.signing.private.key": "key", "a": "1"},
    },
    {"id": "c2", "clientId": "public", "publicClient": True},
]
ALL = "ASK lab/partial-export?exportClients=true&exportGroupsAndRoles=true"


def observed(answers: Any, *realms: Any) -> tuple[dict[str, Observed], ScriptedConnection]:
    connection = ScriptedConnection(answers)
    found = observe(connection, Directory(connection), list(expand(document(*realms))))
    return {str(each.address): each for each in found}, connection


def test_a_realm_that_is_not_there_is_one_request() -> None:
    found, connection = observed({}, {"realm": "lab", "clients": [{"clientId": "app"}], "users": [{"username": "a"}]})

    assert found == {}
    assert connection.requests == ["ASK lab/partial-export?exportClients=true&exportGroupsAndRoles=false"]


def test_all_but_users_is_two_requests() -> None:
    found, connection = observed(
        {ALL: EXPORT, "GET lab/clients": CLIENTS},
        {
            "realm": "lab",
            "clientScopes": [{"name": "email"}],
            "clients": [{"clientId": "app"}, {"clientId": "public"}, {"clientId": "missing"}],
            "roles": {"realm": [{"name": "viewer"}], "client": {"app": [{"name": "reader"}]}},
            "groups": [{"name": "staff", "subGroups": [{"name": "a/b"}]}],
            "users": [{"username": "service-account-app", "realmRoles": []}],
        },
    )

    assert connection.requests == [ALL, "GET lab/clients"]
    assert {address: each.id for address, each in found.items()} == {
        "keycloak.realm/lab": "lab",
        "keycloak.client-scope/lab/email": "s1",
        "keycloak.client/lab/app": "c1",
        "keycloak.client/lab/public": "c2",
        "keycloak.role/lab/viewer": "r1",
        "keycloak.client-role/lab/app/reader": "r2",
        "keycloak.group/lab/staff": "g1",
        "keycloak.group/lab/staff/a%2Fb": "g2",
        "keycloak.user/lab/service-account-app": "u9",
    }


def test_secrets_are_secret_from_the_moment_they_are_read() -> None:
    found, _ = observed(
        {"ASK lab/partial-export?exportClients=true&exportGroupsAndRoles=false": EXPORT, "GET lab/clients": CLIENTS},
        {"realm": "lab", "clients": [{"clientId": "app"}, {"clientId": "public"}]},
    )

    app = found["keycloak.client/lab/app"]
    assert app.outputs == {"secret": Secret("in clear")}
    assert app.spec["secret"] == Secret("in clear")
    assert app.spec["attributes"] == {"saml.signing.private.key": Secret("key"), "a": "1"}
    assert "in clear" not in repr(app)
    assert "Secret" not in repr(found["keycloak.client/lab/public"].outputs)


def test_a_user_is_read_as_far_as_it_is_declared() -> None:
    answers = {
        "GET lab": {"id": "lab", "realm": "lab", "accessTokenLifespan": 1},
        "GET lab/users?username=ann%40x&exact=true": [{"id": "u1", "username": "ann@x"}],
        "GET lab/users?username=bob&exact=true": [{"id": "u2", "username": "bob"}],
        "GET lab/users/u1/groups": [{"path": "/staff"}],
        "GET lab/users/u2/role-mappings": {
            "realmMappings": [{"name": "viewer"}],
            "clientMappings": {"app": {"mappings": [{"name": "reader"}]}},
        },
    }
    users = [{"username": "Ann@X", "groups": []}, {"username": "bob", "realmRoles": []}, {"username": "gone"}]

    found, connection = observed(answers, {"realm": "lab", "users": users})

    assert connection.requests == [
        "GET lab",
        "GET lab/users?username=ann%40x&exact=true",
        "GET lab/users?username=bob&exact=true",
        "GET lab/users?username=gone&exact=true",
        "GET lab/users/u1/groups",
        "GET lab/users/u2/role-mappings",
    ]
    assert found["keycloak.user/lab/ann@x"].spec == {"groups": ["/staff"]}
    assert found["keycloak.user/lab/bob"].spec == {"realmRoles": ["viewer"], "clientRoles": {"app": ["reader"]}}
    assert "keycloak.user/lab/gone" not in found


def test_a_user_found_by_name_keeps_it_where_addresses_serve_as_names() -> None:
    answers = {
        "GET lab": {"id": "lab", "realm": "lab", "accessTokenLifespan": 1},
        "GET lab/users?username=ann&exact=true": [{"id": "u1", "username": "ann@example.org"}],
    }

    found, _ = observed(answers, {"realm": "lab", "users": [{"username": "ann"}]})

    assert found["keycloak.user/lab/ann"].id == "u1"


def test_a_thin_realm_is_denied() -> None:
    with pytest.raises(Denied, match="view-realm"):
        observed({"GET lab": {"realm": "lab", "displayName": "x"}}, {"realm": "lab"})


def test_an_export_that_is_refused_names_the_roles() -> None:
    with pytest.raises(Denied, match="HTTP 403.*manage-realm, view-clients and query-groups"):
        observed({ALL: Denied("HTTP 403")}, {"realm": "lab", "groups": [{"name": "a"}], "clients": [{"clientId": "b"}]})


REALM = {"GET lab": {"id": "lab", "realm": "lab", "accessTokenLifespan": 1}}
ANYBODY = "GET lab/users?max=1&briefRepresentation=true"
ONE_USER = {"realm": "lab", "users": [{"username": "ann"}]}


def test_a_wrong_password_is_no_question_of_roles() -> None:
    with pytest.raises(NoLogin, match="^wrong password$"):
        observed(
            {ALL: NoLogin("wrong password")},
            {"realm": "lab", "clients": [], "roles": {"client": {"app": [{"name": "x"}]}}},
        )


def test_seeing_no_user_while_there_are_some_is_denied() -> None:
    with pytest.raises(Denied, match=r"sees none of them.*view-users"):
        observed({**REALM, ANYBODY: [], "GET lab/users/count": 3}, ONE_USER)


def test_seeing_other_users_or_none_at_all_is_no_mistake() -> None:
    others, _ = observed({**REALM, ANYBODY: [{"username": "bob"}]}, ONE_USER)
    nobody, _ = observed({**REALM, ANYBODY: [], "GET lab/users/count": 0}, ONE_USER)

    assert set(others) == set(nobody) == {"keycloak.realm/lab"}


def test_a_user_who_goes_while_the_realm_is_read_is_a_conflict() -> None:
    answers = {**REALM, "GET lab/users?username=ann&exact=true": [{"id": "u1", "username": "ann"}]}

    with pytest.raises(Conflict, match="deleted while"):
        observed(answers, {"realm": "lab", "users": [{"username": "ann", "groups": []}]})


def test_nothing_declared_is_nothing_read() -> None:
    assert observed({}) == ({}, ScriptedConnection({}))
