"""The facts in a compiled Java class: the properties that its public methods get and set."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

_PUBLIC, _STATIC = 0x0001, 0x0008
_SIZES: Final = {
    3: 4,
    4: 4,
    5: 8,
    6: 8,
    7: 2,
    8: 2,
    9: 4,
    10: 4,
    11: 4,
    12: 4,
    15: 3,
    16: 2,
    17: 4,
    18: 4,
    19: 2,
    20: 2,
}
"""The sizes of constants by their tags, all but that of a text (JVM specification, 4.4)."""
_TEXT: Final = 1
_WIDE: Final = (5, 6)
_GETS: Final = re.compile(r"(?:get|is)([A-Z]\w*) \(\)[^V]")
_SETS: Final = re.compile(r"set([A-Z]\w*) \([^)]+\)V")


def properties(compiled: bytes) -> set[str]:
    """As a library that makes JSON of an object finds them, but for what annotations say."""
    found = (_GETS.match(method) or _SETS.match(method) for method in _methods(compiled))
    return {match[1][0].lower() + match[1][1:] for match in found if match} - {"class"}


def _methods(compiled: bytes) -> Iterator[str]:
    """Each public method as ``NAME DESCRIPTOR``."""
    texts, at = _texts(compiled)
    at += 6
    (interfaces,) = struct.unpack_from(">H", compiled, at)
    at += 2 + 2 * interfaces
    _, at = _members(compiled, at)
    methods, _ = _members(compiled, at)
    for access, name, kind in methods:
        if access & _PUBLIC and not access & _STATIC:
            yield f"{texts[name]} {texts[kind]}"


def _texts(compiled: bytes) -> tuple[dict[int, str], int]:
    """The texts among the constants by their number, and where the constants end."""
    (count,) = struct.unpack_from(">H", compiled, 8)
    texts: dict[int, str] = {}
    at, number = 10, 1
    while number < count:
        tag = compiled[at]
        if tag == _TEXT:
            (size,) = struct.unpack_from(">H", compiled, at + 1)
            texts[number] = compiled[at + 3 : at + 3 + size].decode("utf-8", "replace")
            at += 3 + size
        else:
            at += 1 + _SIZES[tag]
        number += 2 if tag in _WIDE else 1
    return texts, at


def _members(compiled: bytes, at: int) -> tuple[list[tuple[int, int, int]], int]:
    """The fields, or the methods, that begin here, and where they end."""
    (count,) = struct.unpack_from(">H", compiled, at)
    found: list[tuple[int, int, int]] = []
    at += 2
    for _ in range(count):
        access, name, kind, attributes = struct.unpack_from(">HHHH", compiled, at)
        found.append((access, name, kind))
        at += 8
        for _ in range(attributes):
            at += 6 + struct.unpack_from(">I", compiled, at + 2)[0]
    return found, at
