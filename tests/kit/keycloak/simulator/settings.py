"""A realm of its own: made, set, exported, deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from reconciler.vocabulary.keycloak import BOUND_FLOWS
from tests.kit.keycloak.simulator import clients, flows, people, services
from tests.kit.keycloak.simulator.recorded import NAME, recorded, recording
from tests.kit.keycloak.simulator.state import (
    MASK,
    Body,
    Given,
    Numbers,
    Realm,
    Refusal,
    Routes,
    conflict,
    refused,
    shown,
    texts,
    without,
)

KEYS: Final = "org.keycloak.keys.KeyProvider"
_LISTED: Final = (
    "roles groups defaultRole scopeMappings clientScopeMappings clients clientScopes defaultDefaultClientScopes "
    "defaultOptionalClientScopes identityProviders identityProviderMappers components authenticationFlows "
    "authenticatorConfig requiredActions localizationTexts users"
)
_SECTIONS: Final = frozenset(_LISTED.split())
_OF_A_NEW_REALM: Final = frozenset({"components"})
"""The sections that the provider sends along with a new realm."""
_IGNORED: Final = _SECTIONS | {"id", "keycloakVersion", "defaultGroups"}
_MIRRORED: Final = {
    "oauth2DeviceCodeLifespan": "oauth2DeviceCodeLifespan",
    "oauth2DevicePollingInterval": "oauth2DevicePollingInterval",
}
_MAIL_SECRETS: Final = ("password", "authTokenClientSecret")


# ------------------------------------------------------------------ a new one


def new_realm(body: Body, numbers: Numbers) -> Realm:
    """A realm as Keycloak makes it, with what the body says of it."""
    name = str(body["realm"])
    text = recording().replace(f"default-roles-{NAME}", f"default-roles-{name.lower()}").replace(NAME, name)
    found = json.loads(text)
    export = found["export"]
    realm = Realm(name, "", without(export, *_IGNORED), found["profile"], numbers)
    realm.id = realm.new_id()
    realm.settings["enabled"] = False
    _fill(realm, export)
    strange = sorted((body.keys() & _SECTIONS) - _OF_A_NEW_REALM)
    if strange:
        raise NotImplementedError(f"a new realm with {strange}: nobody asks for that here")
    if keys := (body.get("components") or {}).get(KEYS):
        services.replace_keys(realm, keys)
    _set(realm, without(body, "components"))
    return realm


def _fill(realm: Realm, export: Body) -> None:
    scopes = {each["name"]: each["id"] for each in export["clientScopes"]}
    realm.scopes = {each["id"]: {"protocolMappers": [], **each} for each in export["clientScopes"]}
    realm.default_scopes = {
        "default": [scopes[name] for name in export["defaultDefaultClientScopes"]],
        "optional": [scopes[name] for name in export["defaultOptionalClientScopes"]],
    }
    for each in export["clients"]:
        lists = {
            "default": [scopes[name] for name in each["defaultClientScopes"]],
            "optional": [scopes[name] for name in each["optionalClientScopes"]],
        }
        body = without(each, "defaultClientScopes", "optionalClientScopes")
        realm.clients[each["id"]] = {"protocolMappers": [], **body, "scopes": lists}
    people.fill(realm, export)
    flows.fill(realm, export)
    services.fill(realm, export)
    clients.fill_mappings(realm, export)


# ------------------------------------------------------------------ its settings


def _set(realm: Realm, body: Body) -> None:
    settings = dict(realm.settings)
    aliases = {flow["alias"] for flow in realm.flows.values()}
    if any(body.get(name) not in (None, *aliases) for name in BOUND_FLOWS):
        raise refused("Failed to update realm", 500)
    if (mail := body.get("smtpServer")) and not mail.get("from"):
        raise refused(
            "Invalid sender address 'null'. If the address contains UTF-8 characters in the local part please ensure "
            "the SMTP server supports the SMTPUTF8 extension and enable 'Allow UTF-8' in the email realm configuration."
        )
    for name, value in body.items():
        if name not in _IGNORED and value is not None:
            settings[name] = _MERGES[name](settings.get(name) or {}, value) if name in _MERGES else value
    settings["attributes"] = {
        **settings["attributes"],
        **{mirror: texts({"": settings[name]})[""] for mirror, name in _MIRRORED.items() if name in settings},
    }
    realm.settings = settings


def _attributes(live: Mapping[str, Any], sent: Mapping[str, Any]) -> Mapping[str, Any]:
    """Custom attributes are replaced, and the server's own stay."""
    own = recorded()["export"]["attributes"].keys() - {"realmReusableOtpCode"}
    return {**{key: value for key, value in live.items() if key in own}, **texts(sent)}


def _headers(live: Mapping[str, Any], sent: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**live, **sent}


def _mail(live: Mapping[str, Any], sent: Mapping[str, Any]) -> Mapping[str, Any]:
    """A mask keeps the secret that is there."""
    kept = {key: live.get(key) if value == MASK else value for key, value in sent.items()}
    return texts(kept)


_MERGES: Final = {"attributes": _attributes, "browserSecurityHeaders": _headers, "smtpServer": _mail}


def _put(realm: Realm, given: Given) -> None:
    if given.body.get("realm", realm.name) != realm.name:
        raise conflict("Realm with same name exists")
    _set(realm, given.body)


def _get(realm: Realm, _given: Given) -> Body:
    role = without(realm.default_role, "attributes", "parts")
    groups = people.paths_of(realm, realm.default_groups)
    mail = {key: MASK if key in _MAIL_SECRETS else text for key, text in realm.settings["smtpServer"].items()}
    return shown(
        {
            **realm.settings,
            "id": realm.id,
            "realm": realm.name,
            "smtpServer": mail,
            "defaultRole": people.role_shown(realm, role),
            "defaultGroups": groups or None,
        }
    )


# ------------------------------------------------------------------ all of it


def _export(realm: Realm, given: Given) -> Body:
    if flows.damaged(realm):
        raise Refusal(500, {"error": "unknown_error", "error_description": _CONSULT})
    with_clients = given.query.get("exportClients") == "true"
    with_groups = given.query.get("exportGroupsAndRoles") == "true"
    return shown(
        {
            **_get(realm, given),
            "keycloakVersion": recorded()["export"]["keycloakVersion"],
            **services.exported(realm),
            **flows.exported(realm),
            **clients.exported(realm, with_clients=with_clients),
            **people.exported(realm, with_clients=with_clients, with_groups=with_groups),
        }
    )


_CONSULT: Final = "For more on this error consult the server log."

ROUTES: Final[Routes] = {"GET ": _get, "PUT ": _put, "POST /partial-export": _export}
