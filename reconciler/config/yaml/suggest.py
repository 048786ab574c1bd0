"""The nearest right name for a wrong one."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Final

_ALIKE: Final = 0.6
_MOST_CANDIDATES: Final = 2000
_KEPT: Final = 256  # the same mistake is often made many times


def nearest(name: str, known: Collection[str], *, alike: float = _ALIKE) -> str | None:
    """The name among ``known`` that was most likely meant, if any is near enough."""
    return _nearest(name, tuple(known), alike) if len(known) <= _MOST_CANDIDATES else None


@lru_cache(_KEPT)
def _nearest(name: str, known: tuple[str, ...], alike: float) -> str | None:
    from difflib import get_close_matches  # only where something is wrong

    folded = {_folded(each): each for each in known}
    if _folded(name) in folded:
        return folded[_folded(name)]
    found = get_close_matches(_folded(name), list(folded), n=1, cutoff=alike)
    return folded[found[0]] if found else None


def suggestion(name: str, known: Collection[str], *, alike: float = _ALIKE) -> str:
    """``; did you mean …?`` for the end of a message, or nothing."""
    near = nearest(name, known, alike=alike)
    return f"; did you mean `{near}`?" if near and near != name else ""


def _folded(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "").replace(" ", "")
