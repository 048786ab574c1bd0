"""The words of a cause, for every text that names one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.core.difference.cause import Cause
from reconciler.record import Struct

_BY_REQUEST: Final = "Asked for by the files, an image or another resource:"


class CauseWords(Struct, frozen=True):
    """A cause in words: ``short`` beside a change, a ``sentence`` without its full stop, a ``title`` over changes."""

    short: str
    sentence: str
    title: str


CAUSES: Final[Mapping[Cause, CauseWords]] = {
    Cause.DRIFT: CauseWords(
        "changed outside of the files",
        "It was changed outside of the files",
        "Changed outside of the files:",
    ),
    Cause.INTERRUPTED: CauseWords(
        "left by an interrupted run",
        "It was left by an interrupted run",
        "Left by an interrupted run:",
    ),
    Cause.DECLARED: CauseWords("asked for by the files", "The files ask for something new", _BY_REQUEST),
    Cause.IMAGE: CauseWords(
        "the image changed",
        "The image, or the context that it is built from, changed",
        _BY_REQUEST,
    ),
    Cause.DEPENDENCY: CauseWords("another resource changed", "Another resource gives another value", _BY_REQUEST),
    Cause.DEFAULT: CauseWords(
        "follows from other fields",
        "It follows from other fields, or a default changed",
        _BY_REQUEST,
    ),
    Cause.UNKNOWN: CauseWords(
        "",
        "The cause is unknown, as no earlier apply of it is known",
        "Of unknown cause:",
    ),
}
"""In the order of the titles of a plan."""


REMOVED: Final = CauseWords(
    "removed from the files", "It was removed from the files, so its default counts again", _BY_REQUEST
)
"""The words for a field that the files declared, and do not any more."""


def known_cause(cause: Cause) -> str:
    """The name of a cause; empty for one that is unknown."""
    return "" if cause is Cause.UNKNOWN else cause.value
