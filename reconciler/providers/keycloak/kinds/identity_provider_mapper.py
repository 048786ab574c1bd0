"""Mappers of identity providers: what becomes of what the other side says of a user. ``config`` is exact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconciler.core.difference.kind import Field
from reconciler.providers.keycloak.table.connection import BASE, Representation
from reconciler.providers.keycloak.table.groups import Paths, Pruning, Put
from reconciler.providers.keycloak.table.kind import Item, RestKind
from reconciler.providers.keycloak.table.properties import Property, as_text_map, text, unmasked
from reconciler.vocabulary.keycloak import IDENTITY_PROVIDER, IDENTITY_PROVIDER_MAPPER


def _mappers(realm: Representation) -> Iterator[Item]:
    for index, body in enumerate(realm.get("identityProviderMappers") or ()):
        yield Item((body["identityProviderAlias"], body["name"]), ("identityProviderMappers", index), body)


_PATH: Final = f"{BASE}/identity-provider/instances/{{parent}}/mappers"

KIND: Final = RestKind(
    name=IDENTITY_PROVIDER_MAPPER,
    key="name",
    properties={
        "identityProviderAlias": text(),
        "identityProviderMapper": text(),
        "config": Property(Field(normalise=as_text_map), complete=unmasked, unset={}, whole=True),
    },
    objects=_mappers,
    paths=Paths(item=f"{_PATH}/{{id}}", find=_PATH, collections={IDENTITY_PROVIDER: _PATH}),
    right="manage-identity-providers",
    parent=IDENTITY_PROVIDER,
    put=Put(replaces=True),
    pruning=Pruning(section="identityProviderMappers"),
)
