"""Properties that Keycloak changes along with others, and those that can't be together with live ones; pure.

The facts are in vocabulary/combinations.py. What a file declares together is checked there, before anything is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from reconciler.core.resource.values import ABSENT, Spec, Value
from reconciler.providers.keycloak.table.properties import as_names, flag
from reconciler.vocabulary.combinations import COMBINATIONS, EXCLUSIVE, Combination, Exclusive

_FLAG: Final = flag()


def moved(kind: str, declared: Spec, live: Spec) -> Mapping[str, Value]:
    """The undeclared properties that Keycloak changes once the declared ones are written, each with its new value."""
    return {
        name: not value
        for row, written in _met(kind, declared, live)
        if written & row.sets_back
        for name, value in row.values.items()
        if name not in declared
    }


def forbidden(kind: str, declared: Spec, live: Spec) -> str:
    """Explains why a live object can't get what is declared, "" if it can."""
    found = (
        *(_refused(row, declared) for row, written in _met(kind, declared, live) if written & row.refused),
        *(said for pair in EXCLUSIVE if pair.kind == kind for said in _in_both(pair, declared, live)),
    )
    return "; ".join(filter(None, found))


def _met(kind: str, declared: Spec, live: Spec) -> Iterator[tuple[Combination, frozenset[str]]]:
    """The rows that the object would be in, each with the declared properties that bring it there."""
    for row in COMBINATIONS:
        merged = {name: _FLAG.normal(declared.get(name, live.get(name, ABSENT))) for name in row.values}
        if row.kind == kind and merged == row.values:
            written = (name for name in row.values if name in declared and _FLAG.normal(live.get(name)) != merged[name])
            yield row, frozenset(written)


def _refused(row: Combination, declared: Spec) -> str:
    words = {name in declared: f"`{name}: {str(value).lower()}`" for name, value in row.values.items()}
    # Where both are declared, the file has been refused already.
    return f"can't get {words[True]} while it has {words[False]}: {row.why}" if len(words) > 1 else ""


def _in_both(pair: Exclusive, declared: Spec, live: Spec) -> Iterator[str]:
    """Names that are added to one list and stay in the other, which no file declares."""
    for own, other in (pair.lists, pair.lists[::-1]):
        if own in declared and other not in declared:
            words = dict(zip(pair.lists, pair.words, strict=True))
            there = as_names(live.get(other, ()))
            for name in as_names(declared[own]):
                if name in there and name not in as_names(live.get(own, ())):
                    yield (
                        f"can't have `{name}` as {words[own]} while it is {words[other]}; "
                        f"declare `{other}` without it as well"
                    )
