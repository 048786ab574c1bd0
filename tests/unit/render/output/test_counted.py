"""The number of mistakes, also of those that are not listed."""

from __future__ import annotations

import pytest

from reconciler.core.message.problem import MOST_LISTED, Problem, Severity, bounded
from reconciler.core.resource.resource import Origin
from reconciler.render.output.message import counted, problem_text


def problems(count, severity=Severity.ERROR):
    return [Problem(f"mistake {number}", Origin("a.yaml", number + 1, 1), severity) for number in range(count)]


@pytest.mark.parametrize(
    ("errors", "warnings", "text"),
    [
        (1, 0, "1 problem"),
        (2, 1, "2 problems and 1 warning"),
        (1000, 0, "1,000 problems"),
        (1000, 20, "1,020 problems"),  # whatever is not listed stands behind an error
        (3, 1000, "3 problems and 1,000 warnings"),
    ],
)
def test_listed_or_not_all_are_counted(errors, warnings, text):
    found = bounded([*problems(warnings, Severity.WARNING), *problems(errors)])

    assert counted(found) == text
    assert len(found) <= MOST_LISTED
    assert len([each for each in found if each.severity is Severity.ERROR]) == min(errors, MOST_LISTED)


def test_marks_stand_below_their_words_also_in_long_files():
    problem = Problem("is wrong; mend it", Origin("a.yaml", 12345, 3), text="a: b", mark=4)

    _, *lines = problem_text(problem).split("\n")

    assert lines == ["       |", " 12345 | a: b", "       |    ^", "       = help: mend it"]
