#!/usr/bin/env python3
"""Writes docs/reliability.md from the figures of a run of all campaigns: `make reliability`.

Usage: scripts/reliability.py FIGURES, a file that tests/kit/campaigns.py has written.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from reconciler import __version__  # noqa: E402 (the path comes first)
from tests.kit.campaigns import Campaign, campaigns  # noqa: E402 (the path comes first)

WIDTH = 120

INTRODUCTION = """# Reliability

A campaign disturbs the program in one way, at every place where that can happen. Each case runs the program, and then
looks at the containers or the realm, not at what was printed. `make faults` runs all campaigns, also in CI. Where a
campaign takes a sample of its cases, `make nightly-faults` runs all of them.
"""


def main() -> int:
    figures: Mapping[str, Mapping[str, Any]] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    failed = [name for name, found in figures.items() if found["failed"]]
    missing = sorted(campaigns().keys() - figures.keys())
    if failed or missing:
        print(f"nothing is written: failed: {failed}, not run: {missing}", file=sys.stderr)
        return 1
    today = f"{datetime.now(tz=UTC):%-d %B %Y}"
    (ROOT / "docs" / "reliability.md").write_text(page(campaigns(), figures, today), encoding="utf-8")
    return 0


def page(all_campaigns: Mapping[str, Campaign], figures: Mapping[str, Mapping[str, Any]], today: str) -> str:
    """The text of docs/reliability.md."""
    cases = sum(found["cases"] for found in figures.values())
    bugs = sum(len(each.found) for each in all_campaigns.values())
    lines = [
        INTRODUCTION,
        *_wrapped(f"Written by `make reliability`, {today}: reconcile {__version__}, {cases:,} cases, none failed."),
        *_wrapped(f"The campaigns found {bugs} bugs so far, and all are fixed."),
        "",
        "| campaign | cases | bugs found and fixed | beside |",
        "|---|---:|---:|---|",
        *(_summary(each, figures[name]) for name, each in all_campaigns.items()),
    ]
    for name, each in all_campaigns.items():
        lines += ["", *_section(each, figures[name])]
    return "\n".join(lines) + "\n"


def _summary(campaign: Campaign, found: Mapping[str, Any]) -> str:
    beside = ", ".join(f"{value:,} {figure}" for figure, value in sorted(found["more"].items()))
    return f"| {campaign.title} | {found['cases']:,} | {len(campaign.found)} | {beside} |"


def _section(campaign: Campaign, found: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"## {campaign.title}", "")
    yield from (*_wrapped(f"Disturbed: {campaign.disturbed}"), "")
    yield from (*_wrapped(f"Has to hold: {campaign.holds}"), "")
    yield from ("Once more:", "", *(f"    {line}" for line in _command(campaign)))
    if campaign.columns:
        yield from ("", _row(campaign.columns), _row(["---"] + ["---:"] * (len(campaign.columns) - 1)))
        yield from (_row(row) for row in sorted(found["rows"]))
    if campaign.found:
        yield from ("", "Found and fixed:", "")
        for bug in campaign.found:
            yield from _wrapped(f"{bug.bug} Test: `{bug.test}`", "- ")


def _command(campaign: Campaign) -> list[str]:
    return textwrap.wrap(campaign.again, WIDTH - 6, subsequent_indent="  ", break_on_hyphens=False)


def _row(cells: Any) -> str:
    return f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else str(cell) for cell in cells)} |"


def _wrapped(text: str, first: str = "") -> list[str]:
    rest = " " * len(first)
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


if __name__ == "__main__":
    sys.exit(main())
