"""A realm read by single requests: the same objects as in an export, and what is refused is unknown, never absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.core.difference.change import Action
from reconciler.core.message.errors import Denied
from reconciler.core.plan.plan import Plan, make
from reconciler.providers.keycloak.expand import expand
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.providers.keycloak.read.single import PARTS
from reconciler.providers.keycloak.registry import KINDS
from reconciler.vocabulary.keycloak import CLIENT_POLICIES, CLIENT_PROFILES, FLOW_BINDINGS, PASSWORD, REALM
from tests.kit.keycloak.scripted import ScriptedConnection
from tests.kit.keycloak.server import document

FLAGS = [
    f"exportClients={clients}&exportGroupsAndRoles={groups}"
    for clients in ("true", "false")
    for groups in ("true", "false")
]
REFUSED = {f"ASK lab/partial-export?{flags}": Denied("HTTP 403 Forbidden") for flags in FLAGS}
SUBFLOW = {"displayName": "inner", "authenticationFlow": True, "flowId": "f2", "level": 0}
FLOW = {"id": "f1", "alias": "ours", "topLevel": True, "authenticationExecutions": []}
LAB: Mapping[str, Any] = {
    "GET lab": {"id": "lab", "realm": "lab", "accessTokenLifespan": 1},
    "GET lab/components": [
        {"id": "k", "name": "ldap", "providerType": "storage", "providerId": "ldap", "parentId": "lab"},
        {"id": "m", "name": "mail", "providerType": "mapper", "providerId": "x", "parentId": "k"},
    ],
    "GET lab/authentication/flows": [FLOW],
    "GET lab/authentication/flows/ours/executions": [SUBFLOW],
    "GET lab/authentication/flows/f2": {"id": "f2", "alias": "inner", "topLevel": False},
    "GET lab/authentication/required-actions": [{"alias": "VERIFY_EMAIL", "enabled": True}],
    "GET lab/localization": ["de"],
    "GET lab/localization/de": {"hello": "Hallo"},
    "GET lab/identity-provider/instances": [{"alias": "corp", "providerId": "oidc"}],
    "GET lab/identity-provider/instances/corp/mappers": [{"id": "im", "name": "m", "identityProviderAlias": "corp"}],
    "GET lab/client-scopes": [{"id": "s1", "name": "extra"}],
    "GET lab/default-default-client-scopes": [{"id": "s1", "name": "extra"}],
    "GET lab/default-optional-client-scopes": [],
    "GET lab/clients": [
        {"id": "c0", "clientId": "realm-management"},
        {"id": "c1", "clientId": "app", "serviceAccountsEnabled": True, "authorizationServicesEnabled": True},
    ],
    "GET lab/clients/c1/authz/resource-server/settings": {"policyEnforcementMode": "ENFORCING"},
    "GET lab/clients/c0/scope-mappings": {},
    "GET lab/clients/c1/scope-mappings": {"realmMappings": [{"name": "viewer"}]},
    "GET lab/client-scopes/s1/scope-mappings": {"clientMappings": {"app": {"mappings": [{"name": "reader"}]}}},
    "GET lab/roles?briefRepresentation=false": [
        {"id": "r0", "name": "default-roles-lab", "composite": False},
        {"id": "r1", "name": "viewer", "composite": True},
    ],
    "GET lab/roles-by-id/r1/composites": [{"name": "reader", "clientRole": True, "containerId": "c1"}],
    "GET lab/clients/c0/roles?briefRepresentation=false": [],
    "GET lab/clients/c1/roles?briefRepresentation=false": [{"id": "r2", "name": "reader"}],
    "GET lab/groups?first=0&max=1000&briefRepresentation=false": [{"id": "g1", "name": "staff", "subGroupCount": 1}],
    "GET lab/groups/g1/children?first=0&max=1000&briefRepresentation=false": [{"id": "g2", "name": "night"}],
    "GET lab/groups/count?top=false": {"count": 2},
    "GET lab/default-groups": [{"path": "/staff"}],
    "GET lab/clients/c1/service-account-user": {"id": "u1", "username": "service-account-app"},
    "GET lab/users/u1/role-mappings": {"realmMappings": [{"name": "viewer"}]},
    "GET lab/users/u1/groups": [],
}
FILE: Mapping[str, Any] = {
    "realm": "lab",
    "components": {
        "storage": [{"name": "ldap", "providerId": "ldap", "subComponents": {"mapper": [{"name": "mail"}]}}]
    },
    "authenticationFlows": [{"alias": "ours"}, {"alias": "inner", "topLevel": False}],
    "requiredActions": [{"alias": "VERIFY_EMAIL"}],
    "localizationTexts": {"de": {"hello": "Hallo"}},
    "identityProviders": [{"alias": "corp"}],
    "identityProviderMappers": [{"identityProviderAlias": "corp", "name": "m"}],
    "clientScopes": [{"name": "extra"}],
    "defaultDefaultClientScopes": ["extra"],
    "clients": [{"clientId": "app", "authorizationSettings": {"policyEnforcementMode": "ENFORCING"}}],
    "scopeMappings": [{"client": "app", "roles": ["viewer"]}],
    "clientScopeMappings": {"app": [{"clientScope": "extra", "roles": ["reader"]}]},
    "roles": {
        "realm": [{"name": "viewer", "composites": {"client": {"app": ["reader"]}}}],
        "client": {"app": [{"name": "reader"}]},
    },
    "groups": [{"name": "staff", "subGroups": [{"name": "night"}]}],
    "defaultGroups": ["/staff"],
    "users": [{"username": "service-account-app", "realmRoles": ["viewer"]}],
}


def plan_of(answers: Mapping[str, Any], file: Mapping[str, Any] = FILE) -> Plan:
    provider = KeycloakProvider({}, client=ScriptedConnection({**LAB, **REFUSED, **answers}))
    desired = list(expand(document(file)))
    return make({"keycloak": provider}, desired, provider.observe(desired))


def test_single_requests_show_what_an_export_does() -> None:
    plan = plan_of({})

    assert {str(change.address): change.unread for change in plan.changes if change.action is not Action.KEEP} == {}


def test_every_type_is_read_by_a_part_or_by_requests_of_its_own() -> None:
    read = {kind for part in PARTS for kind in part.kinds} | {name for name, kind in KINDS.items() if kind.reading.more}
    in_settings = {REALM, FLOW_BINDINGS, CLIENT_PROFILES, CLIENT_POLICIES, PASSWORD}

    assert read | in_settings == KINDS.keys()


@pytest.mark.parametrize("path", [path for path in LAB if path.count("/")])
def test_what_is_refused_is_unknown_and_never_made(path: str) -> None:
    plan = plan_of({path: Denied("HTTP 403 Forbidden")})

    unknown = [change for change in plan.changes if change.unread]
    assert unknown
    assert all("HTTP 403 Forbidden; it takes the roles view-" in change.unread for change in unknown)
    assert {change.action for change in plan.changes if not change.unread} <= {Action.KEEP, Action.DEFERRED}
    assert not plan.steps


@pytest.mark.parametrize(
    ("path", "answer", "kind"),
    [
        ("GET lab/clients", [], "keycloak.client"),
        ("GET lab/groups?first=0&max=1000&briefRepresentation=false", [], "keycloak.group"),
        ("GET lab/groups/g1/children?first=0&max=1000&briefRepresentation=false", [], "keycloak.group"),
    ],
)
def test_a_list_that_lacks_what_is_there_counts_as_refused(path: str, answer: Any, kind: str) -> None:
    plan = plan_of({path: answer})

    assert all("the account does not see all " in each.unread for each in plan.changes if each.address.kind == kind)
    assert not plan.steps


ALONE = {"realm": "lab", "authenticationFlows": [{"alias": "alone", "topLevel": False, "description": "x"}]}


def test_a_flow_that_stands_in_no_other_is_found_by_its_executions() -> None:
    found = {
        "GET lab/authentication/flows/alone/executions": [{"id": "e1", "level": 0}],
        "GET lab/authentication/executions/e1": {"parentFlow": "f9"},
        "GET lab/authentication/flows/f9": {"id": "f9", "alias": "alone", "topLevel": False, "description": "x"},
    }
    empty = {"GET lab/authentication/flows/alone/executions": []}

    assert [change.action for change in plan_of({}, ALONE).changes][-1] is Action.CREATE
    assert [change.action for change in plan_of(found, ALONE).changes][-1] is Action.KEEP
    assert "is shown by an export only" in plan_of(empty, ALONE).changes[-1].unread
