"""Refusals in words, one line each; many of one sort are folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.core.message.errors import Refusal

_MOST: Final = 5
_SHOWN: Final = 3


def refusal_lines(refusals: Sequence[Refusal]) -> Iterator[str]:
    """A line for each refusal with what would allow it; of more than five of one sort only the first few."""
    return (f"refused: {refusal}" for refusal in few_of_each(refusals))


def few_of_each(refusals: Sequence[Refusal]) -> Iterator[Refusal]:
    """The refusals; of more than five of one sort only the first few, and one that counts the others."""
    sorts: dict[tuple[str, str], list[Refusal]] = {}
    for refusal in refusals:
        sorts.setdefault(_sort(refusal), []).append(refusal)
    for alike in sorts.values():
        shown = alike if len(alike) <= _MOST else alike[:_SHOWN]
        yield from shown
        if shown is not alike:
            more = f"{len(alike) - len(shown)} more like these"
            yield Refusal(None, more, "`reconcile diff --format json` has all of them")


def _sort(refusal: Refusal) -> tuple[str, str]:
    """The part that all refusals of one rule for one kind of resource have in common."""
    if refusal.address is None:
        return refusal.message, refusal.remedy
    address, kind = str(refusal.address), refusal.address.kind
    return refusal.message.replace(address, kind), refusal.remedy.replace(address, kind)
