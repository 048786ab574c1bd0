"""Objects that Keycloak deletes along with another: all inside it, and those in its table (`takes`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Place
from reconciler.core.resource.values import Path
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.kind import Item, RestKind
from reconciler.providers.keycloak.table.properties import as_map
from reconciler.vocabulary.keycloak import REALM


class Cascades:
    """The objects of a live realm, by what they go along with."""

    def __init__(self, items: Mapping[Address, Item]) -> None:
        self._below: Final = dict[Address, set[Address]]()
        self._parts: Final = dict[Address, Mapping[Path, frozenset[Address]]]()
        self._holders: Final = dict[Address, set[Place]]()
        for address, item in items.items():
            self._add(address, item)

    def along(self, address: Address) -> Mapping[Path, frozenset[Address]]:
        """The objects deleted with the object, under (), and with each of its parts that deletes more."""
        if address.kind == REALM or address not in self._below:
            return {}
        own = {path: self._closure(found) for path, found in self._parts.get(address, {}).items()}
        return {(): self._closure(self._below[address]), **own}

    def holders(self, address: Address) -> Mapping[Address, frozenset[Place]]:
        """The objects deleted along that are in more than one place."""
        gone = frozenset[Address]().union(*self.along(address).values())
        return {each: frozenset(places) for each in gone if len(places := self._holders.get(each, ())) > 1}

    def _add(self, address: Address, item: Item) -> None:
        kind, realm = KINDS[address.kind], address.path[0]
        parent = kind.parent_of(address)
        if parent is not None and parent.kind != REALM:
            # Keycloak deletes the parts of an object with it; those of a realm go with the realm itself.
            self._below.setdefault(parent, set()).add(address)
        parts = {**dict(_parts(kind, realm, item)), **dict(_switches(kind, realm, item))}
        for path, found in parts.items():
            for each in found:
                self._holders.setdefault(each, set()).add((address, path))
        below = {*kind.dependencies.takes(realm, item.body), *(each for found in parts.values() for each in found)}
        if below:
            self._below.setdefault(address, set()).update(below)
        if parts:
            self._parts[address] = parts

    def _closure(self, addresses: Iterable[Address]) -> frozenset[Address]:
        found, frontier = set[Address](), set(addresses)
        while frontier:
            found |= frontier
            frontier = {each for address in frontier for each in self._below.get(address, ())} - found
        return frozenset(found)


def _switches(kind: RestKind, realm: str, item: Item) -> Iterator[tuple[Path, frozenset[Address]]]:
    for name, takes in kind.dependencies.switches.items():
        if found := frozenset(takes(realm, item.body)):
            yield (name,), found


def _parts(kind: RestKind, realm: str, item: Item) -> Iterator[tuple[Path, frozenset[Address]]]:
    for name, parts in kind.parts.items():
        # Most parts take nothing along when they go.
        if parts.takes is None:
            continue
        for part, body in as_map(kind.properties[name].normal(item.body.get(name, ()))).items():
            if found := frozenset(parts.takes(realm, as_map(body))):
                yield (name, part), found
