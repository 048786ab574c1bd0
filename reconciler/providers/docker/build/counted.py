"""The progress of a build: the step that a line of its output begins, of how many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from reconciler.core.provider import Pending
from reconciler.core.resource.amount import Amount
from reconciler.pattern import lazy_pattern

_STEP: Final = lazy_pattern(r"(?:Step |#[0-9]+ \[(?:\S+ )*?)([0-9]+)/([0-9]+)(?: : |\] |\b)")
"""``Step 3/7 : RUN …`` of the classic builder, ``#8 [web 3/7] RUN …`` of BuildKit."""

_OF_THE_BUILDER: Final = lazy_pattern(r" ---> |Removing intermediate container |#[0-9]+ (?:CACHED|DONE|sha256:)|\s*$")
"""Lines of a builder about its own work, between those of the commands that it runs."""

_PREFIX: Final = lazy_pattern(r"#[0-9]+ (?:[0-9]+\.[0-9]+ )?")
"""The number of a vertex and the seconds, which BuildKit writes before the words of a command."""


def counted(lines: Iterable[str]) -> Iterator[Pending]:
    """The progress after each line: the steps that have begun, and the command of the last one or its newest words."""
    amount, note, number = None, "", 0
    for line in lines:
        if found := _STEP.match(line):
            number = int(found[1])
            amount, note = Amount(number, int(found[2]), "steps"), line[found.end() :]
        elif not _OF_THE_BUILDER.match(line):
            note = _PREFIX.sub("", line, count=1)
        yield Pending(0.0, note, amount=amount, milestone=number)
