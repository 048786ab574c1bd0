"""The plan as Markdown, for a comment on a pull request: the numbers first, the differences folded away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from reconciler.core.change import Action, Change
from reconciler.core.kind import Kind
from reconciler.core.plan import Plan
from reconciler.render.plain import joined, one_line
from reconciler.render.refusals import refusal_lines
from reconciler.render.text import SYMBOLS, access_lines, describe, field_lines, place_of, summary

LIMIT: Final = 65_536
"""GitHub's limit for a comment, in characters."""

_RESERVE: Final = 200


def plan_markdown(plan: Plan, kinds: Mapping[str, Kind], names: Sequence[str], project: str) -> str:
    """The comment; it ends with a mark by which a bot finds it again. Cut at whole resources where it is too long."""
    mark = f"<!-- reconcile:{project} -->"
    parts = [f"### reconcile: {project}", "", summary(plan, names), ""]
    if plan.access:
        parts += ["```", *map(one_line, access_lines(plan.access)), "```", ""]
    changes = [change for change in plan.changes if change.action is not Action.KEEP]
    if changes:
        parts += ["| | resource | action |", "|---|---|---|", *map(_row, changes), ""]
    blocks = list(_blocks(changes, kinds))
    length = len("\n".join(parts)) + len(mark)
    for number, block in enumerate(blocks):
        length += len(block) + 1
        if length > LIMIT - _RESERVE:
            parts.append(f"_{len(blocks) - number} more are not shown._")
            break
        parts.append(block)
    parts += [one_line(f"- ⛔ {line}") for line in refusal_lines(plan.refusals)]
    parts += [one_line(f"- ⚠ {place_of(plan, remark)}`{remark.address}` {remark.message}") for remark in plan.remarks()]
    return "\n".join([*parts, "", mark])[:LIMIT]


def _row(change: Change) -> str:
    return f"| `{SYMBOLS[change.action]}` | `{change.address}` | {_escaped(describe(change))} |"


def _blocks(changes: Sequence[Change], kinds: Mapping[str, Kind]) -> Iterator[str]:
    for change in changes:
        lines = [_marked(line, change) for line in field_lines(change, kinds[change.address.kind])]
        if lines:
            body = joined(lines)
            yield f"<details><summary><code>{change.address}</code></summary>\n\n```diff\n{body}\n```\n</details>"


def _marked(line: str, change: Change) -> str:
    """The first column of a line, which a ``diff`` fence colours."""
    sign = {Action.CREATE: "+", Action.DELETE: "-"}.get(change.action, "!")
    return f"{sign} {line.replace('```', '` ` `')}"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
