"""The state of every resource, as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.core.execution.report import Standing, State
from reconciler.core.provider import Machine
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


def status_text(rows: Sequence[Standing], machines: Sequence[Machine] = (), *, colour: bool = False) -> str:
    """A table, how many there are of each state, and the machines of a cluster."""
    width = max((len(str(row.address)) for row in rows), default=0)
    lines = [
        f"{str(row.address).ljust(width)}  {_state(row.state, colour=colour)}  {' '.join(row.note.split())}".rstrip()
        for row in rows
    ]
    counts = Counter(row.state for row in rows)
    total = ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state])
    shown = _machines(machines, colour=colour)
    return joined([*lines, "", total or "nothing is declared", *(["", *shown] if shown else ())])


def _machines(machines: Sequence[Machine], *, colour: bool) -> Sequence[str]:
    """A line for each machine, in columns."""
    name, role = (max(map(len, column), default=0) for column in _columns(machines))
    return [
        f"node {machine.name.ljust(name)}  {machine.role.ljust(role)}  {_of_machine(machine, colour=colour)}"
        for machine in machines
    ]


def _columns(machines: Sequence[Machine]) -> tuple[Sequence[str], Sequence[str]]:
    return [machine.name for machine in machines], [machine.role for machine in machines]


def _of_machine(machine: Machine, *, colour: bool) -> str:
    return painted(machine.state, "32" if machine.works else "31") if colour else machine.state


def _state(state: State, *, colour: bool) -> str:
    text = state.value.ljust(10)
    return painted(text, _COLOURS[state]) if colour else text


def status_json(rows: Sequence[Standing], machines: Sequence[Machine] = ()) -> dict[str, Any]:
    """The same facts for programs."""
    return {
        "schema": "reconcile.status/v1",
        "resources": [
            {"address": str(row.address), "state": row.state.value, "id": row.id or None, "note": row.note}
            for row in rows
        ],
        **({"nodes": [_machine_json(machine) for machine in machines]} if machines else {}),
    }


def _machine_json(machine: Machine) -> dict[str, Any]:
    return {"name": machine.name, "role": machine.role, "state": machine.state, "works": machine.works}
