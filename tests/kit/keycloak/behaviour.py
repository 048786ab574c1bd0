"""Keycloak's treatment of the values that it gets, found by writing them: the rows of docs/keycloak-behaviour.md."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from reconciler.core.message.errors import ProviderError
from reconciler.core.resource.values import Value
from reconciler.providers.keycloak.table.connection import WHOLE_EXPORT
from tests.kit.keycloak.server import ByHand, Server, a_made_realm, dropped

Body = Mapping[str, Any]
Probe = Callable[[ByHand], Any]

_TEMPORARY: Final = [{"type": "password", "value": "Start-1", "temporary": True}]
_ADDRESS: Final = {"clientId": "us", "authorizationUrl": "https://a.org/auth", "tokenUrl": "https://a.org/token"}
_ANY: Final = {"unmanagedAttributePolicy": "ENABLED"}
_SETTINGS: Final = (
    "duplicateEmailsAllowed",
    "loginWithEmailAllowed",
    "registrationEmailAsUsername",
    "internationalizationEnabled",
)
_GUARDED: Final = {"clientId": "app", "serviceAccountsEnabled": True, "authorizationServicesEnabled": True}
_IN_BOTH: Final = {"defaultClientScopes": ["email"], "optionalClientScopes": ["email"]}
_KEYS: Final = "org.keycloak.keys.KeyProvider"
_PROFILE: Final = "org.keycloak.userprofile.UserProfileProvider"


def _part(body: Body, *names: str) -> dict[str, Any]:
    """The values at these names, in which ``.`` leads into a map."""
    return {name: _at(body, name) for name in names}


def _at(body: Any, name: str) -> Any:
    first, _, rest = name.partition(".")
    return _at(body.get(first) or {}, rest) if rest else body.get(first)


def made(collection: str, body: Body, *names: str, **realm: Any) -> Probe:
    """An object that is made in a realm with these settings, and what the server then shows of it."""

    def probe(hand: ByHand) -> Any:
        hand.put("", realm)
        return _part(hand.get(f"{collection}/{hand.post(collection, body)}"), *names)

    return probe


def changed(body: Body, patch: Body, *names: str) -> Probe:
    """A client that is changed once it is there, and what the server then shows of it."""

    def probe(hand: ByHand) -> Any:
        path = f"clients/{hand.post('clients', body)}"
        hand.put(path, {"clientId": body["clientId"], **patch})
        shown = _part(hand.get(path), *names)
        # Lists of scopes come in any order.
        return {name: sorted(value) if isinstance(value, list) else value for name, value in shown.items()}

    return probe


def imported(body: Body, *names: str) -> Probe:
    def probe(hand: ByHand) -> Any:
        hand.client.post(hand.path("partialImport"), {"ifResourceExists": "SKIP", "users": [body]})
        return _part(hand.one("users", username=body["username"]), *names)

    return probe


def with_any_attribute(probe: Probe) -> Probe:
    def widened(hand: ByHand) -> Any:
        hand.change("users/profile", **_ANY)
        return probe(hand)

    return widened


def realm(*names: str, **settings: Any) -> Probe:
    def probe(hand: ByHand) -> Any:
        hand.put("", settings)
        return _part(hand.get(), *names)

    return probe


def one_after_the_other(name: str, *values: Any) -> Probe:
    """A setting of a realm that is written again with each value; the security keys' policies only as a whole."""

    def probe(hand: ByHand) -> Any:
        for value in values:
            rest = {key: part for key, part in hand.get().items() if key.startswith("webAuthnPolicy")}
            hand.put("", {**rest, name: value})
        return _part(hand.get(), name)

    return probe


def profile_attribute(body: Body, *names: str) -> Probe:
    """An attribute of the user profile, beside those that are there."""

    def probe(hand: ByHand) -> Any:
        before = hand.get("users/profile")
        hand.put("users/profile", {**before, "attributes": [*before["attributes"], body]})
        found = next(each for each in hand.get("users/profile")["attributes"] if each["name"] == body["name"])
        hand.put("users/profile", before)
        return _part(found, *names)

    return probe


