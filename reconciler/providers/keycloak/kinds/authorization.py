"""Authorization services of a client: its resources, scopes, policies and permissions, each list exact.

Settings of policies are texts of JSON in Keycloak's files; they are compared by what they say. The server's import
adds and changes all but resources that are there already, and deletes nothing; the rest is done object by object.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
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
from reconciler.providers.keycloak.table.connection import BASE, Live, Representation, View
from reconciler.providers.keycloak.table.deployed import deployed
from reconciler.providers.keycloak.table.groups import Dependencies, Paths, Put, Reading, Requirements
from reconciler.providers.keycloak.table.kind import Item, RestKind
from reconciler.providers.keycloak.table.properties import (
    Property,
    as_list,
    as_list_map,
    as_map,
    as_names,
    as_plain,
    as_text,
    by,
    declared_objects,
    flag,
    merged,
    text,
    without_blanks,
)
from reconciler.vocabulary.keycloak import (
    ADMIN_PERMISSIONS_CLIENT,
    AUTHORIZATION,
    CLIENT,
    LISTS_OF_POLICIES,
    POLICY_SETTINGS,
    USER,
)

SETTINGS: Final = "authorizationSettings"
_PATH: Final = f"{BASE}/clients/{{parent}}/authz/resource-server"
_OF_THE_SERVER: Final = ("_id", "id", "owner", "policies", "resources")
_UNLESS_SAID: Final[Mapping[str, Mapping[str, Value]]] = {
    "roles": {"required": False},
    "clientScopes": {"required": False},
    "groups": {"extendChildren": False},
}
"""What the server says of what a policy is about where nobody said it."""


_TEXT: Final = without_blanks(as_text)


def _set_or_none(value: Value) -> Value:
    return _NAMES(value) or ABSENT


_NAMES: Final = without_blanks(as_names)
_OF_A_SCOPE: Final[Mapping[str, Callable[[Value], Value]]] = {"displayName": _TEXT, "iconUri": _TEXT}
_OF_A_RESOURCE: Final[Mapping[str, Callable[[Value], Value]]] = {
    "displayName": _TEXT,
    "type": _TEXT,
    "icon_uri": _TEXT,
    "uris": _set_or_none,
    "scopes": lambda value: _set_or_none(_scopes_of(value)),
    "ownerManagedAccess": flag().normal,
    "attributes": as_list_map,
}
_OF_A_POLICY: Final[Mapping[str, Callable[[Value], Value]]] = {"description": _TEXT}


def _normal(body: Mapping[str, Value], forms: Mapping[str, Callable[[Value], Value]]) -> Value:
    """An object without what is the server's own, and each of its properties in one form."""
    own = {key: part for key, part in body.items() if key not in _OF_THE_SERVER}
    return as_plain({key: forms[key](part) if key in forms else part for key, part in own.items()})


def _resource(value: Value) -> Value:
    """A resource with its scopes by name; older files have one `uri`."""
    body = as_map(value)
    if "uri" in body:
        body["uris"] = (body.pop("uri"),)
    return _normal(body, _OF_A_RESOURCE)


def _scopes_of(value: Value) -> Value:
    named = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return tuple(as_map(each).get("name") if isinstance(each, Mapping) else each for each in named)


def _scope(value: Value) -> Value:
    return _normal(as_map(value), _OF_A_SCOPE)


def _policy(value: Value) -> Value:
    """A policy with its settings read."""
    body = as_map(value)
    if isinstance(body.get("config"), Mapping):
        body["config"] = {key: _read(key, part) for key, part in as_map(body["config"]).items()}
    return _normal(body, _OF_A_POLICY)


def _read(key: str, value: Value) -> Value:
    found = () if key in LISTS_OF_POLICIES and value in (None, "") else listed(value)
    if found is None:
        return as_text(value)
    parts = [{**_UNLESS_SAID.get(key, {}), **part} if isinstance(part, Mapping) else part for part in found]
    by_content = {_in_order(part): part for part in map(as_plain, parts)}  # the server has each of them once
    return tuple(by_content[content] for content in sorted(by_content))


def _in_order(part: Value) -> str:
    return str(sorted(part.items()) if isinstance(part, Mapping) else part)


