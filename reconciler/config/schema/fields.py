"""The fields that the schemas describe, by name; for `reconcile explain`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from reconciler.config.schema.validator import schema_document

FILES: Final = ("stack", "users")


class FieldText(NamedTuple):
    """A field of a file: the definition that has it, its name, and the words of the schema."""

    file: str
    owner: str
    name: str
    title: str
    description: str


def described_fields() -> Iterator[FieldText]:
    """Every field of both files that has a description."""
    for file in FILES:
        schema = schema_document(file)
        yield from _of(file, f"{file}.yaml", schema)
        for owner, part in schema["$defs"].items():
            yield from _of(file, owner, part)


def fields_named(path: str) -> list[FieldText]:
    """The fields that a dotted path may mean: its last name, in a definition that the name before it fits."""
    *before, name = path.split(".")
    found = [field for field in described_fields() if field.name == name]
    fitting = [field for field in found if before and _fits(before[-1], field.owner)]
    return fitting or found


def _fits(name: str, owner: str) -> bool:
    """Returns whether a key such as ``services`` or ``clients`` holds what a definition describes."""
    folded, of = name.casefold().replace("_", ""), owner.casefold().replace("_", "")
    return folded in (of, f"{of}s", f"{of}es", f"{of.removesuffix('y')}ies")


def _of(file: str, owner: str, part: Any) -> Iterator[FieldText]:
    for name, schema in (part.get("properties") or {}).items() if isinstance(part, Mapping) else ():
        if isinstance(schema, Mapping) and schema.get("description"):
            yield FieldText(f"{file}.yaml", owner, name, schema.get("title", name), schema["description"])