def provider(hand: ByHand) -> Any:
    config = {**_ADDRESS, "hideOnLoginPage": "true"}
    hand.post("identity-provider/instances", {"alias": "old", "providerId": "oidc", "config": config})
    found = hand.get("identity-provider/instances/old")
    return {"hideOnLogin": found.get("hideOnLogin"), "config.hideOnLoginPage": found["config"].get("hideOnLoginPage")}


def identities(hand: ByHand) -> Any:
    """The identities of a user, one of them at a provider that is not there."""
    user = hand.post("users", {"username": "ann"})
    hand.post(f"users/{user}/federated-identity/none", {"userId": "1", "userName": "ann"})
    return {"federatedIdentities": hand.get(f"users/{user}/federated-identity")}


def masked_provider(hand: ByHand) -> Any:
    config = {**_ADDRESS, "clientSecret": "abc"}
    hand.post("identity-provider/instances", {"alias": "old", "providerId": "oidc", "config": config})
    return {"config.clientSecret": hand.get("identity-provider/instances/old")["config"]["clientSecret"]}


def mail(hand: ByHand) -> Any:
    hand.put("", {"smtpServer": {"host": "m", "from": "a@x.org", "auth": "true", "user": "u", "password": "abc"}})
    return {"smtpServer.password": hand.get()["smtpServer"]["password"]}


def key(*names: str, **config: str) -> Probe:
    """A key component with these settings."""

    def probe(hand: ByHand) -> Any:
        body = {"name": "probe", "providerId": "hmac-generated", "providerType": _KEYS}
        made = hand.post("components", {**body, "config": {name: [part] for name, part in config.items()}})
        found = hand.get(f"components/{made}")["config"]
        hand.delete(f"components/{made}")
        return {f"config.{name}": found.get(name) for name in names}

    return probe


def execution(requirement: str) -> Probe:
    """An execution that is made with this requirement."""

    def probe(hand: ByHand) -> Any:
        flow = hand.post("authentication/flows", {"alias": "probe", "providerId": "basic-flow", "topLevel": True})
        own: dict[str, Value] = {
            "authenticator": "auth-cookie",
            "requirement": requirement,
            "parentFlow": flow,
            "priority": 1,
        }
        try:
            hand.post("authentication/executions", own)
            return {"requirement": hand.get("authentication/flows/probe/executions")[0]["requirement"]}
        finally:
            hand.delete(f"authentication/flows/{flow}")

    return probe


def profile(hand: ByHand) -> Any:
    export = hand.client.ask(hand.path(WHOLE_EXPORT))
    return {"export": export["components"].get(_PROFILE), "users/profile": [*hand.get("users/profile")]}


@dataclass(frozen=True)
class Row:
    """A written value, in words, and the request that shows Keycloak's treatment of it."""

    written: str
    probe: Probe


