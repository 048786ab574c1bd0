"""Roles of a realm. ``attributes`` and ``composites`` are exact: nobody else writes there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from reconciler.core.difference.kind import Field
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import Path, Value
from reconciler.providers.keycloak.table.connection import BASE, Representation
from reconciler.providers.keycloak.table.groups import Builtins, Paths, Pruning, Put, Reading
from reconciler.providers.keycloak.table.kind import Item, Links, RestKind
from reconciler.providers.keycloak.table.properties import Property, as_map, as_name_map, as_names, attributes, text
from reconciler.vocabulary.keycloak import BUILT_IN_ROLES, CLIENT_ROLE, MASTER, REALM, ROLE


def role(realm: str, keys: Path, name: str) -> Address:
    """The role that a name stands for: of the client that is the last of the keys, or of the realm."""
    if keys in ((), ("realm",)):
        return Address(ROLE, (realm, name))
    return Address(CLIENT_ROLE, (realm, keys[-1], name))


def _composites(value: Value) -> Mapping[str, Value]:
    """Realm roles and, by client, client roles; what is empty is left out, as in an export."""
    if not isinstance(value, Mapping):
        return {}
    parts: dict[str, Value] = {"realm": as_names(value.get("realm")), "client": as_name_map(value.get("client"))}
    return {key: part for key, part in parts.items() if part}


# A POST takes composites only if all are there already, and two roles may contain each other. By id both
# sorts of roles are under one path, whatever their names contain.
ROLE_ROWS: Final = {
    "description": text(),
    "attributes": attributes(),
    "composites": Property(Field(normalise=_composites), unset={}),
}
ROLE_LINKS: Final = {"composites": Links("composites", role, waits=False)}
ROLE_ITEM: Final = f"{BASE}/roles-by-id/{{id}}"
ROLE_ALWAYS: Final = ("name", "description")  # a PUT needs the one and erases the other where it is left out


def _roles(realm: Representation) -> Iterator[Item]:
    for index, body in enumerate((realm.get("roles") or {}).get("realm") or ()):
        yield Item((body["name"],), ("roles", "realm", index), body)


def _is_builtin(path: Path) -> bool:
    return path[-1] in BUILT_IN_ROLES or path[-1].startswith("default-roles-")


def with_composites_of(
    of_client: Callable[[str], bool], observed: Observed, expected: Mapping[str, Value]
) -> Mapping[str, Value]:
    """Let a role have more roles of some clients than are declared: those that the server puts there by itself."""
    if "composites" not in expected:
        return expected
    own, there = _composites(expected["composites"]), _composites(observed.spec.get("composites"))
    # For such clients whatever is live counts as expected, so none of it is taken away.
    clients, live = as_map(own.get("client", {})), as_map(there.get("client", {}))
    more = {name: (*as_names(clients.get(name)), *as_names(live[name])) for name in live if of_client(name)}
    return {**expected, "composites": {**own, "client": {**clients, **more}}}


def _adjust(desired: Resource, observed: Observed, expected: dict[str, Value]) -> Mapping[str, Value]:
    """Let administrators of the server have the roles that come with each realm."""
    if desired.address.path == (MASTER, "admin"):
        return with_composites_of(lambda client_id: client_id.endswith("-realm"), observed, expected)
    return expected


KIND: Final = RestKind(
    name=ROLE,
    key="name",
    properties=ROLE_ROWS,
    objects=_roles,
    paths=Paths(item=ROLE_ITEM, find=f"{BASE}/roles/{{name}}", collections={REALM: f"{BASE}/roles"}, answers_id=False),
    right="manage-realm",
    links=ROLE_LINKS,
    adjust=_adjust,
    put=Put(always=ROLE_ALWAYS),
    builtins=Builtins(is_builtin=_is_builtin),
    pruning=Pruning(section="roles", mark=as_names),
    reading=Reading(flags=frozenset({"exportGroupsAndRoles"})),
)
