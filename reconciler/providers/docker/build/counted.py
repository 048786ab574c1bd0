"""The progress of a build: the step that a line of its output begins, of how many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from reconciler.core.provider import Pending
from reconciler.core.resource.amount import Amount
from reconciler.pattern import lazy_pattern

_STEP: Final = lazy_pattern(r"(?:Step |#[0-9]+ \[(?:\S+ )*?)([0-9]+)/([0-9]+)\b")
"""``Step 3/7 : RUN …`` of the classic builder, ``#8 [web 3/7] RUN …`` of BuildKit."""


def counted(lines: Iterable[str]) -> Iterator[Pending]:
    """Each line with the steps that have begun when it is written."""
    amount = None
    for line in lines:
        if found := _STEP.match(line):
            amount = Amount(int(found[1]), int(found[2]), "steps")
        yield Pending(0.0, line, amount=amount)
