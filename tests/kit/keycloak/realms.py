"""Realms as a file has them, for tests to change."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from reconciler.config import Sources, load
from reconciler.core.resource.values import Secret, Value

ROOT = Path(__file__).parents[3]
VARIABLES_OF_THE_SEED = {
    "OIDC_CLIENT_SECRET": "the client's secret",
    "MLFLOW_ADMIN_PASSWORD": "the admin's password",
    "KEYCLOAK_ADMIN_PASSWORD": "x",
}

GROUPS_MAPPER = {
    "name": "groups",
    "protocol": "openid-connect",
    "protocolMapper": "oidc-group-membership-mapper",
    "config": {"claim.name": "groups", "full.path": False, "id.token.claim": "true"},
}
AUDIENCE_MAPPER = {
    "name": "audience",
    "protocol": "openid-connect",
    "protocolMapper": "oidc-audience-mapper",
    "config": {"included.client.audience": "app", "access.token.claim": "true"},
}


def the_seed_realm(name: str, folder: Path) -> Mapping[str, Value]:
    """The realm of this repository's users.yaml as the loader reads it, under another name; the folder is for files."""
    file = folder / "users.yaml"
    file.write_text((ROOT / "users.yaml").read_text().replace("realm: mlflow\n", f"realm: {name}\n"))
    (realm,) = load(Sources(folder, users_files=(file,), environment=VARIABLES_OF_THE_SEED)).document.realms or ()
    return realm


def a_realm(name: str) -> dict[str, Any]:
    """A realm in which everything names something else."""
    return {
        "realm": name,
        "enabled": True,
        "displayName": "Lab",
        "adminEventsEnabled": True,
        "adminEventsDetailsEnabled": True,
        "attributes": {"frontendUrl": "https://id.example.org", "note": "kept", "oauth2DeviceCodeLifespan": "500"},
        "browserSecurityHeaders": {"xFrameOptions": "DENY"},
        "loginWithEmailAllowed": True,
        "duplicateEmailsAllowed": False,
        "smtpServer": {
            "host": "mail",
            "from": "a@example.org",
            "auth": True,
            "user": "me",
            "password": "mail's secret",
        },
        "passwordPolicy": "length(8) and notUsername(undefined)",
        "clientScopes": [
            {
                "name": "extra",
                "description": "More",
                "protocol": "openid-connect",
                "attributes": {"include.in.token.scope": "false", "display.on.consent.screen": "true"},
                "protocolMappers": [AUDIENCE_MAPPER],
            }
        ],
        "clients": [
            {
                "clientId": "app",
                "secret": Secret("first secret"),
                "redirectUris": ["https://app.example.org/a", "https://app.example.org/b"],
                "attributes": {"pkce.code.challenge.method": "S256", "use.refresh.tokens": True},
                "protocolMappers": [GROUPS_MAPPER],
                "defaultClientScopes": ["basic", "email", "extra", "profile"],
                "optionalClientScopes": ["phone"],
            },
            {
                "clientId": "robot",
                "serviceAccountsEnabled": True,
                "standardFlowEnabled": False,
                "serviceAccountRoles": {"realm": ["viewer"], "clients": {"app": ["reader"]}},
            },
        ],
        "roles": {
            "realm": [
                {"name": "viewer", "description": "May look", "attributes": {"level": ["1"]}},
                {
                    "name": "boss",
                    "composites": {"realm": ["viewer"], "client": {"app": ["reader"], "account": ["view-profile"]}},
                },
                {"name": "ping", "composites": {"realm": ["pong"]}},
                {"name": "pong", "composites": {"realm": ["ping"]}},
            ],
            "client": {
                "app": [{"name": "reader", "description": "May read"}, {"name": "a/b c", "attributes": {"x": ["y"]}}]
            },
        },
        "groups": [
            {
                "name": "staff",
                "attributes": {"floor": ["1", "2"]},
                "realmRoles": ["viewer"],
                "clientRoles": {"app": ["reader"]},
                "subGroups": [{"name": "night", "subGroups": [{"name": "r&d / x"}]}],
            },
            {"name": "guests"},
        ],
        "users": [
            {
                "username": "Ann",
                "enabled": True,
                "email": "Ann@Example.org",
                "emailVerified": True,
                "firstName": "Ann",
                "lastName": "Lee",
                "groups": ["/staff/night", "/guests", "/staff/night/r&d / x"],
                "realmRoles": ["viewer"],
                "clientRoles": {"app": ["reader"]},
                "requiredActions": ["UPDATE_PASSWORD"],
                "credentials": [{"type": "password", "value": Secret("long enough"), "temporary": False}],
            },
            {"username": "bob", "email": "bob@example.org", "firstName": "Bob", "lastName": "Hall", "groups": []},
        ],
    }


