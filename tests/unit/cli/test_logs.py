"""Logs of several containers at a time."""

from __future__ import annotations

import base64

import pytest

from reconciler.cli.logs import BATCH, _in_turn, _together, _Veil, _veiled
from reconciler.core.message.errors import Unreachable
from reconciler.core.message.secrecy import HIDDEN
from reconciler.core.resource.values import Secret
from reconciler.render.output.known import KnownSecrets


def lines(*said, error=None):
    yield from said
    if error:
        raise error


def together(streams):
    return [each for batch in _together(streams) for each in batch]


def test_all_streams_are_read_to_their_ends():
    found = sorted(together({"web": lines("a", "b"), "db": lines("c"), "none": lines()}))

    assert found == [("db", "c"), ("web", "a"), ("web", "b")]


@pytest.mark.parametrize("error", [Unreachable("away"), KeyError("Labels"), RuntimeError("cut"), SystemExit(1)])
def test_a_stream_that_dies_of_anything_ends_all_and_says_so(error):
    with pytest.raises(type(error)):
        together({"web": lines("a", error=error)})


# ------------------------------------------------------------------ secrets of several lines

KEY = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789+/abcdefghijklmno"
FORMS = {
    "as it is": KEY,
    "base64": base64.b64encode(KEY.encode()).decode(),
    "hex": KEY.encode().hex(),
}


@pytest.fixture
def known():
    known = KnownSecrets()
    known.learn("files", lambda: [Secret(KEY)])
    return known


def folded(text, width):
    return [text[at : at + width] for at in range(0, len(text), width)]


@pytest.mark.parametrize("has_times", [False, True])
@pytest.mark.parametrize("width", [3, 20, 76])
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_over_several_lines_is_hidden_in_each_of_them(form, width, has_times, known):
    parts = folded(FORMS[form], width)
    time = "2026-11-30T09:00:00.000000000Z " if has_times else ""
    veil = _Veil(known, has_times=has_times)

    found = veil.over([f"{time}{line}" for line in ("it is:", *parts, "(end)")])

    assert found == [f"{time}{line}" for line in ("it is:", *[HIDDEN] * len(parts), "(end)")]


def test_what_goes_on_in_the_next_batch_is_hidden_there(known):
    veil = _Veil(known, has_times=False)
    first, second, third = folded(KEY, 20)

    assert veil.over([f"with {first}", second]) == [f"with {first}", second]  # nobody can tell yet
    assert veil.over([third, "after"]) == [HIDDEN, "after"]


def test_lines_of_other_streams_between_those_of_a_secret_hide_nothing(known):
    first, second, third = folded(KEY, 20)
    batch = [("web", f"with {first}"), ("db", "ready"), ("web", second), ("db", "asked"), ("web", third)]

    found = _veiled(batch, {name: _Veil(known, has_times=False) for name in ("web", "db")})

    hidden = [("web", f"with {HIDDEN}"), ("db", "ready"), ("web", HIDDEN), ("db", "asked"), ("web", HIDDEN)]
    assert found == hidden


def test_very_many_lines_are_read_part_by_part():
    batches = [len(batch) for batch in _in_turn({"web": lines(*map(str, range(2 * BATCH + 1)))})]

    assert batches == [BATCH, BATCH, 1]