TABLES: Final[Mapping[str, tuple[Row, ...]]] = {
    "Dropped without a word, or left out of an answer": (
        Row("user profile that was never set", profile),
        Row(
            "user: `attributes.locale`, realm without languages, any attribute allowed",
            with_any_attribute(made("users", {"username": "ann", "attributes": {"locale": ["de"]}}, "attributes")),
        ),
        Row(
            "the same, realm: `internationalizationEnabled: true`",
            with_any_attribute(
                made(
                    "users",
                    {"username": "ann", "attributes": {"locale": ["de"]}},
                    "attributes",
                    internationalizationEnabled=True,
                )
            ),
        ),
        Row(
            "user: `attributes.terms_and_conditions`, any attribute allowed",
            with_any_attribute(
                made("users", {"username": "ann", "attributes": {"terms_and_conditions": ["1"]}}, "attributes")
            ),
        ),
        Row(
            "user: a required action that the server lacks",
            made("users", {"username": "ann", "requiredActions": ["NONE_SUCH"]}, "requiredActions"),
        ),
        Row(
            "user: `requiredActions: [update_password]`",
            made("users", {"username": "ann", "requiredActions": ["update_password"]}, "requiredActions"),
        ),
        Row("user: an identity at a provider that the realm lacks", identities),
        Row(
            "client: blanks alone in `type`, `redirectUris`, `webOrigins` and in an attribute",
            made(
                "clients",
                {
                    "clientId": "app",
                    "type": " ",
                    "redirectUris": [" "],
                    "webOrigins": [" "],
                    "attributes": {"note": " "},
                },
                "type",
                "redirectUris",
                "webOrigins",
                "attributes.note",
            ),
        ),
        Row("component: blanks alone in `config.algorithm`", key("algorithm", algorithm=" ")),
        Row(
            "realm: `smtpServer.user: me` without `smtpServer.auth: true`",
            realm("smtpServer", smtpServer={"host": "m", "from": "a@x.org", "user": "me"}),
        ),
    ),
    "Derived from something else": (
        Row(
            "user: a temporary password, `requiredActions: []`",
            made("users", {"username": "ann", "requiredActions": [], "credentials": _TEMPORARY}, "requiredActions"),
        ),
        Row(
            "the same in a partial import",
            imported({"username": "ann", "requiredActions": [], "credentials": _TEMPORARY}, "requiredActions"),
        ),
        Row(
            "client: `protocol: openid-connect` and a secret, without `publicClient`",
            made(
                "clients",
                {"clientId": "app", "protocol": "openid-connect", "secret": "abc"},
                "publicClient",
                "secret",
            ),
        ),
        Row(
            "client: `authorizationServicesEnabled: true`, `serviceAccountsEnabled: false`",
            made("clients", {"clientId": "app", "authorizationServicesEnabled": True, "serviceAccountsEnabled": False}),
        ),
        Row(
            "client with authorization services: then `publicClient: true`",
            changed(_GUARDED, {"publicClient": True}, "authorizationServicesEnabled", "secret"),
        ),
        Row(
            "client with authorization services: then `bearerOnly: true`",
            changed(_GUARDED, {"bearerOnly": True}, "authorizationServicesEnabled"),
        ),
        Row(
            "client: then `protocol: saml`",
            changed({"clientId": "app"}, {"protocol": "saml"}, "defaultClientScopes", "optionalClientScopes"),
        ),
        Row(
            "client: a scope of another protocol",
            made("clients", {"clientId": "app", "defaultClientScopes": ["role_list", "email"]}, "defaultClientScopes"),
        ),
        Row(
            "client: a scope in both lists",
            made("clients", {"clientId": "app", **_IN_BOTH}, *_IN_BOTH),
        ),
        Row(
            "realm: `duplicateEmailsAllowed: true`, `loginWithEmailAllowed: true`",
            realm("loginWithEmailAllowed", duplicateEmailsAllowed=True, loginWithEmailAllowed=True),
        ),
        Row(
            "realm: `duplicateEmailsAllowed: true`, `registrationEmailAsUsername: true`",
            realm("registrationEmailAsUsername", duplicateEmailsAllowed=True, registrationEmailAsUsername=True),
        ),
        Row(
            "realm: `webAuthnPolicyRpEntityName: lab`, then an empty one",
            one_after_the_other("webAuthnPolicyRpEntityName", "lab", ""),
        ),
        Row(
            "realm: `webAuthnPolicySignatureAlgorithms: [RS256]`, then an empty list",
            one_after_the_other("webAuthnPolicySignatureAlgorithms", ["RS256"], []),
        ),
        Row(
            "realm: `webAuthnPolicyPasswordlessResidentKey: discouraged`, then an empty one",
            one_after_the_other("webAuthnPolicyPasswordlessResidentKey", "discouraged", ""),
        ),
        Row(
            "user profile: `permissions: {}` of an attribute",
            profile_attribute({"name": "floor", "permissions": {}}, "permissions"),
        ),
        Row(
            "user `ann` with an address, realm: `registrationEmailAsUsername: true`",
            made("users", {"username": "ann", "email": "a@x.org"}, "username", registrationEmailAsUsername=True),
        ),
    ),
    "Folded": (
        Row(
            "user: `requiredActions: [update_password]` in a partial import",
            imported({"username": "ann", "requiredActions": ["update_password"]}, "requiredActions"),
        ),
        Row("user: `username: Ann`", made("users", {"username": "Ann"}, "username")),
        Row("user: `email: Ann@X.org`", made("users", {"username": "ann", "email": "Ann@X.org"}, "email")),
        Row(
            "organization: a domain ` Beta.Example.org `",
            made(
                "organizations",
                {"name": "beta", "domains": [{"name": " Beta.Example.org "}]},
                "domains",
                organizationsEnabled=True,
            ),
        ),
        Row(
            "client: an address twice in `redirectUris`",
            made("clients", {"clientId": "app", "redirectUris": ["https://a.org", "https://a.org"]}, "redirectUris"),
        ),
        Row('realm: `bruteForceStrategy: " LINEAR "`', realm("bruteForceStrategy", bruteForceStrategy=" LINEAR ")),
    ),
    "Kept under another key": (
        Row("identity provider: `config.hideOnLoginPage: true`", provider),
        Row(
            "user: `attributes.email`",
            with_any_attribute(
                made("users", {"username": "ann", "attributes": {"email": ["a@x.org"]}}, "email", "attributes")
            ),
        ),
    ),
    "Masked, and told from another value by a digest": (
        Row("realm: `smtpServer.password: abc`", mail),
        Row("identity provider: `config.clientSecret: abc`", masked_provider),
    ),
    "Refused without a reason": (
        Row(
            "identity provider: `postBrokerLoginFlowAlias` names a flow that the realm lacks",
            made(
                "identity-provider/instances",
                {"alias": "old", "providerId": "oidc", "config": _ADDRESS, "postBrokerLoginFlowAlias": "none"},
            ),
        ),
        Row("realm: `sslRequired: some`", realm("sslRequired", sslRequired="some")),
        Row("realm: `bruteForceStrategy: linear`", realm("bruteForceStrategy", bruteForceStrategy="linear")),
        Row("execution of a flow: `requirement: alternative`", execution("alternative")),
        Row(
            "user: `attributes.LDAP_ID`, any attribute allowed",
            with_any_attribute(made("users", {"username": "ann", "attributes": {"LDAP_ID": ["1"]}}, "attributes")),
        ),
        Row(
            "workflow: `schedule.after: 1y`",
            made(
                "workflows",
                {
                    "name": "probe",
                    "on": "user-authenticated",
                    "schedule": {"after": "1y"},
                    "steps": [{"uses": "disable-user", "after": "40d"}],
                },
            ),
        ),
    ),
}


