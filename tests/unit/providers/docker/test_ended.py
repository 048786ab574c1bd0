"""A container that is started and fails a while later fails the run: it is not started again in each pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.execution.report import Event, Report, What
from reconciler.run.reconciliation.once import Look
from tests.kit.docker.memory import MemoryEngine, a_reconciler, a_stack

STACK = """
services:
  job: {image: 'app:1', restart: RESTART}
  web: {image: 'app:1', healthcheck: {test: 'true'}}
"""
START = "POST /containers/p-job-1/start"


@pytest.mark.parametrize("restart", ['"no"', "on-failure"])
@pytest.mark.parametrize(("code", "failures"), [(3, 1), (0, 0)])
def test_what_fails_after_it_was_up_is_reported_and_not_started_again(tmp_path: Path, restart, code, failures):
    engine = MemoryEngine()
    engine.image("app:1")
    happened: list[Event] = []

    for event in a_reconciler(a_stack(STACK.replace("RESTART", restart), tmp_path), engine).converge(lambda _: None):
        if isinstance(event, Look):
            continue
        happened.append(event)
        is_up = (event.what, event.step.verb, event.step.address.name) == (What.DONE, "container.wait", "job")
        if is_up and engine.writes.count(START) == 1:
            (job,) = (each for each in engine.containers.values() if each["Name"] == "/p-job-1")
            job["State"].update(Status="exited", Running=False, ExitCode=code)

    notes = [event.note for event in Report(tuple(happened)).failed]
    assert len(notes) == failures
    assert all("it was started, and has failed since (exited (3))" in note for note in notes)
    assert code == 0 or engine.writes.count(START) == 1
