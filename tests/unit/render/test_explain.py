from __future__ import annotations

import pytest

from reconciler.core.values import Secret
from reconciler.render.explain import explained


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (("a", "b", "c"), ("a", "x", "c"), ["[1] b → x"]),
        (("a", "b"), ("a", "b", "c"), ["+ c"]),
        (("a", "b", "c"), ("a", "c"), ["- b"]),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [".a.b 1 → 2"]),
        (("a", Secret("x")), ("a", Secret("y")), ["[1] (secret) → (another secret)"]),
    ],
)
def test_only_what_differs_is_named(before, after, expected):
    assert explained(before, after) == expected
