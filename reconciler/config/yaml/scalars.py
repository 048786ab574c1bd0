"""The meaning of a plain YAML scalar, as in the Compose CLI: YAML 1.2 with the octals and underscores of 1.1.

In users.yaml texts keep their spelling: ``spelled``.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from reconciler.pattern import lazy_pattern

Scalar = None | bool | int | float | str

_CONSTANTS: Final[Mapping[str, Scalar]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys(("-0", "-0.0"), -0.0),
}
_TELLING: Final = frozenset("0123456789+-.~nNtTfF")  # no other first letter makes anything but a text
_INTEGER: Final = lazy_pattern(r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|0[bB]([01]+)|(0|[1-9][0-9]*))")
_BASES: Final = (16, 8, 2, 10)
_FLOAT: Final = lazy_pattern(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DATE: Final = lazy_pattern(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:[Tt ]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_LONGEST_INTEGER: Final = 100
_LEAST_INTEGER: Final = -(2**63)
_GREATEST_INTEGER: Final = 2**64 - 1


class NotThatType(ValueError):
    """A tag such as ``!!int`` stands before something that is none."""


def resolved(text: str) -> Scalar:
    """The value of a scalar without quotes. Dates stay texts; ``as_date`` is for callers that need one."""
    if text and text[0] not in _TELLING:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in "0123456789+-.":
        return text
    return _number(text)


def spelled(text: str) -> Scalar:
    """The value of a scalar without quotes in files whose texts keep their spelling, such as users.yaml.

    A number or a truth value is one only in the spelling that it is written back in: `1.10`, `01234` and `1e3` are
    texts, and stay so wherever a text is wanted.
    """
    value = resolved(text)
    if value is None or isinstance(value, str):
        return value
    return value if written(value) == text else text


def written(value: float) -> str:
    """The spelling of a truth value or a number."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(text: str) -> Scalar:
    # YAML 1.1 has 1_000, and Compose's parser reads it so; `._1` is a text to it.
    digits = text if text[0] == "." else text.replace("_", "")
    match = _INTEGER.fullmatch(digits)
    if match and len(digits) <= _LONGEST_INTEGER:
        sign, *groups = match.groups()
        value = next(int(group, base) for group, base in zip(groups, _BASES, strict=True) if group is not None)
        value = -value if sign == "-" else value
        # Beyond 64 bits Compose's parser goes on to a float, and so does this.
        if _LEAST_INTEGER <= value <= _GREATEST_INTEGER:
            return value
    if _FLOAT.fullmatch(digits):
        number = float(digits)
        return text if math.isinf(number) else number
    return text


def as_date(text: str) -> str | None:
    """The text that Compose makes of a date without quotes; None where it is no date."""
    match = _DATE.fullmatch(text) if text[4:5] == "-" else None
    # With a T the parser wants a zone; with a blank it takes UTC.
    if not match or (match[4] and not match[8] and "T" in text.upper()):
        return None
    try:
        datetime(*(int(part or 0) for part in match.groups()[:6]))  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    fraction = (match[7] or "").rstrip("0").rstrip(".")
    zone = (match[8] or "Z").replace(":", "")
    shown = "+0000 UTC" if zone in ("Z", "+0000") else f"{zone} {zone}"
    return f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction} {shown}"


def _binary(text: str) -> Scalar:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise NotThatType from error


def _checked(*types: type) -> Callable[[str], Scalar]:
    def value(text: str) -> Scalar:
        found = resolved(text)
        if type(found) not in types:
            raise NotThatType
        return found

    return value


def _float(text: str) -> Scalar:
    found = resolved(text)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise NotThatType
    return float(found)


TAGS: Final[Mapping[str, Callable[[str], Scalar]]] = {
    "str": str,
    "int": _checked(int),
    "float": _float,
    "bool": _checked(bool),
    "null": _checked(type(None)),
    "binary": _binary,
    "timestamp": str,
}
"""What the standard tags (`!!int` and so on) make of a scalar; NotThatType where it can't be done."""
