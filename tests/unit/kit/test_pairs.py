"""Cases with all pairs of values in them: none is forgotten, and a failure is reduced to what it is about."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from tests.kit.pairs import Case, Pairs

SWITCHES = {f"s{number}": ("a", "b", "c")[: 2 + number % 2] for number in range(12)}


def tried(failing: Any, switches: Any = SWITCHES) -> tuple[list[Case], Pairs]:
    pairs = Pairs(switches)
    return list(pairs.cases(failing)), pairs


def pairs_in(cases: list[Case]) -> set[frozenset[Any]]:
    return {frozenset(pair) for case in cases for pair in combinations(case.items(), 2)}


def test_each_pair_is_in_a_case_and_there_are_few_cases() -> None:
    cases, _ = tried(lambda _case: False)

    assert len(pairs_in(cases)) == len(Pairs(SWITCHES).left)
    assert len(cases) < 40


@pytest.mark.parametrize(
    "wrong",
    [{("s3", "b")}, {("s3", "b"), ("s7", "a")}],
    ids=len,
)
def test_a_failure_is_reduced_to_what_it_is_about_and_the_other_pairs_are_tried(wrong: set[Any]) -> None:
    good: list[Case] = []

    def failing(case: Case) -> bool:
        is_wrong = wrong <= set(case.items())
        if not is_wrong:
            good.append(case)
        return is_wrong

    _, pairs = tried(failing)

    (found,) = pairs.apart
    assert {(name, SWITCHES[name][number]) for name, number in found} == wrong
    values = [(name, value) for name, own in SWITCHES.items() for value in own]
    wanted = {frozenset(pair) for pair in combinations(values, 2) if pair[0][0] != pair[1][0]}
    assert {pair for pair in wanted - pairs_in(good) if not (pair <= wrong or wrong <= pair)} == set()