def _wired_resources(value: Value) -> Value:
    def wired(body: Mapping[str, Value]) -> Mapping[str, Value]:
        scopes = body.get("scopes", ())
        assert isinstance(scopes, Sequence)
        return {"uris": (), **body, "scopes": tuple({"name": name} for name in scopes)}

    return as_list("name")({name: wired(as_map(body)) for name, body in as_map(value).items()})


def _wired_policies(value: Value) -> Value:
    def wired(body: Mapping[str, Value]) -> Mapping[str, Value]:
        needed = POLICY_SETTINGS.get(str(body.get("type")), ())[:1]  # without it the import fails (26.7)
        config = {**dict.fromkeys(needed, ()), **as_map(body.get("config", {}))}
        return {**body, "config": {key: _written(part) for key, part in config.items()}}

    return as_list("name")({name: wired(as_map(body)) for name, body in as_map(value).items()})


def _written(value: Value) -> Value:
    return value if isinstance(value, str) else json.dumps(value)


def _settings(realm: Representation) -> Iterator[Item]:
    own = {
        index: client
        for index, client in enumerate(realm.get("clients") or ())
        if client.get(SETTINGS) is not None and client["clientId"] != ADMIN_PERMISSIONS_CLIENT
    }
    # Ids are replaced only where there are settings: the names of a whole realm take a while.
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
    # The id of an object that the realm does not show stays as it is.
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
    # No write changes the type of a policy (26.7), so such a policy is deleted and made again.
    again = made_again(_bodies_of(before["policies"]), _bodies_of(after["policies"]))
    own = {name: value for name, value in patch.items() if name not in _LISTS}
    lists = {
        name: KIND.properties[name].wired({key: body for key, body in after[name].items() if key in changed})
        for name in _LISTS
        for changed in ({*as_map(patch.get(name, {})), *(again if name == "policies" else ())},)
    }
    # Those that apply others go first.
    old = reversed(in_order(_bodies_of(before["policies"])) if again else ())
    _delete_each(live, f"{path}/policy", (name for name in old if name in again), "id")
    # The import takes these three as a whole, so the live ones go along with the declared ones.
    live.connection.post(f"{path}/import", {**{key: found[key] for key in _TOP if key in found}, **own, **lists})
    # An import leaves parts of an existing resource as they are; a PUT does not.
    for body in _bodies(lists["resources"]):
        if body["name"] in as_map(before["resources"]):
            live.connection.put(_at(live, f"{path}/resource", body["name"], "_id"), body)
    for name, (single, key) in _LISTS.items():
        _delete_each(live, f"{path}/{single}", as_map(before[name]).keys() - after[name].keys(), key)


def _bodies_of(objects: Value) -> Mapping[str, Mapping[str, Value]]:
    bodies = objects.items() if isinstance(objects, Mapping) else ()
    return {name: body for name, body in bodies if isinstance(body, Mapping)}


def _refused(view: View, address: Address, body: Mapping[str, Value]) -> str:
    """Explains what the server would leave out of these settings without a word, or refuse without a reason (26.7)."""
    changed = _bodies_of(body.get("policies", {}))
    if not changed:
        return ""
    path = f"{BASE.format(realm=quote(address.path[0], safe=''))}/clients/{{}}/authz/resource-server"
    client = view.find(Address(CLIENT, address.path))
    path = path.format(quote(client, safe="")) if client else ""
    found = view.once(f"{path}/settings") if path else ABSENT
    there = {name: _names_in(found, name) for name in _LISTS}
    after = {name: {*there[name], *_bodies_of(body.get(name, {}))} - _removed(body.get(name, {})) for name in _LISTS}
    rules = (
        nowhere(view, address.path[0], changed),
        _strange_types(view, path, changed, there["policies"]),
        _nowhere_inside(address.name, changed, after),
    )
    return "; ".join(said for rule in rules for said in rule)


def _names_in(settings: Any, section: str) -> set[str]:
    return {each["name"] for each in settings.get(section) or ()} if isinstance(settings, Mapping) else set()


def _removed(objects: Value) -> set[str]:
    return {name for name, body in objects.items() if body is ABSENT} if isinstance(objects, Mapping) else set()


def nowhere(view: View, realm: str, policies: Mapping[str, Mapping[str, Value]]) -> Iterator[str]:
    """Lists policies that are about something that is not there: the server would leave it out (26.7)."""
    for name, body in policies.items():
        for each in named(realm, {"policies": {name: body}}):
            if view.find(each) is None:
                yield _not_there(name, each)


