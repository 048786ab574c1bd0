"""Exports of older releases: a realm made from one is as it was there, with what newer servers put into such realms."""

from __future__ import annotations

from base64 import b64encode
from hashlib import pbkdf2_hmac
from typing import Any

import pytest

from reconciler.config.realm.canonical import canonical_realm
from reconciler.core.message.errors import Rejected
from reconciler.core.resource.values import Secret
from tests.kit.keycloak.server import ByHand, Driver

PASSWORD = "correct horse"
SALT = b"0123456789abcdef"
ITERATIONS = 27_500
HASH = b64encode(pbkdf2_hmac("sha256", PASSWORD.encode(), SALT, ITERATIONS, dklen=64)).decode()

MANAGEMENT = "realm-management"
LATER = "query-groups"
KEYS = "org.keycloak.keys.KeyProvider"
GENERATED = ("aes-generated", "hmac-generated", "rsa-generated")
APP = {"clientId": "app", "publicClient": True, "directAccessGrantsEnabled": True, "defaultClientScopes": ["roles"]}


@pytest.fixture
def older(driver: Driver, realm: str, by_hand: ByHand) -> dict[str, Any]:
    """The export of a realm as it might have been written long ago, and what it was of is gone."""
    query = "partial-export?exportClients=true&exportGroupsAndRoles=true"
    export: dict[str, Any] = driver.client.ask(by_hand.path(query))
    driver.client.delete(by_hand.path())
    return {
        "realm": realm,
        "keycloakVersion": "20.0.3",
        "authenticationFlows": [_older_flow(flow) for flow in export["authenticationFlows"]],
        "authenticatorConfig": export["authenticatorConfig"],
        "browserFlow": export["browserFlow"],
        "requiredActions": [{"alias": "terms_and_conditions", "name": "Terms", "enabled": True}],
        "components": {KEYS: [_key(name) for name in GENERATED]},
        "clients": [APP, *(_without_basic(each) for each in export["clients"] if each["clientId"] == MANAGEMENT)],
        "roles": {
            "client": {"realm-management": [_older_role(r) for r in export["roles"]["client"]["realm-management"]]}
        },
        "users": [
            {
                "username": "ann",
                "enabled": True,
                "email": "ann@example.org",
                "firstName": "Ann",
                "lastName": "Smith",
                "attributes": {"shoe": ["39"]},
                "clientConsents": [],
                "credentials": [
                    {
                        "type": "password",
                        "hashedSaltedValue": HASH,
                        "salt": b64encode(SALT).decode(),
                        "hashIterations": ITERATIONS,
                        "algorithm": "pbkdf2-sha256",
                        "counter": 0,
                        "config": {},
                    }
                ],
            }
        ],
    }


def _key(name: str) -> dict[str, Any]:
    return {"name": name, "providerId": name, "config": {"priority": ["100"]}}


def _older_flow(flow: dict[str, Any]) -> dict[str, Any]:
    """A flow in which one of the subflows has another name, and one execution is not there yet."""
    renamed = {"Browser - Conditional 2FA": "Browser - Conditional OTP"}
    executions = [
        {**each, **({"flowAlias": renamed.get(each["flowAlias"], each["flowAlias"])} if "flowAlias" in each else {})}
        for each in flow["authenticationExecutions"]
        if each.get("authenticator") not in ("auth-recovery-authn-code-form", "webauthn-authenticator")
    ]
    return {**flow, "alias": renamed.get(flow["alias"], flow["alias"]), "authenticationExecutions": executions}


def _without_basic(client: dict[str, Any]) -> dict[str, Any]:
    scopes = [scope for scope in client["defaultClientScopes"] if scope != "basic"]
    return {**client, "defaultClientScopes": scopes, "optionalClientScopes": ["phone"]}


def _older_role(role: dict[str, Any]) -> dict[str, Any]:
    """The role of all rights without those that came later."""
    if role["name"] != "realm-admin":
        return role
    rights = [each for each in role["composites"]["client"]["realm-management"] if each != LATER]
    return {**role, "composites": {"client": {"realm-management": rights}}}


def test_a_new_realm_is_made_as_an_older_export_has_it(driver: Driver, older: dict[str, Any], by_hand: ByHand) -> None:
    declared = canonical_realm(older)

    passes = driver.apply(declared)

    flows = {
        flow["alias"]: flow
        for flow in driver.client.ask(by_hand.path("partial-export?exportClients=false"))["authenticationFlows"]
    }
    forms = flows["Browser - Conditional OTP"]
    assert forms["builtIn"]
    assert "Browser - Conditional 2FA" not in flows
    (management,) = by_hand.get("clients?clientId=realm-management")
    assert "basic" not in management["defaultClientScopes"]
    rights = by_hand.get(f"clients/{management['id']}/roles/realm-admin/composites")
    assert {role["name"] for role in rights} >= {"manage-users", LATER}
    (app,) = by_hand.get("clients?clientId=app")
    assert sorted(app["defaultClientScopes"]) == ["basic", "roles"]
    assert by_hand.get("authentication/required-actions/TERMS_AND_CONDITIONS")["enabled"]
    assert passes[-1].plan.in_sync
    assert passes[-1].writes == ()


def test_users_of_an_older_export_log_in_and_keep_their_attributes(
    driver: Driver, older: dict[str, Any], by_hand: ByHand
) -> None:
    driver.apply(canonical_realm(older))

    (ann,) = by_hand.get("users?username=ann&exact=true")

    assert ann["attributes"] == {"shoe": ["39"]}
    assert driver.client.takes(by_hand.realm, "ann", Secret(PASSWORD))
    assert not driver.client.takes(by_hand.realm, "ann", Secret("another"))


def test_keys_of_an_export_with_its_secrets_are_taken_over(
    driver: Driver, older: dict[str, Any], by_hand: ByHand
) -> None:
    """A token that was signed before is worth as much afterwards."""
    keys = older["components"][KEYS]
    kid = "11111111-2222-3333-4444-555555555555"
    for each in keys:
        if each["providerId"] == "hmac-generated":
            each["config"] |= {"kid": [kid], "secret": ["c2VjcmV0LW9mLWEtZm9ybWVyLWxpZmUtMTIzNDU2Nzg5MDEyMzQ1Njc4OTA"]}

    passes = driver.apply(canonical_realm(older))

    assert kid in {key["kid"] for key in by_hand.get("keys")["keys"]}
    assert passes[-1].writes == ()


def test_what_a_realm_that_is_there_can_not_take_over_is_told(
    driver: Driver, older: dict[str, Any], realm: str, by_hand: ByHand
) -> None:
    driver.apply({"realm": realm})

    flows = {flow["alias"]: flow for flow in older["authenticationFlows"]}
    before = by_hand.get("authentication/flows")

    with pytest.raises(Rejected, match="come with a new realm only"):
        driver.apply({"realm": realm, "authenticationFlows": [flows["Browser - Conditional OTP"]]})
    with pytest.raises(Rejected, match="copy the flow under another name"):
        driver.apply({"realm": realm, "authenticationFlows": [_with_another(flows["direct grant"])]})

    assert by_hand.get("authentication/flows") == before


def _with_another(flow: dict[str, Any]) -> dict[str, Any]:
    another = {"authenticator": "deny-access-authenticator", "requirement": "DISABLED"}
    return {**flow, "authenticationExecutions": [*flow["authenticationExecutions"], another]}
