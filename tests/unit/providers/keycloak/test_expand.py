"""The resources of realms: names, contents, and order."""

from __future__ import annotations

from typing import Any

from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document, DocumentPath
from reconciler.core.resource.resource import Origin, Resource
from reconciler.providers.keycloak.expand import expand
from tests.kit.keycloak.realms import a_realm
from tests.kit.keycloak.server import document


def expanded(*realms: Any) -> dict[str, Resource]:
    return {str(resource.address): resource for resource in expand(document(*realms))}


def after(resource: Resource) -> set[str]:
    return {str(address) for address in resource.after}


def test_every_object_of_a_realm_is_a_resource() -> None:
    assert set(expanded(a_realm("lab"))) == {
        "keycloak.realm/lab",
        "keycloak.client-scope/lab/extra",
        "keycloak.client/lab/app",
        "keycloak.client/lab/robot",
        "keycloak.role/lab/viewer",
        "keycloak.role/lab/boss",
        "keycloak.role/lab/ping",
        "keycloak.role/lab/pong",
        "keycloak.client-role/lab/app/reader",
        "keycloak.client-role/lab/app/a%2Fb c",
        "keycloak.group/lab/staff",
        "keycloak.group/lab/staff/night",
        "keycloak.group/lab/staff/night/r%26d %2F x",
        "keycloak.group/lab/guests",
        "keycloak.user/lab/ann",
        "keycloak.user/lab/bob",
        "keycloak.user/lab/service-account-robot",
    }


def test_everything_comes_after_its_realm_and_what_it_names() -> None:
    found = expanded(a_realm("lab"))

    assert after(found["keycloak.realm/lab"]) == set()
    assert after(found["keycloak.client/lab/app"]) == {"keycloak.realm/lab", "keycloak.client-scope/lab/extra"}
    assert after(found["keycloak.client-role/lab/app/reader"]) == {"keycloak.realm/lab", "keycloak.client/lab/app"}
    assert after(found["keycloak.group/lab/staff/night"]) == {"keycloak.realm/lab", "keycloak.group/lab/staff"}
    assert after(found["keycloak.group/lab/staff"]) == {
        "keycloak.realm/lab",
        "keycloak.role/lab/viewer",
        "keycloak.client-role/lab/app/reader",
    }
    assert after(found["keycloak.user/lab/ann"]) == {
        "keycloak.realm/lab",
        "keycloak.group/lab/staff/night",
        "keycloak.group/lab/staff/night/r%26d %2F x",  # found, though a slash in a path tells nothing
        "keycloak.group/lab/guests",
        "keycloak.role/lab/viewer",
        "keycloak.client-role/lab/app/reader",
    }
    assert after(found["keycloak.user/lab/service-account-robot"]) == {
        "keycloak.realm/lab",
        "keycloak.client/lab/robot",
        "keycloak.role/lab/viewer",
        "keycloak.client-role/lab/app/reader",
    }


def test_roles_that_contain_each_other_do_not_wait_for_each_other() -> None:
    found = expanded(a_realm("lab"))

    assert after(found["keycloak.role/lab/ping"]) == {"keycloak.realm/lab"}


def test_what_is_not_declared_is_waited_for_by_nobody() -> None:
    found = expanded({"realm": "lab", "users": [{"username": "ann", "groups": ["/made by hand"]}]})

    assert after(found["keycloak.user/lab/ann"]) == {"keycloak.realm/lab"}


def test_only_properties_are_compared_and_ids_of_exports_are_not() -> None:
    found = expanded({"realm": "lab", "id": "1", "keycloakVersion": "26", "enabled": True, "clients": []})

    assert found["keycloak.realm/lab"].spec == {"enabled": True}


def test_mirrors_of_settings_in_attributes_are_read_as_the_settings() -> None:
    attributes = {"oauth2DeviceCodeLifespan": "500", "realmReusableOtpCode": "true", "bruteForceProtected": "true"}

    found = expanded({"realm": "lab", "bruteForceProtected": False, "attributes": {**attributes, "note": "x"}})

    assert found["keycloak.realm/lab"].spec == {
        "bruteForceProtected": False,
        "oauth2DeviceCodeLifespan": "500",
        "otpPolicyCodeReusable": "true",
        "attributes": {"note": "x"},
    }


