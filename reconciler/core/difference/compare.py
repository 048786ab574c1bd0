"""The fields of one resource, compared: which differ, from what to what, and what that costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.core.difference.cause import Cause
from reconciler.core.difference.kind import Effect, Field, Kind
from reconciler.core.resource.values import ABSENT, Path, Spec, Value, seal, veil


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One differing value. Two that differ in nothing but their ``cause`` are the same."""

    path: Path
    before: Value
    after: Value
    effect: Effect
    cause: Cause = field(default=Cause.UNKNOWN, compare=False)


def compare(kind: Kind, expected: Spec, observed: Spec) -> Iterator[FieldChange]:
    """Every field that is expected and differs, in the order of the kind's table.

    A field that ``expected`` leaves out is not managed.
    """
    for name, row in kind.fields.items():
        if name in expected:
            yield from _compare_field((name,), row, observed.get(name, ABSENT), expected[name])


def sides(row: Field, before: Value, after: Value) -> tuple[Value, Value]:
    """Both sides of a field in the form in which they are compared, with secrets sealed on both."""
    before, after = row.normalise(before), row.normalise(after)
    if before == after:  # nearly always
        return before, after
    if row.secret:
        before, after = seal(before), seal(after)
    # Each side is veiled by the other: a value is secret on both if it is so on one of them.
    return veil(before, after), veil(after, before)


def _compare_field(path: Path, row: Field, before: Value, after: Value) -> Iterator[FieldChange]:
    before, after = sides(row, before, after)
    if before == after or row.equal(before, after):
        return
    for leaf, old, new in _leaves(path, before, after):
        yield FieldChange(leaf, old, new, row.cost(old, new))


def _leaves(path: Path, before: Value, after: Value) -> Iterator[tuple[Path, Value, Value]]:
    """The differing parts: mappings key by key, everything else as a whole."""
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        yield path, before, after
        return
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key, ABSENT), after.get(key, ABSENT)
        # Only what differs is a row of a plan; a list differs as a whole, since its items have no names.
        if old != new:
            yield from _leaves((*path, key), old, new)
