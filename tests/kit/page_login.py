"""A realm with the client of the daemon's page, and a user of each sort."""

from __future__ import annotations

from typing import Final

from reconciler.core.resource.values import Value
from tests.kit.keycloak.server import ByHand

PUBLIC: Final = "http://localhost:7420"
PASSWORD: Final = "correct-horse"
ROLES: Final = {"olga": "operator", "rita": "reader", "sam": ""}


def a_client_with_users(by_hand: ByHand, public_url: str) -> None:
    """The client `reconcile` with its roles; olga, rita and sam with a role each or none, and gus by a group."""
    by_hand.post(
        "clients",
        {
            "clientId": "reconcile",
            "publicClient": True,
            "standardFlowEnabled": True,
            "directAccessGrantsEnabled": False,
            "redirectUris": [f"{public_url}/login/callback"],
            "attributes": {"pkce.code.challenge.method": "S256"},
        },
    )
    client = by_hand.id_of("clients", clientId="reconcile")
    for name in ("operator", "reader"):
        by_hand.post(f"clients/{client}/roles", {"name": name})
    roles = {name: by_hand.get(f"clients/{client}/roles/{name}") for name in ("operator", "reader")}
    by_hand.post("groups", {"name": "operators"})
    group = by_hand.id_of("groups", name="operators")
    by_hand.post(f"groups/{group}/role-mappings/clients/{client}", [roles["operator"]])
    for name, role in {**ROLES, "gus": ""}.items():
        user: dict[str, Value] = {"email": f"{name}@example.com", "firstName": name, "lastName": name, "enabled": True}
        user["credentials"] = [{"type": "password", "value": PASSWORD, "temporary": False}]
        user["groups"] = ["/operators"] if name == "gus" else []
        by_hand.post("users", {"username": name, **user})
        if role:
            by_hand.post(f"users/{by_hand.id_of('users', username=name)}/role-mappings/clients/{client}", [roles[role]])
