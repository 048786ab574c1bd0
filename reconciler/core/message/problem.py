"""Something wrong in the user's files; collected and shown together, never one at a time."""

from __future__ import annotations

from enum import Enum

from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Origin
from reconciler.record import Struct


class Severity(Enum):
    """An error stops the run, a warning is only said."""

    ERROR = "error"
    WARNING = "warning"


class Problem(Struct, frozen=True):
    """A mistake in a file: text, place and remedy, in a sentence or two.

    ``text`` is the line of the file at ``origin``, for showing under the message, and ``mark`` the column
    in it, which is another one than the file's where secrets before it are hidden.
    """

    message: str
    origin: Origin
    severity: Severity = Severity.ERROR
    text: str = ""
    address: Address | None = None
    mark: int = 0

    def __str__(self) -> str:
        return f"{self.origin}: {self.message}"
