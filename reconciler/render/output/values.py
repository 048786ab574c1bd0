"""Single values and fields, as people read them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from reconciler.core.difference.cause import Cause
from reconciler.core.difference.change import Change
from reconciler.core.difference.compare import FieldChange
from reconciler.core.difference.kind import Kind
from reconciler.core.resource.resource import Origin
from reconciler.core.resource.values import ABSENT, UNKNOWN, Ref, Secret, Value
from reconciler.pattern import lazy_pattern

_SIZES: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_ID: Final = lazy_pattern(r"(sha256:)?([0-9a-f]{12})[0-9a-f]{52}")


def shown(value: Value, unit: str = "") -> str:
    """One value on one line; secrets are not shown, what is absent says so."""
    match value:
        case Secret() | Ref():
            return str(value) if isinstance(value, Secret) else "(known after apply)"
        case _ if value is ABSENT or value is UNKNOWN:
            return str(value)
        # A truth value is a number to Python, and has no unit.
        case int() | float() if unit and not isinstance(value, bool):
            return _size(value) if unit == "bytes" else f"{value:g} {unit}"
        case str():
            return _text(value)
        case Mapping():
            return "{" + ", ".join(f"{key}: {shown(part)}" for key, part in value.items()) + "}"
        case Sequence():
            return "[" + ", ".join(shown(part) for part in value) + "]"
        case _:
            return json.dumps(value)


def _text(value: str) -> str:
    if identity := _ID.fullmatch(value):
        return f"{identity[1] or ''}{identity[2]}"
    plain = value.isprintable() and value == value.strip() and value != ""
    return value if plain else json.dumps(value, ensure_ascii=False)


def _size(value: float) -> str:
    """Writes a size in the largest unit that leaves a short number."""
    if value <= 0:
        return "unlimited"
    power = 0
    while value >= 1024 and value % 256 == 0 and power < len(_SIZES) - 1:
        value, power = value / 1024, power + 1
    return f"{value:g} {_SIZES[power]}"


def size(value: float) -> str:
    """A measured number of bytes, in the largest unit, to three digits."""
    power = 0
    while value >= 1000 and power < len(_SIZES) - 1:
        value, power = value / 1024, power + 1
    return f"{value:.3g} {_SIZES[power]}"


def are_lists_of_objects(before: Value, after: Value) -> bool:
    """Returns whether both are lists, and one has objects in it: then the parts that differ are worth a name."""
    lists = [each for each in (before, after) if isinstance(each, Sequence) and not isinstance(each, str)]
    return len(lists) == 2 and any(isinstance(item, Mapping) for each in lists for item in each)


def path_of(field: FieldChange, change: Change) -> str:
    """The field's path in the words of the file: where it was declared, else its own name."""
    name, *rest = field.path
    source = change.desired.source(name) if change.desired else None
    return ".".join((source.path if source else name, *rest))


def origin_of(change: Change, field: FieldChange | None = None) -> Origin:
    """The place of a field in the files, or of its resource; of one that is missing, the place where it begins."""
    if field:
        return change.place(field) or Origin("")
    own = change.desired.origin if change.desired else None
    return (own if change.observed is None else change.origin) or Origin("")


def is_removed(field: FieldChange, change: Change, kind: Kind) -> bool:
    """Returns whether the files do not declare a field any more, so that its default counts again."""
    if field.cause is not Cause.DECLARED or change.observed is None or change.desired is None:
        return False
    row = kind.fields.get(field.path[0])
    value: Value = change.desired.spec
    for key in (row.given_by,) if row and row.given_by else field.path:
        if not isinstance(value, Mapping):
            return False  # a list declares what is compared as a mapping, and its items can't be told apart here
        if key not in value:
            return True
        value = value[key]
    return False


def unit_of(field: FieldChange, kind: Kind) -> str:
    row = kind.fields.get(field.path[0])
    return row.unit if row else ""