def _not_there(policy: str, address: Address) -> str:
    return f"policy `{policy}` names {address}, which is not there; declare it, or correct the name"


def _strange_types(
    view: View, path: str, policies: Mapping[str, Mapping[str, Value]], there: Collection[str]
) -> Iterator[str]:
    """Lists policies without a type, or of one that the server lacks; it asks only about types that are not its own."""
    types = {name: body.get("type", ABSENT) for name, body in policies.items()}
    for name, sort in types.items():
        if sort is ABSENT and name not in there:
            yield f"policy `{name}` needs a `type`, such as role, or scope for a permission"
    # Types that every server has are not asked for.
    others = {name: sort for name, sort in types.items() if sort not in {*_TYPES_OF_POLICIES, ABSENT}}
    if not others:
        return
    found = view.once(f"{path}/policy/providers") if path else ABSENT
    known = {each["type"] for each in found} if found is not ABSENT else deployed(view, "policy")
    for name, sort in others.items():
        if sort not in known:
            yield f"policy `{name}` is of the type `{sort}`, which this server does not have; deploy it, or take it out"


def _nowhere_inside(
    client: str, policies: Mapping[str, Mapping[str, Value]], names: Mapping[str, Collection[str]]
) -> Iterator[str]:
    """Lists policies that name another one, a resource or a scope that the client will not have."""
    for name, body in policies.items():
        config = body.get("config")
        for key, section in _INSIDE.items():
            for each in (listed(config.get(key, ())) or ()) if isinstance(config, Mapping) else ():
                if str(each) not in names[section]:
                    what = section.removesuffix("s") if key != "applyPolicies" else "policy"
                    yield f"policy `{name}` names the {what} `{each}`, which client {client} does not have; declare it"


_TYPES_OF_POLICIES: Final = frozenset({*POLICY_SETTINGS, "aggregate", "regex", "resource", "scope", "time"})
_INSIDE: Final = {"resources": "resources", "scopes": "scopes", "applyPolicies": "policies"}


def id_of(live: Live, policy: str, address: Address) -> str:
    """The id of what a policy names; raises Rejected where there is none, as the next look would find none either."""
    try:
        return live.id(address)
    except Conflict as error:
        raise Rejected(_not_there(policy, address)) from error


def _bodies(value: Value) -> Iterable[Any]:
    return value if isinstance(value, tuple) else ()


def _at(live: Live, path: str, name: str, key: str) -> str:
    """The path of one object, raising Conflict if it is gone; the server finds all whose names contain this one."""
    found = live.connection.get(f"{path}?name={quote(name, safe='')}&max=1000")
    own = next((each[key] for each in found if each["name"] == name), None)
    if own is None:
        raise Conflict(f"{name} is not there any more")
    return f"{path}/{own}"


def _delete_each(live: Live, path: str, names: Iterable[str], key: str) -> None:
    for name in names:
        _delete(live, path, name, key)


def _delete(live: Live, path: str, name: str, key: str) -> None:
    """Take one away; a permission goes by itself with its last policy (26.4)."""
    with suppress(Conflict):
        live.connection.delete(_at(live, path, name, key))


def _completed_policies(declared: Value, live: Value) -> Value:
    """Exactly the declared policies; one of another type than the live one has nothing of it."""
    own, there = as_map(declared), as_map(live)
    alike = {name: body for name, body in there.items() if _type(own.get(name, body)) in (_type(body), ABSENT)}
    expected = as_map(declared_objects(declared, alike))
    return {name: _without_empty_lists(as_map(body), as_map(alike.get(name, {}))) for name, body in expected.items()}


def _without_empty_lists(policy: Mapping[str, Value], live: Mapping[str, Value]) -> Mapping[str, Value]:
    """The policy without lists that have nothing in them and that the server does not show."""
    config, there = policy.get("config"), live.get("config")
    if not isinstance(config, Mapping) or not isinstance(there, Mapping):
        return policy
    return {**policy, "config": {key: part for key, part in config.items() if part != () or key in there}}


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
    requirements=Requirements(refuses=_refused),
    reading=Reading(flags=frozenset({"exportClients"})),
)
