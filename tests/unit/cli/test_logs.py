"""Logs of several containers at a time."""

from __future__ import annotations

import pytest

from reconciler.cli.logs import _together
from reconciler.core.message.errors import Unreachable


def lines(*said, error=None):
    yield from said
    if error:
        raise error


def test_all_streams_are_read_to_their_ends():
    found = sorted(_together({"web": lines("a", "b"), "db": lines("c"), "none": lines()}))

    assert found == [("db", "c"), ("web", "a"), ("web", "b")]


@pytest.mark.parametrize("error", [Unreachable("away"), KeyError("Labels"), RuntimeError("cut"), SystemExit(1)])
def test_a_stream_that_dies_of_anything_ends_all_and_says_so(error):
    with pytest.raises(type(error)):
        list(_together({"web": lines("a", error=error)}))
