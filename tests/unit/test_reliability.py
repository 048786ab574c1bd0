"""docs/reliability.md has every campaign and every bug that one found, and each of their tests is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.reliability import page
from tests.kit.campaigns import Campaign, campaigns

ROOT = Path(__file__).resolve().parents[2]
FIGURES = {"cases": 1234, "failed": 0, "more": {"states": 56}, "rows": [["stop first", 78, 9]]}
ALL = campaigns()


@pytest.mark.parametrize("campaign", ALL.values(), ids=lambda each: each.name)
def test_each_campaign_is_in_the_page_with_its_bugs(campaign: Campaign) -> None:
    text = " ".join((ROOT / "docs/reliability.md").read_text(encoding="utf-8").split())

    assert f"## {campaign.title}" in text
    assert [each.bug for each in campaign.found if each.bug not in text] == []


@pytest.mark.parametrize("campaign", ALL.values(), ids=lambda each: each.name)
def test_the_tests_of_each_campaign_and_of_its_bugs_are_there(campaign: Campaign) -> None:
    tests = [*campaign.tests, *(each.test for each in campaign.found)]

    for test in tests:
        file, _, name = test.partition("::")
        assert f"def {name}" in (ROOT / file).read_text(encoding="utf-8"), test


def test_the_page_has_the_figures_of_a_run() -> None:
    text = page(ALL, dict.fromkeys(ALL, FIGURES), "1 January 2026")

    assert "| 1,234 |" in text
    assert "56 states" in text
    assert "| stop first | 78 | 9 |" in text
    assert "1 January 2026" in text
