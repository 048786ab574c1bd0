"""The fields that the schemas describe, by name; for `reconcile explain`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from reconciler.config.schema.validator import schema_document

FILES: Final = ("stack", "users")
NAME: Final = "NAME"
"""A key that the person chooses, in a path."""


class FieldText(NamedTuple):
    """A field of a file: the definition that has it, its name, the words of the schema, and its path in the file."""

    file: str
    owner: str
    name: str
    title: str
    description: str
    path: str


def described_fields() -> Iterator[FieldText]:
    """Every field of both files that has a description."""
    for file in FILES:
        schema = schema_document(file)
        places = _places(file)
        yield from _of(file, f"{file}.yaml", schema, "")
        for owner, part in schema["$defs"].items():
            yield from _of(file, owner, part, places.get(owner, owner))


def fields_named(path: str) -> list[FieldText]:
    """The fields that a dotted path may mean: its last name, in a definition that the name before it fits."""
    *before, name = path.split(".")
    found = [field for field in described_fields() if field.name == name]
    fitting = [field for field in found if before and _leads(before, field.path)]
    return fitting or [field for field in found if before and _fits(before[-1], field.owner)] or found


def _fits(name: str, owner: str) -> bool:
    """Returns whether a key such as ``services`` or ``clients`` holds what a definition describes."""
    folded, of = name.casefold().replace("_", ""), owner.casefold().replace("_", "")
    return folded in (of, f"{of}s", f"{of}es", f"{of.removesuffix('y')}ies")


def _leads(before: Sequence[str], path: str) -> bool:
    """Returns whether these keys, with names in the places of names, may stand before the last key of a path."""
    keys = path.split(".")[:-1]
    pairs = zip(reversed(before), reversed(keys), strict=False)
    return len(before) <= len(keys) and all(key in (NAME, each) for each, key in pairs) and before[0] in keys


def _of(file: str, owner: str, part: Any, place: str) -> Iterator[FieldText]:
    for name, schema in (part.get("properties") or {}).items() if isinstance(part, Mapping) else ():
        if isinstance(schema, Mapping) and schema.get("description"):
            path = f"{place}.{name}" if place else name
            yield FieldText(f"{file}.yaml", owner, name, schema.get("title", name), schema["description"], path)


@cache
def _places(file: str) -> Mapping[str, str]:
    """The shortest path in a file at which each definition of its schema stands."""
    schema = schema_document(file)
    found: dict[str, str] = {}
    waiting: deque[tuple[str, Any]] = deque([("", schema)])
    while waiting:
        path, part = waiting.popleft()
        if not isinstance(part, Mapping):
            continue
        name = str(part.get("$ref", "")).removeprefix("#/$defs/")
        if name in schema["$defs"] and name not in found:
            found[name] = path
            waiting.append((path, schema["$defs"][name]))
        waiting.extend(_inside(path, part))
    return found


def _inside(path: str, part: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The parts of a schema that describe what stands at a path and below it."""
    for key in ("anyOf", "oneOf", "allOf"):
        yield from ((path, each) for each in part.get(key) or ())
    yield from ((path, part[key]) for key in ("items", "then", "else") if key in part)
    for name, each in (part.get("properties") or {}).items():
        yield f"{path}.{name}" if path else name, each
    named = [part.get("additionalProperties"), *(part.get("patternProperties") or {}).values()]
    yield from ((f"{path}.{NAME}" if path else NAME, each) for each in named)
