"""Durations and sizes as the Compose Specification writes them."""

from __future__ import annotations

import re
from typing import Final

from reconciler.pattern import lazy_pattern

_SECOND: Final = 1_000_000_000
_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
    "d": 24 * 3600 * _SECOND,
    "w": 7 * 24 * 3600 * _SECOND,
}
_PART: Final = lazy_pattern(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d|w)")
_WHOLE: Final = lazy_pattern(r"[+-]?[0-9]{1,19}")
_SIZE: Final = lazy_pattern(r"([0-9]+(?:\.[0-9]+)?) ?([kmgtp]?)i?b?", re.IGNORECASE)
_PREFIXES: Final = ("", "k", "m", "g", "t", "p")
_MOST_BYTES: Final = 2**63
_LONGEST: Final = 100  # what is longer says nothing that a number of bytes or nanoseconds could hold


class BadQuantity(ValueError):
    """The text is no size or duration; the message says what is expected."""


def nanoseconds(text: str) -> int:
    """A duration such as ``1m30s`` in nanoseconds. Raises BadQuantity."""
    unsigned = text.removeprefix("-") if text.startswith("-") else text.removeprefix("+")
    if unsigned == "0":
        return 0
    # The length is checked first: the pattern takes minutes for thousands of digits.
    parts = _PART.findall(unsigned) if len(text) <= _LONGEST else []
    # Joined again the parts must be the whole text, or something between them was no part.
    if not parts or "".join(number + unit for number, unit in parts) != unsigned:
        raise BadQuantity(f"`{text[:_LONGEST]}` is not a valid duration; write one like 30s or 1m30s")
    span = sum(_exact(number, _NANOSECONDS[unit]) for number, unit in parts)
    return -span if text.startswith("-") else span


def _exact(number: str, unit: int) -> int:
    whole, _, fraction = number.partition(".")
    exact = int(whole or 0) * unit
    return exact + int(int(fraction) * (unit / 10 ** len(fraction))) if fraction else exact


def bytes_of(value: float | str) -> int:
    """A size such as ``512m`` in bytes, in units of 1024; -1 stands for no limit. Raises BadQuantity."""
    # A number without a unit is bytes already.
    if not isinstance(value, str) or _WHOLE.fullmatch(value):
        found = int(value)
    else:
        match = _SIZE.fullmatch(value) if len(value) <= _LONGEST else None
        found = int(float(match[1]) * 1024 ** _PREFIXES.index(match[2].lower())) if match else _MOST_BYTES
    # No server counts further than 64 bits.
    if abs(found) >= _MOST_BYTES:
        raise BadQuantity(f"`{str(value)[:_LONGEST]}` is not a valid size; write one like 512m or 1.5g")
    return found


def duration(span: int) -> str:
    """Nanoseconds as Go, and so Compose, writes them: ``2s``, ``1m30s``, ``500ms``."""
    if span < 0:
        return f"-{duration(-span)}"
    if span < _SECOND:
        # Go writes the largest unit below a second that leaves a whole number in front.
        unit = next((unit for unit in ("ms", "µs", "ns") if span >= _NANOSECONDS[unit]), "s")
        return f"{_decimal(span, unit)}{unit}"
    minutes, rest = divmod(span, _NANOSECONDS["m"])
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}h" if hours else ""
    text += f"{minutes}m" if hours or minutes else ""
    return f"{text}{_decimal(rest, 's')}s"


def _decimal(span: int, unit: str) -> str:
    whole, rest = divmod(span, _NANOSECONDS[unit])
    digits = str(rest).rjust(len(str(_NANOSECONDS[unit])) - 1, "0").rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)
