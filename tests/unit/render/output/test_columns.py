from __future__ import annotations

import pytest

from reconciler.core.message.problem import Problem
from reconciler.core.resource.resource import Origin
from reconciler.providers.memory import MemoryProvider
from reconciler.record import replace
from reconciler.render.output.columns import cells, folded, padded
from reconciler.render.output.plain import encodable, painted
from reconciler.render.plan.text import Style, plan_text
from tests.kit.build import address
from tests.kit.plans import a_plan

WIDTHS = (50, 80, 160)


def a_long_plan():
    said = Problem("漢字" * 60 + " and " + "x" * 200, Origin("stack.yaml", 5, 7), address=address("memory.box/new"))
    return replace(a_plan(), obstacles=(said,))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("colour", [False, True])
def test_no_line_of_a_plan_is_wider_than_the_terminal_and_no_word_is_lost(width, colour):
    style = Style(width=width, colour=colour)

    broken, whole = (plan_text(a_long_plan(), MemoryProvider.kinds, ["stack.yaml"], each) for each in (style, Style()))

    assert max(map(cells, broken.splitlines())) <= width
    bare, expected = ("".join(text.replace("\ufdd0", "").split()) for text in (broken, whole))
    assert colour or bare == expected


def test_a_broken_line_goes_on_below_its_beginning():
    assert folded("      image  one two three four", 24) == "      image  one two\n          three four"


def test_a_line_that_just_fits_leaves_no_blank_to_the_next():
    assert folded("one two three four; five six", 19) == "one two three four;\n    five six"


def test_a_symbol_stays_with_what_follows_it():
    assert folded("symbols: one, two, - delete", 20) == "symbols: one, two,\n    - delete"


def test_a_wide_character_takes_two_columns_and_an_accent_none():
    assert [cells(text) for text in ("ab", "漢字", "e\u0301", painted("ab", "31"))] == [2, 4, 1, 2]
    assert padded("漢", 4) == "漢  "


def test_what_goes_nowhere_narrow_is_not_broken():
    assert folded("x" * 500, 0) == "x" * 500


def test_an_output_in_ascii_gets_the_same_plan_without_symbols():
    text = encodable(plan_text(a_plan(), MemoryProvider.kinds, ["stack.yaml"]), "ascii")

    assert text.isascii()
    assert "-/+ memory.box/swap" in text
    assert "1 -> 2" in text


def test_foreign_characters_are_written_out_where_they_can_not_be_shown():
    assert encodable("漢 → x", "ascii") == "\\u6f22 -> x"
    assert encodable("漢 → x", "utf-8") == "漢 → x"
