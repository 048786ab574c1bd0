"""Desired and live side by side, for each type: what differs, and above all what does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.difference.change import diff
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import ABSENT, Secret
from reconciler.providers.keycloak.registry import KINDS

NAMES = {"keycloak.realm": ("lab",), "keycloak.client-role": ("lab", "app", "reader")}


def differences(kind: str, desired: Any, live: Any, *, name: str = "thing") -> dict[str, tuple[Any, Any]]:
    address = Address(kind, NAMES.get(kind, ("lab", name)))
    table = KINDS[kind].kind
    change = diff(table, Resource(address, desired), Observed(address, "id", live))
    return {".".join(field.path): (field.before, field.after) for field in change.fields}


@dataclass(frozen=True)
class Case:
    kind: str
    desired: dict[str, Any]
    live: dict[str, Any]
    differs: dict[str, tuple[Any, Any]]
    name: str = "thing"


MAPPER = {"name": "m", "protocol": "openid-connect", "protocolMapper": "x", "config": {"a": "1"}}

CASES = {
    "absent is left alone": Case("keycloak.client", {}, {"name": "x", "redirectUris": ["y"]}, {}),
    "null must be unset": Case("keycloak.client", {"name": None}, {"name": "x"}, {"name": ("x", ABSENT)}),
    "empty text is as good as null": Case("keycloak.client", {"name": None}, {"name": ""}, {}),
    "empty list must be empty": Case(
        "keycloak.client", {"redirectUris": []}, {"redirectUris": ["x"]}, {"redirectUris": (("x",), ())}
    ),
    "lists are sets": Case("keycloak.client", {"redirectUris": ["a", "b", "a"]}, {"redirectUris": ["b", "a"]}, {}),
    "a flag that the server leaves out is false": Case(
        "keycloak.client", {"authorizationServicesEnabled": False}, {}, {}
    ),
    "a number that the server leaves out is zero": Case("keycloak.realm", {"eventsExpiration": 0}, {}, {}),
    "texts of variables are numbers": Case(
        "keycloak.realm", {"accessTokenLifespan": "300"}, {"accessTokenLifespan": 300}, {}
    ),
    "the secret is compared and not shown": Case(
        "keycloak.client", {"secret": "new"}, {"secret": Secret("old")}, {"secret": (Secret("old"), Secret("new"))}
    ),
    "a mask keeps": Case("keycloak.client", {"secret": "**********"}, {"secret": Secret("x")}, {}),
    "a public client has no secret to compare": Case(
        "keycloak.client", {"publicClient": True, "secret": "x"}, {"publicClient": True}, {}
    ),
    "who only bears tokens has none to compare where the server keeps none": Case(
        "keycloak.client", {"bearerOnly": True, "secret": "x"}, {"bearerOnly": True}, {}
    ),
    "and one to compare where it does": Case(
        "keycloak.client",
        {"bearerOnly": True, "secret": "x"},
        {"bearerOnly": True, "secret": Secret("y")},
        {"secret": (Secret("y"), Secret("x"))},
    ),
    "attributes of a client by declared key": Case(
        "keycloak.client",
        {"attributes": {"a": True, "b": None, "client.secret.creation.time": "1"}},
        {"attributes": {"a": "true", "c": "x", "realm_client": "false", "client.secret.creation.time": "2"}},
        {},
    ),
    "an attribute that must be unset": Case(
        "keycloak.client",
        {"attributes": {"b": None}},
        {"attributes": {"b": "x", "c": "y"}},
        {"attributes.b": ("x", ABSENT)},
    ),
    "a private key is not shown": Case(
        "keycloak.client",
        {"attributes": {"saml.signing.private.key": "new"}},
        {"attributes": {"saml.signing.private.key": "old"}},
        {"attributes.saml.signing.private.key": (Secret("old"), Secret("new"))},
    ),
    "a mapper by its name, to the leaf": Case(
        "keycloak.client",
        {"protocolMappers": [{**MAPPER, "config": {"a": True, "b": "x"}}]},
        {"protocolMappers": [{**MAPPER, "id": "9", "consentRequired": False, "config": {"a": "false", "b": "x"}}]},
        {"protocolMappers.m.config.a": ("false", "true")},
    ),
    "a mapper that nobody declared": Case(
        "keycloak.client",
        {"protocolMappers": []},
        {"protocolMappers": [MAPPER]},
        {"protocolMappers.m": ({key: MAPPER[key] for key in ("protocol", "protocolMapper", "config")}, ABSENT)},
    ),
    "a mapper without config is left with its own": Case(
        "keycloak.client",
        {"protocolMappers": [{"name": "m", "protocolMapper": "x"}]},
        {"protocolMappers": [MAPPER]},
        {},
    ),
    "what the server adds to a mapper stays": Case(
        "keycloak.client-scope",
        {"protocolMappers": [MAPPER]},
        {"protocolMappers": [{**MAPPER, "config": {"a": "1", "introspection.token.claim": "true"}}]},
        {},
    ),
    "no mapper list is no mappers": Case("keycloak.client-scope", {"protocolMappers": []}, {}, {}),
    "the scope that a service account gets by itself stays": Case(
        "keycloak.client",
        {"serviceAccountsEnabled": True, "defaultClientScopes": ["basic"]},
        {"serviceAccountsEnabled": True, "defaultClientScopes": ["service_account", "basic"]},
        {},
    ),
    "an empty map of a scope's attributes says none": Case(
        "keycloak.client-scope", {"attributes": {}}, {"attributes": {"a": "1"}}, {"attributes.a": ("1", ABSENT)}
    ),
    "realm attributes by declared key": Case(
        "keycloak.realm", {"attributes": {"a": "1"}}, {"attributes": {"a": "1", "cibaInterval": "5"}}, {}
    ),
    "mail settings are exact": Case(
        "keycloak.realm",
        {"smtpServer": {"host": "h", "auth": True, "port": 25}},
        {"smtpServer": {"host": "h", "auth": "true", "port": "25", "user": "x"}},
        {"smtpServer.user": ("x", ABSENT)},
    ),
    "an account of a mail server that wants none is not kept": Case(
        "keycloak.realm",
        {"smtpServer": {"host": "h", "auth": "false", "user": "x", "password": Secret("x"), "authType": "basic"}},
        {"smtpServer": {"host": "h", "auth": "false"}},
        {},
    ),
    "settings for tokens are not kept beside a password": Case(
        "keycloak.realm",
        {"smtpServer": {"host": "h", "auth": "true", "user": "x", "authTokenUrl": "https://a.org"}},
        {"smtpServer": {"host": "h", "auth": "true", "user": "x"}},
        {},
    ),
    "settings that the server puts in place of none": Case(
        "keycloak.realm",
        {
            "webAuthnPolicyRpEntityName": None,
            "webAuthnPolicySignatureAlgorithms": [],
            "webAuthnPolicyPasswordlessResidentKey": "",
            "bruteForceStrategy": " MULTIPLE ",
            "sslRequired": None,
        },
        {
            "webAuthnPolicyRpEntityName": "keycloak",
            "webAuthnPolicySignatureAlgorithms": ["RS256", "ES256"],
            "webAuthnPolicyPasswordlessResidentKey": "required",
            "bruteForceStrategy": "MULTIPLE",
            "sslRequired": "external",
        },
        {},
    ),
    "settings that are unset, and live have another value than the server's own": Case(
        "keycloak.realm",
        {"webAuthnPolicyRpEntityName": "", "webAuthnPolicyPasswordlessSignatureAlgorithms": None},
        {"webAuthnPolicyRpEntityName": "lab", "webAuthnPolicyPasswordlessSignatureAlgorithms": ["RS512"]},
        {
            "webAuthnPolicyRpEntityName": ("lab", "keycloak"),
            "webAuthnPolicyPasswordlessSignatureAlgorithms": (("RS512",), ()),
        },
    ),
    "a mail password that is there can't be compared": Case(
        "keycloak.realm",
        {"smtpServer": {"host": "h", "auth": "true", "password": Secret("x")}},
        {"smtpServer": {"host": "h", "auth": "true", "password": "**********"}},
        {},
    ),
    "a mail password that is not there is missed": Case(
        "keycloak.realm",
        {"smtpServer": {"host": "h", "auth": "true", "password": Secret("x")}},
        {"smtpServer": {"host": "h", "auth": "true"}},
        {"smtpServer.password": (ABSENT, Secret("x"))},
    ),
    "attributes of a role are exact": Case(
        "keycloak.role",
        {"attributes": {"a": ["1", "2"]}},
        {"attributes": {"a": ["2", "1"], "b": ["x"]}},
        {"attributes.b": (("x",), ABSENT)},
    ),
    "composites are exact, and empty ones are none": Case(
        "keycloak.role",
        {"composites": {"realm": ["b", "a"], "client": {"app": []}}},
        {"composites": {"realm": ["a", "b"], "client": {"other": ["x"]}}},
        {"composites.client": ({"other": ("x",)}, ABSENT)},
    ),
    "no composites at all": Case("keycloak.role", {"composites": {}}, {}, {}),
    "composites of a client role": Case(
        "keycloak.client-role",
        {"composites": {"realm": ["a"]}},
        {"composites": {"realm": ["a", "b"]}},
        {"composites.realm": (("a", "b"), ("a",))},
    ),
    "roles of a group": Case(
        "keycloak.group",
        {"realmRoles": [], "clientRoles": {"app": ["a"]}},
        {"realmRoles": ["x"], "clientRoles": {"app": ["a", "b"]}},
        {"realmRoles": (("x",), ()), "clientRoles.app": (("a", "b"), ("a",))},
    ),
    "names and mail addresses in any case": Case(
        "keycloak.user", {"email": "Ann@Example.org"}, {"email": "ann@example.org"}, {}
    ),
    "attributes of a user by declared key": Case(
        "keycloak.user", {"attributes": {"a": "1"}}, {"attributes": {"a": ["1"], "locale": ["de"]}}, {}
    ),
    "an empty map of a user's attributes says none": Case(
        "keycloak.user", {"attributes": {}}, {"attributes": {"a": ["1"]}}, {"attributes.a": (("1",), ABSENT)}
    ),
    "passwords are not compared": Case(
        "keycloak.user", {"credentials": [{"type": "password", "value": Secret("x")}]}, {}, {}
    ),
    "the default roles stay": Case(
        "keycloak.user", {"realmRoles": ["a"]}, {"realmRoles": ["default-roles-lab", "a"]}, {}
    ),
    "the default roles, once declared, are missed": Case(
        "keycloak.user",
        {"realmRoles": ["default-roles-lab"]},
        {"realmRoles": []},
        {"realmRoles": ((), ("default-roles-lab",))},
    ),
    "a foreign role goes": Case(
        "keycloak.user",
        {"realmRoles": []},
        {"realmRoles": ["default-roles-lab", "x"]},
        {"realmRoles": (("default-roles-lab", "x"), ("default-roles-lab",))},
    ),
    "a service account keeps the role that authorization services need": Case(
        "keycloak.user",
        {"clientRoles": {"app": ["a"]}},
        {"clientRoles": {"app": ["a", "uma_protection"], "x": ["uma_protection"]}},
        {},
        name="service-account-app",
    ),
    "groups with and without a slash": Case("keycloak.user", {"groups": ["a/b", "/c"]}, {"groups": ["/c", "/a/b"]}, {}),
    "what is ignored is not compared": Case(
        "keycloak.client",
        {
            "name": "a",
            "attributes": {"x": "1", "a/b": "1"},
            "protocolMappers": [],
            "x-reconcile": {"ignore": ["/name", "/attributes/a~1b", "/protocolMappers/m", "/no such"]},
        },
        {"name": "b", "attributes": {"x": "2", "a/b": "2"}, "protocolMappers": [MAPPER]},
        {"attributes.x": ("2", "1")},
    ),
    "what is ignored need not be there": Case(
        "keycloak.client", {"name": "a", "x-reconcile": {"ignore": ["/name"]}}, {}, {}
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_exactly_this_differs(case: Case) -> None:
    assert differences(case.kind, case.desired, case.live, name=case.name) == case.differs


@settings(max_examples=60)
@given(st.data())
def test_nothing_differs_from_itself(data: st.DataObject) -> None:
    texts = st.text("ab", max_size=2)
    names = st.lists(texts.filter(bool), max_size=3)
    values = {
        "redirectUris": names,
        "attributes": st.dictionaries(texts, texts | st.booleans() | st.none()),
        "enabled": st.booleans() | st.sampled_from(["true", "false"]),
        "name": texts | st.none(),
        "protocolMappers": st.lists(
            st.fixed_dictionaries({"name": texts, "protocolMapper": texts, "config": st.dictionaries(texts, texts)}),
            unique_by=lambda mapper: mapper["name"],
        ),
        "secret": texts.map(Secret),
    }
    spec = data.draw(st.fixed_dictionaries({}, optional=values))

    assert differences("keycloak.client", spec, spec) == {}
