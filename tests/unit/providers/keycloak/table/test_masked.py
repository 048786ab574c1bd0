"""Secrets that the server masks: which are declared, which are live, and what is kept of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.core.resource.address import Address
from reconciler.core.resource.values import ABSENT, Secret
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.digests import ANOTHER
from reconciler.providers.keycloak.table.masked import masked_values, named, noted, recalled
from reconciler.providers.keycloak.table.properties import DIGESTS, MASK

KIND = KINDS["keycloak.identity-provider"]
CORP = Address(KIND.name, ("r", "corp"))
DECLARED = {"config": {"clientId": "us", "clientSecret": Secret("one")}}
LIVE = {"internalId": "17", "config": {"clientId": "us", "clientSecret": MASK}}


def realm(attribute: Any = None) -> dict[str, Any]:
    return {"attributes": {DIGESTS: attribute} if attribute else {}}


def digests(spec: dict[str, Any] = DECLARED, body: dict[str, Any] = LIVE, before: Any = None) -> str:
    return noted(realm(before), CORP, body, named(masked_values(KIND, spec)))


def secret_of(attribute: Any, body: dict[str, Any] = LIVE) -> Any:
    found: Any = recalled(KIND, CORP, DECLARED, realm(attribute), body)
    return found["config"]["clientSecret"]


def test_a_noted_secret_is_known_again_and_no_other() -> None:
    other = {"config": {"clientSecret": Secret("two")}}

    assert secret_of(digests()) == Secret("one")
    assert secret_of(digests(other)) == ANOTHER
    assert secret_of(digests(body={**LIVE, "internalId": "18"})) == ANOTHER
    assert "one" not in digests()


@pytest.mark.parametrize("attribute", [None, "no JSON", "[1]", '{"keycloak.identity-provider/r/corp": 1}', "{}"])
def test_what_nobody_has_noted_is_another_one(attribute: Any) -> None:
    assert secret_of(attribute) == ANOTHER


def test_what_is_shown_is_compared_as_it_is() -> None:
    assert recalled(KIND, CORP, DECLARED, realm(), {"config": {"clientSecret": "${vault.x}"}}) == {}
    assert recalled(KIND, CORP, DECLARED, realm(), {"config": {}}) == {}
    assert recalled(KIND, CORP, {"config": {"clientSecret": Secret(MASK)}}, realm(), LIVE) == {}


def test_digests_of_others_stay() -> None:
    before = json.dumps({"keycloak.realm/r": {"smtpServer.password": "x"}})

    assert json.loads(digests(before=before)).keys() == {"keycloak.realm/r", str(CORP)}


@pytest.mark.parametrize(
    ("kind", "spec", "paths"),
    [
        ("keycloak.realm", {"smtpServer": {"auth": "true", "password": Secret("a")}}, {"smtpServer.password"}),
        ("keycloak.client", {"secret": Secret("a")}, set()),
        (
            "keycloak.component",
            {"providerType": "org.keycloak.storage.UserStorageProvider", "config": {"bindCredential": [Secret("a")]}},
            {"config.bindCredential.0"},
        ),
        (
            "keycloak.component",
            {"providerType": "org.keycloak.keys.KeyProvider", "config": {"privateKey": [Secret("a")]}},
            set(),
        ),
        (
            "keycloak.flow",
            {
                "authenticationExecutions": [
                    {"authenticator": "a", "authenticatorConfig": {"alias": "b", "config": {"secret.key": Secret("a")}}}
                ]
            },
            {"authenticationExecutions.a.authenticatorConfig.config.secret.key"},
        ),
    ],
)
def test_the_secrets_that_a_server_masks_are_found_where_they_stand(kind: str, spec: Any, paths: set[str]) -> None:
    assert named(masked_values(KINDS[kind], spec)).keys() == paths


def test_an_exported_attribute_of_the_digests_is_no_setting_of_a_realm() -> None:
    row = KINDS["keycloak.realm"].properties["attributes"]

    assert row.normal({DIGESTS: "{}", "note": ""}) == {"note": ABSENT}
