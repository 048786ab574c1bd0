"""Findings as SARIF 2.1.0, for code scanning of GitHub and for editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from reconciler import __version__
from reconciler.render.ci.findings import RULES, Finding, Findings, Level, Rule

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final[Mapping[Level, str]] = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "note"}


def findings_sarif(findings: Findings) -> dict[str, Any]:
    """The log of one run, with each rule that it could break."""
    rules = [_rule(name, rule) for name, rule in RULES.items()]
    driver = {"name": "reconcile", "version": __version__, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each) for each in findings.found],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(name: str, rule: Rule) -> dict[str, Any]:
    return {
        "id": name,
        "shortDescription": {"text": rule.text},
        "defaultConfiguration": {"level": _LEVELS[rule.level]},
    }


def _result(finding: Finding) -> dict[str, Any]:
    location: dict[str, Any] = {"physicalLocation": _place(finding)}
    if finding.address:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.address, "kind": "resource"}]
    return {
        "ruleId": finding.rule,
        "ruleIndex": list(RULES).index(finding.rule),
        "level": _LEVELS[finding.level],
        "message": {"text": finding.text},
        "locations": [location],
        # By this CI systems know the same finding again in another run, on another line.
        "partialFingerprints": {"reconcile/v1": finding.fingerprint},
    }


def _place(finding: Finding) -> dict[str, Any]:
    origin = finding.origin
    column = {"startColumn": origin.column} if origin.column else {}
    return {
        "artifactLocation": {"uri": quote(origin.file), "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": max(origin.line, 1), **column},
    }
