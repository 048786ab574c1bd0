"""Something wrong in the user's files; collected and shown together, never one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final

from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Origin
from reconciler.record import Struct, replace


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


MOST_LISTED: Final = 200
"""So many problems of one file, or of one run, are listed; of the others only the number is reported."""


class Problem(Struct, frozen=True):
    """A mistake in a file: text, place and remedy, in a sentence or two.

    ``text`` is the line of the file at ``origin``, for showing under the message, and ``mark`` the column
    in it, which is another one than the file's where secrets before it are hidden. ``code`` is that of its sort.
    ``count`` is greater than 1 where it stands for mistakes that are not listed. ``is_unset`` is that of a variable
    without a value, which a file that can't be read might have given.
    """

    message: str
    origin: Origin
    severity: Severity = Severity.ERROR
    text: str = ""
    address: Address | None = None
    mark: int = 0
    code: str = OTHER
    count: int = 1
    is_unset: bool = False

    def __str__(self) -> str:
        return f"{self.origin}: {self.message}"


def more_mistakes(count: int) -> str:
    """The message in the place of so many mistakes that are not listed."""
    return f"here and elsewhere are {count:,} more mistakes, which are not listed; correct the listed ones first"


def bounded(problems: Sequence[Problem]) -> list[Problem]:
    """As many of the problems as are listed, errors before warnings; the last one has the number of the others."""
    if len(problems) <= MOST_LISTED:
        return list(problems)
    ranked = sorted(problems, key=lambda each: each.severity is not Severity.ERROR)
    kept, (first, *others) = ranked[: MOST_LISTED - 1], ranked[MOST_LISTED - 1 :]
    count = first.count + sum(each.count for each in others)
    return [*kept, replace(first, message=more_mistakes(count), count=count)]
