from __future__ import annotations

import pytest

from tests.kit.golden import Golden, parts_of

CASE = "--- stack\nservices: {}\n--- plan\nold\n--- steps\none\n"
MISTAKES = "=== first\na: b\n--- 1:1: old\n--- 2:1: more\n=== second\nc: d\n--- 1:1: stays\n"


def test_a_file_is_compared_and_stays_as_it_is(tmp_path):
    file = tmp_path / "case.txt"
    file.write_text(CASE)

    Golden().parts(file, {"plan": "old\n", "steps": "one\n", "told": ""})
    with pytest.raises(AssertionError, match=r"plan of case\.txt"):
        Golden().parts(file, {"plan": "new\n"})

    assert file.read_text() == CASE


def test_parts_are_written_anew_where_that_is_asked_for(tmp_path):
    file = tmp_path / "case.txt"
    file.write_text(CASE)

    Golden(is_updated=True).parts(file, {"plan": "new\n", "steps": "", "told": "no\n"})

    assert parts_of(file) == {"stack": "services: {}\n", "plan": "new\n", "told": "no\n"}


def test_the_lines_of_one_case_are_written_anew(tmp_path):
    file = tmp_path / "mistakes.txt"
    file.write_text(MISTAKES)

    with pytest.raises(AssertionError):
        Golden().lines(file, "first", ["1:1: new"], ["1:1: old", "2:1: more"])
    Golden(is_updated=True).lines(file, "first", ["1:1: new"], ["1:1: old", "2:1: more"])

    assert file.read_text() == "=== first\na: b\n--- 1:1: new\n=== second\nc: d\n--- 1:1: stays\n"
