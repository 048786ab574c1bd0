"""The plan as a person reads it: at three widths, with a legend, its longest outage, and what is left alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.core.difference.kind import Effect
from reconciler.core.execution.left import leaving
from reconciler.core.plan.plan import make
from reconciler.providers.memory import MemoryProvider
from reconciler.render.output.columns import cells
from reconciler.render.output.plain import coloured as coloured_text
from reconciler.render.output.plain import encodable
from reconciler.render.plan.outage import longest_outage, outage_words
from reconciler.render.plan.text import Style, plan_text
from tests.kit.build import address, live, resource
from tests.kit.plans import a_plan

FILE = Path(__file__).parents[3] / "cases/plan/everything.txt"
KINDS = MemoryProvider.kinds
LIVE = address("memory.box/live")


def shown(plan, **style):
    return plan_text(plan, KINDS, ["stack.yaml"], Style(legend=True, **style)) + "\n"


@pytest.mark.parametrize("width", [50, 80, 160])
def test_a_plan_with_one_of_everything_is_read_at_any_width(golden, width):
    plan = leaving(a_plan(), lambda each: "paused by alice until noon" if each == LIVE else "")

    text = shown(plan, width=width)

    assert max(map(cells, text.splitlines())) <= width
    golden.parts(FILE, {f"{width} columns": text})


@pytest.mark.parametrize("width", [50, 80, 160])
def test_wide_characters_and_combined_ones_are_read_at_any_width(golden, width):
    names = ("データベース", "cafe\u0301", "👩‍💻")
    desired = [resource(f"memory.box/{name}", size=2, image=f"画像/{name}:最新") for name in names]
    desired.append(resource("memory.box/長い名前" + "長" * 30, size=1))
    observed = [live(f"memory.box/{name}", size=1, image=f"画像/{name}:旧") for name in names]
    plan = make({"memory": MemoryProvider()}, desired, observed)

    text = shown(plan, width=width)

    assert max(map(cells, text.splitlines())) <= width
    golden.parts(FILE.with_name("wide.txt"), {f"{width} columns": text})


@pytest.mark.parametrize("width", [50, 80, 160])
def test_a_terminal_without_unicode_gets_the_same_in_ascii(golden, width):
    text = encodable(shown(a_plan(), width=width), "ascii")

    assert text.isascii()
    assert "\\u" not in text
    golden.parts(FILE.with_name("ascii.txt"), {f"{width} columns": text})


def test_colours_are_added_to_a_plan_and_nothing_else_is_changed():
    coloured, plain = (coloured_text(shown(a_plan(), width=80, colour=on)) for on in (True, False))

    assert "\x1b[" in coloured
    assert "\x1b[" not in plain
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == plain


def test_the_legend_has_the_symbols_in_use_and_no_other():
    one = make({"memory": MemoryProvider()}, [resource("memory.box/a")], [])
    none = make({"memory": MemoryProvider()}, [resource("memory.box/a")], [live("memory.box/a")])

    assert "\n\nSymbols: + create\nPlan: " in shown(one)
    assert "Symbols" not in shown(none)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ({"size": 1}, {"size": 2}, "no outage"),
        ({"image": "a"}, {"image": "b"}, "longest outage: memory.box/a, until the new one is ready"),
        (None, {"size": 1}, ""),
    ],
)
def test_the_last_line_has_the_longest_outage(before, after, says):
    observed = [live("memory.box/a", **before)] if before else []
    plan = make({"memory": MemoryProvider()}, [resource("memory.box/a", **after)], observed)

    assert outage_words(plan) == says
    assert ("outage" in shown(plan)) == bool(says)


def test_an_outage_that_was_measured_is_told_in_seconds_and_the_longest_counts():
    desired = [resource(f"memory.box/{name}", image="b") for name in "abc"]
    plan = make({"memory": MemoryProvider()}, desired, [live(f"memory.box/{name}", image="a") for name in "abc"])
    measured = {("memory.box/a", "replace"): 1.0, ("memory.box/b", "replace"): 2.25, ("memory.box/c", "restart"): 9.0}

    assert outage_words(plan, measured) == "longest outage: memory.box/b, about 2.2 s, as the last time"
    assert longest_outage(plan, measured).effect is Effect.REPLACE


def test_what_is_stopped_before_the_plan_begins_is_out_for_longest():
    desired = [resource(f"memory.box/{name}", image="b") for name in "ab"]
    plan = make({"memory": MemoryProvider()}, desired, [live(f"memory.box/{name}", image="a") for name in "ab"])
    measured = {("memory.box/a", "replace"): 5.4, ("memory.box/b", "replace"): 1.0}

    said = outage_words(plan, measured, stopped=[address("memory.box/b"), address("memory.box/a")])

    assert said == "longest outage: memory.box/b, stopped before the first change and until its own"


def test_what_is_left_alone_costs_no_outage_and_is_counted_apart():
    plan = make({"memory": MemoryProvider()}, [resource("memory.box/a", size=2)], [live("memory.box/a", size=1)])

    text = shown(leaving(plan, lambda _: "paused by alice: I debug it"))

    assert text.startswith("‖ memory.box/a ")
    assert "update, in place; left alone: paused by alice: I debug it" in text
    assert text.endswith("Symbols: ‖ left alone\nPlan: 1 left alone; 0 unchanged.\n")