PROFILE_ATTRIBUTES = [
    {"name": "username", "displayName": "Name", "permissions": {"view": ["user", "admin"], "edit": ["admin"]}},
    {"name": "email", "displayName": "Mail", "validations": {"email": {}}},
    {
        "name": "floor",
        "displayName": "Floor",
        "group": "place",
        "validations": {"length": {"max": 9}},
        "permissions": {"view": ["admin"], "edit": ["admin"]},
    },
]


def a_permission(name: str, of: str, resources: list[str], *scopes: str, applies: Iterable[str] = ()) -> dict[str, Any]:
    """A permission for administrators, as Keycloak's exports have it."""
    lists = {"resources": resources, "scopes": scopes, "applyPolicies": list(applies)}
    config = {"defaultResourceType": of, **{key: json.dumps(each) for key, each in lists.items()}}
    return {"name": name, "type": "scope", "logic": "POSITIVE", "decisionStrategy": "UNANIMOUS", "config": config}


ADMIN_POLICIES: list[dict[str, Any]] = [
    # In an order in which they can't be made.
    a_permission("see-staff", "Groups", ["staff/night", "/staff"], "view", applies=["by-day"]),
    a_permission("help-ann", "Users", ["Ann"], "reset-password", "view", applies=["helpers"]),
    a_permission("give-roles", "Roles", ["viewer", "app/reader"], "map-role", applies=["helpers", "daytime"]),
    a_permission("keep-app", "Clients", ["$app"], "view", "manage", applies=["helpers"]),
    a_permission("see-all", "Users", [], "view"),
    {
        "name": "by-day",
        "type": "aggregate",
        "description": "Who helps",
        "decisionStrategy": "AFFIRMATIVE",
        "config": {"applyPolicies": '["helpers", "daytime"]'},
    },
    {"name": "helpers", "type": "role", "config": {"roles": '[{"id": "viewer"}]', "fetchRoles": True}},
    {"name": "daytime", "type": "time", "logic": "NEGATIVE", "config": {"hour": "20", "hourEnd": "6"}},
]


