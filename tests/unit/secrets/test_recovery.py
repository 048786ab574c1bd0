"""The former value of a secret, by the live resources: the text in its place, and nothing where that leaves a doubt."""

from __future__ import annotations

import pytest

from reconciler.core.resource.values import ABSENT, UNKNOWN, Secret
from reconciler.secrets.recovery import Clue, Use, live_text, recovered, solved_in, uses
from tests.kit.build import address

A, B = "a" * 64, "b" * 64
STAND_INS = {"A": A, "B": B}
WEB = address("docker.container/web")


@pytest.mark.parametrize(
    ("template", "live", "values"),
    [
        (A, "x", {"A": "x"}),
        (A, "", {}),
        (f"postgres://u:{A}@h/d", "postgres://u:p@ss@h/d", {"A": "p@ss"}),
        (f"postgres://u:{A}@h/d", "postgres://u:p@other/d", {}),
        (f"{A}:{A}", "x:x", {"A": "x"}),
        (f"{A}:{A}", "x:y", {}),
        (f"{A}:{B}", "x:y", {"A": "x", "B": "y"}),
        (f"{A}:{B}", "x:y:z", {}),
        (f"{A}{B}", "xyz", {}),
        (f"{A}{B}", "xy", {"A": "x", "B": "y"}),
        (f"[{A}](.*)", "[x](.*)", {"A": "x"}),
        (f"a\n{A}\n", "a\nb\nc\n", {"A": "b\nc"}),
        (f"sh\0-c\0run {A}", "sh\0-c\0run x", {"A": "x"}),
        (f"sh\0{A}", "sh\0-c\0x", {}),
    ],
)
def test_a_text_tells_a_value_where_there_is_one_way_only(template, live, values):
    assert solved_in(template, live, STAND_INS) == values


def test_every_text_with_a_stand_in_is_a_use():
    spec = {
        "environment": {"P": Secret(A), "Q": "plain", "U": f"u:{A}@{B}"},
        "command": ("sh", "-c", Secret(B)),
        "mounted": [{"content": Secret(f"k={A}")}],
        "size": 3,
        "nothing": None,
    }

    found = {".".join(use.path): use.names for use in uses(WEB, spec, STAND_INS)}

    assert found == {
        "environment.P": ("A",),
        "environment.U": ("A", "B"),
        "command": ("B",),
        "mounted.0.content": ("A",),
    }


def test_no_use_or_clue_shows_a_value():
    use = Use(WEB, ("environment", "P"), "hush-template", ("A",))

    assert "hush" not in repr(Clue(use, "hush-live"))
    assert "hush" not in repr(recovered(["A"], [Clue(use, "hush")], {}, STAND_INS))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("environment.P", "x"),
        ("environment.R", ABSENT),
        ("labels.l", ABSENT),
        ("command", "sh\0x"),
        ("smtp.password", UNKNOWN),
        ("size", UNKNOWN),
        ("size.x", UNKNOWN),
        ("list.0.k", "v"),
        ("list.1.k", ABSENT),
    ],
)
def test_the_live_text_at_a_path(path, text):
    spec = {
        "environment": {"P": Secret("x")},
        "command": ("sh", Secret("x")),
        "smtp": {"password": "**********"},
        "size": 3,
        "list": [{"k": "v"}],
    }

    assert live_text(spec, tuple(path.split("."))) == text


def clue(template, live, where="environment.P"):
    (use,) = uses(WEB, template, STAND_INS, tuple(where.split(".")))
    return Clue(use, live)


@pytest.mark.parametrize(
    ("clues", "found", "lost", "new"),
    [
        ([], {}, [], ["A", "B"]),
        ([clue(A, "x")], {"A": "x"}, [], ["B"]),
        ([clue(A, ABSENT)], {}, [], ["A", "B"]),
        ([clue(A, "")], {}, [], ["A", "B"]),
        ([clue(A, UNKNOWN)], {}, ["A"], ["B"]),
        ([clue(A, UNKNOWN), clue(A, "x", "labels.l")], {"A": "x"}, [], ["B"]),
        ([clue(A, "x"), clue(A, "y", "labels.l")], {}, ["A"], ["B"]),
        ([clue(f"{A}:{B}", "x:y:z")], {}, ["A", "B"], []),
        ([clue(f"{A}:{B}", "x:y:z"), clue(A, "x:y")], {"A": "x:y", "B": "z"}, [], []),
        ([clue(f"postgres://u:{A}@h", "sqlite:///f")], {}, [], ["A", "B"]),
        ([clue(f"postgres://u:{A}@h", "postgres://u:x@other")], {}, ["A"], ["B"]),
        ([clue(f"postgres://u:{A}@h", "mysql://u:x@h")], {}, ["A"], ["B"]),
    ],
)
def test_what_became_of_two_secrets(clues, found, lost, new):
    became = recovered(["A", "B"], clues, {}, STAND_INS)

    assert (became.found, sorted(became.lost), sorted(became.new)) == (found, lost, new)
    assert list(became.where) == list(found)


def test_what_may_depend_on_a_secret_that_nothing_shows_holds_it():
    became = recovered(["A", "B"], [clue(A, "x")], {"A": "a volume", "B": "a volume"}, STAND_INS)

    assert (became.found, became.lost, became.new) == ({"A": "x"}, {"B": "a volume"}, ())
