from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.resource.units import bytes_of, duration, nanoseconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2s", 2 * 10**9),
        ("1m30s", 90 * 10**9),
        ("500ms", 5 * 10**8),
        ("1h", 3600 * 10**9),
        ("1.5s", 15 * 10**8),
        ("1d", 86400 * 10**9),
        ("-1s", -(10**9)),
        ("0", 0),
    ],
)
def test_durations_are_read(text, expected):
    assert nanoseconds(text) == expected


@pytest.mark.parametrize("text", ["", "s", "5 s", "1x", "abc"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="not a valid duration"):
        nanoseconds(text)


@given(st.integers(0, 10**14))
def test_a_duration_is_read_as_it_was_written(span):
    assert nanoseconds(duration(span)) == span


@pytest.mark.parametrize(
    ("span", "text"), [(0, "0s"), (2 * 10**9, "2s"), (90 * 10**9, "1m30s"), (10**6, "1ms"), (3600 * 10**9, "1h0m0s")]
)
def test_durations_are_written_as_go_does(span, text):
    assert duration(span) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("512m", 2**29),
        ("1g", 2**30),
        ("1.5GiB", 3 * 2**29),
        ("100", 100),
        ("10 kb", 10240),
        (-1, -1),
        ("-1", -1),
        (2.0, 2),
    ],
)
def test_sizes_are_read_in_units_of_1024(text, expected):
    assert bytes_of(text) == expected


def test_what_is_no_size_is_refused():
    with pytest.raises(ValueError, match="not a valid size"):
        bytes_of("12 apples")
