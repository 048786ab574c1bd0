"""Lines of files without the values of what is called like a secret."""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "********"
_TELLTALE: Final = r"(?:password|passwd|secret|token|private|credential)"

_NAME: Final = rf"[\w.-]*(?:{_TELLTALE}[\w.-]*|_key)"
_ASSIGNED: Final = re.compile(
    rf"""(?<![\w.{{-])(?!secrets["']?\s*:)({_NAME}["']?\s*[:=]|value["']?\s*:)(\s*["']?)(?!\$)[^\s"'$].*""",
    re.IGNORECASE,
)
_DEFAULT: Final = re.compile(rf"(\$\{{{_NAME}:?-)[^}}]+", re.IGNORECASE)
_ANY_ASSIGNED: Final = re.compile(r"([=:]\s*).*")


def masked(line: str) -> str:
    """The line without the values of secrets that are written in it; variables are not values."""
    return _DEFAULT.sub(rf"\1{MASK}", _ASSIGNED.sub(rf"\1\2{MASK}", line))


def without_values(line: str) -> str:
    """The line of a file that is all secrets: names only, and nothing where there is none."""
    return _ANY_ASSIGNED.sub(rf"\1{MASK}", line, count=1) if _ANY_ASSIGNED.search(line) else ""
