"""Files that an older Keycloak wrote, read as a newer one imports them.

An export names its release in `keycloakVersion`. What later releases changed in every realm that they took over is
not in it, and must not be taken away again because of that. Credentials have had other keys before release 8.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from reconciler.config.yaml.tree import Tree
from reconciler.core.resource.values import Value
from reconciler.vocabulary.keycloak import PROFILE_COMPONENT

_Realm: TypeAlias = Mapping[str, Any]

_ALWAYS_KNOWN: Final = frozenset({"email", "firstName", "lastName", "username"})
_BASIC: Final = "basic"
_HIDDEN: Final = "hideOnLoginPage"
_SCOPES: Final = "defaultClientScopes"
OF_USERS: Final[Mapping[str, str]] = {
    "terms_and_conditions": "only users themselves accept terms",
    "kc.email.pending": "only users themselves change their address by way of a mail",
}
"""Attributes of users that Keycloak drops without a word where an administrator writes them (26.7), and why."""
_ONE_TIME: Final = ("hotp", "totp")


def as_of_now(realm: _Realm) -> Mapping[str, Value]:
    """The realm, in canonical form, with what newer releases put into one of its age."""
    realm = _with_new_keys(realm)
    release = _release(realm.get("keycloakVersion"))
    for newer, change in _CHANGES:
        if release is not None and release < newer:
            realm = change(realm)
    return realm


def _with_new_keys(realm: _Realm) -> _Realm:
    """The realm without keys that the server of today takes and keeps under another one, whatever release it names."""
    made = dict(realm)
    if realm.get("identityProviders"):
        made["identityProviders"] = tuple(map(_with_own_hiding, realm["identityProviders"]))
    if realm.get("users"):
        made["users"] = tuple(map(_with_own_names, realm["users"]))
    return made


def _with_own_hiding(provider: Mapping[str, Any]) -> Mapping[str, Any]:
    """Before 26 a setting said that a provider is hidden, now a property does, and wins where both are there."""
    config = provider.get("config")
    if not isinstance(config, Mapping) or _HIDDEN not in config:
        return provider
    kept = {key: part for key, part in config.items() if key != _HIDDEN}
    return {"hideOnLogin": config[_HIDDEN], **provider, "config": kept}


def _with_own_names(user: Mapping[str, Any]) -> Mapping[str, Any]:
    """Attributes that are properties of a user: Keycloak reads them as such where the property is not there."""
    attributes = user.get("attributes")
    if not isinstance(attributes, Mapping) or (_ALWAYS_KNOWN | OF_USERS.keys()).isdisjoint(attributes):
        return user
    lifted = {key: _only(part) for key, part in attributes.items() if key in _ALWAYS_KNOWN and key != "username"}
    kept = {key: part for key, part in attributes.items() if key not in _ALWAYS_KNOWN and key not in OF_USERS}
    return {**lifted, **user, "attributes": kept}


def _only(value: Any) -> Any:
    """The value of an attribute that has one."""
    return next(iter(value), None) if isinstance(value, list | tuple) else value


def _release(version: Any) -> int | None:
    """The first number of a version, None where it is none."""
    number = str(version).partition(".")[0]
    return int(number) if number.isdigit() else None


def _without_managed_attributes(realm: _Realm) -> _Realm:
    """Before 24 users had any attribute, unless a profile was asked for."""
    users: Sequence[Mapping[str, Any]] = realm.get("users") or ()
    has_some = any((user.get("attributes") or {}).keys() - _ALWAYS_KNOWN for user in users)
    has_profile = realm.get("userProfile") is not None or (realm.get("components") or {}).get(PROFILE_COMPONENT)
    if has_profile or not has_some:
        return realm
    return {**realm, "userProfile": {"unmanagedAttributePolicy": "ENABLED"}}


def _with_basic_scope(realm: _Realm) -> _Realm:
    """Since 25 the scope `basic` brings `sub` and `auth_time` into tokens, which clients had without it before."""
    made = dict(realm)
    if "clients" in realm:
        made["clients"] = tuple(map(_with_basic, realm["clients"] or ()))
    if realm.get("defaultDefaultClientScopes"):
        made["defaultDefaultClientScopes"] = _together(realm["defaultDefaultClientScopes"])
    return made


def _with_basic(client: Mapping[str, Any]) -> Mapping[str, Any]:
    is_open_id = client.get("protocol") in (None, "openid-connect") and client.get("bearerOnly") not in (True, "true")
    if not is_open_id or client.get(_SCOPES) is None:
        return client
    return {**client, _SCOPES: _together(client[_SCOPES])}


def _together(scopes: Sequence[Value]) -> Sequence[Value]:
    return tuple(dict.fromkeys((*scopes, _BASIC)))


_CHANGES: Final[Sequence[tuple[int, Callable[[_Realm], _Realm]]]] = (
    (24, _without_managed_attributes),
    (25, _with_basic_scope),
)


def credential(body: Mapping[str, Tree]) -> Mapping[str, Tree]:
    """A credential in the words of today: its secret and how it was made, each as a text of JSON."""
    if "hashedSaltedValue" not in body:
        return body
    kept = {key: part for key, part in body.items() if key not in _OF_THE_PAST}
    secret: dict[str, Tree] = {"value": body["hashedSaltedValue"]}
    # Time-based and counter-based passwords are one type now, and `subType` tells them apart.
    if body.get("type") in _ONE_TIME:
        made = {"subType": body["type"], **_those(body, "digits", "counter", "period", "algorithm")}
        kept["type"] = "otp"
    else:
        secret["salt"] = body.get("salt", "")
        made = _those(body, "hashIterations", "algorithm")
    return {**kept, "secretData": json.dumps(secret), "credentialData": json.dumps(made)}


def _those(body: Mapping[str, Tree], *keys: str) -> dict[str, Tree]:
    return {key: body[key] for key in keys if body.get(key) is not None}


_OF_THE_PAST: Final = frozenset(
    {
        "algorithm",
        "config",
        "counter",
        "device",
        "digits",
        "hashIterations",
        "hashedSaltedValue",
        "period",
        "salt",
    }
)
