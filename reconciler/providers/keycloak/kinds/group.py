"""Groups and their subgroups, each a resource of its own, named by the names that lead to it.

``attributes`` and roles are exact. A subgroup that is not declared is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.core.difference.kind import Field
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import DocumentPath
from reconciler.core.resource.values import Path, Value
from reconciler.providers.keycloak.kinds.role import role
from reconciler.providers.keycloak.table.connection import BASE, Representation
from reconciler.providers.keycloak.table.groups import Paths, Pruning, Put, Reading
from reconciler.providers.keycloak.table.kind import Item, Links, RestKind
from reconciler.providers.keycloak.table.properties import Property, as_name_map, as_names, attributes, names, text
from reconciler.vocabulary.keycloak import GROUP, REALM

# Neither is taken by POST or PUT of the group; both answer as if it were.
ROLE_LINKS: Final = {
    "realmRoles": Links("role-mappings/realm", role),
    "clientRoles": Links("role-mappings/clients/{client}", role),
}


def paths(value: Value) -> tuple[Value, ...]:
    """Paths of groups, each with its leading slash."""
    return as_names(tuple(f"/{path}" if not str(path).startswith("/") else path for path in as_names(value)))


def group(realm: str, _keys: Path, path: str) -> Address:
    """The group that a path stands for."""
    return Address(GROUP, (realm, *path.strip("/").split("/")))


def _groups(realm: Representation) -> Iterator[Item]:
    yield from _below((), ("groups",), realm.get("groups"))


def _below(keys: Path, at: DocumentPath, groups: Sequence[Representation] | None) -> Iterator[Item]:
    for index, body in enumerate(groups or ()):
        item = Item((*keys, body["name"]), (*at, index), body)
        yield item
        yield from _below(item.keys, (*item.at, "subGroups"), body.get("subGroups"))


KIND: Final = RestKind(
    name=GROUP,
    key="name",
    properties={
        "description": text(),
        "attributes": attributes(),
        "realmRoles": names(),
        "clientRoles": Property(Field(normalise=as_name_map), unset={}),
    },
    objects=_groups,
    paths=Paths(
        item=f"{BASE}/groups/{{id}}",
        find=f"{BASE}/group-by-path/{{path}}",
        collections={REALM: f"{BASE}/groups", GROUP: f"{BASE}/groups/{{parent}}/children"},
    ),
    right="manage-users",
    links=ROLE_LINKS,
    put=Put(
        always=("name", "description"),  # a PUT needs the one and erases the other where it is left out
    ),
    pruning=Pruning(section="groups", mark=as_names),
    reading=Reading(flags=frozenset({"exportGroupsAndRoles"})),
)
