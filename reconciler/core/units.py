"""Durations and sizes as the Compose Specification writes them."""

from __future__ import annotations

import re
from typing import Final

_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_DURATION: Final = re.compile(r"(?:(\d+(?:\.\d+)?|\.\d+)(ns|us|µs|ms|s|m|h))")
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)i?b?", re.IGNORECASE)
_UNITS: Final = ("", "k", "m", "g", "t", "p")


def nanoseconds(text: str | float) -> int:
    """A duration such as ``1m30s`` in nanoseconds; a bare number counts seconds. Raises ValueError."""
    if isinstance(text, int | float):
        return int(text * _NANOSECONDS["s"])
    if text.strip().isdigit():
        return int(text) * _NANOSECONDS["s"]
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        raise ValueError(f"`{text}` is no duration; write one like 30s or 1m30s")
    return sum(round(float(number) * _NANOSECONDS[unit]) for number, unit in parts)


def bytes_of(text: str | int) -> int:
    """A size such as ``512m`` in bytes, in units of 1024; -1 stands for no limit. Raises ValueError."""
    if isinstance(text, int) or text.strip() == "-1":
        return int(text)
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise ValueError(f"`{text}` is no size; write one like 512m or 1g")
    return int(float(match[1]) * 1024 ** _UNITS.index(match[2].lower()))


def duration(span: int) -> str:
    """Nanoseconds as Go, and so Compose, writes them: ``2s``, ``1m30s``, ``500ms``."""
    if span < _NANOSECONDS["s"]:
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
