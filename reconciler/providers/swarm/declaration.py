"""Fields of a service in the words of a stack file: for putting a live change into the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.core.difference.change import Change
from reconciler.core.provider import Declaration
from reconciler.core.resource.document import Document
from reconciler.core.resource.values import ABSENT, Value
from reconciler.providers.docker.table.property import dig, first
from reconciler.providers.swarm.kinds import service
from reconciler.providers.swarm.table.row import Row


def declarations(
    document: Document, change: Change, fields: Mapping[str, tuple[Value, Value]]
) -> Mapping[str, Sequence[Declaration]]:
    """The declarations of fields, name → (expected, live), of a service that is declared and differs."""
    if change.address.kind != service.NAME:
        return {}
    declared = document.section("services").get(change.address.name, {})
    rows = {name: service.ROWS[name] for name in fields if name in service.ROWS}
    made = {name: tuple(_of_row(row, declared, fields[name])) for name, row in rows.items()}
    return {name: found for name, found in made.items() if found}


def _of_row(row: Row, declared: Any, sides: tuple[Value, Value]) -> Iterator[Declaration]:
    """A row in its own form; nothing where the file has another attribute that says it otherwise."""
    found = first(declared, *row.paths)
    attribute = found[0] if found else row.place
    if row.said is None or attribute in _IN_OTHER_WORDS:
        return
    wanted, live = (_said(row, side) for side in sides)
    yield Declaration(tuple(attribute.split(".")), wanted, live)


_IN_OTHER_WORDS: Final = frozenset({"restart"})
"""Attributes that say the value of a row in a form which not every value has."""


def _said(row: Row, value: Value) -> Value:
    said: Value = dig(row.declaration(value), row.place)
    return ABSENT if said is None else said
