"""A wrong answer at any request of a run against Keycloak: said, never made worse, and made good by the next run.

RECONCILE_TEST_FAULTS=all spoils every request in every way, once and for the rest of the run; otherwise a sample.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from random import Random

import pytest

from reconciler.cli.exit import Exit
from reconciler.cli.exitcodes import of_error, of_report
from reconciler.core.execution.report import Event, Report
from reconciler.core.message.errors import ProviderError, ReconcileError
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.providers.keycloak.server.client import AdminClient
from reconciler.run.reconciliation.once import Reconciler
from tests.kit.clock import TurnedClock
from tests.kit.faulty import Fault
from tests.kit.keycloak.crashes import recorded
from tests.kit.keycloak.line import FAULTS, Line
from tests.kit.keycloak.portrait import differences, portrait
from tests.kit.keycloak.scenarios import LAB, SCENARIOS, STRANGER, Scenario
from tests.kit.keycloak.server import document
from tests.kit.keycloak.simulator.line import SimulatedClient
from tests.kit.keycloak.simulator.server import SimulatedKeycloak

WHOLE = os.environ.get("RECONCILE_TEST_FAULTS") == "all"
SEED = int(os.environ.get("RECONCILE_TEST_SEED") or 1)
SAMPLED = 1
"""The requests of each change that each fault meets, where not all are tried."""
LONGEST_S = 20.0
CHANGES = (
    "the seed's realm made",
    "a change in each section",
    "settings of executions changed",
    *(
        ("disorder made good", "a tree of groups moved, with its members", "a policy gets another type")
        if WHOLE
        else ()
    ),
)
Record = Callable[[str, object], None]

_TRANSPORT = ("reset", "hung up", "cut", "no HTTP", "an alert", "empty", "blank", "dripping", "no JSON", "no text")
UNREACHABLE = frozenset(name for name in FAULTS if name.startswith(_TRANSPORT))
"""Faults of the line: nothing that can be read comes through, so nobody knows what the server would say."""


def run(scenario: Scenario, client: AdminClient) -> tuple[Exit, Sequence[ReconcileError]]:
    """The end of an `apply`, and the reason for it."""
    provider = KeycloakProvider({}, client=client)
    reconciler = Reconciler(
        document(scenario.after), {"keycloak": provider}, TurnedClock(), scenario.policy, workers=1, patience_s=0
    )
    report = Report()
    try:
        for event in reconciler.converge(lambda _look: None):
            report += [event] if isinstance(event, Event) else []
    except ReconcileError as error:
        return of_error(error, begun=bool(report.events)), [error, *_errors(report)]
    return of_report(report), _errors(report)


def _errors(report: Report) -> list[ReconcileError]:
    return [event.error for event in report.failed if event.error]


@cache
def requests(name: str) -> int:
    """The requests of an undisturbed run, tokens among them."""
    line = Line(SimulatedKeycloak.restored(SCENARIOS[name].begun()))
    code, errors = run(SCENARIOS[name], line.client())
    assert (code, errors) == (Exit.DONE, [])
    return len(line.asked)


@cache
def end(name: str) -> object:
    return recorded(SCENARIOS[name]).end


def cases(scenario: Scenario, fault: Fault) -> Iterator[tuple[int, bool]]:
    """The requests at which a fault is tried, and whether it lasts from there on."""
    every = [(number, lasts) for number in range(requests(scenario.name)) for lasts in (False, True)]
    chosen = every if WHOLE else Random(f"{SEED} {scenario} {fault}").sample(every, SAMPLED)
    return iter(chosen)


def is_told(error: ReconcileError) -> bool:
    """Returns whether a message says which request it is about, or which account or realm."""
    text = str(error)
    is_asked = any(f"{method} /" in text for method in ("GET", "POST", "PUT", "DELETE"))
    known = (
        "account",
        "realms/master",
        "is not there",
        "not tell whether",
        "still different",
        "else made it",
        "was deleted while",
    )
    return "this is a bug" not in text and (is_asked or any(words in text for words in known))


def spoiled(scenario: Scenario, fault: Fault, number: int, *, lasts: bool) -> Iterator[str]:
    """The faults of a run in which one answer is wrong, and of the one after it."""
    line = Line(SimulatedKeycloak.restored(scenario.begun()), fault.limits, fault, number, lasts)
    strangers = SimulatedKeycloak.restored(scenario.begun()).realms[STRANGER]
    began = time.monotonic()
    code, errors = run(scenario, line.client())
    took_s = time.monotonic() - began
    asked = line.asked[number] if number < len(line.asked) else "nothing"
    about = f"{fault}{' and ever after' if lasts else ''} at request {number}, {asked}: "
    yield from (f"{about}not told: {error!r}" for error in errors if not is_told(error))
    yield from (f"{about}{error!r}" for error in errors if not isinstance(error, ProviderError))
    if lasts and fault.name in UNREACHABLE and code not in (Exit.UNREACHABLE, Exit.PARTIAL):
        yield f"{about}exit code {code}"
    if bool(errors) is (code is Exit.DONE):
        yield f"{about}exit code {code} for {errors}"
    if line.sent_elsewhere:
        yield f"{about}sent elsewhere: {line.sent_elsewhere}"
    if took_s > LONGEST_S:
        yield f"{about}it took {took_s:g} s"
    if line.server.realms[STRANGER] != strangers:
        yield f"{about}what is a stranger's was touched"
    _, errors = run(scenario, SimulatedClient(line.server))
    if errors:
        yield f"{about}the next run says {errors}"
    yield from (f"{about}{each}" for each in differences(portrait(line.server, LAB), end(scenario.name)))
    if left := scenario.left(line.server):
        yield f"{about}still to do: {left}"


@pytest.mark.parametrize("fault", FAULTS.values(), ids=str)
def test_a_wrong_answer_is_said_and_the_next_run_makes_it_good(fault: Fault, record_property: Record) -> None:
    tried = [(SCENARIOS[name], *case) for name in CHANGES for case in cases(SCENARIOS[name], fault)]
    record_property("cases", len(tried))

    found = [said for scenario, number, lasts in tried for said in spoiled(scenario, fault, number, lasts=lasts)]

    assert not found, "\n".join(found[:5])
