"""Permissions of administrators in a realm: policies and permissions of the client `admin-permissions` (Keycloak 26.2).

That client, its resources and its scopes are Keycloak's own; its settings can be neither asked for nor imported, so
they are read from the realm's export and written one policy at a time. A permission names users, groups, clients,
roles and organizations by id; a file by what they are called.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.message.errors import Conflict, Rejected
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Resource
from reconciler.core.resource.values import ABSENT, Spec, Value
from reconciler.providers.keycloak.kinds import group
from reconciler.providers.keycloak.kinds.authorization import (
    POLICIES,
    SETTINGS,
    by_name,
    id_of,
    named,
    nowhere,
    role_of,
)
from reconciler.providers.keycloak.kinds.ids import NAMES, NamesById, names_by_id
from reconciler.providers.keycloak.kinds.policies import applied, in_order, listed, made_again
from reconciler.providers.keycloak.table.connection import BASE, Connection, Live, Representation, View
from reconciler.providers.keycloak.table.groups import Dependencies, Paths, Put, Reading, Requirements
from reconciler.providers.keycloak.table.kind import Item, RestKind
from reconciler.providers.keycloak.table.properties import as_map, merged
from reconciler.record import Struct
from reconciler.vocabulary.keycloak import (
    ADMIN_PERMISSIONS,
    ADMIN_PERMISSIONS_CLIENT,
    CLIENT,
    ORGANIZATION,
    USER,
    is_id,
)

_PERMISSION: Final = "scope"
_UNANIMOUS: Final = "UNANIMOUS"
_NO_OTHER: Final = (
    f"; Keycloak 26.7 takes no `decisionStrategy` of a permission but {_UNANIMOUS}, and any of an aggregate policy"
)
_KNOWN: Final = "namesOfResources"
"""Where a live representation has the names of what its permissions are for, by type and id."""


class _Sort(Struct, frozen=True):
    """A type of what can be administered: where one is by its id, and its address."""

    path: str
    address: Callable[[str, str], Address]


_SORTS: Final[Mapping[str, _Sort]] = {
    "Users": _Sort("users", lambda realm, name: Address(USER, (realm, name))),
    "Groups": _Sort("groups", lambda realm, path: group.group(realm, (), path)),
    "Clients": _Sort("clients", lambda realm, name: Address(CLIENT, (realm, name))),
    "Roles": _Sort("roles-by-id", role_of),
    "Organizations": _Sort("organizations", lambda realm, alias: Address(ORGANIZATION, (realm, alias))),
}


# ------------------------------------------------------------------ names


def _spelled(sort: str, name: str) -> str:
    """A name as addresses have it; other tools put a dollar before it."""
    name = name.removeprefix("$")
    if name == sort or is_id(name):
        return name
    # Groups are known by their paths, and users by names in lower case.
    if sort == "Groups":
        return f"/{name.strip('/')}"
    return name.lower() if sort == "Users" else name


def _is_permission(policy: Mapping[str, Any]) -> bool:
    return policy.get("type") == _PERMISSION


def _resources(policy: Mapping[str, Any]) -> tuple[str, Sequence[str]]:
    """The type that a permission is for, and of that type all that it names."""
    config = policy.get("config") or {}
    return str(config.get("defaultResourceType")), tuple(map(str, listed(config.get("resources")) or ()))


def _with_names(policy: Representation, names: NamesById) -> Representation:
    """A permission with its resources by name, and without policies where it has none."""
    if not _is_permission(policy):
        return policy
    sort, found = _resources(policy)
    known = names.get(sort, {})
    resources = [known.get(each) or _spelled(sort, each) for each in found]
    return {**policy, "config": {"applyPolicies": "[]", **(policy.get("config") or {}), "resources": resources}}


def _for_all_or_some(policy: Representation) -> Representation:
    """The permission as the admin console takes it: for all of its type where it names none."""
    sort, found = _resources(policy)
    if found or not _is_permission(policy):
        return policy
    return {**policy, "config": {**(policy.get("config") or {}), "resources": [sort]}}


def _permissions(realm: Representation) -> Iterator[Item]:
    for index, client in enumerate(realm.get("clients") or ()):
        settings = client.get(SETTINGS) or {}
        if client["clientId"] == ADMIN_PERMISSIONS_CLIENT and "policies" in settings:
            policies, names = settings["policies"] or (), realm.get(_KNOWN)
            if names is None:  # a file; a live permission that names nothing is for nothing (26.7)
                names = names_by_id(realm)
                policies = map(_for_all_or_some, by_name(settings, names)["policies"] or ())
            yield Item((), ("clients", index, SETTINGS), {"policies": [_with_names(each, names) for each in policies]})


def _policies(settings: Mapping[str, Any]) -> dict[str, Mapping[str, Value]]:
    """All policies by name, in normal form."""
    return {name: as_map(body) for name, body in as_map(POLICIES.normal(settings.get("policies", ()))).items()}


def _uses(realm: str, spec: Spec) -> Iterator[Address]:
    """The subjects of policies, and the resources of permissions."""
    yield from named(realm, spec)
    for policy in _policies(spec).values():
        sort, found = _resources(policy)
        if _is_permission(policy) and sort in _SORTS:
            yield from (_SORTS[sort].address(realm, name) for name in found if name != sort and not is_id(name))


# ------------------------------------------------------------------ reading


def _refused(view: View, address: Address, body: Mapping[str, Value]) -> str:
    policies = body.get("policies", {})
    bodies = {name: part for name, part in as_map(policies).items() if isinstance(part, Mapping)}
    return "; ".join(nowhere(view, address.path[0], bodies))


def _client(realm: Representation) -> Representation:
    clients = realm.get("clients") or ()
    return next((each for each in clients if each["clientId"] == ADMIN_PERMISSIONS_CLIENT), {})


def _read(connection: Connection, base: str, export: Representation, wanted: Iterable[Resource]) -> Mapping[str, Any]:
    """The names of what the live permissions are for; an id that the file has stays one."""
    declared = [policy for each in wanted for policy in _policies(each.spec).values()]
    kept = {name for policy in declared for name in _resources(policy)[1]}
    known = names_by_id(export)
    found = {sort: dict(names) for sort, names in known.items()}
    for policy in (_client(export).get(SETTINGS) or {}).get("policies") or ():
        sort, resources = _resources(policy)
        for each in resources if _is_permission(policy) and sort in _SORTS else ():
            # The export shows ids, and names are asked for one by one, each once.
            if each not in (sort, *found[sort]):
                body = connection.get(f"{base}/{_SORTS[sort].path}/{quote(each, safe='')}")
                found[sort][each] = each if body is ABSENT else _name(sort, body, known["Clients"])
    return {
        _KNOWN: {sort: {key: name for key, name in names.items() if key not in kept} for sort, names in found.items()}
    }


def _name(sort: str, body: Representation, clients: Mapping[str, str]) -> str:
    if sort != "Roles":
        return NAMES[sort](body)
    return f"{clients[body['containerId']]}/{body['name']}" if body.get("clientRole") else str(body["name"])


def exported(connection: Connection, base: str, realm: Representation) -> list[Representation]:
    """The clients of a realm, this one as a file has it: what somebody decided, with names."""
    own = {**realm, **_read(connection, base, realm, ())}
    policies = [each for item in _permissions(own) for each in map(_written, item.body["policies"])]
    file = {"clientId": ADMIN_PERMISSIONS_CLIENT, SETTINGS: {"policies": policies}}
    return [
        file if each["clientId"] == ADMIN_PERMISSIONS_CLIENT and SETTINGS in each else each
        for each in realm.get("clients") or ()
    ]


def _written(policy: Mapping[str, Any]) -> Mapping[str, Any]:
    """A policy with all settings as texts."""
    config = {
        key: each if isinstance(each, str) else json.dumps(each) for key, each in (policy.get("config") or {}).items()
    }
    return {**policy, "config": config}


# ------------------------------------------------------------------ writing


def _save(live: Live, address: Address, patch: Mapping[str, Value]) -> None:
    """Write the policies that differ, each after those that it applies, and take away what is too much."""
    base = live.path(BASE, address)
    answer = live.connection.ask(f"{base}/partial-export?exportClients=true&exportGroupsAndRoles=false")
    client = _client(answer if answer is not ABSENT else {})
    settings = client.get(SETTINGS) or {}
    if "authorizationSchema" not in settings:
        raise Rejected(
            f"the realm has no client {ADMIN_PERMISSIONS_CLIENT}; set `adminPermissionsEnabled: true`, which makes it "
            "(Keycloak 26.2 or later)"
        )
    path = f"{base}/clients/{quote(client['id'], safe='')}/authz/resource-server"
    change = as_map(patch.get("policies", {}))
    write = _Write(live, address.path[0], base, path, _policies(settings), change)
    write.check(settings["authorizationSchema"]["resourceTypes"])
    write()


@dataclass(frozen=True)
class _Write:
    """The way from the live policies to the desired ones."""

    live: Live
    realm: str
    base: str
    path: str
    before: Mapping[str, Mapping[str, Value]]
    change: Mapping[str, Value]

    @cached_property
    def after(self) -> Mapping[str, Mapping[str, Value]]:
        return {name: as_map(body) for name, body in merged(self.before, self.change).items()}

    @cached_property
    def changed(self) -> Collection[str]:
        return self.change.keys() & self.after.keys()

    @cached_property
    def replaced(self) -> Collection[str]:
        """The policies that are deleted and made again."""
        return made_again(self.before, self.after)

    @cached_property
    def ids(self) -> Mapping[str, str]:
        found = self.live.connection.get(f"{self.path}/policy?max=-1")
        return {each["name"]: each["id"] for each in (() if found is ABSENT else found)}

    def check(self, sorts: Mapping[str, Representation]) -> None:
        """Raise Rejected for what the server takes without a word, though it means nothing, or answers with 500."""
        # All policies and not only the changed ones: a removed one may be missing to another.
        for name, body in self.after.items():
            unknown = [each for each in applied(body) if each not in self.after]
            if unknown:
                raise Rejected(f"policy `{name}` applies {_listing(unknown)}, which the file does not have")
            if not body.get("type"):
                raise Rejected(f"policy `{name}` needs a `type`, such as role, or scope for a permission")
            if _is_permission(body) and name in self.changed:
                _check_permission(name, body, sorts)

    def __call__(self) -> None:
        order = in_order(self.after)
        bodies = {name: self.body(name) for name in order if name in self.changed or name in self.replaced}
        self.delete(self.replaced)
        for name, body in bodies.items():
            self.send(name, body)
        self.delete(self.before.keys() - self.after.keys())

    def body(self, name: str) -> Mapping[str, Value]:
        """The body for the server: for a permission that of the admin console, as the rest is not searched."""
        policy = self.after[name]
        if not _is_permission(policy):
            return _written({"name": name, **policy})
        sort, found = _resources(policy)
        there = _resources(self.before.get(name, {}))[1]
        return {
            "name": name,
            **{key: each for key, each in policy.items() if key != "config"},
            "resourceType": sort,
            "resources": tuple(each if each in there else self.resource(name, sort, each) for each in found),
            "scopes": listed(as_map(policy["config"]).get("scopes")),
            "policies": applied(policy),
        }

    def send(self, name: str, body: Mapping[str, Value]) -> None:
        # Permissions have a path of their own, by which the admin console finds them.
        path = f"{self.path}/permission/scope" if _is_permission(body) else f"{self.path}/policy"
        try:
            if name in self.before and name not in self.replaced:
                self.live.connection.put(f"{path}/{self.id(name)}", body)
            else:
                self.live.connection.post(path, body)
        except Rejected as error:
            is_unlike = _is_permission(body) and body.get("decisionStrategy", _UNANIMOUS) != _UNANIMOUS
            raise Rejected(f"`{name}`: {error.args[0]}{_NO_OTHER if is_unlike else ''}") from error

    def resource(self, permission: str, sort: str, name: str) -> str:
        """The server's id of a resource; it takes an unknown one for all of the type (26.5 and older)."""
        # The name of a type stands for all of its objects.
        if name == sort:
            return name
        if not is_id(name):
            return id_of(self.live, permission, _SORTS[sort].address(self.realm, name))
        if self.live.connection.get(f"{self.base}/{_SORTS[sort].path}/{name}") is ABSENT:
            said = f"policy `{permission}` names {name}, which is the id of none of the {sort}"
            raise Rejected(f"{said}; write what it is called")
        return name

    def id(self, name: str) -> str:
        if name not in self.ids:
            raise Conflict(f"{name} is not there any more")
        return quote(self.ids[name], safe="")

    def delete(self, names: Collection[str]) -> None:
        """First what applies others: a permission goes by itself with its last policy."""
        for name in reversed(in_order(self.before) if names else ()):
            if name in names:
                with suppress(Conflict):
                    self.live.connection.delete(f"{self.path}/policy/{self.id(name)}")


def _check_permission(name: str, body: Mapping[str, Value], sorts: Mapping[str, Representation]) -> None:
    sort, _ = _resources(body)
    if sort not in sorts or sort not in _SORTS:
        raise Rejected(
            f"permission `{name}` needs a `defaultResourceType` in its `config`, one of {_listing(sorted(sorts))}"
        )
    scopes = listed(as_map(body["config"]).get("scopes")) or ()
    unknown = [str(each) for each in scopes if each not in sorts[sort]["scopes"]]
    if unknown or not scopes:
        said = f"has {_listing(unknown)}" if unknown else "has none"
        known = _listing(sorted(sorts[sort]["scopes"]))
        raise Rejected(f"permission `{name}` {said} in its `scopes`; of {sort} this server knows {known}")


def _listing(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


KIND: Final = RestKind(
    name=ADMIN_PERMISSIONS,
    key="realm",
    properties={"policies": POLICIES},
    objects=_permissions,
    paths=Paths(item=BASE, find=BASE, id_key=""),
    right="manage-authorization",
    singleton=True,
    put=Put(save=_save),
    dependencies=Dependencies(uses=_uses),
    requirements=Requirements(refuses=_refused),
    reading=Reading(flags=frozenset({"exportClients"}), more=_read),
)
