"""Each value of each switch with each value of every other one, in as few cases as can be: many pairs to a case.

A case that fails is reduced to what it fails for. That is left out of the cases that follow, and these have its other
pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final, TypeAlias

Choice: TypeAlias = tuple[str, int]
"""A switch and the number of one of its values."""

Case: TypeAlias = Mapping[str, Any]


@dataclass
class Pairs:
    """The pairs of choices that are still to be tried. ``apart`` are choices that can't be in one case."""

    switches: Mapping[str, Sequence[Any]]
    left: set[frozenset[Choice]] = field(default_factory=set)
    apart: list[frozenset[Choice]] = field(default_factory=list)

    def __post_init__(self) -> None:
        choices = [(name, number) for name, values in self.switches.items() for number in range(len(values))]
        self.left = {frozenset(pair) for pair in combinations(choices, 2) if pair[0][0] != pair[1][0]}

    def cases(self, failing: Callable[[Case], bool]) -> Iterator[Case]:
        """The cases that were tried, until no pair is left. ``failing`` tries one, and parts of it where it fails."""
        while self.left:
            row = self._row()
            found = frozenset(smallest(sorted(row), lambda part: failing(self._case(part))))
            if found:
                self.apart.append(found)
                self.left -= {pair for pair in self.left if pair <= found or (len(found) == 1 and found <= pair)}
            else:
                self.left -= {frozenset(pair) for pair in combinations(row, 2)}
            yield self._case(row)

    def failures(self) -> Iterator[Case]:
        """The reasons of the failed cases."""
        return map(self._case, self.apart)

    def _row(self) -> frozenset[Choice]:
        """One choice of each switch, with as many pairs in it that are left as can be found step by step."""
        row = set(min(self.left, key=sorted))
        for name, values in self.switches.items():
            if name not in dict(row):
                choices = [choice for number in range(len(values)) if self._fits(choice := (name, number), row)]
                if choices:
                    row.add(max(choices, key=lambda choice: self._count(choice, row)))
        return frozenset(row)

    def _count(self, choice: Choice, row: set[Choice]) -> int:
        return sum(frozenset((choice, other)) in self.left for other in row)

    def _fits(self, choice: Choice, row: set[Choice]) -> bool:
        return not any(choice in each and each <= row | {choice} for each in self.apart)

    def _case(self, choices: Sequence[Choice] | frozenset[Choice]) -> Case:
        return {name: self.switches[name][number] for name, number in sorted(choices)}


def smallest(items: Sequence[Choice], failing: Callable[[Sequence[Choice]], bool]) -> Sequence[Choice]:
    """The few of the items that fail together: none of them can be left out. Empty where all of them do not fail."""
    if not failing(items):
        return ()
    parts: Final = 2
    kept, count = list(items), parts
    while len(kept) > 1:
        size = max(1, len(kept) // count)
        slices = [kept[start : start + size] for start in range(0, len(kept), size)]
        without = ([item for item in kept if item not in part] for part in slices)
        smaller = next((rest for rest in without if rest and failing(rest)), None)
        if smaller is not None:
            kept, count = smaller, max(parts, count - 1)
        elif size == 1:
            break
        else:
            count = min(len(kept), count * 2)
    return kept
