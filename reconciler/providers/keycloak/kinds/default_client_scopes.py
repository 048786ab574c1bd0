"""The client scopes that every new client gets, by default or as an option.

A new realm has some of its own. They are replaced before its first client is made, as a client keeps what it was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from reconciler.core.message.errors import Conflict
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import ABSENT, Spec, Value
from reconciler.providers.keycloak.kinds.client_scope import scope
from reconciler.providers.keycloak.table.connection import BASE, Live, Representation
from reconciler.providers.keycloak.table.groups import Dependencies, Paths, Put
from reconciler.providers.keycloak.table.kind import Item, RestKind
from reconciler.providers.keycloak.table.properties import as_names, names
from reconciler.vocabulary.keycloak import DEFAULT_CLIENT_SCOPES

_PATHS: Final = {
    "defaultDefaultClientScopes": f"{BASE}/default-default-client-scopes",
    "defaultOptionalClientScopes": f"{BASE}/default-optional-client-scopes",
}


def _scopes(realm: Representation) -> Iterator[Item]:
    found = {name: realm[name] for name in _PATHS if name in realm}
    if found:
        yield Item((), (), found)


def _named(realm: str, spec: Spec) -> Iterable[Address]:
    return tuple(scope(realm, (), str(name)) for each in _PATHS for name in as_names(spec.get(each)))


def _save(live: Live, address: Address, patch: Mapping[str, Value]) -> None:
    """First what goes: a client scope must leave one list before it may enter the other."""
    paths = {name: live.path(_PATHS[name], address) for name in patch}
    there = {name: _listed(live, path) for name, path in paths.items()}
    wanted = {name: as_names(value) for name, value in patch.items()}
    for name, path in paths.items():
        for gone in there[name].keys() - wanted[name]:
            live.connection.delete(f"{path}/{there[name][gone]}")
    for name, path in paths.items():
        for new in wanted[name]:
            if new not in there[name]:
                live.connection.put(f"{path}/{live.id(scope(address.path[0], (), str(new)))}")


def _listed(live: Live, path: str) -> Mapping[Value, str]:
    """The ids of the scopes in a list, by name."""
    found = live.connection.get(path)
    if found is ABSENT:
        raise Conflict("the realm is not there any more")
    return {each["name"]: each["id"] for each in found}


KIND: Final = RestKind(
    name=DEFAULT_CLIENT_SCOPES,
    key="realm",
    properties={name: names() for name in _PATHS},
    objects=_scopes,
    paths=Paths(item=BASE, find=BASE, id_key=""),
    right="manage-clients",
    singleton=True,
    put=Put(save=_save),
    dependencies=Dependencies(uses=_named),
)
