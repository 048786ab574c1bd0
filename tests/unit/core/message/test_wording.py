from __future__ import annotations

import pytest

from reconciler.core.message.wording import in_use_by, listed
from reconciler.core.resource.resource import Bystander


@pytest.mark.parametrize(
    ("things", "most", "expected"),
    [
        ([], 2, ""),
        (["a"], 2, "a"),
        (["a", "b", "c"], 2, "a, b, c"),
        (["a", "b", "c", "d"], 2, "a, b and 2 more"),
        ([1, 2, 3, 4, 5], 3, "1, 2, 3 and 2 more"),
    ],
)
def test_of_many_only_the_first_are_listed_and_never_one_more(things, most, expected):
    assert listed(things, most) == expected


def test_two_are_listed_where_nothing_else_is_asked_for():
    assert listed("abcd") == "a, b and 2 more"


def test_bystanders_are_told_together_with_what_they_lose():
    lost = [Bystander("1", "a", "would stop"), Bystander("2", "b", "would wait"), Bystander("3", "c", "would stop")]

    assert in_use_by(lost) == "in use by a, c, which would stop; and by b, which would wait"
    assert in_use_by([]) == ""
    many = [Bystander(str(number), str(number), "would stop") for number in range(8)]
    assert in_use_by(many) == "in use by 0, 1, 2, 3, 4 and 3 more, which would stop"
