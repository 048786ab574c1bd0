"""The plan as Markdown, for a comment on a pull request: the numbers first, the differences folded away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.kind import Kind
from reconciler.core.plan.plan import Plan
from reconciler.core.resource.resource import Origin
from reconciler.pattern import lazy_pattern
from reconciler.render.ci.findings import Findings, Level
from reconciler.render.output.plain import joined, one_line
from reconciler.render.output.values import origin_of
from reconciler.render.plan.refusals import refusal_lines
from reconciler.render.plan.text import SYMBOLS, access_lines, describe, field_lines, place_of, summary

LIMIT: Final = 65_536
"""GitHub's limit for a comment, in characters."""

_RESERVE: Final = 300
"""For the lines that say how much is left out, and the mark."""

_SIGNS: Final = {Level.ERROR: "⛔", Level.WARNING: "⚠", Level.NOTE: "⚠"}
_ACTIVE: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "[": "\\[", "]": "\\]", "|": "\\|", "@": "@<!-- -->"}
)
"""Characters by which a foreign text could become a tag, a link, an image, a cell or the mention of somebody."""

_TICKS: Final = lazy_pattern("`+")


def plan_markdown(
    plan: Plan,
    kinds: Mapping[str, Kind],
    names: Sequence[str],
    project: str,
    *,
    clean: Callable[[str], str] = one_line,
    checksum: str = "",
) -> str:
    """The comment; it ends with a mark by which a bot finds it again. Cut at whole resources where it is too long.

    Each line passes through ``clean`` before it is counted.
    """
    head = _head(project, summary(plan, names))
    page = _filled(head, plan, kinds, clean)
    parts = [head]
    if access := page.lines("access"):
        parts += ["", "```", *access, "```"]
    if rows := page.lines("resources"):
        parts += ["", "| | resource | action | declared at |", "|---|---|---|---|", *rows]
    parts += ["", *page.lines("details"), *page.lines("refusals"), *page.lines("remarks")]
    # A plan that is refused is not carried out.
    if checksum and not plan.refusals:
        parts += ["", f"`reconcile apply --checksum {checksum}` does exactly this, or nothing."]
    parts += ["", _mark(project)]
    return "\n".join(parts)


def _filled(head: str, plan: Plan, kinds: Mapping[str, Kind], clean: Callable[[str], str]) -> _Page:
    """The page with all of its parts, as far as there is room."""
    changes = [change for change in plan.changes if change.action is not Action.KEEP]
    refusals = (clean(f"- ⛔ {_prose(line)}") for line in refusal_lines(plan.refusals))
    remarks = (
        clean(f"- ⚠ {place_of(plan, remark)}{_code(str(remark.address))} {_prose(remark.message)}")
        for remark in plan.remarks()
    )
    page = _Page(head)
    # The parts in the order of their importance: an earlier one takes its share of the room before a later one.
    page.add("refusals", refusals, share=0.2)
    page.add("remarks", remarks, share=0.2)
    page.add("access", map(clean, access_lines(plan.access)), share=0.2)
    page.add("resources", (clean(_row(change)) for change in changes), share=0.5)
    page.add("details", _blocks(changes, kinds, clean))
    return page


def findings_markdown(findings: Findings) -> str:
    """The comment of a run that made no plan; the findings are clean already."""
    head = _head(findings.project, _prose(findings.summary))
    page = _Page(head)
    page.add(
        "findings",
        (f"- {_SIGNS[each.level]} {_place(each.origin)} {_prose(each.message)}" for each in findings.by_gravity()),
    )
    return "\n".join([head, "", *page.lines("findings"), "", _mark(findings.project)])


class _Page:
    """The room that is left on a page, and the lines that found a place on it."""

    def __init__(self, head: str) -> None:
        self._left = LIMIT - _RESERVE - len(head)
        self._lines: dict[str, list[str]] = {}

    def add(self, name: str, lines: Iterable[str], *, share: float = 1.0) -> None:
        """Adds whole lines as long as there is room within a share of what is left, and the number of the others."""
        room, shown, hidden = int(self._left * share), list[str](), 0
        for line in lines:
            # After the first line without room all others are hidden, or the list would have gaps that nobody sees.
            if hidden or len(line) + 1 > room:
                hidden += 1
                continue
            room -= len(line) + 1
            self._left -= len(line) + 1
            shown.append(line)
        if hidden:
            shown.append(f"\n_{hidden} more {name} are not shown._\n")
            self._left -= len(shown[-1]) + 1
        self._lines[name] = shown

    def lines(self, name: str) -> list[str]:
        return self._lines[name]


def _head(project: str, text: str) -> str:
    return f"### reconcile: {_prose(project)}\n\n{text}"


def _mark(project: str) -> str:
    return f"<!-- reconcile:{project.replace('--', '-')} -->"


def _row(change: Change) -> str:
    address, place = _code(str(change.address)), _place(origin_of(change))
    return f"| `{SYMBOLS[change.action]}` | {address} | {_prose(describe(change))} | {place} |"


def _place(origin: Origin) -> str:
    return _code(f"{origin.file}:{origin.line}" if origin.line else origin.file) if origin.file else ""


def _blocks(changes: Sequence[Change], kinds: Mapping[str, Kind], clean: Callable[[str], str]) -> Iterator[str]:
    for change in changes:
        lines = [clean(_marked(line, change)) for line in field_lines(change, kinds[change.address.kind])]
        if lines:
            body = joined(lines)
            yield f"<details><summary><code>{change.address}</code></summary>\n\n```diff\n{body}\n```\n</details>"


def _marked(line: str, change: Change) -> str:
    """The first column of a line, which a ``diff`` fence colours."""
    sign = {Action.CREATE: "+", Action.DELETE: "-"}.get(change.action, "!")
    return f"{sign} {line.replace('```', '` ` `')}"


def _code(text: str) -> str:
    """The text as code, which has no markup in it, whatever the text."""
    ticks = "`" * (1 + max(map(len, _TICKS.findall(text)), default=0))
    padding = " " if "`" in text else ""
    return f"{ticks}{padding}{text}{padding}{ticks}".replace("|", "\\|")


def _prose(text: str) -> str:
    """The text among ours, without markup that does something."""
    return text.translate(_ACTIVE)