def a_whole_realm(name: str) -> dict[str, Any]:
    """A realm with an object of each of the other types, each naming others."""
    return {
        "realm": name,
        "enabled": True,
        "adminEventsEnabled": True,
        "organizationsEnabled": True,
        "adminPermissionsEnabled": True,
        "userProfile": {
            "attributes": PROFILE_ATTRIBUTES,
            "groups": [{"name": "place", "displayHeader": "Where"}],
            "unmanagedAttributePolicy": "ADMIN_EDIT",
        },
        "localizationTexts": {"de": {"hello": "Hallo", "bye": "Ade"}},
        "authenticationFlows": [
            {
                "alias": "our login",
                "description": "How we log in",
                "providerId": "basic-flow",
                "topLevel": True,
                "builtIn": False,
                "authenticationExecutions": [
                    {"authenticator": "auth-cookie", "requirement": "ALTERNATIVE", "priority": 10},
                    {"flowAlias": "our forms", "requirement": "ALTERNATIVE", "priority": 30, "authenticatorFlow": True},
                ],
            },
            {
                "alias": "our forms",
                "providerId": "basic-flow",
                "topLevel": False,
                "builtIn": False,
                "authenticationExecutions": [
                    {"authenticator": "auth-username-password-form", "requirement": "REQUIRED", "priority": 10},
                    {
                        "authenticator": "conditional-user-role",
                        "requirement": "REQUIRED",
                        "priority": 20,
                        "authenticatorConfig": "only viewers",
                    },
                ],
            },
        ],
        "authenticatorConfig": [{"alias": "only viewers", "config": {"condUserRole": "viewer"}}],
        "browserFlow": "our login",
        "requiredActions": [{"alias": "VERIFY_EMAIL", "enabled": True, "defaultAction": True, "priority": 51}],
        "components": {
            "org.keycloak.keys.KeyProvider": [
                {
                    "name": "more",
                    "providerId": "hmac-generated",
                    "config": {"priority": ["7"], "algorithm": ["HS256"], "active": None},
                }
            ],
            "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy": [
                {
                    "name": "Max Clients Limit",
                    "providerId": "max-clients",
                    "subType": "anonymous",
                    "config": {"max-clients": ["20"]},
                }
            ],
        },
        "identityProviders": [
            {
                "alias": "elsewhere",
                "displayName": "Elsewhere",
                "providerId": "oidc",
                "trustEmail": True,
                "postBrokerLoginFlowAlias": "our login",
                "config": {
                    "clientId": "us",
                    "clientSecret": Secret("between us"),
                    "authorizationUrl": "https://elsewhere.example.org/auth",
                    "tokenUrl": "https://elsewhere.example.org/token",
                },
            }
        ],
        "identityProviderMappers": [
            {
                "name": "viewers",
                "identityProviderAlias": "elsewhere",
                "identityProviderMapper": "hardcoded-role-idp-mapper",
                "config": {"role": "viewer", "syncMode": "INHERIT"},
            }
        ],
        "clientProfiles": {
            "profiles": [
                {
                    "name": "strict",
                    "executors": [{"executor": "pkce-enforcer", "configuration": {"auto-configure": True}}],
                }
            ]
        },
        "clientPolicies": {
            "policies": [
                {
                    "name": "all",
                    "enabled": True,
                    "conditions": [{"condition": "client-roles", "configuration": {"roles": ["reader"]}}],
                    "profiles": ["strict"],
                }
            ]
        },
        "clientScopes": [{"name": "extra", "protocol": "openid-connect"}],
        "defaultDefaultClientScopes": ["basic", "email", "extra", "profile"],
        "defaultOptionalClientScopes": ["phone"],
        "scopeMappings": [{"client": "app", "roles": ["viewer"]}, {"clientScope": "extra", "roles": ["viewer"]}],
        "clientScopeMappings": {
            "app": [{"client": "app", "roles": ["reader"]}, {"clientScope": "extra", "roles": ["reader"]}]
        },
        "roles": {
            "realm": [{"name": "viewer"}],
            "client": {"app": [{"name": "reader"}, {"name": "writer", "composites": {"realm": ["viewer"]}}]},
        },
        "clients": [
            {
                "clientId": "app",
                "fullScopeAllowed": False,
                "serviceAccountsEnabled": True,
                "authorizationServicesEnabled": True,
                "authenticationFlowBindingOverrides": {"browser": "our login"},
                "authorizationSettings": {
                    "policyEnforcementMode": "PERMISSIVE",
                    "decisionStrategy": "AFFIRMATIVE",
                    "scopes": [{"name": "read"}, {"name": "write"}],
                    "resources": [
                        {"name": "files", "uris": ["/files"], "scopes": [{"name": "write"}, {"name": "read"}]}
                    ],
                    "policies": [
                        {
                            "name": "viewers",
                            "type": "role",
                            "logic": "POSITIVE",
                            "config": {"roles": '[{"id": "viewer"}, {"id": "app/reader", "required": true}]'},
                        },
                        {
                            "name": "may read",
                            "type": "scope",
                            "decisionStrategy": "UNANIMOUS",
                            "config": {"scopes": '["read"]', "applyPolicies": '["viewers"]'},
                        },
                    ],
                },
            },
            {"clientId": "admin-permissions", "authorizationSettings": {"policies": ADMIN_POLICIES}},
        ],
        "groups": [{"name": "staff", "subGroups": [{"name": "night"}]}],
        "defaultGroups": ["staff/night"],
        "users": [
            {
                "username": "ann",
                "email": "ann@example.org",
                "attributes": {"floor": ["1"]},
                "federatedIdentities": [{"identityProvider": "elsewhere", "userId": "17", "userName": "ann17"}],
            }
        ],
        "organizations": [
            {
                "alias": "acme",
                "name": "Acme",
                "description": "A company",
                "redirectUrl": "https://acme.example.org",
                "enabled": True,
                "domains": [{"name": "acme.example.org", "verified": True}],
                "attributes": {"trade": ["anvils"]},
                "identityProviders": [{"alias": "elsewhere"}],
                "groups": [
                    {
                        "name": "smiths",
                        "description": "They make them",
                        "attributes": {"shift": ["late"]},
                        "realmRoles": ["viewer"],
                        "clientRoles": {"app": ["reader"]},
                        "subGroups": [{"name": "r&d", "attributes": {"floor": ["2"]}, "realmRoles": ["viewer"]}],
                    }
                ],
                "members": [{"username": "ann", "groups": ["/smiths/r&d"]}],
            }
        ],
        "defaultRoles": {"realmRoles": ["viewer"], "clientRoles": {"app": ["reader"]}},
        "workflows": [
            {
                "name": "leave",
                "enabled": True,
                "on": "user-authenticated",
                "if": "has-role(viewer)",
                "schedule": {"after": "5d", "batch-size": 50},
                "concurrency": {"restart-in-progress": True},
                "steps": [
                    {"uses": "set-user-attribute", "after": "1d", "with": {"a": "b", "floor": ["2", "1"]}},
                    {"uses": "notify-user", "after": 86400, "with": {"message": "Bye"}},
                    {"uses": "disable-user", "after": "5d"},
                ],
            }
        ],
    }
