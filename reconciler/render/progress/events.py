"""The events of a run as documents, one for each line: ``schemas/events.schema.json`` has their form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.core.execution.report import Event, What
from reconciler.core.message.codes import code_of
from reconciler.core.message.problem import Problem
from reconciler.render.progress.ongoing import Part, doing, pace_of

SCHEMA: Final = "reconcile.events/v1"
_TYPES: Final[Mapping[What, str]] = {
    What.STARTED: "step_start",
    What.PENDING: "step_progress",
    What.DONE: "step_done",
    What.FAILED: "step_failed",
    What.BLOCKED: "step_skipped",
    What.ROLLED_BACK: "step_rolled_back",
    What.NOT_STARTED: "step_not_started",
    What.INTERRUPTED: "step_interrupted",
}
_WORDS: Final[Mapping[What, str]] = {
    What.STARTED: "begins",
    What.PENDING: "goes on",
    What.DONE: "is done",
    What.FAILED: "failed",
    What.BLOCKED: "is skipped",
    What.ROLLED_BACK: "was rolled back",
    What.NOT_STARTED: "was not started",
    What.INTERRUPTED: "was interrupted",
}


def step_document(event: Event, part: Part | None = None) -> dict[str, Any]:
    """An event of a step: its type, level and message, and the facts of it.

    ``part`` is the part that is done of all batches, where the step is one of them.
    """
    step = event.step
    if part is None and event.amount:
        part = Part(event.amount, event.seconds)
    note = f": {event.note}" if event.note else ""
    return {
        "type": _TYPES[event.what],
        "level": "error" if event.what is What.FAILED else "info",
        "msg": f"{step.address}: {doing(step)} {_WORDS[event.what]}{note}",
        "address": str(step.address),
        **({"covers": [str(address) for address in step.covers]} if step.covers else {}),
        "verb": step.verb,
        "seconds": round(event.seconds, 3),
        "note": event.note,
        **({"code": code_of(event.error).name} if event.error else {}),
        **({"wait": {"probe": event.note, "limit": step.timeout_s + step.hold_s}} if _is_wait(event) else {}),
        **({"amount": _amount(part)} if part else {}),
    }


def _amount(part: Part) -> dict[str, Any]:
    amount, pace = part.amount, pace_of(part.amount, part.seconds)
    rest = {"rate": round(pace.rate, 3), "left": round(pace.left_s, 1)} if pace else {}
    return {"done": amount.done, "total": amount.total, "unit": amount.unit, **rest}


def _is_wait(event: Event) -> bool:
    return event.what is What.PENDING and event.step.verb.rpartition(".")[2] == "wait"


def wait_fields(subject: str, probe: str, limit_s: float) -> dict[str, Any]:
    """The fields of a wait for a server that does not answer: it is asked for something, for so long at most."""
    return {"subject": subject, "wait": {"probe": probe, "limit": limit_s}}


def problem_document(problem: Problem) -> dict[str, Any]:
    """A problem or a warning of the files, with its place."""
    origin = problem.origin
    source = {"file": origin.file, "line": origin.line, "column": origin.column}
    return {
        "type": "diagnostic",
        "level": problem.severity.value,
        "msg": problem.message,
        "code": problem.code,
        **({"address": str(problem.address)} if problem.address else {}),
        **({"source": source} if origin.file else {}),
    }
