"""A simulated realm as people see it: names in place of ids, no order, nothing that is made up anew each time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.kit.keycloak.simulator.server import SimulatedKeycloak
from tests.kit.keycloak.simulator.state import Realm

_IDS: Final = frozenset(
    ["id", "_id", "internalId", "containerId", "parentId", "createdTimestamp", "createdDate", "userLabel"]
)
_TIMES: Final = frozenset({"client.secret.creation.time"})
_GENERATED: Final = re.compile(r"generated [0-9a-f-]{36}")
DIGESTS: Final = "reconcile.masked"
"""Digests that are salted: the same secret has another one each time."""


def portrait(server: SimulatedKeycloak, name: str) -> Mapping[str, Any]:
    """The whole realm, with its users and their passwords; empty where there is no such realm."""
    realm = server.realms.get(name)
    if realm is None:
        return {}
    export = server.exported(name)
    names = _names(realm)
    whole = {**export, "users": [_person(realm, user) for user in realm.users.values()], "secrets": _secrets(realm)}
    found: Mapping[str, Any] = _named(whole, names)
    return found


def _names(realm: Realm) -> Mapping[str, str]:
    flows = {key: f"flow {flow['alias']}" for key, flow in realm.flows.items()}
    return {**flows, **{key: f"role {role['name']}" for key, role in realm.roles.items()}}


def _person(realm: Realm, user: Mapping[str, Any]) -> Mapping[str, Any]:
    """A user with names of groups and roles, and with the password."""
    return {
        **{key: value for key, value in user.items() if key not in ("client", "roles", "groups", "credentials")},
        "roles": [realm.roles[each]["name"] for each in user["roles"]],
        "groups": [realm.groups[each]["name"] for each in user["groups"]],
        "passwords": [each["value"] for each in user["credentials"]],
    }


def _secrets(realm: Realm) -> Mapping[str, Any]:
    """The values that the server does not show."""
    return {
        "clients": {each["clientId"]: each.get("secret") for each in realm.clients.values()},
        "providers": {alias: each["config"].get("clientSecret") for alias, each in realm.providers.items()},
        "mail": realm.settings["smtpServer"],
        "configs": {each["alias"]: each["config"] for each in realm.configs.values()},
    }


def _named(value: Any, names: Mapping[str, str]) -> Any:
    match value:
        case dict():
            return {key: _named(part, names) for key, part in value.items() if key not in (_IDS | _TIMES | {DIGESTS})}
        case list():
            return sorted((_named(part, names) for part in value), key=lambda part: json.dumps(part, sort_keys=True))
        case str():
            return names.get(value) or _GENERATED.sub("generated", value)
        case _:
            return value


def differences(found: Any, wanted: Any, at: str = "") -> Iterator[str]:
    """A line for each place in which two portraits differ."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        for key in sorted({*found, *wanted}):
            yield from differences(found.get(key), wanted.get(key), f"{at}.{key}" if at else key)
    elif isinstance(found, list) and isinstance(wanted, list):
        yield from (f"{at} has {each} more than after an undisturbed run" for each in found if each not in wanted)
        yield from (f"{at} lacks {each}" for each in wanted if each not in found)
    elif found != wanted:
        yield f"{at} is {found}, after an undisturbed run {wanted}"
