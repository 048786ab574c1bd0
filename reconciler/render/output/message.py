"""Messages on what is wrong, all in one form: severity and code, place, fact, source line with a mark, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.core.message.codes import Code
from reconciler.core.message.errors import ReconcileError, Refusal
from reconciler.core.message.problem import Problem, Severity
from reconciler.pattern import lazy_pattern
from reconciler.render.output.columns import cells
from reconciler.render.output.plain import one_line

_PARTS: Final = lazy_pattern(r"; (?=(?:[^`]*`[^`]*`)*[^`]*$)")
"""The mark between the facts of a message and its advice; inside of backticks there is text of somebody else."""

_STATEMENT: Final = lazy_pattern(r"(?:the|it|they|its|nothing|there|this|no|Keycloak|Compose|with)\b")
"""How a further fact begins, which is no advice."""

_WORD: Final = lazy_pattern(r"\"[^\"]*\"|'[^']*'|[\w.$/{}-]+|.")
_CUT: Final = "…"
_GUTTER: Final = 4
_LEAST_SHOWN: Final = 20


def problem_text(problem: Problem, width: int = 0) -> str:
    """A problem of a file; ``width`` is that of the terminal, 0 where there is none."""
    fact, advice = facts_and_advice(problem.message)
    gutter = max(_GUTTER, len(str(problem.origin.line)) + 1)  # a line that begins with a digit would be indented
    span = _span(problem, width, gutter) if problem.text else ()
    head = f"{_head(problem.severity.value, problem.code)}{problem.origin}: {one_line(fact)}"
    return "\n".join((head, *span, *_hint(advice, gutter)))


def counted(problems: Sequence[Problem]) -> str:
    """The number of problems and of warnings."""
    numbers = {severity: sum(each.count for each in problems if each.severity is severity) for severity in Severity}
    errors, warnings = numbers[Severity.ERROR], numbers[Severity.WARNING]
    parts = [f"{errors:,} problem{'s' if errors != 1 else ''}"]
    return " and ".join([*parts, f"{warnings:,} warning{'s' if warnings != 1 else ''}"] if warnings else parts)


def error_text(error: ReconcileError, code: Code) -> str:
    """An error of a run, with the remedy for its sort where it has none of its own."""
    fact, advice = facts_and_advice(str(error))
    remedy = "" if advice and not _STATEMENT.match(advice) else code.remedy
    return "\n".join((f"{_head('error', code.name)}{fact}", *_hint(advice), *_hint(remedy)))


def refusal_text(refusal: Refusal, code: str) -> str:
    """A rule that stops a plan, and what would allow it."""
    return "\n".join((f"{_head('error', code)}refused: {one_line(refusal.message)}", *_hint(refusal.remedy)))


def usage_text(message: str, code: str) -> str:
    """A mistake on the command line."""
    fact, advice = facts_and_advice(message)
    return "\n".join((f"{_head('error', code)}{one_line(fact)}", *_hint(advice)))


def facts_and_advice(message: str) -> tuple[str, str]:
    """A message without its last part, and that part, where it follows a semicolon; else the message and nothing."""
    *facts, advice = _PARTS.split(message) if "\n" not in message else [message, ""]
    return ("; ".join(facts), advice) if facts else (advice, "")


def _head(severity: str, code: str) -> str:
    return f"{severity}[{code}]: " if code else f"{severity}: "


def _hint(advice: str, gutter: int = _GUTTER) -> Iterator[str]:
    if advice:
        yield f"{' ' * gutter} = {'note' if _STATEMENT.match(advice) else 'help'}: {one_line(advice)}"


def _span(problem: Problem, width: int, gutter: int) -> Iterator[str]:
    """The line of the file with a mark under the word that is meant."""
    line = problem.text.rstrip("\n").replace("\r", " ").replace("\n", " ")
    at = max((problem.mark or problem.origin.column) - 1, 0)
    line, at = _cut(line, at, max(width - gutter - 3, _LEAST_SHOWN)) if width else (line, at)
    word = _WORD.match(line, at)
    before = "".join("\t" if char == "\t" else " " * cells(char) for char in line[:at])
    empty = " " * gutter
    yield f"{empty} |"
    yield f"{problem.origin.line or '':>{gutter}} | {line}"
    yield f"{empty} | {before}{'^' * (cells(word[0]) if word else 1)}"


def _cut(line: str, at: int, room: int) -> tuple[str, int]:
    """As much of a line around a place as there is room for, and the place in that."""
    if cells(line) <= room:
        return line, at
    start = max(at - room // 2, 0)
    left = _CUT if start else ""
    shown = left + line[start:]
    end = len(shown)
    while cells(shown[:end]) > room - 1:
        end -= 1
    return (shown[:end] + _CUT if end < len(shown) else shown), at - start + len(left)
