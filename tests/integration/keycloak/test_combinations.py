"""Switches of an object alone and in pairs with its others: in each case there is nothing left to do, or a reason.

Of the cases one in RECONCILE_TEST_CASES_EVERY is tried, 24 unless it is said; 1 means all of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.integration.keycloak.test_fields import AN_ADDRESS, REALM
from tests.kit.discovery import Laboratory, alone_and_in_pairs
from tests.kit.keycloak.realms import AUDIENCE_MAPPER
from tests.kit.keycloak.server import Server, without_newer

EVERY = int(os.environ.get("RECONCILE_TEST_CASES_EVERY", "24"))
YES_NO = (True, False)
TEMPORARY = [{"type": "password", "value": "Start-1", "temporary": True}]
LASTING = [{"type": "password", "value": "Start-1", "temporary": False}]

CLIENT: Mapping[str, Sequence[Any]] = {
    **dict.fromkeys(
        (
            "alwaysDisplayInConsole",
            "surrogateAuthRequired",
            "bearerOnly",
            "consentRequired",
            "standardFlowEnabled",
            "implicitFlowEnabled",
            "directAccessGrantsEnabled",
            "serviceAccountsEnabled",
            "authorizationServicesEnabled",
            "publicClient",
            "frontchannelLogout",
            "fullScopeAllowed",
            "enabled",
        ),
        YES_NO,
    ),
    "protocol": ("openid-connect", "saml"),
    "clientAuthenticatorType": ("client-secret", "client-jwt", "client-secret-jwt", "client-x509"),
    "secret": ("a secret",),
    "redirectUris": ([], ["https://a.example.org/*"]),
    "webOrigins": ([], ["https://a.example.org"]),
    "rootUrl": ("", "https://a.example.org"),
}
PROVIDER: Mapping[str, Sequence[Any]] = {
    **dict.fromkeys(
        (
            "enabled",
            "hideOnLogin",
            "linkOnly",
            "storeToken",
            "trustEmail",
            "addReadTokenRoleOnCreate",
            "authenticateByDefault",
        ),
        YES_NO,
    ),
    "updateProfileFirstLoginMode": ("on", "off", "missing"),
    "firstBrokerLoginFlowAlias": ("", "first broker login"),
    "postBrokerLoginFlowAlias": ("", "browser"),
    "providerId": ("oidc", "keycloak-oidc"),
}
USER: Mapping[str, Sequence[Any]] = {
    "enabled": YES_NO,
    "emailVerified": YES_NO,
    "email": ("", "{name}@example.org"),
    "firstName": ("", "Ann"),
    "lastName": ("", "Lee"),
    "requiredActions": ([], ["UPDATE_PASSWORD"], ["VERIFY_EMAIL", "UPDATE_PROFILE"]),
    "credentials": (TEMPORARY, LASTING, []),
    "attributes": ({}, {"locale": ["de"]}, {"note": ["a"]}),
    "groups": ([], ["/staff"]),
    "realmRoles": ([], ["offline_access"]),
}
SCOPE: Mapping[str, Sequence[Any]] = {
    "protocol": ("openid-connect", "saml"),
    "description": ("", "one"),
    "attributes": (
        {},
        {"include.in.token.scope": "false"},
        {"display.on.consent.screen": "true", "consent.screen.text": "May I?"},
        {"gui.order": "3", "include.in.openid.provider.metadata": "false"},
    ),
    "protocolMappers": ([], [{**AUDIENCE_MAPPER, "name": "m"}]),
}
GROUP: Mapping[str, Sequence[Any]] = {
    "description": ("", "one"),
    "attributes": ({}, {"level": ["1", "2"]}),
    "realmRoles": ([], ["offline_access"]),
    "clientRoles": ({}, {"account": ["view-profile"]}),
    "subGroups": ([], [{"name": "night", "attributes": {"level": ["3"]}}]),
}
ORGANIZATION: Mapping[str, Sequence[Any]] = {
    "enabled": YES_NO,
    "description": ("", "one"),
    "redirectUrl": ("", "https://a.example.org"),
    "attributes": ({}, {"trade": ["a"]}),
    "domains": ([], [{"name": "{name}.org", "verified": True}], [{"name": "{name}.org"}, {"name": "{name}.com"}]),
    "members": ([], [{"username": "ann"}]),
    "identityProviders": ([], [{"alias": "corp"}]),
}
FIELDS: Mapping[str, tuple[str, Mapping[str, Sequence[Any]]]] = {
    "clientScopes": ("name", SCOPE),
    "groups": ("name", GROUP),
    "organizations": ("alias", ORGANIZATION),
}
"""Sections of objects that are made with little, each with its key and switches."""
REALMS: Sequence[Mapping[str, Any]] = (
    {},
    {"registrationEmailAsUsername": True},
    {"duplicateEmailsAllowed": True, "loginWithEmailAllowed": False, "verifyEmail": True},
    {"internationalizationEnabled": True, "supportedLocales": ["de", "en"], "editUsernameAllowed": True},
    {"internationalizationEnabled": False},
)


TABLES: Mapping[str, tuple[Mapping[str, Sequence[Any]], int]] = {
    "keycloak.client": (CLIENT, 2),
    "keycloak.identity-provider": (PROVIDER, 2),
    "keycloak.user": (USER, 2 * len(REALMS)),
    "keycloak.realm": (REALM, 1),
    "keycloak.client-scope": (SCOPE, 2),
    "keycloak.group": (GROUP, 2),
    "keycloak.organization": (ORGANIZATION, 2),
}
"""The switches of each type, and how often each case of them is tried: created and changed, in each sort of realm."""


MOST_OF_REALMS = 3
"""So many cases, each with thousands of pairs of a realm's settings, are tried where not all are."""


