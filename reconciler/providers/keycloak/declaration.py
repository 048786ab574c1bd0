"""Properties of a realm's objects in the words of a users file: for putting a live change into the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.core.difference.change import Change
from reconciler.core.provider import Declaration
from reconciler.core.resource.values import Value
from reconciler.providers.keycloak.kinds.user import KIND as USERS
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.kind import RestKind
from reconciler.providers.keycloak.table.properties import as_list


def declarations(change: Change, fields: Mapping[str, tuple[Value, Value]]) -> Mapping[str, Sequence[Declaration]]:
    """The declarations of properties, name → (expected, live), of an object that is declared and differs."""
    kind = KINDS[change.address.kind]
    return {name: tuple(_alternatives(kind, name, *sides)) for name, sides in fields.items() if name in kind.properties}


def _alternatives(kind: RestKind, name: str, wanted: Value, live: Value) -> Iterator[Declaration]:
    yield Declaration((name,), _listed(kind, name, wanted), _listed(kind, name, live))
    if name == "localizationTexts":
        yield Declaration(("messageBundles",), wanted, live)
    if kind is USERS and name in ("realmRoles", "clientRoles"):
        yield Declaration(("roles",), _roles(wanted), _roles(live))


def _listed(kind: RestKind, name: str, normal: Value) -> Value:
    """A property as a file lists it, which the table has by name."""
    if name in kind.parts and isinstance(normal, Mapping):
        return as_list(kind.parts[name].key)(normal)
    return kind.properties[name].wired(normal) if isinstance(normal, Mapping) else normal


def _roles(value: Any) -> Value:
    """Roles in the short form of a user: `name`, and `client/name` for those of a client."""
    if isinstance(value, Mapping):
        return tuple(f"{client}/{role}" for client, roles in value.items() for role in roles or ())
    return value  # type: ignore[no-any-return]
