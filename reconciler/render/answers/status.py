"""The state of every resource, as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.core.execution.report import Standing, State
from reconciler.render.output.plain import joined, painted

_COLOURS: Final[Mapping[State, str]] = {
    State.IN_SYNC: "32",
    State.DRIFTED: "33",
    State.DEGRADED: "31",
    State.MISSING: "31",
    State.UNKNOWN: "33",
    State.BLOCKED: "36",
    State.PAUSED: "36",
    State.UNDECLARED: "33",
}


def status_text(rows: Sequence[Standing], *, colour: bool = False) -> str:
    """A table, and how many there are of each state."""
    width = max((len(str(row.address)) for row in rows), default=0)
    lines = [
        f"{str(row.address).ljust(width)}  {_state(row.state, colour=colour)}  {' '.join(row.note.split())}".rstrip()
        for row in rows
    ]
    counts = Counter(row.state for row in rows)
    total = ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state])
    return joined([*lines, "", total or "nothing is declared"])


def _state(state: State, *, colour: bool) -> str:
    text = state.value.ljust(10)
    return painted(text, _COLOURS[state]) if colour else text


def status_json(rows: Sequence[Standing]) -> dict[str, Any]:
    """The same facts for programs."""
    return {
        "schema": "reconcile.status/v1",
        "resources": [
            {"address": str(row.address), "state": row.state.value, "id": row.id or None, "note": row.note}
            for row in rows
        ],
    }