def some(cases: Iterator[Any]) -> Iterator[Any]:
    return islice(cases, 0, None, EVERY)


@pytest.fixture(params=["created", "changed"])
def is_changed(request: pytest.FixtureRequest) -> bool:
    """Returns whether the objects are there already, with nothing declared of them but their names."""
    return bool(request.param == "changed")


def test_clients(server: Server, realm: str, tmp_path: Path, is_changed: bool) -> None:
    laboratory = Laboratory(server.client(), tmp_path, realm)
    cases = [{"clientId": f"c{n}", **case} for n, case in enumerate(some(alone_and_in_pairs(CLIENT)))]
    if is_changed:
        laboratory.objects("clients", [{"clientId": case["clientId"]} for case in cases], "clientId")

    tried = laboratory.objects("clients", cases, "clientId")

    assert tried.wrong == {}
    assert tried.count == len(cases)


def test_identity_providers(server: Server, realm: str, tmp_path: Path, is_changed: bool) -> None:
    laboratory = Laboratory(server.client(), tmp_path, realm)
    plain = {"providerId": "oidc", "config": AN_ADDRESS}
    cases = [{"alias": f"i{n}", **plain, **case} for n, case in enumerate(some(alone_and_in_pairs(PROVIDER)))]
    if is_changed:
        there = [{"alias": case["alias"], **plain, "providerId": case["providerId"]} for case in cases]
        laboratory.objects("identityProviders", there, "alias")

    tried = laboratory.objects("identityProviders", cases, "alias")

    assert tried.wrong == {}


@pytest.mark.sweep(every=3)
@pytest.mark.parametrize("settings", REALMS, ids=lambda each: ",".join(each) or "plain")
@pytest.mark.parametrize("is_imported", [True, False])
def test_users(server: Server, realm: str, tmp_path: Path, settings: Mapping[str, Any], is_imported: bool) -> None:
    """Users are made one by one where there are few, and imported where there are many."""
    laboratory = Laboratory(server.client(), tmp_path, realm, {**settings, "groups": [{"name": "staff"}]})
    cases = [
        {"username": f"user{n}", **filled(case, f"user{n}")} for n, case in enumerate(some(alone_and_in_pairs(USER)))
    ]
    size = len(cases) if is_imported else 15

    for start in range(0, len(cases), size):
        tried = laboratory.objects("users", cases[start : start + size], "username")

        assert tried.wrong == {}


def filled_everywhere(case: Mapping[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(case).replace("{name}", name))
    return found


def filled(case: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value.format(name=name) if isinstance(value, str) else value for key, value in case.items()}


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize("section", FIELDS)
def test_others(server: Server, realm: str, tmp_path: Path, section: str, is_changed: bool) -> None:
    key, table = FIELDS[section]
    base = {
        "organizationsEnabled": True,
        "users": [{"username": "ann", "enabled": True}],
        "identityProviders": [{"alias": "corp", "providerId": "oidc", "config": AN_ADDRESS}],
    }
    laboratory = Laboratory(server.client(), tmp_path, realm, base)
    names = [f"o{number}" for number, _ in enumerate(some(alone_and_in_pairs(table)))]
    plain = [{key: name, **({"name": name} if key == "alias" else {})} for name in names]
    cases = [
        {**each, **filled_everywhere(case, each[key])}
        for each, case in zip(plain, some(alone_and_in_pairs(table)), strict=True)
    ]
    if is_changed:
        laboratory.objects(section, plain, key)

    tried = laboratory.objects(section, cases, key)

    assert tried.wrong == {}
    assert tried.count == len(cases)


def test_realms(server: Server, realm: str, tmp_path: Path) -> None:
    client = server.client()
    switches = {name: values for name, values in REALM.items() if name in without_newer(client, REALM)}

    tried = Laboratory(client, tmp_path, realm).pairs(switches, None if EVERY == 1 else MOST_OF_REALMS)

    assert not tried.wrong, str(tried)
    assert tried.count > 0
