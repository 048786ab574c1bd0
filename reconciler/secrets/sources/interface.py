"""The interface of a source of secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from reconciler.record import Struct


class SourceError(Exception):
    """The source does not give the secret; the message has the reason and the remedy, and no value."""


class Surroundings(Struct, frozen=True):
    """The directory of relative paths, the process environment, and the reader of the text of an env file.

    A server has ``patience_s`` for its whole answer.
    """

    directory: Path
    environment: Mapping[str, str]
    variables_in: Callable[[str], Mapping[str, str]]
    patience_s: float = 15.0

    def path(self, text: str) -> Path:
        """The file of a path in the settings; ``~`` is the home of the environment."""
        if text.startswith("~/"):
            return Path(self.environment.get("HOME") or "/", text[2:])
        return self.directory / text


Source: TypeAlias = Callable[[Any, Surroundings], str]
"""Settings, as the schema has them, and surroundings. Raises SourceError."""
