"""The name that was most likely meant, for messages about one that the server does not know."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

_ALIKE: Final = 0.8


def meant(name: str, known: Collection[str]) -> str:
    """`` (did you mean …?)`` to put after a name, or nothing."""
    from difflib import get_close_matches  # only where something is wrong

    found = get_close_matches(name, sorted(known), n=1, cutoff=_ALIKE)
    return f" (did you mean `{found[0]}`?)" if found else ""
