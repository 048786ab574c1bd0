"""Findings as workflow commands of GitHub Actions: each is marked at its line of the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconciler.core.resource.resource import Origin
from reconciler.render.ci.findings import Finding, Findings, Level
from reconciler.render.output.plain import plain_line

MOST: Final = 10
"""GitHub shows so many annotations of a level for each step, and drops the rest."""

_COMMANDS: Final = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}


def findings_github(findings: Findings) -> str:
    """The gravest findings as annotations, as many as GitHub shows; the rest as plain lines of the log."""
    access = [each for each in findings.found if each.rule == "access"]
    rest = [each for each in findings.by_gravity() if each.rule != "access"]
    lines = [line for level, name in _COMMANDS.items() for line in _of_level(name, level, rest)]
    return "\n".join([*map(plain_line, _under_titles(access)), *lines, plain_line(findings.summary)])


def _under_titles(findings: list[Finding]) -> Iterator[str]:
    """Access is for the log: it has no place in a file."""
    for title in dict.fromkeys(each.title for each in findings):
        yield f"{title}:"
        yield from (f"  {each.message}" for each in findings if each.title == title)


def _of_level(name: str, level: Level, findings: list[Finding]) -> Iterator[str]:
    found = [each for each in findings if each.level is level]
    shown = found if len(found) <= MOST else found[: MOST - 1]
    yield from (_annotation(name, each.origin, each.title, each.message) for each in shown)
    if left := found[len(shown) :]:
        yield _annotation(name, Origin(""), "reconcile", f"{len(left)} more, listed in the log of this step")
        yield from (plain_line(f"  {each.origin}: {each.text}") for each in left)


def _annotation(level: str, origin: Origin, title: str, message: str) -> str:
    place = {"file": origin.file, "line": origin.line or "", "col": origin.column or "", "title": title}
    properties = ",".join(f"{key}={_property(str(value))}" for key, value in place.items() if value)
    return f"::{level} {properties}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
