"""One list of findings for all CI formats: every difference, refusal and mistake, with rule, place and fingerprint.

`github`, `gitlab`, `junit` and `sarif` only write this list in another form, so they report the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import IntEnum
from hashlib import sha256
from typing import Final

from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.compare import FieldChange
from reconciler.core.difference.kind import Effect, Kind
from reconciler.core.message.errors import ConfigError, ReconcileError
from reconciler.core.message.problem import Problem, Severity
from reconciler.core.plan.plan import Plan
from reconciler.core.resource.resource import Origin
from reconciler.record import Struct, replace
from reconciler.render.output.values import origin_of
from reconciler.render.plan.jsonplan import REACTIONS
from reconciler.render.plan.text import access_texts, describe, row_of, summary


class Level(IntEnum):
    """The importance of a finding."""

    NOTE = 0
    WARNING = 1
    ERROR = 2


class Rule(Struct, frozen=True):
    """A sort of finding: its text, its level, and its rank among all rules, the gravest last."""

    text: str
    level: Level
    rank: int


RULES: Final[Mapping[str, Rule]] = {
    name: Rule(text, level, rank)
    for rank, (name, level, text) in enumerate(
        (
            ("access", Level.NOTE, "Users gain or lose access."),
            ("remark", Level.NOTE, "A live resource needs attention, and the plan does not change it."),
            ("file-warning", Level.WARNING, "A file is valid, and is probably not what its author means."),
            ("deferred", Level.WARNING, "A resource waits for another one, and differs or is missing."),
            ("unknown", Level.WARNING, "A resource can't be read, so it is not known whether it differs."),
            ("run", Level.WARNING, "A job has to run."),
            ("start", Level.WARNING, "A resource does not run."),
            ("create", Level.WARNING, "A declared resource does not exist."),
            ("in-place", Level.WARNING, "A field differs; it is changed in place."),
            ("reconnect", Level.WARNING, "A field differs; the resource is reconnected."),
            ("restart", Level.WARNING, "A field differs; the resource is restarted."),
            ("delete", Level.WARNING, "A live resource is not declared, and is deleted."),
            ("replace", Level.WARNING, "A field differs; the resource is replaced."),
            ("data-loss", Level.WARNING, "A field differs; the resource is replaced, and its data is lost."),
            ("obstacle", Level.WARNING, "A change of the plan will fail."),
            ("refused", Level.ERROR, "A safety rule or policy forbids a change."),
            ("failed", Level.ERROR, "The comparison could not be made."),
            ("invalid-file", Level.ERROR, "A file is wrong."),
        )
    )
}
_BY_EFFECT: Final[Mapping[Effect, str]] = {
    **REACTIONS,
    Effect.LIVE: "in-place",
    Effect.FIXED: "obstacle",
}
_BY_ACTION: Final[Mapping[Action, str]] = {
    **{action: action.value for action in Action},
    Action.UPDATE: "in-place",
}


class Finding(Struct, frozen=True):
    """One thing to report; ``fingerprint`` stays the same from run to run, also where lines of the file move."""

    rule: str
    address: str
    field: str
    title: str
    message: str
    origin: Origin
    fingerprint: str = ""

    @property
    def level(self) -> Level:
        return RULES[self.rule].level

    @property
    def text(self) -> str:
        """The whole finding on one line."""
        return self.title if self.message in self.title else f"{self.title}: {self.message}"


class Findings(Struct, frozen=True):
    """All findings of one run, and the addresses of the resources that were compared."""

    found: tuple[Finding, ...]
    checked: tuple[str, ...] = ()
    project: str = ""
    summary: str = ""

    def by_gravity(self) -> list[Finding]:
        """The gravest first; among equally grave ones each sort once before any twice, and so each resource."""
        sorts: Counter[str] = Counter()
        resources: Counter[str] = Counter()
        ranked: list[tuple[tuple[int, int, int], Finding]] = []
        for finding in self.found:
            sort = f"{finding.rule} {finding.text.replace(finding.address, '')}"
            # A check in CI shows the first ten or so: three sorts of trouble tell more than ten times one.
            rank = (-RULES[finding.rule].rank, sorts[sort], resources[finding.address])
            ranked.append((rank, finding))
            sorts[sort] += 1
            resources[finding.address] += 1
        return [finding for _, finding in sorted(ranked, key=lambda each: each[0])]


def findings_of_plan(
    plan: Plan,
    kinds: Mapping[str, Kind],
    names: Sequence[str],
    project: str,
    *,
    warnings: Sequence[Problem] = (),
) -> Findings:
    """The findings of a plan, and of what its files make doubtful."""
    found = (
        *(_of_problem(warning) for warning in warnings),
        *_refusals(plan),
        *(finding for change in plan.changes for finding in _of_change(change, kinds[change.address.kind])),
        *(_of_remark(plan, remark) for remark in plan.remarks()),
        *_access(plan),
    )
    return Findings(found, tuple(str(change.address) for change in plan.changes), project, summary(plan, names))


def findings_of_problems(problems: Sequence[Problem]) -> Findings:
    """The findings of files that are wrong, or only doubtful."""
    wrong = sum(problem.severity is Severity.ERROR for problem in problems)
    return Findings(tuple(map(_of_problem, problems)), summary=_counted(wrong))


def findings_of_error(error: ReconcileError) -> Findings:
    """The findings of a run that came to no plan."""
    if isinstance(error, ConfigError):
        return findings_of_problems(error.problems)
    return Findings((Finding("failed", "", "", "error", str(error), Origin("")),), summary="Nothing was compared.")


def cleaned(findings: Findings, clean: Callable[[str], str], place: Callable[[str], str]) -> Findings:
    """The findings as they may leave the program, each text passed through ``clean``, with fingerprints.

    ``place`` gives the path of a file as the CI system knows it, and that of the first file for "".
    """
    counts: Counter[str] = Counter()
    finished = []
    for each in findings.found:
        origin = replace(each.origin, file=clean(place(each.origin.file)))
        texts = {name: clean(getattr(each, name)) for name in ("address", "field", "title", "message")}
        made = replace(each, origin=origin, **texts)
        identity = _identity(made)
        # The number tells apart what is alike. CI systems drop all but one finding of a fingerprint.
        finished.append(replace(made, fingerprint=_digest(f"{identity} {counts[identity]}")))
        counts[identity] += 1
    checked, project = tuple(map(clean, findings.checked)), clean(findings.project)
    return Findings(tuple(finished), checked, project, clean(findings.summary))


def _identity(finding: Finding) -> str:
    """The finding without its line, and without values where it has an address."""
    # Values change from run to run, as a duration does; a mistake in a file has nothing but its words.
    rest = (finding.field,) if finding.address else (finding.origin.file, finding.message)
    return "\0".join((finding.rule, finding.address, *rest))


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _counted(wrong: int) -> str:
    return f"{wrong} problem{'' if wrong == 1 else 's'}." if wrong else "The files are valid."


def _of_change(change: Change, kind: Kind) -> Iterator[Finding]:
    """One finding for each field that differs, or else one for the resource."""
    if change.action is Action.KEEP:
        return
    title = f"{change.address}: {describe(change)}"
    differing = [each for each in change.fields if each.effect is not Effect.NOTE] if change.observed else []
    for each in differing:
        path, text = row_of(each, change, kind)
        yield Finding(_rule(change, each), str(change.address), path, title, f"{path}: {text}", origin_of(change, each))
    # A new or deleted resource has no fields that differ, and is one finding as a whole.
    if not differing:
        message = change.obstacle or change.unread or change.reason or change.action.value
        rule = "unknown" if change.unread else _BY_ACTION[change.action]
        yield Finding(rule, str(change.address), "", title, message, origin_of(change))


def _rule(change: Change, each: FieldChange) -> str:
    if change.action is Action.DEFERRED:
        return "deferred"
    is_kept = each.effect is Effect.DATA_LOSS and not change.loses_data
    return _BY_EFFECT[Effect.REPLACE if is_kept else each.effect]


def _refusals(plan: Plan) -> Iterator[Finding]:
    places = {change.address: origin_of(change) for change in plan.changes}
    for refusal in plan.refusals:
        origin = places.get(refusal.address, Origin("")) if refusal.address else Origin("")
        yield Finding("refused", str(refusal.address or ""), "", "refused", str(refusal), origin)


def _access(plan: Plan) -> Iterator[Finding]:
    for realm, text in access_texts(plan.access):
        yield Finding("access", "", "", f"Access in realm {realm}", text, Origin(""))


def _of_remark(plan: Plan, remark: Problem) -> Finding:
    rule = "obstacle" if remark in plan.obstacles else "remark"
    address = str(remark.address or "")
    return Finding(rule, address, "", address or "remark", remark.message, remark.origin)


def _of_problem(problem: Problem) -> Finding:
    rule = "invalid-file" if problem.severity is Severity.ERROR else "file-warning"
    return Finding(rule, str(problem.address or ""), "", "reconcile", problem.message, problem.origin)
