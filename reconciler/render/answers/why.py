"""The answer to `why`: the causes and the cost of what is planned for one resource, and what was done to it before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.core.difference.cause import Cause
from reconciler.core.difference.change import Action, Change, stopped_first
from reconciler.core.difference.compare import FieldChange
from reconciler.core.difference.kind import Effect, Kind
from reconciler.core.execution.report import standing
from reconciler.core.history.author import Author
from reconciler.core.history.records import ChangeRecord, Run
from reconciler.core.message.wording import listed
from reconciler.core.plan.plan import Plan
from reconciler.core.resource.address import Address
from reconciler.record import Struct
from reconciler.render.answers.history import author_json, author_text, change_lines, moment, run_json
from reconciler.render.output.causes import CAUSES, REMOVED
from reconciler.render.output.plain import joined
from reconciler.render.output.values import is_removed
from reconciler.render.plan.jsonplan import PlanDocument, comes_first
from reconciler.render.plan.text import describe, row_of

SCHEMA: Final = "reconcile.why/v1"
_MOST_WAITS: Final = 6
_MEANS: Final[Mapping[Effect, str]] = {
    Effect.NOTE: "It can't be changed, and is left as it is.",
    Effect.START: "It has to be started.",
    Effect.RUN: "The job has to run.",
    Effect.LIVE: "It is changed in place.",
    Effect.RECONNECT: "It is changed by reconnecting.",
    Effect.RESTART: "It is only read at the start, so a restart is needed.",
    Effect.HANDOVER: "It can't be changed in place, so a new one takes over.",
    Effect.REPLACE: "It can't be changed in place, so a new one is needed.",
    Effect.DATA_LOSS: "It can't be changed, and a new one has no data.",
    Effect.FIXED: "It is set for good when the resource is made.",
}


class Answer(Struct, frozen=True):
    """All that is known of one resource: its planned change, if there is a plan, its history, and later acts on it."""

    address: Address
    plan: Plan | None
    kinds: Mapping[str, Kind]
    runs: Sequence[tuple[Run, Sequence[ChangeRecord]]]
    authors: Sequence[Author] = ()

    @property
    def change(self) -> Change | None:
        """Its change in the plan."""
        found = (change for change in self.plan.changes if change.address == self.address) if self.plan else iter(())
        return next(found, None)

    @property
    def waits_for(self) -> tuple[str, ...]:
        """The resources that come first."""
        if not self.plan or not self.change:
            return ()
        before = comes_first(self.plan.steps).get(self.address, ())
        return tuple(dict.fromkeys(map(str, (*self.change.waits_for, *before))))

    @property
    def alone(self) -> str:
        """The reason for stopping the old one before a new one starts, if that is what is done."""
        return stopped_first(self.change, self.kinds[self.address.kind]) if self.change else ""


def why_text(answer: Answer) -> str:
    """The answer for people."""
    parts = [joined(_now(answer))] if answer.plan else []
    return "\n\n".join([*parts, joined(_before(answer))])


def why_json(answer: Answer, document: PlanDocument, project: str) -> dict[str, Any]:
    """The same for programs, in the shape of ``schemas/why.schema.json``."""
    change = answer.change
    is_due = change is not None and change.action is not Action.KEEP
    return {
        "schema": SCHEMA,
        "project": project,
        "address": str(answer.address),
        "state": standing(change).state.value if change else None,
        "salt": document.salt,
        "action": document.action(change, answer.plan) if change and answer.plan and is_due else None,
        "stop_first_because": answer.alone or None,
        "comes_after": list(answer.waits_for),
        "runs": [run_json(run, changes) for run, changes in answer.runs],
        "authors": [author_json(author) for author in answer.authors],
    }


def _now(answer: Answer) -> Iterator[str]:
    change = answer.change
    if change is None:
        yield f"{answer.address} is neither declared nor live."
        return
    if change.action is Action.KEEP:
        state = standing(change)
        # Notes may have several lines, such as the last ones of a log.
        note = " ".join(state.note.split())
        yield f"{answer.address}: {state.state.value}{f', {note}' if note else ''}; nothing is planned"
        return
    yield f"{answer.address}: {describe(change)}"
    # What can't be read may be there or not.
    if change.unread:
        return
    if change.observed is None or change.desired is None:
        yield f"  {_existence(change)}{_at(change)}."
    else:
        for field in change.fields:
            yield from _field(field, change, answer.kinds[answer.address.kind])
    yield from _circumstances(answer, change)


def _circumstances(answer: Answer, change: Change) -> Iterator[str]:
    if change.obstacle:
        yield f"  It {change.obstacle}."
    if answer.alone:
        yield f"  The old one is stopped first, because {answer.alone}."
    if answer.waits_for:
        yield f"  It comes after {listed(answer.waits_for, _MOST_WAITS)}."


def _existence(change: Change) -> str:
    match change.intended, change.cause:
        case Action.DELETE, Cause.DECLARED:
            return "It was taken out of the files"
        case Action.DELETE, Cause.DRIFT:
            return "It is live, and the files never declared it"
        case Action.DELETE, _:
            return "It is live, and not declared"
        case _, Cause.DRIFT:
            return "It was there, and somebody removed it; it is declared"
        case _, Cause.DECLARED:
            return "It is new in the files"
        case _:
            return "It does not exist; it is declared"


def _at(change: Change) -> str:
    origin = change.origin
    return f" ({origin})" if origin else ""


def _field(field: FieldChange, change: Change, kind: Kind) -> Iterator[str]:
    path, text = row_of(field, change, kind)
    place = change.place(field)
    yield f"  {path}  {text}"
    words = REMOVED if is_removed(field, change, kind) else CAUSES[field.cause]
    yield f"      {words.sentence}{f' ({place})' if place else ''}. {_MEANS[field.effect]}"


def _before(answer: Answer) -> Iterator[str]:
    if not answer.runs:
        yield "No change of it is recorded."
    else:
        yield "Done to it before:"
    for run, changes in answer.runs:
        who = f" by {run.user}@{run.host}" if run.user else ""
        yield f"  {moment(run.began)}  run {run.id}, {run.command}{who}{f', {run.trigger}' if run.trigger else ''}"
        yield from (f"  {line}" for change in changes for line in change_lines(change))
    if answer.authors:
        fields = answer.change.fields if answer.change else ()
        is_interrupted = any(field.cause is Cause.INTERRUPTED for field in fields)
        among = ", with those of the interrupted run" if is_interrupted else ""
        yield f"Acts on it since then, as its server recorded them{among}:"
        yield from (f"  {author_text(author)}" for author in answer.authors)
