"""The plan as workflow commands of GitHub Actions: each difference is marked at its line of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.core.change import Action, Change
from reconciler.core.kind import Kind
from reconciler.core.plan import Plan
from reconciler.core.problem import Problem, Severity
from reconciler.core.resource import Origin
from reconciler.render.plain import plain_line
from reconciler.render.refusals import refusal_lines
from reconciler.render.text import access_lines, describe, field_rows, summary


def plan_github(plan: Plan, kinds: Mapping[str, Kind], names: Sequence[str]) -> str:
    """One warning for each resource that differs, the most disruptive first: only ten of a step are shown."""
    changes = [change for change in plan.changes if change.action is not Action.KEEP]
    changes.sort(key=lambda change: -change.effect)
    lines = [_annotation("warning", _origin(change), _title(change), _text(change, kinds)) for change in changes]
    lines = [*_refusals(plan), *lines]
    lines += [_annotation("notice", remark.origin, str(remark.address), remark.message) for remark in plan.remarks()]
    return "\n".join([*map(plain_line, access_lines(plan.access)), *lines, plain_line(summary(plan, names))])


def _refusals(plan: Plan) -> Iterator[str]:
    """One error for each, at the place of what it is about; many of one sort are folded into a last one."""
    places = {change.address: _origin(change) for change in plan.changes}
    by_line = {f"refused: {refusal}": refusal.address for refusal in plan.refusals}
    for line in refusal_lines(plan.refusals):
        address = by_line.get(line)
        yield _annotation(
            "error", places.get(address, Origin("")) if address else Origin(""), str(address or "refused"), line
        )


def problem_github(problem: Problem) -> str:
    """A problem in the files as an annotation."""
    level = "error" if problem.severity is Severity.ERROR else "warning"
    return _annotation(level, problem.origin, "reconcile", problem.message)


def _annotation(level: str, origin: Origin, title: str, message: str) -> str:
    place = {"file": origin.file, "line": origin.line or "", "col": origin.column or "", "title": title}
    properties = ",".join(f"{key}={_property(str(value))}" for key, value in place.items() if value)
    return f"::{level} {properties}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _origin(change: Change) -> Origin:
    return change.desired.origin if change.desired and change.desired.origin else Origin("")


def _title(change: Change) -> str:
    return f"{change.address}: {describe(change)}"


def _text(change: Change, kinds: Mapping[str, Kind]) -> str:
    rows = field_rows(change, kinds[change.address.kind]) if change.observed else ()
    return "\n".join(f"{path}: {text}" for path, text in rows) or change.reason
