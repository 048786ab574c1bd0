"""The values that a field can have, among them the three that stand for something else:
a secret (never prints), a reference (another resource's output) and the two kinds of nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal, TypeAlias, Union

from reconciler.core.resource.address import Address
from reconciler.record import Struct


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that compares by value and never prints; ``reveal()`` is for the client that sends it."""

    _text: str = field(repr=False)

    def reveal(self) -> str:
        return self._text

    def derive(self, change: Callable[[str], str]) -> Secret:
        """A text made from this one; it is as secret."""
        return Secret(change(self._text))

    def __str__(self) -> str:
        return "(secret)"


class Ref(Struct, frozen=True):
    """A desired value that is an output of another resource."""

    address: Address
    output: str

    def __str__(self) -> str:
        return f"{self.address}#{self.output}"


class _Unknown(Enum):
    UNKNOWN = "(known after apply)"

    def __str__(self) -> str:
        return str(self.value)


class _Absent(Enum):
    ABSENT = "(absent)"

    def __str__(self) -> str:
        return str(self.value)


UNKNOWN: Final = _Unknown.UNKNOWN
"""A value that will exist after an earlier change was applied."""

ABSENT: Final = _Absent.ABSENT
"""There is no such value; unlike None, which is a null that somebody wrote."""

Scalar: TypeAlias = Union[bool, int, float, str, None]
Value: TypeAlias = Union[
    Scalar,
    Secret,
    Ref,
    Literal[_Unknown.UNKNOWN, _Absent.ABSENT],
    Sequence["Value"],
    Mapping[str, "Value"],
]
Path: TypeAlias = tuple[str, ...]
Spec: TypeAlias = Mapping[str, Value]


_LEAVES: Final = frozenset({str, int, bool, float, type(None)})
"""Types of which nothing need be asked; most values are of them, and the questions below take many times as long."""


def refs(value: Value) -> Iterator[Ref]:
    """Every reference inside a value."""
    match value:
        case Ref():
            yield value
        case tuple() | list():
            yield from _refs(value)
        case str() | int() | None | Secret():  # most leaves, told without the slower questions below
            return
        case Mapping():
            yield from _refs(value.values())
        case Sequence():
            yield from _refs(value)


def _refs(parts: Iterable[Value]) -> Iterator[Ref]:
    for part in parts:
        if type(part) not in _LEAVES:
            yield from refs(part)


def mapped(value: Value, change: Callable[[Value], Value]) -> Value:
    """The value with ``change`` applied to every leaf; mappings and sequences keep their shape."""
    match value:
        case tuple() | list():
            return tuple([change(part) if type(part) in _LEAVES else mapped(part, change) for part in value])
        case str() | int() | None | Secret() | Ref():
            return change(value)
        case Mapping():
            return {key: mapped(part, change) for key, part in value.items()}
        case Sequence():
            return tuple(mapped(part, change) for part in value)
        case _:
            return change(value)


def substitute(value: Value, lookup: Callable[[Ref], Value]) -> Value:
    """The value with every reference replaced by what ``lookup`` says of it."""
    return mapped(value, lambda leaf: lookup(leaf) if isinstance(leaf, Ref) else leaf)


def plain(value: Value, of_secret: Callable[[Secret], Any]) -> Any:
    """The value as JSON can have it: what is unknown says so, what is absent is null, secrets are as ``of_secret`` has
    them."""
    match value:
        case str() | int() | float() | None:
            return value
        case Secret():
            return of_secret(value)
        case Mapping():
            return {key: plain(part, of_secret) for key, part in value.items()}
        case Sequence():
            return [plain(part, of_secret) for part in value]
        case _:
            return None if value is ABSENT else {"unknown": True}


def has_secret(value: Value) -> bool:
    """Returns whether a secret is anywhere inside the value."""
    match value:
        case Secret():
            return True
        case str() | int() | None:
            return False
        case Mapping():
            return any(has_secret(part) for part in value.values())
        case Sequence():
            return any(has_secret(part) for part in value)
        case _:
            return False


def seal(value: Value) -> Value:
    """The value with every text and number in it made a secret."""
    return mapped(value, lambda leaf: Secret(str(leaf)) if isinstance(leaf, str | int | float) else leaf)


def is_empty(value: Value) -> bool:
    """Returns whether a value is null, off, or without content; a number is none of these."""
    return value is None or value is False or (isinstance(value, str | Sequence | Mapping) and not value)


def revealed(value: Value) -> Value:
    """The value with its secrets in the open: for what leaves the program, or goes into a slow digest."""
    return mapped(value, lambda leaf: leaf.reveal() if isinstance(leaf, Secret) else leaf)


def veil(value: Value, beside: Value) -> Value:
    """The value with secrets where ``beside`` has them, so that the two compare and neither prints.

    Sequences need not be of one length: a part that does not stand in the open beside it is veiled.
    """
    match beside:
        case Secret():
            return seal(value)
        case str() | int() | None:
            return value
        case Mapping() if isinstance(value, Mapping):
            return {key: veil(part, beside.get(key, ABSENT)) for key, part in value.items()}
        case Sequence() if not isinstance(beside, str) and is_list(value) and has_secret(beside):
            assert isinstance(value, Sequence)
            if len(value) == len(beside):
                return tuple(veil(part, other) for part, other in zip(value, beside, strict=True))
            # Of different lengths nothing tells which part is which; only what stands in the open is surely none.
            shown = [part for part in beside if not has_secret(part)]
            return tuple(part if part in shown else seal(part) for part in value)
        case _:
            return value


def is_list(value: Value) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
