"""Authorization services of a client: its resources, scopes, policies and permissions, each list exact.

Settings of policies are texts of JSON in Keycloak's files; they are compared by what they say. The server's import
adds and changes all but resources that are there already, and deletes nothing; the rest is done object by object.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.difference.kind import Field
from reconciler.core.message.errors import Conflict, Rejected
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import ABSENT, Spec, Value
from reconciler.providers.keycloak.kinds.client_scope import scope
from reconciler.providers.keycloak.kinds.group import group
from reconciler.providers.keycloak.kinds.ids import NamesById, names_by_id
from reconciler.providers.keycloak.kinds.policies import in_order, listed, made_again
from reconciler.providers.keycloak.kinds.role import role
from reconciler.providers.keycloak.table.connection import BASE, Live, Representation
from reconciler.providers.keycloak.table.groups import Dependencies, Paths, Put, Reading
from reconciler.providers.keycloak.table.kind import Item, RestKind
from reconciler.providers.keycloak.table.properties import (
    Property,
    as_list,
    as_list_map,
    as_map,
    as_plain,
    as_text,
    by,
    declared_objects,
    flag,
    merged,
    text,
)
from reconciler.vocabulary.keycloak import ADMIN_PERMISSIONS_CLIENT, AUTHORIZATION, CLIENT, USER

SETTINGS: Final = "authorizationSettings"
_PATH: Final = f"{BASE}/clients/{{parent}}/authz/resource-server"
_OF_THE_SERVER: Final = ("_id", "id", "owner", "policies", "resources")
_UNLESS_SAID: Final[Mapping[str, Mapping[str, Value]]] = {
    "roles": {"required": False},
    "clientScopes": {"required": False},
    "groups": {"extendChildren": False},
}
"""What the server says of what a policy is about where nobody said it."""


def _resource(value: Value) -> Value:
    """A resource with its scopes by name; older files have one `uri`."""
    body = {key: part for key, part in as_map(value).items() if key not in _OF_THE_SERVER}
    if "uri" in body:
        body["uris"] = (body.pop("uri"),)
    scopes = body.get("scopes")
    if isinstance(scopes, Sequence):
        body["scopes"] = tuple(each["name"] if isinstance(each, Mapping) else each for each in scopes)
    if "attributes" in body:
        body["attributes"] = as_list_map(body["attributes"])
    return as_plain(body)


def _scope(value: Value) -> Value:
    return as_plain({key: part for key, part in as_map(value).items() if key not in _OF_THE_SERVER})


def _policy(value: Value) -> Value:
    """A policy with its settings read."""
    body = {key: part for key, part in as_map(value).items() if key not in _OF_THE_SERVER}
    if isinstance(body.get("config"), Mapping):
        body["config"] = {key: _read(key, part) for key, part in as_map(body["config"]).items()}
    return as_plain(body)


def _read(key: str, value: Value) -> Value:
    found = listed(value)
    if found is None:
        return as_text(value)
    parts = [{**_UNLESS_SAID.get(key, {}), **part} if isinstance(part, Mapping) else part for part in found]
    return tuple(sorted(map(as_plain, parts), key=_in_order))


def _in_order(part: Value) -> str:
    return str(sorted(part.items()) if isinstance(part, Mapping) else part)


def _wired_resources(value: Value) -> Value:
    def wired(body: Mapping[str, Value]) -> Mapping[str, Value]:
        scopes = body.get("scopes", ())
        assert isinstance(scopes, Sequence)
        return {**body, "scopes": tuple({"name": name} for name in scopes)}

    return as_list("name")({name: wired(as_map(body)) for name, body in as_map(value).items()})


def _wired_policies(value: Value) -> Value:
    def wired(body: Mapping[str, Value]) -> Mapping[str, Value]:
        config = {key: _written(part) for key, part in as_map(body.get("config", {})).items()}
        return {**body, "config": config}

    return as_list("name")({name: wired(as_map(body)) for name, body in as_map(value).items()})


def _written(value: Value) -> Value:
    return value if isinstance(value, str) else json.dumps(value)


def _settings(realm: Representation) -> Iterator[Item]:
    own = {
        index: client
        for index, client in enumerate(realm.get("clients") or ())
        if client.get(SETTINGS) is not None and client["clientId"] != ADMIN_PERMISSIONS_CLIENT
    }
    names = names_by_id(realm) if own else {}
    for index, client in own.items():
        yield Item((client["clientId"],), ("clients", index, SETTINGS), by_name(client[SETTINGS], names))


def by_name(settings: Representation, names: NamesById) -> Representation:
    """Settings whose policies name by its name what the file gives the id of; `names` are those of the realm."""
    if not settings.get("policies"):
        return settings
    known = {key: names[sort] for key, sort in _TYPES.items()}
    for key, (section, own_id) in _OWN.items():
        known[key] = {each[own_id]: each["name"] for each in settings.get(section) or () if own_id in each}
    return {**settings, "policies": [_with_names(policy, known) for policy in settings["policies"]]}


def _with_names(policy: Representation, known: NamesById) -> Representation:
    config = policy.get("config") or {}
    found = {key: [_called(key, part, known[key]) for part in listed(config.get(key)) or ()] for key in known}
    return {**policy, "config": {**config, **{key: parts for key, parts in found.items() if parts}}}


def _called(key: str, part: Value, names: Mapping[str, str]) -> Value:
    """A part of a setting with the name instead of the id; a group is known by its path."""
    if not isinstance(part, Mapping):
        return names.get(str(part), part)
    name = names.get(str(part.get("id")))
    if name is None:
        return part
    others = {each: value for each, value in part.items() if each != "id"}
    return {**others, "path" if key == "groups" else "id": name}


_TYPES: Final = {"users": "Users", "groups": "Groups", "clients": "Clients", "roles": "Roles"}
_OWN: Final = {"resources": ("resources", "_id"), "scopes": ("scopes", "id"), "applyPolicies": ("policies", "id")}
"""Where what a setting of a policy names is declared, with the key of its id."""


def named(realm: str, spec: Spec) -> Iterator[Address]:
    """Roles, groups, clients, users and client scopes that policies are about."""
    for body in as_map(POLICIES.normal(spec.get("policies", ()))).values():
        for key, parts in as_map(as_map(body).get("config", {})).items():
            for part in parts if isinstance(parts, tuple) else ():
                yield from _meant(realm, key, part)


def _meant(realm: str, key: str, part: Value) -> Iterator[Address]:
    name = part if isinstance(part, str) else str(as_map(part).get("path") or as_map(part).get("id"))
    if key in _MEANT:
        yield _MEANT[key](realm, name)


def role_of(realm: str, name: str) -> Address:
    """A role as policies name it: one of a client after its client."""
    client, _, own = name.rpartition("/")
    return role(realm, (client,) if client else (), own)


_MEANT: Final[Mapping[str, Callable[[str, str], Address]]] = {
    "roles": role_of,
    "groups": lambda realm, name: group(realm, (), name),
    "clients": lambda realm, name: Address(CLIENT, (realm, name)),
    "users": lambda realm, name: Address(USER, (realm, name.lower())),
    "clientScopes": lambda realm, name: scope(realm, (), name),
}


def _save(live: Live, address: Address, patch: Mapping[str, Value]) -> None:
    """Import what changes, then do what the import leaves as it is.

    Nothing else goes along: a client of 26.4 is made with a policy in JavaScript, which no import takes.
    """
    path = live.path(_PATH, address)
    found = live.connection.get(f"{path}/settings")
    if found is ABSENT:
        raise Rejected("the client has no authorization services; set its `authorizationServicesEnabled`")
    before = {name: KIND.properties[name].normal(found.get(name, ())) for name in _LISTS}
    after = {name: merged(before[name], as_map(patch.get(name, {}))) for name in _LISTS}
    check(live, address, as_map(patch.get("policies", {})))
    again = made_again(_bodies_of(before["policies"]), _bodies_of(after["policies"]))
    if again:
        _check_types(live, path, as_map(patch.get("policies", {})))
    own = {name: value for name, value in patch.items() if name not in _LISTS}
    lists = {
        name: KIND.properties[name].wired({key: body for key, body in after[name].items() if key in changed})
        for name in _LISTS
        for changed in ({*as_map(patch.get(name, {})), *(again if name == "policies" else ())},)
    }
    for name in reversed(in_order(_bodies_of(before["policies"])) if again else ()):
        if name in again:
            _delete(live, f"{path}/policy", name, "id")
    try:
        live.connection.post(f"{path}/import", {**{key: found[key] for key in _TOP if key in found}, **own, **lists})
    except Rejected:
        _check_types(live, path, as_map(patch.get("policies", {})))
        raise
    for body in _bodies(lists["resources"]):
        if body["name"] in as_map(before["resources"]):
            live.connection.put(_at(live, f"{path}/resource", body["name"], "_id"), body)
    for name in _LISTS:
        single, key = _LISTS[name]
        for gone in as_map(before[name]).keys() - after[name].keys():
            _delete(live, f"{path}/{single}", gone, key)


def _bodies_of(objects: Value) -> Mapping[str, Mapping[str, Value]]:
    return {name: as_map(body) for name, body in as_map(objects).items()}


def check(live: Live, address: Address, policies: Mapping[str, Value]) -> None:
    """Raise Rejected where a policy names what is not there: the server would leave it out without a word (26.7)."""
    for name, body in policies.items():
        if isinstance(body, Mapping):
            for each in named(address.path[0], {"policies": {name: body}}):
                id_of(live, name, each)


def _check_types(live: Live, path: str, policies: Mapping[str, Value]) -> None:
    """Raise Rejected where a policy is of a type that the server lacks: it says no more than that it failed (26.7)."""
    known = {each["type"] for each in live.connection.get(f"{path}/policy/providers")}
    types = {name: body.get("type", ABSENT) for name, body in policies.items() if isinstance(body, Mapping)}
    strange = sorted(
        f"`{name}` is of the type `{sort}`" for name, sort in types.items() if sort not in {*known, ABSENT}
    )
    if strange:
        raise Rejected(f"policy {', '.join(strange)}, which this server does not have; deploy it there, or take it out")


def id_of(live: Live, policy: str, address: Address) -> str:
    """The id of what a policy names; raises Rejected where there is none, as the next look would find none either."""
    try:
        return live.id(address)
    except Conflict as error:
        said = f"policy `{policy}` names {address}, which is not there; declare it, or correct the name"
        raise Rejected(said) from error


def _bodies(value: Value) -> Iterable[Any]:
    return value if isinstance(value, tuple) else ()


def _at(live: Live, path: str, name: str, key: str) -> str:
    """The path of one object, raising Conflict if it is gone; the server finds all whose names contain this one."""
    found = live.connection.get(f"{path}?name={quote(name, safe='')}&max=1000")
    own = next((each[key] for each in found if each["name"] == name), None)
    if own is None:
        raise Conflict(f"{name} is not there any more")
    return f"{path}/{own}"


def _delete(live: Live, path: str, name: str, key: str) -> None:
    """Take one away; a permission goes by itself with its last policy (26.4)."""
    with suppress(Conflict):
        live.connection.delete(_at(live, path, name, key))


def _completed_policies(declared: Value, live: Value) -> Value:
    """Exactly the declared policies; one of another type than the live one has nothing of it."""
    own, there = as_map(declared), as_map(live)
    alike = {name: body for name, body in there.items() if _type(own.get(name, body)) in (_type(body), ABSENT)}
    return declared_objects(declared, alike)


def _type(policy: Value) -> Value:
    return as_map(policy).get("type", ABSENT)


POLICIES: Final = Property(
    Field(normalise=by("name", _policy)), complete=_completed_policies, unset=(), wire=_wired_policies
)
_TOP: Final = ("allowRemoteResourceManagement", "policyEnforcementMode", "decisionStrategy")
# In the order in which they may go: what names others first.
_LISTS: Final = {"policies": ("policy", "id"), "resources": ("resource", "_id"), "scopes": ("scope", "id")}

KIND: Final = RestKind(
    name=AUTHORIZATION,
    key="clientId",
    properties={
        "allowRemoteResourceManagement": flag(default=True),
        "policyEnforcementMode": text(),
        "decisionStrategy": text(),
        "resources": Property(
            Field(normalise=by("name", _resource)), complete=declared_objects, unset=(), wire=_wired_resources
        ),
        "scopes": Property(
            Field(normalise=by("name", _scope)), complete=declared_objects, unset=(), wire=as_list("name")
        ),
        "policies": POLICIES,
    },
    objects=_settings,
    paths=Paths(item=_PATH, find=_PATH, id_key=""),
    right="manage-authorization",
    parent=CLIENT,
    singleton=True,
    put=Put(save=_save),
    dependencies=Dependencies(uses=named),
    reading=Reading(flags=frozenset({"exportClients"})),
)
