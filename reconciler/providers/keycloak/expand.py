"""The desired resources of a document: its realms taken apart into objects, each after those that it names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import Problem
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document, DocumentPath
from reconciler.core.resource.options import OPTIONS
from reconciler.core.resource.resource import Resource, Source
from reconciler.core.resource.values import Path, Spec, Value
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.connection import Representation
from reconciler.providers.keycloak.table.kind import Item, RestKind, options_of
from reconciler.vocabulary.keycloak import GROUP, OWNED, REALM


def expand(document: Document) -> Iterator[Resource]:
    """Every object of every realm; pure."""
    for index, realm in enumerate(document.realms or ()):
        yield from _expanded(document, ("realms", index), realm)


def _expanded(document: Document, at: DocumentPath, realm: Representation) -> Iterator[Resource]:
    name = str(realm["realm"])
    found = [(kind, item) for kind in KINDS.values() for item in kind.objects(realm)]
    # The path of a group is one text in these keys, because Keycloak does not escape slashes in names.
    declared = {key_of(kind.address(name, item.keys)): kind.address(name, item.keys) for kind, item in found}
    _check(document, at, name, found)
    for kind, item in found:
        spec = {**_spec(kind, item), **_owner(document, kind, item, realm)}
        address = kind.address(name, item.keys)
        locate = partial(_source, document, (*at, *item.at), spec, kind.wording.words)
        yield Resource(address, spec, _after(kind, address, spec, declared), locate)


def key_of(address: Address) -> tuple[str, Path]:
    """The key for looking up an address: a group's is its path as one text.

    Keycloak writes a slash in a group's name as it is (26.7), so in a path of names it can't be told apart.
    """
    if address.kind == GROUP:
        return (GROUP, (address.path[0], "/".join(address.path[1:])))
    return (address.kind, address.path)


def _check(document: Document, at: DocumentPath, realm: str, found: Sequence[tuple[RestKind, Item]]) -> None:
    """Raise ConfigError where two objects have one address: two components of different types may have one name."""
    seen: set[Address] = set()
    problems: list[Problem] = []
    for kind, item in found:
        address = kind.address(realm, item.keys)
        if address in seen:
            message = f"{address} is there twice; give one of the two another name"
            problems.append(Problem(message, document.locate((*at, *item.at)), address=address))
        seen.add(address)
    if problems:
        raise ConfigError(problems)


def _owner(document: Document, kind: RestKind, item: Item, realm: Representation) -> Spec:
    """The owner of an object: written to the realm, and to objects to be marked."""
    modes = prune_modes(realm)
    if OWNED not in (modes.values() if kind.name == REALM else (modes.get(kind.pruning.section),)):
        return {}
    return {OPTIONS: {**item.body.get(OPTIONS, {}), "owner": document.project}}


def prune_modes(spec: Spec) -> Mapping[str, Value]:
    """The realm's policy for undeclared objects, by section: off, owned or exact."""
    modes = options_of(spec).get("prune", {})
    assert isinstance(modes, Mapping)
    return modes


def _spec(kind: RestKind, item: Item) -> Spec:
    names = (*kind.properties, *_UNCOMPARED)
    return {name: item.body[name] for name in names if name in item.body}


_UNCOMPARED: Final = (OPTIONS, "serviceAccountClientId")  # not properties: they say how the object is handled


def _after(
    kind: RestKind, address: Address, spec: Spec, declared: Mapping[tuple[str, Path], Address]
) -> Mapping[Address, str]:
    wanted = (*_above(kind, address), *_named(kind, address, spec))
    keys = dict.fromkeys(map(key_of, wanted))
    return {declared[key]: "" for key in keys if key in declared and declared[key] != address}


def _above(kind: RestKind, address: Address) -> Iterator[Address]:
    """The parents of the object: the realm at least, as others need not be declared."""
    parent = kind.parent_of(address)
    while parent is not None:
        yield parent
        parent = KINDS[parent.kind].parent_of(parent)


def _named(kind: RestKind, address: Address, spec: Spec) -> Iterable[Address]:
    realm = address.path[0]
    yield from kind.dependencies.uses(realm, spec)
    for name, links in kind.links.items():
        if links.waits and name in spec:
            yield from links.targets(realm, kind.properties[name].normal(spec[name]))


def _source(document: Document, at: DocumentPath, spec: Spec, words: Mapping[str, str], path: Path) -> Source | None:
    """The declaration of a property or a part of it, or under () that of the object; only this asks for a place.

    In a large file that takes another look at the object's text, so nobody asks who has nothing to report.
    """
    if not path:
        return Source("", lambda: document.locate(at))
    name = path[0]
    if name == OPTIONS or name not in spec:
        return None
    return Source(words.get(name, name), lambda: document.locate((*at, *path)))
