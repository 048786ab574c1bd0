"""The passes under way in words: each step with its state, its seconds and how far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.core.execution.report import What
from reconciler.core.resource.address import Address
from reconciler.record import Struct
from reconciler.render.answers.history import iso
from reconciler.render.progress.ongoing import doing, how_far
from reconciler.run.daemon.under_way import PassNow, StepNow

MOST_STEPS: Final = 50
_WAITING: Final = ("waiting", "·", "blocked")
_STATES: Final[Mapping[What, tuple[str, str, str]]] = {
    What.STARTED: ("under way", "↻", "running"),
    What.PENDING: ("under way", "↻", "running"),
    What.DONE: ("done", "✓", "in-sync"),
    What.FAILED: ("failed", "✕", "stuck"),
    What.BLOCKED: ("skipped", "…", "blocked"),
    What.ROLLED_BACK: ("rolled back", "↩", "degraded"),
    What.NOT_STARTED: ("not started", "…", "blocked"),
    What.INTERRUPTED: ("interrupted", "✕", "degraded"),
}
_QUIET: Final = ("waiting", "done")


class StepRow(Struct, frozen=True):
    """A step in words; ``word``, ``mark`` and ``css`` are its state as a sign."""

    address: Address
    words: str
    word: str
    mark: str
    css: str
    seconds: float
    note: str


class PassRows(Struct, frozen=True):
    """A pass under way: all steps of a short one, of a long one those that go on or did not succeed."""

    id: str
    why: str
    began: float
    total: int
    ended: int
    rows: tuple[StepRow, ...]

    @property
    def left_out(self) -> int:
        return self.total - len(self.rows)


def pass_rows(found: PassNow, now: float, only: Address | None = None) -> PassRows:
    """The rows of a pass, or those of one resource in it."""
    steps = [each for each in found.steps if only is None or only in (each.step.address, *each.step.covers)]
    rows = [_row(each, now) for each in steps]
    if len(rows) > MOST_STEPS:
        # Waiting and finished steps are counted in the heading; those that go on or failed are news.
        rows = [row for row in rows if row.word not in _QUIET][:MOST_STEPS]
    ended = sum(each.has_ended for each in steps)
    return PassRows(found.id, ", ".join(found.why[:3]), found.began, len(steps), ended, tuple(rows))


def _row(found: StepNow, now: float) -> StepRow:
    step, event, seconds = found.step, found.event, found.seconds(now)
    state = _STATES[event.what] if event else _WAITING
    note = how_far(event, seconds) if event and found.is_going_on else event.note if event else ""
    more = f" and {len(step.covers)} more" if step.covers else ""
    return StepRow(step.address, f"{doing(step)}{more}", *state, seconds, note)


def passes_json(passes: Sequence[PassNow], now: float) -> list[dict[str, Any]]:
    """The same facts for programs."""
    return [_pass_json(pass_rows(each, now)) for each in passes]


def _pass_json(found: PassRows) -> dict[str, Any]:
    steps = [
        {
            "address": str(row.address),
            "step": row.words,
            "state": row.word,
            "seconds": round(row.seconds, 1),
            "note": row.note,
        }
        for row in found.rows
    ]
    return {
        "pass": found.id,
        "why": found.why,
        "began": iso(found.began),
        "steps": {"total": found.total, "ended": found.ended},
        "shown": steps,
    }
