"""Numbers, sizes and durations as Compose reads and prints them."""

from __future__ import annotations

import math
import re
import struct
from typing import Any, Final

from reconciler.core.units import duration as shown_duration

_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmgtp]?)i?b?", re.IGNORECASE)
_PREFIXES: Final = ("", "k", "m", "g", "t", "p")
_PART: Final = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d|w)")
_SECOND: Final = 1_000_000_000
_UNITS: Final = {
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
_LONGEST: Final = 100
_SIGNIFICANT: Final = 17
_LEAST_POSITIONAL, _GREATEST_POSITIONAL = -4, 5


class BadQuantity(ValueError):
    """The text is no size or duration; the message says what is expected."""


def size(value: float | str) -> str:
    """A size such as ``512m`` in bytes, as text: what Compose prints. Raises BadQuantity."""
    if isinstance(value, int | float):
        return str(int(value))
    if re.fullmatch(r"[+-]?[0-9]{1,19}", value):
        return str(int(value))
    match = _SIZE.fullmatch(value)
    if not match or len(value) > _LONGEST:
        raise BadQuantity(f"`{value}` is no size; write one like 512m or 1.5g")
    return str(int(float(match[1]) * 1024 ** _PREFIXES.index(match[2].lower())))


def duration(value: object) -> str:
    """A duration such as ``90s`` as Compose prints it, ``1m30s``. Raises BadQuantity."""
    text = go_text(value)
    unsigned = text.removeprefix("-") if text.startswith("-") else text.removeprefix("+")
    if unsigned == "0":
        return "0s"
    parts = _PART.findall(unsigned)
    if not parts or len(text) > _LONGEST or "".join(number + unit for number, unit in parts) != unsigned:
        raise BadQuantity(f"`{text}` is no duration; write one like 30s or 1m30s")
    nanoseconds = sum(_nanoseconds(number, _UNITS[unit]) for number, unit in parts)
    return f"{'-' if text.startswith('-') and nanoseconds else ''}{shown_duration(nanoseconds)}"


def _nanoseconds(number: str, unit: int) -> int:
    whole, _, fraction = number.partition(".")
    exact = int(whole or 0) * unit
    return exact + int(int(fraction) * (unit / 10 ** len(fraction))) if fraction else exact


def go_text(value: object) -> str:
    """The text that Go, and so Compose, makes of a value that stands where a text is wanted."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float():
            return _go_float(value)
        case str():
            return value
        case _:
            return str(value)


def _go_float(value: float) -> str:
    """``%v``: the shortest digits that read back as the value, with an exponent from a million on."""
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    mantissa, exponent = _shortest(value)
    sign = "-" if value < 0 else ""
    if _LEAST_POSITIONAL <= exponent <= _GREATEST_POSITIONAL:
        return sign + _positional(mantissa, exponent)
    head = mantissa[0] + ("." + mantissa[1:] if len(mantissa) > 1 else "")
    return f"{sign}{head}e{'-' if exponent < 0 else '+'}{abs(exponent):02}"


def _shortest(value: float) -> tuple[str, int]:
    """The digits of the shortest text that reads back as the value, and the power of ten of the first one."""
    head, _, power = f"{abs(value):.{_SIGNIFICANT - 1}e}".partition("e")
    for precision in range(_SIGNIFICANT):
        text = f"{abs(value):.{precision}e}"
        if float(text) == abs(value):
            head, _, power = text.partition("e")
            break
    return head.replace(".", "").rstrip("0") or "0", int(power)


def _positional(digits: str, exponent: int) -> str:
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    fraction = digits[exponent + 1 :]
    return f"{whole}.{fraction}" if fraction else whole


def single(value: Any) -> float:
    """The number in single precision, in which Compose keeps processors."""
    number = float(value)
    rounded: float = struct.unpack("f", struct.pack("f", number))[0]
    for digits in range(1, 10):
        text = f"{number:.{digits}g}"
        if struct.unpack("f", struct.pack("f", float(text)))[0] == rounded:
            return float(text)
    return rounded
