"""The odd spellings that discovery tests try."""

from __future__ import annotations

from tests.kit.spellings import spellings


def test_each_sort_of_value_has_odd_spellings_of_its_own() -> None:
    assert [*spellings(True)][:4] == ["true", "TRUE", " true ", 1]
    assert "10.0" in [*spellings(10)]
    assert {"A B", " a b ", "", " "} <= {each for each in spellings("a b") if isinstance(each, str)}
    assert [*spellings(["a", "b"])][:3] == [["b", "a"], ["a", "b", "a", "b"], []]
    assert {"k": " v "} in [*spellings({"k": "v"})]
