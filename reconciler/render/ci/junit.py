"""Findings as JUnit XML: one test case for each resource, which fails if the resource differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from reconciler.render.ci.findings import Finding, Findings, Level

_OTHERS: Final = "reconcile"
"""The class of what is about no resource: the files, and the access of users."""


def findings_junit(findings: Findings) -> str:
    """The report; a note or a warning about a file is output of its test case, and no failure."""
    # Each checked resource is a test case, also without a finding, so that a report shows how much was compared.
    cases: dict[str, list[Finding]] = {address: [] for address in findings.checked}
    for each in findings.found:
        cases.setdefault(each.address or each.origin.file, []).append(each)
    suite = Element("testsuite", name=f"reconcile {findings.project}".rstrip(), tests=str(len(cases)))
    made = [_case(suite, name, found) for name, found in cases.items()]
    suite.set("failures", str(made.count("failure")))
    suite.set("errors", str(made.count("error")))
    suite.set("skipped", "0")
    SubElement(suite, "system-out").text = findings.summary
    root = Element("testsuites")
    root.append(suite)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode")


def _case(suite: Element, name: str, found: Sequence[Finding]) -> str:
    """Adds a test case; returns the name of its outcome, "" if it passed."""
    case = SubElement(suite, "testcase", classname=name.partition("/")[0] if "/" in name else _OTHERS, name=name)
    bad = sorted(filter(_fails, found), key=lambda each: -each.level)
    notes = [each for each in found if not _fails(each)]
    if found:
        case.set("file", found[0].origin.file)
        case.set("line", str(max(found[0].origin.line, 1)))
    outcome = ""
    if bad:
        # JUnit keeps failures, which a test found, apart from errors, which kept it from running.
        outcome = "error" if bad[0].rule in ("failed", "invalid-file") else "failure"
        SubElement(case, outcome, type=bad[0].rule, message=bad[0].text).text = "\n".join(map(_line, bad))
    if notes:
        SubElement(case, "system-out").text = "\n".join(map(_line, notes))
    return outcome


def _fails(finding: Finding) -> bool:
    """Returns whether a finding makes a test case fail; a doubt about a file does not, as it has no exit code."""
    return finding.level > Level.NOTE and finding.rule != "file-warning"


def _line(finding: Finding) -> str:
    return f"{finding.origin}: {finding.text}" if finding.origin.file else finding.text
