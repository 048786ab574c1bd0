"""The roles that everybody has, as `defaultRoles` of old exports name them: of the realm, and of clients.

Keycloak keeps them in a role of the realm. Where a file declares that role with its composites, those say it all,
`defaultRoles` among them (realm/canonical.py). Without that the roles of the realm are exact where they are declared,
but for the two that Keycloak gives everybody, as it does when it imports such a file; and so are those of each client
that declares some.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from reconciler.core.difference.kind import Field
from reconciler.core.resource.resource import Resource
from reconciler.core.resource.values import Path, Value
from reconciler.providers.keycloak.kinds.role import ROLE_ITEM, role
from reconciler.providers.keycloak.table.connection import BASE, Connection, Representation
from reconciler.providers.keycloak.table.groups import Builtins, Paths, Reading
from reconciler.providers.keycloak.table.kind import Item, Links, RestKind
from reconciler.providers.keycloak.table.properties import Property, as_list_map, as_names, declared_keys
from reconciler.vocabulary.keycloak import BUILT_IN_ROLES, DEFAULT_ROLES

_COMPOSITES: Final = Links("composites", role)


def _roles(realm: Representation) -> Iterator[Item]:
    if "defaultRoles" in realm:
        yield Item((), ("defaultRoles",), realm["defaultRoles"])


def _read(
    _connection: Connection, _base: str, export: Representation, _wanted: Iterable[Resource]
) -> Mapping[str, Any]:
    """Reads the members of the role that the export names as the default one."""
    name = export["defaultRole"]["name"]
    found = next(body for body in export["roles"]["realm"] if body["name"] == name)
    composites = found.get("composites") or {}
    named = {"realmRoles": composites.get("realm"), "clientRoles": composites.get("client")}
    return {"defaultRoles": {"id": found["id"], **{key: value for key, value in named.items() if value}}}


def _besides(declared: Value, live: Value) -> Value:
    """The declared roles, with those that Keycloak brought as far as they are there."""
    return as_names((*as_names(declared), *(name for name in as_names(live) if name in BUILT_IN_ROLES)))


def _is_builtin(_path: Path) -> bool:
    """A new realm has the role: the next pass sees what is in it."""
    return True


KIND: Final = RestKind(
    name=DEFAULT_ROLES,
    key="realm",
    properties={
        "realmRoles": Property(Field(normalise=as_names), complete=_besides, unset=()),
        "clientRoles": Property(Field(normalise=as_list_map), complete=declared_keys, unset={}),
    },
    objects=_roles,
    paths=Paths(item=ROLE_ITEM, find=f"{BASE}/roles/default-roles-{{name}}"),
    right="manage-realm",
    singleton=True,
    links={"realmRoles": _COMPOSITES, "clientRoles": _COMPOSITES},
    builtins=Builtins(is_builtin=_is_builtin),
    reading=Reading(flags=frozenset({"exportGroupsAndRoles"}), more=_read),
)
