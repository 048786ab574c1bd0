from __future__ import annotations

import pytest

from reconciler.core.resource.address import Address
from reconciler.core.resource.values import Ref, Secret
from reconciler.render.plan.explain import explained

MOVED = ["b moved to [0]", "[0].n 1 → 2", "a moved to [1]"]
REFERENCE = ["[0].r (known after apply) → (known after apply)"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (("a", "b", "c"), ("a", "x", "c"), ["[1] b → x"]),
        (("a", "b"), ("a", "b", "c"), ["+ c"]),
        (("a", "b", "c"), ("a", "c"), ["- b"]),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [".a.b 1 → 2"]),
        (("a", Secret("x")), ("a", Secret("y")), ["[1] (secret) → (another secret)"]),
        (({"name": "a", "n": 1},), ({"name": "a", "n": 2},), ["[0].n 1 → 2"]),
        (({"name": "a", "n": 1},), ({"name": "a", "m": 2},), ["+ [0].m 2", "- [0].n 1"]),
        (({"name": "a"}, {"name": "b", "n": 1}), ({"name": "b", "n": 2}, {"name": "a"}), MOVED),
        (({"q": 1}, {"q": 2}), ({"q": 1},), ["- {q: 2}"]),
        (({"s": Secret("x")},), ({"s": "y"},), ["[0].s (secret) → y"]),
        (({"r": Ref(Address("a.b", ("c",)), "id")},), ({"r": Ref(Address("a.b", ("d",)), "id")},), REFERENCE),
    ],
)
def test_only_what_differs_is_named(before, after, expected):
    assert explained(before, after) == expected
