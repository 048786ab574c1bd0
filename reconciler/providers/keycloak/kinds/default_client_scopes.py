"""The client scopes that every new client gets, by default or as an option."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconciler.core.resource.values import Path
from reconciler.providers.keycloak.kinds.client_scope import scope
from reconciler.providers.keycloak.table.connection import BASE, Representation
from reconciler.providers.keycloak.table.groups import Builtins, Paths
from reconciler.providers.keycloak.table.kind import Item, Links, RestKind
from reconciler.providers.keycloak.table.properties import names
from reconciler.vocabulary.keycloak import DEFAULT_CLIENT_SCOPES

_NAMES: Final = ("defaultDefaultClientScopes", "defaultOptionalClientScopes")


def _scopes(realm: Representation) -> Iterator[Item]:
    found = {name: realm[name] for name in _NAMES if name in realm}
    if found:
        yield Item((), (), found)


def _is_builtin(_path: Path) -> bool:
    """A new realm has some, and refuses those that it has: the next pass sees them."""
    return True


KIND: Final = RestKind(
    name=DEFAULT_CLIENT_SCOPES,
    key="realm",
    properties={name: names() for name in _NAMES},
    objects=_scopes,
    paths=Paths(item=BASE, find=BASE, id_key=""),
    right="manage-clients",
    singleton=True,
    links={
        "defaultDefaultClientScopes": Links("default-default-client-scopes/{target}", scope),
        "defaultOptionalClientScopes": Links("default-optional-client-scopes/{target}", scope),
    },
    builtins=Builtins(is_builtin=_is_builtin),
)
