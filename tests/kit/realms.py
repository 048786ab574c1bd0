"""Realms as a file has them, for tests to change."""

from __future__ import annotations

from typing import Any

from reconciler.core.values import Secret

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
