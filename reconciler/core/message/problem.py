"""Something wrong in the user's files; collected and shown together, never one at a time."""

from __future__ import annotations

from enum import Enum
from typing import Final

from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Origin
from reconciler.record import Struct


class Severity(Enum):
    """An error stops the run, a warning is only said."""

    ERROR = "error"
    WARNING = "warning"


UNREADABLE: Final = "RC0104"
SYNTAX: Final = "RC0105"
SCHEMA: Final = "RC0106"
VARIABLE: Final = "RC0107"
CHECK: Final = "RC0108"
UNSUPPORTED: Final = "RC0109"
OTHER: Final = "RC0101"
"""The codes of sorts of problems."""


class Problem(Struct, frozen=True):
    """A mistake in a file: text, place and remedy, in a sentence or two.

    ``text`` is the line of the file at ``origin``, for showing under the message, and ``mark`` the column
    in it, which is another one than the file's where secrets before it are hidden. ``code`` is that of its sort.
    """

    message: str
    origin: Origin
    severity: Severity = Severity.ERROR
    text: str = ""
    address: Address | None = None
    mark: int = 0
    code: str = OTHER

    def __str__(self) -> str:
        return f"{self.origin}: {self.message}"
