"""The groups that every new user is put into.

A service account is put into them too if it is made after them. They come after clients, as in an import of a realm.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconciler.core.difference.kind import Field
from reconciler.providers.keycloak.kinds.group import group, paths
from reconciler.providers.keycloak.table.connection import BASE, Representation
from reconciler.providers.keycloak.table.groups import Dependencies, Paths, Reading
from reconciler.providers.keycloak.table.kind import Item, Links, RestKind
from reconciler.providers.keycloak.table.properties import Property
from reconciler.vocabulary.keycloak import CLIENT, DEFAULT_GROUPS


def _groups(realm: Representation) -> Iterator[Item]:
    if "defaultGroups" in realm:
        yield Item((), (), {"defaultGroups": realm["defaultGroups"]})


KIND: Final = RestKind(
    name=DEFAULT_GROUPS,
    key="realm",
    properties={"defaultGroups": Property(Field(normalise=paths), unset=())},
    objects=_groups,
    paths=Paths(item=BASE, find=BASE, id_key=""),
    right="manage-realm",
    singleton=True,
    links={"defaultGroups": Links("default-groups/{target}", group)},
    dependencies=Dependencies(behind=(CLIENT,)),
    reading=Reading(flags=frozenset({"exportGroupsAndRoles"})),
)
