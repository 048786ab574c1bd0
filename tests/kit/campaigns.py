"""The campaigns against the program: what is disturbed, how many cases were run, and what they have found.

Each campaign is a file of tests/faults/campaigns. A test of one of its files counts as a case, or as many as it says
with ``record_property("cases", n)``; ``record_property("figure: NAME", n)`` adds to a figure, and
``record_property("row", [...])`` is a row of the campaign's table. The summary of a run of pytest has a line for each
campaign, and RECONCILE_TEST_FIGURES names a file that gets the same as JSON, for scripts/reliability.py.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.record import Struct, asdict, field

FOLDER = Path(__file__).parents[1] / "faults/campaigns"
FIGURE = "figure: "
WHOLE = os.environ.get("RECONCILE_TEST_FAULTS") == "all"
"""True where all cases are run, and not a sample of them."""

SEED = int(os.environ.get("RECONCILE_TEST_SEED") or 1)
"""The beginning of all that is random in a campaign."""


class Bug(Struct, frozen=True):
    """A bug that a campaign found, in a user's words, and the test that keeps it from coming back."""

    bug: str
    test: str


class Campaign(Struct, frozen=True):
    """A campaign: what is disturbed, what has to hold, and the files of its tests."""

    name: str
    title: str
    disturbed: str
    holds: str
    tests: tuple[str, ...]
    columns: tuple[str, ...] = ()
    found: tuple[Bug, ...] = ()

    @property
    def again(self) -> str:
        """The command that runs the same cases once more."""
        return f"RECONCILE_TEST_SEED={SEED} .venv/bin/python -m pytest {' '.join(self.tests)}"


def campaigns() -> Mapping[str, Campaign]:
    """All campaigns by their names."""
    return {file.stem: _campaign(file) for file in sorted(FOLDER.glob("*.toml"))}


def _campaign(file: Path) -> Campaign:
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    words = {name: str(content[name]).strip() for name in ("title", "disturbed", "holds")}
    bugs = tuple(Bug(**bug) for bug in content.get("found", ()))
    return Campaign(
        file.stem, **words, tests=tuple(content["tests"]), columns=tuple(content.get("columns", ())), found=bugs
    )


class Figures(Struct):
    """The figures of one campaign in one run."""

    cases: int = 0
    failed: int = 0
    seconds: float = 0.0
    more: dict[str, int] = field(default_factory=dict)
    rows: list[list[Any]] = field(default_factory=list)

    def add(self, report: pytest.TestReport) -> None:
        said: dict[str, Any] = dict(report.user_properties)
        self.cases += said.get("cases", 1)
        self.failed += report.failed
        self.seconds += report.duration
        found = {name.removeprefix(FIGURE): value for name, value in said.items() if name.startswith(FIGURE)}
        self.more = dict(Counter(self.more) + Counter(found))
        self.rows += [said["row"]] if "row" in said else []


class Score:
    """Counts the cases of all campaigns in a run of pytest, also of one whose tests run in several processes."""

    def __init__(self) -> None:
        self._by_file = {test: each for each in campaigns().values() for test in each.tests}
        self._figures: dict[str, Figures] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        campaign = self._by_file.get(report.nodeid.partition("::")[0])
        if campaign and (report.when == "call" or report.failed):
            self._figures.setdefault(campaign.name, Figures()).add(report)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._figures:
            terminalreporter.section("campaigns")
        for name, found in sorted(self._figures.items()):
            more = "".join(f", {value:,} {figure}" for figure, value in sorted(found.more.items()))
            terminalreporter.write_line(f"{name}: {found.cases:,} cases, {found.failed} failed{more}")
            terminalreporter.write_line(f"    again: {campaigns()[name].again}")

    def pytest_sessionfinish(self) -> None:
        if file := os.environ.get("RECONCILE_TEST_FIGURES"):
            found = {name: asdict(each) for name, each in self._figures.items()}
            Path(file).write_text(json.dumps(found, indent=2), encoding="utf-8")
