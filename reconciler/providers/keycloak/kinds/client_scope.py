"""Client scopes: settings and mappers that clients share.

``attributes`` are managed by declared key, as the console adds some of its own; an empty map says none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from reconciler.core.difference.kind import Field
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import Path, Value
from reconciler.providers.keycloak.kinds.mappers import MAPPERS, mappers
from reconciler.providers.keycloak.table.connection import BASE, Representation, View
from reconciler.providers.keycloak.table.deployed import deployed, not_deployed
from reconciler.providers.keycloak.table.groups import (
    Builtins,
    Creation,
    Listing,
    Paths,
    Pruning,
    Put,
    Reading,
    Requirements,
)
from reconciler.providers.keycloak.table.kind import Item, RestKind
from reconciler.providers.keycloak.table.names import of_scope
from reconciler.providers.keycloak.table.properties import (
    Property,
    as_text,
    as_text_map,
    declared_keys_or_none,
    text,
    without_mark,
)
from reconciler.vocabulary.accepted import PROTOCOLS_OF_EVERY_SERVER
from reconciler.vocabulary.keycloak import BUILT_IN_SCOPES, CLIENT_SCOPE, REALM


def scope(realm: str, _keys: Path, name: str) -> Address:
    """The client scope that a name stands for."""
    return Address(CLIENT_SCOPE, (realm, name))


def _scopes(realm: Representation) -> Iterator[Item]:
    for index, body in enumerate(realm.get("clientScopes") or ()):
        yield Item((body["name"],), ("clientScopes", index), body)


def _attributes(value: Value) -> Mapping[str, Value]:
    return without_mark(as_text_map(value))


def _is_builtin(path: Path) -> bool:
    return path[-1] in BUILT_IN_SCOPES


def unknown_protocol(view: View, _address: Address, body: Mapping[str, Value]) -> str:
    """Explains that the server has no such protocol; one that every server has is not asked for."""
    protocol = body.get("protocol")
    if not isinstance(protocol, str) or protocol in PROTOCOLS_OF_EVERY_SERVER:
        return ""
    return not_deployed("protocol", protocol, deployed(view, "login-protocol"))


KIND: Final = RestKind(
    name=CLIENT_SCOPE,
    key="name",
    properties={
        "description": text(),
        "protocol": text(),
        "attributes": Property(Field(normalise=_attributes), complete=declared_keys_or_none),
        "protocolMappers": mappers(),
    },
    objects=_scopes,
    paths=Paths(
        item=f"{BASE}/client-scopes/{{id}}", find=f"{BASE}/client-scopes", collections={REALM: f"{BASE}/client-scopes"}
    ),
    right="manage-clients",
    parts={"protocolMappers": MAPPERS},
    put=Put(
        always=("name",),  # a PUT without it is answered with 500
    ),
    creation=Creation(
        misnamed=of_scope,
        defaults={"protocol": "openid-connect"},  # a POST without it is refused
    ),
    builtins=Builtins(is_builtin=_is_builtin),
    pruning=Pruning(section="clientScopes", mark=as_text),
    requirements=Requirements(rejects=unknown_protocol),
    reading=Reading(listing=Listing("/client-scopes", tuple(sorted(BUILT_IN_SCOPES)))),
)
