"""Numbers, sizes and durations as Compose reads and prints them."""

from __future__ import annotations

import math
import struct
from typing import Any, Final

from reconciler.core.resource.units import bytes_of, nanoseconds
from reconciler.core.resource.units import duration as shown_duration

_SIGNIFICANT: Final = 17
_LEAST_POSITIONAL, _GREATEST_POSITIONAL = -4, 5


def size(value: float | str) -> str:
    """A size such as ``512m`` in bytes, as text: what Compose prints. Raises BadQuantity."""
    return str(bytes_of(value))


def duration(value: object) -> str:
    """A duration such as ``90s`` as Compose prints it, ``1m30s``. Raises BadQuantity."""
    return shown_duration(nanoseconds(go_text(value)))


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
