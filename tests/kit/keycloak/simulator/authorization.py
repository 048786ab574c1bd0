"""The authorization services of a simulated client."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.kit.keycloak.simulator.state import (
    Body,
    Given,
    Realm,
    Refusal,
    Routes,
    failed,
    found,
    missing,
    shown,
    without,
)

_OF_A_ROLE: Final = {"required": False}


def new() -> Body:
    return {
        "settings": {
            "allowRemoteResourceManagement": True,
            "policyEnforcementMode": "ENFORCING",
            "decisionStrategy": "UNANIMOUS",
        },
        "resources": {},
        "scopes": {},
        "policies": {},
    }


def _services(realm: Realm, given: Given) -> Body:
    client = found(realm.clients, given.names[0], "Could not find client")
    if "authorization" not in client:
        raise Refusal(404, {"error": "HTTP 404 Not Found"})
    services: Body = client["authorization"]
    return services


# ------------------------------------------------------------------ as they are shown


def settings(realm: Realm, client: Body) -> Body:
    own = client["authorization"]
    return {
        **own["settings"],
        "resources": [_resource(each) for each in own["resources"].values()],
        "policies": [_policy(realm, each) for each in _ordered(own["policies"])],
        "scopes": [without(each, "id") for each in own["scopes"].values()],
    }


def _ordered(policies: Mapping[str, Body]) -> list[Body]:
    """Sorts the policies: one that applies others comes after them."""
    return sorted(policies.values(), key=lambda each: "applyPolicies" in each["config"])


def _resource(body: Body) -> Body:
    scopes = [{"name": name} for name in body["scopes"]]
    return shown({**without(body, "_id"), "scopes": scopes or None})


def _policy(realm: Realm, body: Body) -> Body:
    config = {key: _told(realm, key, value) for key, value in body["config"].items()}
    return shown({**without(body, "id"), "config": config})


def _told(realm: Realm, key: str, value: Any) -> str:
    if key == "roles":
        parts = [{**part, "id": _role_name(realm, part["id"])} for part in value if part["id"] in realm.roles]
        return json.dumps(parts)
    return value if isinstance(value, str) else json.dumps(value)


def _role_name(realm: Realm, role_id: str) -> str:
    role = realm.roles[role_id]
    return f"{realm.clients[role['containerId']]['clientId']}/{role['name']}" if role["clientRole"] else role["name"]


# ------------------------------------------------------------------ import


def _import(realm: Realm, given: Given) -> None:
    """Adds and changes; deletes nothing."""
    own, body = _services(realm, given), given.body
    own["settings"] |= {key: body[key] for key in own["settings"] if body.get(key) is not None}
    for each in body.get("scopes") or ():
        live = _named(own["scopes"], each["name"])
        _put(own["scopes"], "id", realm.new_id, {**(live or {}), **each})
    for each in body.get("resources") or ():
        if _named(own["resources"], each["name"]) is None:
            _put(own["resources"], "_id", realm.new_id, _new_resource(each))
    for each in body.get("policies") or ():
        live = _named(own["policies"], each["name"])
        _put(own["policies"], "id", realm.new_id, _new_policy(realm, live, each))


def _put(store: dict[str, Body], key: str, new_id: Callable[[], str], body: Body) -> None:
    own = body if key in body else {**body, key: new_id()}
    store[own[key]] = own


def _named(store: Mapping[str, Body], name: str) -> Body | None:
    return next((each for each in store.values() if each["name"] == name), None)


def _new_resource(body: Body) -> Body:
    return {
        "ownerManagedAccess": False,
        "attributes": {},
        **without(body, "scopes"),
        "scopes": [each["name"] for each in body.get("scopes") or ()],
    }


def _new_policy(realm: Realm, live: Body | None, body: Body) -> Body:
    """A policy keeps its type, whatever is sent."""
    usual = {"logic": "POSITIVE", "decisionStrategy": "UNANIMOUS"}
    config = {key: _read(realm, key, value) for key, value in (body.get("config") or {}).items()}
    kept = {"id": live["id"], "type": live["type"]} if live else {}
    return {**usual, **body, **kept, "config": {**(live["config"] if live else {}), **config}}


def _read(realm: Realm, key: str, value: str) -> Any:
    if key == "roles":
        return [{**_OF_A_ROLE, **part, "id": _role_id(realm, part["id"])} for part in json.loads(value)]
    return json.loads(value) if value.startswith("[") else value


def _role_id(realm: Realm, name: str) -> str:
    client_id, _, own = name.rpartition("/")
    client = realm.client_named(client_id) if client_id else None
    container = client["id"] if client else realm.id
    for role in realm.roles.values():
        if role["containerId"] == container and role["name"] == own:
            return str(role["id"])
    raise failed()


# ------------------------------------------------------------------ one by one


def _search(section: str) -> Any:
    def search(realm: Realm, given: Given) -> list[Body]:
        """All whose names contain what is asked for."""
        return [
            each for each in _services(realm, given)[section].values() if given.query.get("name", "") in each["name"]
        ]

    return search


def _put_resource(realm: Realm, given: Given) -> None:
    own = _services(realm, given)["resources"]
    live = found(own, given.names[1], "Resource not found")
    own[live["_id"]] = {**_new_resource(given.body), "_id": live["_id"]}


def _delete(section: str) -> Any:
    def delete(realm: Realm, given: Given) -> None:
        own = _services(realm, given)
        if given.names[1] not in own[section]:
            raise missing("HTTP 404 Not Found")
        gone = own[section].pop(given.names[1])
        _let_go(own, section, gone["name"])

    return delete


def _let_go(own: Body, section: str, name: str) -> None:
    """A permission goes with the last policy, resource or scope that it is about."""
    key = {"policies": "applyPolicies"}.get(section, section)
    for policy in list(own["policies"].values()):
        named = policy["config"].get(key)
        if isinstance(named, list) and name in named:
            policy["config"][key] = [each for each in named if each != name]
            if not policy["config"][key] and policy["id"] in own["policies"]:
                del own["policies"][policy["id"]]
                _let_go(own, "policies", policy["name"])


_PATH: Final = "/clients/{}/authz/resource-server"
ROUTES: Final[Routes] = {
    f"GET {_PATH}/settings": lambda realm, given: settings(realm, {"authorization": _services(realm, given)}),
    f"POST {_PATH}/import": _import,
    f"GET {_PATH}/policy": _search("policies"),
    f"GET {_PATH}/resource": _search("resources"),
    f"GET {_PATH}/scope": _search("scopes"),
    f"PUT {_PATH}/resource/{{}}": _put_resource,
    f"DELETE {_PATH}/policy/{{}}": _delete("policies"),
    f"DELETE {_PATH}/resource/{{}}": _delete("resources"),
    f"DELETE {_PATH}/scope/{{}}": _delete("scopes"),
}
