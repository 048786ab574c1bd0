"""Each threat of docs/security.md has a test, and the test is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def rows() -> list[list[str]]:
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    section = text.partition("## Threats\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_there_are_threats() -> None:
    assert len(rows()) > 20


@pytest.mark.parametrize(("threat", "answer", "test"), rows())
def test_the_test_of_each_threat_is_there(threat: str, answer: str, test: str) -> None:
    file, _, name = test.strip("`").partition("::")

    assert threat
    assert answer
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
