"""Logs: constant phrases with fields, to stderr; the only place that imports structlog."""

from __future__ import annotations

import sys
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO


def configure(
    *,
    as_json: bool,
    verbose: bool = False,
    clean: Callable[[str], str] = str,
    finish: Callable[[str], str] = str,
    stream: TextIO | None = None,
) -> Any:
    """Set up logging and return the logger. ``clean`` is applied to every text, ``finish`` to every line."""
    import structlog

    def cleaned(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: _cleaned(value, clean) for key, value in event.items()}

    renderer: Any = structlog.processors.JSONRenderer(default=str) if as_json else _plain

    def finished(logger: Any, name: str, event: MutableMapping[str, Any]) -> str:
        return finish(renderer(logger, name, event))

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            cleaned,
            finished,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("debug" if verbose else "info"),
        logger_factory=structlog.WriteLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    return structlog.get_logger()


def _cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    match value:
        case str():
            return clean(value)
        case list() | tuple():
            return [_cleaned(part, clean) for part in value]
        case bool() | int() | float() | None:
            return value
        case _:
            return clean(str(value))


def _plain(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> str:
    """One line for people: time, level, phrase, fields."""
    ts, level, phrase = event.pop("ts"), event.pop("level"), event.pop("event")
    fields = " ".join(f"{key}={value}" for key, value in event.items())
    return f"{ts[11:19]} {level:<7} {phrase}  {fields}".rstrip()
