"""Names that lead nowhere: mistakes at once, or only where the realm does not exist yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.config import Sources, load
from reconciler.core.plan.plan import make
from reconciler.core.plan.policy import refusals_of_new
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Observed
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.vocabulary.keycloak import REALM

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "group of a user": ({"users": [{"username": "a", "groups": ["/x"]}]}, "the group `/x`"),
    "role of a user": ({"users": [{"username": "a", "realmRoles": ["x"]}]}, "the role `x`"),
    "identity of a user": (
        {"users": [{"username": "a", "federatedIdentities": [{"identityProvider": "x", "userId": "1"}]}]},
        "the provider `x`",
    ),
    "default group": ({"defaultGroups": ["/x"]}, "defaultGroups names `/x`"),
    "default role": ({"defaultRoles": ["x"]}, "the role `x`"),
    "default scope": ({"defaultDefaultClientScopes": ["x"]}, "the scope `x`"),
    "composite": ({"roles": {"realm": [{"name": "a", "composites": {"realm": ["x"]}}]}}, "the role `x`"),
    "composite of a client": (
        {"roles": {"realm": [{"name": "a", "composites": {"client": {"app": ["x"]}}}]}},
        "the role `app/x`",
    ),
    "role of a group": ({"groups": [{"name": "g", "subGroups": [{"name": "h", "realmRoles": ["x"]}]}]}, "the role `x`"),
    "scope of a client": ({"clients": [{"clientId": "a", "optionalClientScopes": ["x"]}]}, "the scope `x`"),
    "flow of a client": (
        {"clients": [{"clientId": "a", "authenticationFlowBindingOverrides": {"browser": "x"}}]},
        "the flow `x`",
    ),
    "audience of a client scope": (
        {
            "clientScopes": [
                {
                    "name": "a",
                    "protocolMappers": [
                        {
                            "name": "m",
                            "protocol": "openid-connect",
                            "protocolMapper": "oidc-audience-mapper",
                            "config": {"included.client.audience": "x"},
                        }
                    ],
                }
            ]
        },
        "the client `x`",
    ),
    "scope mapping": ({"scopeMappings": [{"client": "x", "roles": []}]}, "the client `x`"),
    "role of a scope mapping": (
        {"clients": [{"clientId": "a"}], "clientScopeMappings": {"b": [{"client": "a", "roles": ["x"]}]}},
        "the role `b/x`",
    ),
    "provider of a mapper": (
        {
            "identityProviderMappers": [
                {"name": "m", "identityProviderAlias": "x", "identityProviderMapper": "google-user-attribute-mapper"}
            ]
        },
        "the identity provider `x`",
    ),
    "flow of a provider": (
        {"identityProviders": [{"alias": "a", "providerId": "oidc", "postBrokerLoginFlowAlias": "x"}]},
        "the flow `x`",
    ),
    "bound flow": ({"browserFlow": "x"}, "the flow `x`"),
    "subflow": (
        {
            "authenticationFlows": [
                {"alias": "a", "authenticationExecutions": [{"authenticatorFlow": True, "flowAlias": "x"}]}
            ]
        },
        "the flow `x`",
    ),
    "member of an organization": (
        {"organizations": [{"name": "a", "alias": "a", "members": [{"username": "x"}]}]},
        "the member `x`",
    ),
    "provider of an organization": (
        {"organizations": [{"name": "a", "alias": "a", "identityProviders": [{"alias": "x"}]}]},
        "the identity provider `x`",
    ),
    "resource of a permission": (
        {
            "clients": [
                {
                    "clientId": "a",
                    "authorizationSettings": {
                        "policies": [{"name": "p", "type": "resource", "config": {"resources": '["x"]'}}]
                    },
                }
            ]
        },
        "the resource `x`",
    ),
    "user of a policy": (
        {
            "clients": [
                {
                    "clientId": "a",
                    "authorizationSettings": {
                        "policies": [{"name": "p", "type": "user", "config": {"users": '["x"]'}}]
                    },
                }
            ]
        },
        "the user `x`",
    ),
}


def loaded(tmp_path: Path, realm: dict[str, Any]) -> Document:
    file = tmp_path / "users.yaml"
    file.write_text(yaml.safe_dump({"realm": "r", **realm}), encoding="utf-8")
    return load(Sources(tmp_path, users_files=(file,))).document


def refused(document: Document, observed: list[Observed]) -> list[str]:
    provider = KeycloakProvider({})
    plan = make({"keycloak": provider}, list(provider.expand(document)), observed)
    return [each.message for each in refusals_of_new(plan, document.unmade)]


@pytest.mark.parametrize("case", CASES)
def test_a_name_that_leads_nowhere_is_a_mistake_at_its_line_in_a_new_realm_only(tmp_path: Path, case: str) -> None:
    realm, words = CASES[case]
    document = loaded(tmp_path, realm)

    (said,) = refused(document, [])

    assert words in said
    assert "users.yaml:" in said
    assert refused(document, [Observed(Address(REALM, ("r",)), "r", {"realm": "r"})]) == []


BUILT_IN: dict[str, Any] = {
    "users": [
        {
            "username": "ann",
            "realmRoles": ["offline_access", "default-roles-r"],
            "clientRoles": {"account": ["view-profile"], "app": ["uma_protection"]},
        }
    ],
    "clients": [
        {
            "clientId": "app",
            "serviceAccountsEnabled": True,
            "authorizationServicesEnabled": True,
            "defaultClientScopes": ["email"],
            "authenticationFlowBindingOverrides": {"browser": "browser", "direct_grant": ""},
            "authorizationSettings": {
                "policies": [
                    {"name": "p", "type": "user", "config": {"users": '["service-account-app", "Ann"]'}},
                    {"name": "q", "type": "role", "config": {"roles": '[{"id": "account/view-profile"}]'}},
                    {
                        "name": "r",
                        "type": "group",
                        "config": {"groups": '[{"id": "0d4c1d4f-0000-4000-8000-000000000000"}]'},
                    },
                ]
            },
        }
    ],
    "scopeMappings": [{"clientScope": "offline_access", "roles": ["offline_access"]}],
    "organizations": [{"name": "a", "alias": "a", "members": [{"username": "ANN"}]}],
    "resetCredentialsFlow": "reset credentials",
}


def test_what_every_realm_has_is_no_mistake(tmp_path: Path) -> None:
    assert loaded(tmp_path, BUILT_IN).unmade == ()
