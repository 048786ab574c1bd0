"""Scope mappings: the roles that may get into the tokens of a client that is not allowed all of them.

There is a resource for each client, and for each client scope, that has some; its lists are exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.core.difference.kind import Field
from reconciler.providers.keycloak.kinds.role import role
from reconciler.providers.keycloak.table.connection import BASE, Representation
from reconciler.providers.keycloak.table.groups import Paths, Reading
from reconciler.providers.keycloak.table.kind import Item, Links, RestKind
from reconciler.providers.keycloak.table.properties import Property, as_name_map, names
from reconciler.vocabulary.keycloak import CLIENT, CLIENT_SCOPE, CLIENT_SCOPE_MAPPINGS, SCOPE_MAPPINGS


def _of_clients(realm: Representation) -> Iterator[Item]:
    yield from _mappings(realm, "client")


def _of_scopes(realm: Representation) -> Iterator[Item]:
    yield from _mappings(realm, "clientScope")


def _mappings(realm: Representation, holder: str) -> Iterator[Item]:
    """The roles of the realm and of clients that are mapped, by who holds them."""
    found: dict[str, dict[str, Any]] = {}
    # Several entries may name the same holder, and mean the sum of them.
    for name, roles in _named(realm.get("scopeMappings"), holder):
        found.setdefault(name, {}).setdefault("scopeMappings", []).extend(roles)
    of_clients: Mapping[str, Any] = realm.get("clientScopeMappings") or {}
    for client, mappings in of_clients.items():
        for name, roles in _named(mappings, holder):
            own = found.setdefault(name, {}).setdefault("clientScopeMappings", {})
            own.setdefault(client, []).extend(roles)
    for name, body in found.items():
        section = "scopeMappings" if "scopeMappings" in body else "clientScopeMappings"
        yield Item((name,), (section,), body)


def _named(mappings: Any, holder: str) -> Iterator[tuple[str, list[str]]]:
    for mapping in mappings or ():
        if mapping.get(holder):
            yield mapping[holder], list(mapping.get("roles") or ())


_ROWS: Final = {
    "scopeMappings": names(),
    "clientScopeMappings": Property(Field(normalise=as_name_map), unset={}),
}
_LINKS: Final = {
    "scopeMappings": Links("scope-mappings/realm", role),
    "clientScopeMappings": Links("scope-mappings/clients/{client}", role),
}

OF_CLIENTS: Final = RestKind(
    name=SCOPE_MAPPINGS,
    key="client",
    properties=_ROWS,
    objects=_of_clients,
    paths=Paths(item=f"{BASE}/clients/{{parent}}", find=f"{BASE}/clients/{{parent}}", id_key=""),
    right="manage-clients",
    parent=CLIENT,
    singleton=True,
    links=_LINKS,
    reading=Reading(flags=frozenset({"exportClients"})),
)
OF_SCOPES: Final = RestKind(
    name=CLIENT_SCOPE_MAPPINGS,
    key="clientScope",
    properties=_ROWS,
    objects=_of_scopes,
    paths=Paths(item=f"{BASE}/client-scopes/{{parent}}", find=f"{BASE}/client-scopes/{{parent}}", id_key=""),
    right="manage-clients",
    parent=CLIENT_SCOPE,
    singleton=True,
    links=_LINKS,
    reading=Reading(flags=frozenset({"exportClients"})),
)
