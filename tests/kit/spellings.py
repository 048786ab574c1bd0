"""Other ways to write a value: each may mean the same, something else, or nothing, but never a second equal write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def spellings(value: Any) -> Iterator[Any]:
    """Odd forms of a value: in capitals, with blanks, empty, doubled, reordered, as a text, of another type."""
    match value:
        case bool():
            yield from (str(value).lower(), str(value).upper(), f" {str(value).lower()} ", int(value), "", None)
        case int() | float():
            yield from (str(value), f" {value} ", f"{value}.0", value + 0.5, -1, 0, "", None)
        case str():
            yield from _texts(value)
        case Mapping():
            yield from _maps(value)
        case Sequence():
            yield from _lists(value)


def _texts(value: str) -> Iterator[Any]:
    yield from (value.upper(), value.lower(), value.title(), f" {value} ", f"{value}\n", "", " ", None)
    yield from (f"{value}{value}", [value], 7, True)


def _maps(value: Mapping[str, Any]) -> Iterator[Any]:
    yield from ({}, None, dict(reversed(list(value.items()))), {**value, "": ""}, {**value, "extra": None})
    yield {f" {key} ": part for key, part in value.items()}
    yield {key.upper(): part for key, part in value.items()}
    for key, part in value.items():
        yield from ({**value, key: other} for other in spellings(part))


def _lists(value: Sequence[Any]) -> Iterator[Any]:
    yield from ([*reversed(value)], [*value, *value], [], None, [*value, ""], [*value, None])
    for index, part in enumerate(value):
        if index == 0:
            yield part
        for other in spellings(part):
            yield [*value[:index], other, *value[index + 1 :]]
