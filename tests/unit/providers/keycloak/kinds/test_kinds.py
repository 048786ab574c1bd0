"""The tables of the other types: what a file says in its own way, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.difference.change import Action, diff
from reconciler.core.message.errors import ConfigError
from reconciler.core.plan.plan import make
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import ABSENT, Secret
from reconciler.providers.keycloak.expand import expand
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.providers.keycloak.registry import KINDS
from tests.kit.keycloak.realms import a_whole_realm
from tests.kit.keycloak.scripted import ScriptedConnection
from tests.kit.keycloak.server import document


def expanded(realm: Any) -> dict[str, Resource]:
    return {str(resource.address): resource for resource in expand(document(realm))}


def fields(kind: str, declared: Any, live: Any) -> dict[str, Any]:
    """The differences, by path."""
    address = Address(kind, ("lab", "thing"))
    change = diff(KINDS[kind].kind, Resource(address, declared), Observed(address, "id", live))
    return {".".join(field.path): (field.before, field.after) for field in change.fields}


def test_a_whole_realm_can_be_put_in_order() -> None:
    provider = KeycloakProvider({})
    plan = make({"keycloak": provider}, provider.expand(document(a_whole_realm("lab"))), ())

    order = [str(change.address) for change in plan.changes]
    assert {change.action for change in plan.changes} == {Action.CREATE}
    for first, then in (
        ("keycloak.flow/lab/our forms", "keycloak.flow/lab/our login"),
        ("keycloak.flow/lab/our login", "keycloak.flow-bindings/lab"),
        ("keycloak.flow/lab/our login", "keycloak.client/lab/app"),
        ("keycloak.flow/lab/our login", "keycloak.identity-provider/lab/elsewhere"),
        ("keycloak.identity-provider/lab/elsewhere", "keycloak.identity-provider-mapper/lab/elsewhere/viewers"),
        ("keycloak.client-profiles/lab", "keycloak.client-policies/lab"),
        ("keycloak.client-role/lab/app/reader", "keycloak.scope-mappings/lab/app"),
        ("keycloak.role/lab/viewer", "keycloak.authorization/lab/app"),
        ("keycloak.group/lab/staff/night", "keycloak.default-groups/lab"),
        ("keycloak.group/lab/staff/night", "keycloak.admin-permissions/lab"),
        ("keycloak.client/lab/app", "keycloak.admin-permissions/lab"),
        ("keycloak.client-role/lab/app/reader", "keycloak.admin-permissions/lab"),
        ("keycloak.user/lab/ann", "keycloak.admin-permissions/lab"),
        ("keycloak.user-profile/lab", "keycloak.user/lab/ann"),
        ("keycloak.user/lab/ann", "keycloak.organization/lab/acme"),
        ("keycloak.organization/lab/acme", "keycloak.organization-groups/lab/acme"),
        ("keycloak.client-role/lab/app/reader", "keycloak.organization-groups/lab/acme"),
        ("keycloak.client-role/lab/app/reader", "keycloak.default-roles/lab"),
    ):
        assert order.index(first) < order.index(then), (first, then)


def test_what_a_client_does_not_say_of_default_roles_stays_as_it_is() -> None:
    live = {"realmRoles": ["offline_access", "a"], "clientRoles": {"account": ["view-profile"], "app": ["x"]}}
    kind = "keycloak.default-roles"

    assert fields(kind, {"realmRoles": ["a"], "clientRoles": {"app": ["x"]}}, live) == {}
    assert fields(kind, {"realmRoles": ["a", "uma_authorization"]}, {"realmRoles": ["a"]}) == {
        "realmRoles": (("a",), ("a", "uma_authorization"))
    }
    assert fields(kind, {"realmRoles": [], "clientRoles": {"app": [], "other": []}}, live) == {
        "realmRoles": (("a", "offline_access"), ("offline_access",)),
        "clientRoles.app": (("x",), ABSENT),
    }


def test_groups_of_an_organization_are_exact_where_they_are_declared() -> None:
    inner = {"name": "in", "id": "2", "path": "/a/in", "attributes": {"x": ["1"]}, "realmRoles": ["r"]}
    live = {"groups": [{"name": "a", "id": "1", "description": "d", "subGroups": [inner]}, {"name": "b"}]}
    kind = "keycloak.organization-groups"

    assert fields(kind, {"groups": [{"name": "b"}, {"name": "a"}]}, live) == {}
    assert fields(kind, {"groups": [{"name": "a", "subGroups": []}]}, live) == {
        "groups.a.subGroups.in": ({"attributes": {"x": ("1",)}, "realmRoles": ("r",)}, ABSENT),
        "groups.b": ({}, ABSENT),
    }
    bare = {"name": "a", "subGroups": [{"name": "in", "attributes": {}}]}
    assert fields(kind, {"groups": [bare, {"name": "b"}]}, live) == {
        "groups.a.subGroups.in.attributes.x": (("1",), ABSENT)
    }
    assert fields(kind, {}, live) == {}


def test_only_members_with_the_word_are_put_into_groups() -> None:
    live = {"members": [{"username": "ann", "groups": ["/a"]}, {"username": "bob", "groups": []}]}
    kind = "keycloak.organization-groups"

    assert fields(kind, {"members": [{"username": "Ann", "groups": ["a"]}, {"username": "bob"}]}, live) == {}
    assert fields(kind, {"members": [{"username": "ann", "groups": []}]}, live) == {"members.ann": (("/a",), ABSENT)}


def test_steps_of_a_workflow_are_compared_one_by_one() -> None:
    live = [
        {"id": "1", "uses": "a", "after": "5", "with": {"x": "1", "to": ["n", "m"]}},
        {"id": "2", "uses": "b", "status": "PENDING"},
    ]
    declared = [{"uses": "a", "after": 5, "with": {"x": ["1"], "to": ["m", "n"]}}, {"uses": "b", "with": {}}]

    assert fields("keycloak.workflow", {"steps": declared}, {"steps": live}) == {}
    assert fields("keycloak.workflow", {"steps": declared[::-1]}, {"steps": live})
    assert fields("keycloak.workflow", {"steps": declared[:1]}, {"steps": live}) == {"steps.2": ({"uses": "b"}, ABSENT)}


def test_the_same_authenticator_may_run_twice_in_a_flow() -> None:
    declared = [
        {"authenticator": "auth-cookie", "requirement": "REQUIRED", "priority": 20},
        {"authenticator": "auth-cookie", "requirement": "DISABLED", "priority": 10},
    ]
    live = list(reversed(declared))

    assert fields("keycloak.flow", {"authenticationExecutions": declared}, {"authenticationExecutions": live}) == {}
    assert fields("keycloak.flow", {"authenticationExecutions": declared}, {"authenticationExecutions": live[:1]}) == {
        "authenticationExecutions.auth-cookie #2": (
            ABSENT,
            {"authenticator": "auth-cookie", "requirement": "REQUIRED", "priority": 20},
        )
    }


def test_a_built_in_flow_may_have_more_executions_than_the_file() -> None:
    live = [{"authenticator": name, "requirement": "REQUIRED", "priority": 1} for name in ("a", "b")]
    declared = {"authenticationExecutions": [{"authenticator": "a", "requirement": "DISABLED", "priority": 1}]}

    own = fields("keycloak.flow", declared, {"authenticationExecutions": live})
    built_in = fields("keycloak.flow", declared, {"builtIn": True, "authenticationExecutions": live})

    changed = {"authenticationExecutions.a.requirement": ("REQUIRED", "DISABLED")}
    assert built_in == changed
    assert own == {**changed, "authenticationExecutions.b": (live[1], ABSENT)}


def test_settings_of_an_execution_that_the_server_masks_are_no_difference() -> None:
    def flow(**config: str) -> Any:
        settings = {"alias": "x", "config": config}
        return {"authenticationExecutions": [{"authenticator": "a", "authenticatorConfig": settings}]}

    assert fields("keycloak.flow", flow(key="1", more="2"), flow(key="**********", more="2")) == {}


def test_a_flow_of_a_client_may_be_named_by_its_id_as_exports_do() -> None:
    realm = {
        "realm": "lab",
        "authenticationFlows": [{"id": "1-2-3", "alias": "ours"}],
        "clients": [{"clientId": "app", "authenticationFlowBindingOverrides": {"browser": "1-2-3"}}],
    }

    app = expanded(realm)["keycloak.client/lab/app"]

    assert app.spec["authenticationFlowBindingOverrides"] == {"browser": "ours"}
    assert Address("keycloak.flow", ("lab", "ours")) in app.after


def test_scopes_of_the_other_protocol_are_no_difference() -> None:
    declared = {"defaultClientScopes": ["email", "role_list"]}
    live = {"protocol": "openid-connect", "defaultClientScopes": ["email"]}

    assert fields("keycloak.client", declared, live) == {}
    assert fields("keycloak.client", {**declared, "protocol": "saml"}, {**live, "protocol": "saml"})


def test_components_inside_others_and_of_two_sorts_have_names_of_their_own() -> None:
    policies = [{"name": "Scopes", "subType": sort} for sort in ("anonymous", "authenticated")]
    mapper = {"name": "email", "providerId": "user-attribute-ldap-mapper"}
    ldap = {"name": "ldap", "subComponents": {"mappers": [mapper]}}

    found = expanded({"realm": "lab", "components": {"policies": policies, "storage": [ldap]}})

    assert set(found) == {
        "keycloak.realm/lab",
        "keycloak.component/lab/Scopes (anonymous)",
        "keycloak.component/lab/Scopes (authenticated)",
        "keycloak.component/lab/ldap",
        "keycloak.component/lab/ldap/email",
    }
    assert Address("keycloak.component", ("lab", "ldap")) in found["keycloak.component/lab/ldap/email"].after


def test_two_components_of_one_name_are_told() -> None:
    components = {"keys": [{"name": "same"}], "storage": [{"name": "same"}]}

    with pytest.raises(ConfigError, match="keycloak.component/lab/same is there twice"):
        expanded({"realm": "lab", "components": components})


@pytest.mark.parametrize("live", [{}, {"secret": ["**********"]}])
def test_what_a_component_hides_is_not_compared(live: Any) -> None:
    declared = {"config": {"secret": [Secret("s")], "priority": ["1"]}}

    assert fields("keycloak.component", declared, {"config": {"priority": ["1"], "added": ["x"], **live}}) == {}


def test_a_profile_of_an_export_is_a_text_in_a_component() -> None:
    text = '{"attributes": [{"name": "username"}], "unmanagedAttributePolicy": "ENABLED"}'
    component = {"providerId": "declarative-user-profile", "config": {"kc.user.profile.config": [text]}}

    found = expanded({"realm": "lab", "components": {"org.keycloak.userprofile.UserProfileProvider": [component]}})

    assert set(found) == {"keycloak.realm/lab", "keycloak.user-profile/lab"}
    assert found["keycloak.user-profile/lab"].spec["unmanagedAttributePolicy"] == "ENABLED"


def test_the_secret_of_an_identity_provider_is_compared_only_as_a_reference() -> None:
    kind = "keycloak.identity-provider"

    masked = fields(kind, {"config": {"clientSecret": Secret("s")}}, {"config": {"clientSecret": "**********"}})
    named = fields(kind, {"config": {"clientSecret": Secret("${vault.a}")}}, {"config": {"clientSecret": "${vault.b}"}})

    assert masked == {}
    assert named == {"config.clientSecret": ("${vault.b}", "${vault.a}")}


def test_policies_of_authorization_are_compared_by_what_their_texts_say() -> None:
    def policy(roles: str) -> Any:
        return {"policies": [{"name": "p", "type": "role", "config": {"roles": roles}}]}

    declared = policy('[{"id": "b"},{"id":"a", "required": true}]')
    live = policy('[{"id":"a","required":true},{"id":"b","required":false}]')

    assert fields("keycloak.authorization", declared, live) == {}
    assert fields("keycloak.authorization", declared, policy("[]"))


def test_what_a_policy_does_not_say_of_groups_and_scopes_is_no_difference_in_any_order() -> None:
    def policy(**config: Any) -> Any:
        return {"policies": [{"name": "p", "config": config}]}

    declared = policy(
        groups=[{"path": "/b"}, {"extendChildren": True, "path": "/a"}], clientScopes='[{"id": "x"}]', fetchRoles=True
    )
    live = policy(
        groups='[{"path":"/a","extendChildren":true},{"path":"/b","extendChildren":false}]',
        clientScopes='[{"id":"x","required":false}]',
        fetchRoles="true",
    )

    assert fields("keycloak.authorization", declared, live) == {}


def test_an_old_resource_of_authorization_has_one_address() -> None:
    declared = {"resources": [{"name": "r", "uri": "/a", "scopes": [{"name": "x"}]}]}
    live = {"resources": [{"name": "r", "uris": ["/a"], "scopes": [{"name": "x"}], "ownerManagedAccess": False}]}

    assert fields("keycloak.authorization", declared, live) == {}


@pytest.mark.parametrize(
    ("kind", "path", "is_open"),
    [
        ("keycloak.client-role", ("lab", "realm-management", "realm-admin"), True),
        ("keycloak.client-role", ("lab", "realm-management", "view-users"), False),
        ("keycloak.role", ("lab", "admin"), False),
    ],
)
def test_rights_that_a_newer_server_adds_to_its_own_role_are_no_difference(
    kind: str, path: Any, *, is_open: bool
) -> None:
    declared = {"composites": {"client": {"realm-management": ["view-users"]}}}
    live = {"composites": {"client": {"realm-management": ["view-users", "view-organizations"]}}}

    assert (changes(kind, path, declared, live) == []) is is_open
    assert changes(kind, path, declared, {"composites": {"client": {"app": ["x"]}}}) != []


def test_roles_of_other_realms_stay_with_administrators_of_the_server() -> None:
    declared = {"composites": {"realm": ["create-realm"]}}
    live = {"composites": {"realm": ["create-realm"], "client": {"lab-realm": ["view-users"]}}}

    assert changes("keycloak.role", ("master", "admin"), declared, live) == []
    assert changes("keycloak.role", ("master", "admin"), declared, {"composites": {"client": {"app": ["x"]}}}) != []


def test_what_belongs_to_a_generated_key_is_compared_only_where_the_server_shows_it() -> None:
    declared = {"providerId": "rsa-generated", "config": {"kid": ["a"], "certificate": ["c"], "priority": ["100"]}}
    component = ("lab", "rsa-generated")

    assert changes("keycloak.component", component, declared, {**declared, "config": {"priority": ["100"]}}) == []
    assert changes("keycloak.component", component, declared, {**declared, "config": {"priority": ["1"]}}) != []
    shown = {"priority": ["100"], "kid": ["b"], "certificate": ["c"]}
    assert changes("keycloak.component", component, declared, {**declared, "config": shown}) != []


def changes(kind: str, path: Any, declared: Any, live: Any) -> list[Any]:
    address = Address(kind, path)
    return list(diff(KINDS[kind].kind, Resource(address, declared), Observed(address, "id", live)).fields)


def test_the_older_name_of_a_required_action_is_its_new_one() -> None:
    old, new = {"alias": "terms_and_conditions", "enabled": True}, {"alias": "TERMS_AND_CONDITIONS"}

    found = expanded({"realm": "lab", "requiredActions": [old]})
    both = expanded({"realm": "lab", "requiredActions": [old, new]})

    spec = found["keycloak.required-action/lab/TERMS_AND_CONDITIONS"].spec
    assert spec == {"enabled": True, "providerId": "TERMS_AND_CONDITIONS"}
    assert [address for address in both if "required-action" in address] == [
        "keycloak.required-action/lab/TERMS_AND_CONDITIONS"
    ]


def test_attributes_of_old_exports_that_mirror_a_setting_are_the_setting() -> None:
    attributes = {
        "_browser_header.xRobotsTag": "none",
        "webAuthnPolicyRequireResidentKeyPasswordless": "Yes",
        "mine": "x",
    }

    spec = expanded({"realm": "lab", "attributes": attributes})["keycloak.realm/lab"].spec

    assert spec["attributes"] == {"mine": "x"}
    assert spec["browserSecurityHeaders"] == {"xRobotsTag": "none"}
    assert spec["webAuthnPolicyPasswordlessRequireResidentKey"] == "Yes"


def test_a_profile_that_the_export_leaves_out_is_asked_for() -> None:
    own = {"attributes": [{"name": "email", "multivalued": False}]}
    connection = ScriptedConnection({"GET lab/users/profile": own})
    read = KINDS["keycloak.user-profile"].reading.more
    assert read

    assert read(connection, "lab", {}, ()) == {"userProfile": own}
    assert read(ScriptedConnection(), "lab", {}, ()) == {}
    text = {"config": {"kc.user.profile.config": ['{"attributes": []}']}}
    assert read(connection, "lab", {"components": {"org.keycloak.userprofile.UserProfileProvider": [text]}}, ()) == {}
