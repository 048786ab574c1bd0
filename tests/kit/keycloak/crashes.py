"""A change of a realm, killed at each moment of each request, and what the next run makes of it.

A program that is killed leaves the server as it is at that very instant. So one undisturbed run is recorded, with
a copy of the realms at each moment, and a next run begins at each copy that differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.core.message.errors import ReconcileError
from reconciler.record import Struct
from tests.kit.keycloak.portrait import differences, portrait
from tests.kit.keycloak.scenarios import LAB, STRANGER, Scenario
from tests.kit.keycloak.simulator.server import SimulatedKeycloak, is_write


class State(Struct, frozen=True):
    """The realms as they were at one or more moments.

    There are three for each request: it was not sent, it was carried out and not answered, it was answered.
    """

    realms: bytes
    moments: list[str]


class Recorded(Struct, frozen=True):
    """An undisturbed run: the states in between, the realm at its end, and how many writes it took."""

    states: tuple[State, ...]
    end: Mapping[str, Any]
    writes: int

    @property
    def points(self) -> int:
        return sum(len(state.moments) for state in self.states)


def recorded(scenario: Scenario) -> Recorded:
    """Run the change, and keep the realms at each moment."""
    server = SimulatedKeycloak.restored(scenario.begun())
    states = [State(scenario.begun(), [])]

    def asked(number: int, call: str) -> None:
        states[-1].moments.append(f"before request {number}, {call}")

    def done(number: int, call: str) -> None:
        if is_write(call):
            states.append(State(server.saved(), []))
        states[-1].moments.extend(f"{each} request {number}, {call}" for each in ("during", "after"))

    server.before, server.after = asked, done
    report, _ = scenario.run(server)
    server.before = server.after = lambda _number, _call: None
    writes = len(server.writes)
    assert not report.failed, [event.note for event in report.failed]
    assert not (left := scenario.left(server)), left
    return Recorded(tuple(states), portrait(server, LAB), writes)


def problems(scenario: Scenario, run: Recorded, number: int) -> Iterator[str]:
    """The faults after a kill in the state of this number and one more run."""
    state = run.states[number]
    server = SimulatedKeycloak.restored(state.realms)
    strangers = SimulatedKeycloak.restored(state.realms).realms[STRANGER]
    killed = f"killed {state.moments[0]}, and at {len(state.moments) - 1} other moments: "
    try:
        report, _ = scenario.run(server)
    except ReconcileError as error:
        yield f"{killed}the next run ends with {error}"
        return
    if report.failed:
        yield f"{killed}the next run fails: {[event.note for event in report.failed]}"
    if len(server.writes) + number > run.writes + scenario.more:
        yield f"{killed}{number} writes before and {len(server.writes)} after it, in an undisturbed run {run.writes}"
    yield from (f"{killed}{each}" for each in differences(portrait(server, LAB), run.end))
    if server.realms[STRANGER] != strangers:
        yield f"{killed}what is a stranger's was touched"
    if left := scenario.left(server):
        yield f"{killed}still to do: {left}"
