"""Secrets that Keycloak masks in its answers, such as a bind password: told from other values by digests.

The digests are in one attribute of the realm, by address and path. A digest is also of the object's id, as another
object of the same name has another secret. An object whose digest is missing counts as different, and is written once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from reconciler.core.resource.address import Address
from reconciler.core.resource.values import ABSENT, Path, Secret, Spec, Value
from reconciler.providers.keycloak.table.connection import Representation
from reconciler.providers.keycloak.table.digests import ANOTHER, digest_of, is_digest_of
from reconciler.providers.keycloak.table.kind import RestKind
from reconciler.providers.keycloak.table.properties import DIGESTS, as_map, is_masked


def masked_values(kind: RestKind, spec: Spec) -> Mapping[Path, Secret]:
    """The declared secrets that the server masks, by their paths in normal form."""
    names = [name for name in kind.reading.masked(spec) if name in spec]
    return {
        path: value for name in names for path, value in _secrets((name,), kind.properties[name].normal(spec[name]))
    }


def _secrets(path: Path, value: Value) -> Iterator[tuple[Path, Secret]]:
    match value:
        case Secret():
            if not is_masked(value):
                yield path, value
        case Mapping():
            for key, part in value.items():
                yield from _secrets((*path, key), part)
        case Sequence() if not isinstance(value, str):
            for index, part in enumerate(value):
                yield from _secrets((*path, str(index)), part)


def recalled(kind: RestKind, address: Address, desired: Spec, realm: Representation, body: Representation) -> Spec:
    """The live properties that have masks, with the declared secret in place of each, or another one if it is not live.

    ``realm`` and ``body`` are the representations of the realm and of the object in it.
    """
    values = masked_values(kind, desired)
    live = {name: kind.properties[name].normal(body[name]) for name in {path[0] for path in values} if name in body}
    # Only a masked value needs the memory; one that the server shows is compared as it is.
    found = {path: value for path, value in values.items() if is_masked(_at(live, path))}
    if not found:
        return {}
    known = as_map(_digests(realm).get(str(address), {}))
    for path, value in found.items():
        # The digest holds for this object and this property alone, so that a copy elsewhere proves nothing.
        is_live = is_digest_of(str(known.get(_name(path))), value, _context(body, path))
        live = as_map(_with(live, path, value if is_live else ANOTHER))
    return live


def noted(realm: Representation, address: Address, body: Representation, values: Mapping[str, Value]) -> str:
    """The realm's attribute once these secrets of an object, by the names of their paths, are live."""
    digests = {
        name: digest_of(value, f"{_id(body)} {name}") for name, value in values.items() if isinstance(value, Secret)
    }
    return json.dumps({**_digests(realm), str(address): digests}, sort_keys=True)


def named(values: Mapping[Path, Secret]) -> Mapping[str, Secret]:
    """The secrets by the names of their paths, as a step has them."""
    return {_name(path): value for path, value in values.items()}


def _digests(realm: Representation) -> Mapping[str, Value]:
    """The digests by address; none where the attribute is not what we write."""
    try:
        found = json.loads((realm.get("attributes") or {}).get(DIGESTS) or "{}")
    except ValueError:
        return {}
    return {str(key): part for key, part in found.items() if isinstance(part, dict)} if isinstance(found, dict) else {}


def _name(path: Path) -> str:
    return ".".join(path)


def _id(body: Representation) -> str:
    return str(body.get("internalId") or body.get("id"))


def _context(body: Representation, path: Path) -> str:
    return f"{_id(body)} {_name(path)}"


def _at(value: Value, path: Path) -> Value:
    """The part of a value at a path, ABSENT if there is none."""
    if not path:
        return value
    if isinstance(value, Mapping):
        return _at(value.get(path[0], ABSENT), path[1:])
    if isinstance(value, Sequence) and not isinstance(value, str) and int(path[0]) < len(value):
        return _at(value[int(path[0])], path[1:])
    return ABSENT


def _with(value: Value, path: Path, part: Value) -> Value:
    """The value with another part at a path that is there."""
    if not path:
        return part
    if isinstance(value, Mapping):
        return {**value, path[0]: _with(value[path[0]], path[1:], part)}
    assert isinstance(value, Sequence)
    return tuple(_with(each, path[1:], part) if str(index) == path[0] else each for index, each in enumerate(value))