def test_a_service_account_declared_twice_is_one_user() -> None:
    found = expanded(
        {
            "realm": "lab",
            "clients": [{"clientId": "Robot", "serviceAccountRoles": {"realm": ["a"]}}],
            "users": [{"username": "service-account-robot", "clientRoles": {"app": ["b"]}}],
        }
    )

    user = found["keycloak.user/lab/service-account-robot"]
    assert user.spec == {"realmRoles": ["a"], "clientRoles": {"app": ["b"]}, "serviceAccountClientId": "Robot"}
    assert "keycloak.client/lab/Robot" in after(user)


def test_a_service_account_that_its_client_is_not_to_have_is_left_out() -> None:
    users = [{"username": "service-account-robot", "realmRoles": ["a"]}]

    def clients(**body: Any) -> Any:
        return expanded({"realm": "lab", "clients": [{"clientId": "Robot", **body}], "users": users}).keys()

    account = "keycloak.user/lab/service-account-robot"
    assert account not in clients(serviceAccountsEnabled=False)
    assert account in clients(serviceAccountsEnabled=False, authorizationServicesEnabled=True)
    assert account in clients()


def test_policies_name_by_its_name_what_the_file_has_the_id_of() -> None:
    policy = {
        "id": "p1",
        "name": "all",
        "config": {
            "users": '["u1", "eve"]',
            "roles": '[{"id": "r1", "required": true}, {"id": "r2"}, {"id": "app/plain"}, {"id": "r3"}]',
            "groups": [{"id": "g2", "extendChildren": True}],
            "clients": ["c1"],
            "resources": ["d1"],
            "scopes": '["s1"]',
            "applyPolicies": ["p2", "other"],
            "nbf": "2020-01-01 00:00:00",
        },
    }
    settings = {
        "policies": [policy, {"id": "p2", "name": "some"}],
        "resources": [{"_id": "d1", "name": "door"}, {"name": "wall"}],
        "scopes": [{"id": "s1", "name": "open"}],
    }
    realm = {
        "realm": "lab",
        "users": [{"id": "u1", "username": "Ann"}],
        "roles": {
            "realm": [{"id": "r1", "name": "chief"}, {"id": "r3", "name": "/odd"}],
            "client": {"app": [{"id": "r2", "name": "reader"}]},
        },
        "groups": [{"name": "a", "subGroups": [{"id": "g2", "name": "b"}]}],
        "clients": [{"id": "c1", "clientId": "app", "authorizationSettings": settings}],
    }

    found = expanded(realm)["keycloak.authorization/lab/app"]

    config = found.spec["policies"][0]["config"]
    assert config == {
        "users": ["ann", "eve"],
        "roles": [{"id": "chief", "required": True}, {"id": "app/reader"}, {"id": "app/plain"}, {"id": "/odd"}],
        "groups": [{"path": "/a/b", "extendChildren": True}],
        "clients": ["app"],
        "resources": ["door"],
        "scopes": ["open"],
        "applyPolicies": ["some", "other"],
        "nbf": "2020-01-01 00:00:00",
    }
    assert {"keycloak.user/lab/ann", "keycloak.role/lab/chief", "keycloak.group/lab/a/b"} <= set(after(found))


def test_every_property_knows_where_it_was_written() -> None:
    asked: list[DocumentPath] = []

    def locate(path: DocumentPath) -> Origin:
        asked.append(path)
        return Origin("users.yaml", len(asked), 1)

    groups = [{"name": "staff", "subGroups": [{"name": "night", "description": "x"}]}]
    realm: Any = {"realm": "lab", "groups": groups}
    found = {resource.address: resource for resource in expand(Document("p", "/", locate, None, [realm]))}

    night = found[Address("keycloak.group", ("lab", "staff", "night"))]
    assert asked == []  # as long as no message needs it
    assert night.origin == Origin("users.yaml", 1, 1)
    found_in = night.source("description")
    assert found_in is not None
    assert (found_in.path, len(asked)) == ("description", 1)  # the words of the file alone need no place
    assert found_in.origin == Origin("users.yaml", 2, 1)
    assert night.source("attributes") is None
    group = ("realms", 0, "groups", 0, "subGroups", 0)
    assert asked == [group, (*group, "description")]


def test_no_realms_are_no_resources() -> None:
    assert expanded() == {}
    assert list(expand(Document("p", "/", lambda _: Origin("users.yaml")))) == []
