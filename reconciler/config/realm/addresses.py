"""The addresses of what a realm declares, for checking references to them from stack.yaml."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from reconciler.config.realm.canonical import with_usernames
from reconciler.config.yaml.tree import Tree
from reconciler.core.resource.address import Address
from reconciler.vocabulary.keycloak import CLIENT_ROLE, GROUP, REALM, ROLE, SECTIONS, USER

_Paths = Callable[[Mapping[str, Tree]], Iterable[tuple[str, ...]]]


def _named(section: str, field: str) -> _Paths:
    def paths(realm: Mapping[str, Tree]) -> Iterator[tuple[str, ...]]:
        items = realm.get(section)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and item.get(field):
                yield (str(item[field]),)

    return paths


def _roles(realm: Mapping[str, Tree]) -> Iterator[tuple[str, ...]]:
    return _named("realm", "name")(realm.get("roles") or {})  # type: ignore[return-value]


def _client_roles(realm: Mapping[str, Tree]) -> Iterator[tuple[str, ...]]:
    clients = (realm.get("roles") or {}).get("client") or {}
    for client in clients:
        yield from ((client, *path) for path in _named(client, "name")(clients))


def _groups(realm: Mapping[str, Tree], section: str = "groups") -> Iterator[tuple[str, ...]]:
    for group in realm.get(section) or ():
        yield (str(group.get("name")),)
        yield from ((str(group.get("name")), *path) for path in _groups(group, "subGroups"))


def _users(realm: Mapping[str, Tree]) -> Iterator[tuple[str, ...]]:
    return ((path[0].lower(),) for path in _named("users", "username")(with_usernames(realm)))


_KINDS: Final[Mapping[str, _Paths]] = {
    REALM: lambda _realm: [()],
    ROLE: _roles,
    CLIENT_ROLE: _client_roles,
    GROUP: _groups,
    USER: _users,
    **{section.kind: _named(name, section.keys[0]) for name, section in SECTIONS.items() if section.kind},
}


def declared_addresses(realms: Iterable[Mapping[str, Tree]], kind: str) -> set[Address]:
    """The addresses of one kind that the realms declare."""
    paths = _KINDS.get(kind)
    return {Address(kind, (str(realm["realm"]), *path)) for realm in realms for path in (paths(realm) if paths else ())}


def checkable(kind: str) -> bool:
    """Returns whether the files show all declared objects of this kind."""
    return kind in _KINDS


KINDS: Final = tuple(_KINDS)