@contextmanager
def a_realm(server: Server) -> Iterator[ByHand]:
    """One realm for all rows, which is brought back to what it was after each."""
    name, client = a_made_realm(server), server.client()
    try:
        yield ByHand(client, name)
    finally:
        client.close()
        dropped(server, name)


def _restored(hand: ByHand, settings: Body) -> None:
    """Take away what a row has made; the rows name their objects alike."""
    for user in hand.get("users"):
        hand.delete(f"users/{user['id']}")
    for client in hand.get("clients?clientId=app"):
        hand.delete(f"clients/{client['id']}")
    for name in hand.get("identity-provider/instances"):
        hand.delete(f"identity-provider/instances/{name['alias']}")
    hand.put("", settings)


def page(server: Server, release: str, tables: str) -> str:
    """The page, with what this server shows, and the sections that need none."""
    lines = [
        "# What Keycloak makes of what it is given",
        "",
        f"Written by `scripts/keycloak_behaviour.py` from what Keycloak {release} showed; a test compares it with the",
        "newest release. The tables of the provider expect all of it; what can't be true together is an error of",
        "`reconcile validate`.",
    ]
    with a_realm(server) as hand:
        settings = _part(hand.get(), *_SETTINGS)
        for title, rows in TABLES.items():
            lines += ["", f"## {title}", "", "| written | Keycloak shows |", "|---|---|"]
            for row in rows:
                lines.append(f"| {row.written} | {_shown(hand, row.probe)} |")
                _restored(hand, settings)
    return "\n".join((*lines, "", tables, ""))


def _shown(hand: ByHand, probe: Probe) -> str:
    try:
        found = probe(hand)
    except ProviderError as error:
        return f"an error of status {''.join(re.findall(r'[(]([0-9]{3})[)]', str(error)))}"
    return ", ".join(f"`{name}: {json.dumps(value)}`" for name, value in found.items())
