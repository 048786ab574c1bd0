"""``compare`` against an oracle: deepdiff finds a difference exactly where the table of a kind does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepdiff import DeepDiff
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.difference.compare import compare
from reconciler.core.difference.kind import Effect, Field, Kind
from reconciler.core.resource.values import ABSENT, Secret


def _sorted(value: Any) -> Any:
    return tuple(sorted(value, key=repr)) if isinstance(value, list | tuple) else value


KIND = Kind(
    "oracle.thing",
    fields={
        "plain": Field(Effect.LIVE),
        "other": Field(Effect.REPLACE),
        "set": Field(Effect.RESTART, normalise=_sorted),
        "hidden": Field(Effect.LIVE, secret=True),
    },
)
LEAVES = st.none() | st.booleans() | st.integers(2, 5) | st.text("ab", max_size=2)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)
)
SPECS = st.dictionaries(st.sampled_from(sorted(KIND.fields)), VALUES)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """An expected specification, and an observed one that is mostly the same."""
    expected = draw(SPECS)
    observed = {name: draw(st.just(value) | VALUES) for name, value in expected.items()}
    return expected, {**draw(SPECS), **observed}


def normal(spec: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    return {name: KIND.fields[name].normalise(spec.get(name, ABSENT)) for name in names}


@given(pairs())
def test_a_field_differs_exactly_where_the_normal_forms_do(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    expected, observed = pair

    found = {change.path[0] for change in compare(KIND, expected, observed)}

    told = DeepDiff(normal(observed, expected), normal(expected, expected), view="tree")
    assert found == {level.path(output_format="list")[0] for levels in told.values() for level in levels}


@given(pairs())
def test_what_a_change_says_is_what_stands_at_its_path(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    expected, observed = pair

    for change in compare(KIND, expected, observed):
        before, after = normal(observed, expected), normal(expected, expected)
        sides = [_at(side, change.path) for side in (before, after)]
        is_hidden = change.path[0] == "hidden"
        assert is_hidden or [change.before, change.after] == sides
        assert sides[0] != sides[1]
        assert change.effect is KIND.fields[change.path[0]].effect
        assert not is_hidden or not _in_the_open(change.before) + _in_the_open(change.after)


@given(pairs())
def test_what_is_not_expected_is_never_compared(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    expected, observed = pair

    found = list(compare(KIND, expected, observed))

    assert {change.path[0] for change in found} <= expected.keys()
    assert found == list(compare(KIND, expected, {name: observed.get(name, ABSENT) for name in expected}))
    assert list(compare(KIND, expected, expected)) == []


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value.get(key, ABSENT) if isinstance(value, Mapping) else ABSENT
    return value


def _in_the_open(value: Any) -> list[Any]:
    """The texts and numbers of a value that are no secrets."""
    match value:
        case Secret() | None | bool():
            return []
        case Mapping():
            return [leaf for part in value.values() for leaf in _in_the_open(part)]
        case list() | tuple():
            return [leaf for part in value for leaf in _in_the_open(part)]
        case _:
            return [] if value is ABSENT else [value]
