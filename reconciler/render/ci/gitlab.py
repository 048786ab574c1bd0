"""Findings as a GitLab Code Quality report, which a merge request shows at the lines of its files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.render.ci.findings import Finding, Findings, Level

_SEVERITIES: Final[Mapping[Level, str]] = {Level.ERROR: "blocker", Level.WARNING: "minor", Level.NOTE: "info"}
_GRAVE: Final[Mapping[str, str]] = {
    "replace": "major",
    "delete": "major",
    "obstacle": "major",
    "data-loss": "critical",
}
"""Warnings that are more than a minor difference."""


def findings_gitlab(findings: Findings) -> list[dict[str, Any]]:
    """The report, ready for ``json.dumps``; GitLab takes nothing without a path and a line."""
    return [_issue(each) for each in findings.found]


def _issue(finding: Finding) -> dict[str, Any]:
    return {
        "description": finding.text,
        "check_name": finding.rule,
        "fingerprint": finding.fingerprint,
        "severity": _GRAVE.get(finding.rule, _SEVERITIES[finding.level]),
        "location": {"path": finding.origin.file, "lines": {"begin": max(finding.origin.line, 1)}},
    }
