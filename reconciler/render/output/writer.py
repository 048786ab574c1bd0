"""The one way out for text: whatever is printed, logged or written into a file passes here.

It hides every known secret and makes foreign text harmless, so that no renderer has to remember to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reconciler.render.output.columns import folded
from reconciler.render.output.known import KnownSecrets
from reconciler.render.output.plain import coloured, harmless, harmless_json, indented, one_line


class Writer:
    """Turns text and documents into what may leave the program."""

    def __init__(self) -> None:
        self.known = KnownSecrets()

    def text(self, text: str, *, commands: bool = False, width: int = 0) -> str:
        """A result of several lines; ``commands`` where lines of its own are commands of a CI system.

        Lines are broken between words where they have more columns than ``width``; 0 is for no terminal.
        """
        return self._neutral(self.hidden(text), commands=commands, width=width)

    def message(self, text: str, width: int = 0) -> str:
        """A message, of which each line but the first is indented."""
        return self._neutral(indented(self.hidden(text)), width=width)

    def line(self, text: str) -> str:
        """Text for one line, as of a log."""
        # Hidden first: what is written out of a control character would be a part of the secret around it.
        return harmless(one_line(self.hidden(text)))

    def _neutral(self, hidden: str, *, commands: bool = False, width: int = 0) -> str:
        return coloured(folded(harmless(hidden, commands=commands), width))

    def hidden(self, text: str) -> str:
        """The text without the secrets that are known or show by their form."""
        return self.known.hidden(text)

    def document(self, value: Any) -> Any:
        """Plain data with the secrets hidden in each of its texts."""
        match value:
            case str():
                return self.hidden(value)
            case Mapping():
                return {self.hidden(key): self.document(part) for key, part in value.items()}
            case list() | tuple():
                return [self.document(part) for part in value]
            case _:
                return value

    def json(self, value: Any, *, with_secrets: bool = False) -> str:
        """The data as JSON, for programs."""
        return plain_json(value if with_secrets else self.document(value))


def plain_json(value: Any) -> str:
    """A document as JSON that steers neither a terminal nor a CI system."""
    return harmless_json(json.dumps(value, indent=2))
