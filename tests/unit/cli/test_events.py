"""The run as JSON Lines: every line is an event of the schema, in one order, and nothing else is written."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import jsonschema
import pytest

from reconciler.core.execution.report import Event, What
from reconciler.core.plan.plan import Step
from reconciler.core.resource.address import Address
from reconciler.core.resource.amount import Amount
from reconciler.render.progress.events import step_document, wait_fields
from reconciler.render.progress.ongoing import Part
from tests.kit.cli import called
from tests.kit.docker.memory import PROJECT, Refusal, served

SCHEMAS = Path(__file__).parents[3] / "schemas"
EVENTS = jsonschema.Draft202012Validator(json.loads((SCHEMAS / "events.schema.json").read_text(encoding="utf-8")))
PLAN = jsonschema.Draft202012Validator(json.loads((SCHEMAS / "plan.schema.json").read_text(encoding="utf-8")))
STACK = "services: {web: {image: 'app:1', healthcheck: {test: 'true'}}}\n"
WAYS = [("--log-format", "json", "apply", "--yes"), ("apply", "--json", "--yes")]


@pytest.fixture
def run(engine, tmp_path, monkeypatch, capsys):
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    with served(engine) as url:

        def ran(*arguments):
            where = {"DOCKER_HOST": url, "COMPOSE_PROJECT_NAME": PROJECT}
            done = called(monkeypatch, capsys, *arguments, cwd=tmp_path, env=where)
            return done, events_of(done)

        yield ran


def events_of(ran):
    """The events of a run, which must be all that it has written."""
    events = [json.loads(line) for line in ran.out.splitlines()]
    for event in events:
        EVENTS.validate(event)
    for plan in (event["plan"] for event in events if event["type"] == "plan"):
        PLAN.validate(plan)
    assert [event["seq"] for event in events] == [*range(1, len(events) + 1)]
    assert (events[0]["type"], events[-1]["type"]) == ("run_start", "run_done")
    assert events[-1]["exit_code"] == ran.code
    assert ran.err == ""
    return events


def types(events):
    return list(dict.fromkeys(event["type"] for event in events))


@pytest.mark.parametrize("arguments", WAYS)
def test_an_apply_is_events_and_nothing_else(run, arguments):
    ran, events = run(*arguments)

    assert ran.code == 0
    kinds = [kind for kind in types(events) if kind != "step_progress"]
    assert kinds == ["run_start", "plan", "step_start", "step_done", "summary", "run_done"]
    (summary,) = [event for event in events if event["type"] == "summary"]
    assert (summary["done"], summary["failed"], summary["left"]) == (2, 0, 0)


def test_what_fails_is_told_with_the_reason(run, engine):
    def refuse(_number, call):
        if "/networks/create" in call:
            raise Refusal(500, "no address is left")

    engine.before = refuse

    ran, events = run("apply", "--json")

    assert ran.code == 3
    assert [event["address"] for event in events if event["type"] == "step_failed"] == ["docker.network/default"]
    assert "no address is left" in next(event for event in events if event["level"] == "error")["msg"]


def test_what_is_known_to_fail_is_told_and_nothing_is_begun(run, tmp_path):
    missing = "services: {web: {image: 'app:1', networks: [theirs]}}\nnetworks: {theirs: {external: true}}\n"
    (tmp_path / "stack.yaml").write_text(missing, encoding="utf-8")

    ran, events = run("apply", "--json")

    assert ran.code == 4
    assert "step_start" not in types(events)
    assert "is declared as external but does not exist" in next(e for e in events if e["level"] == "error")["msg"]


def test_what_is_refused_is_told(run, tmp_path):
    run("apply", "--json")
    (tmp_path / "stack.yaml").write_text("services: {}\n", encoding="utf-8")

    ran, events = run("apply", "--json")

    assert ran.code == 4
    assert any("docker.container/web" in event["msg"] for event in events if event["level"] == "error")


def test_wrong_files_are_told_with_their_places(run, tmp_path):
    (tmp_path / "stack.yaml").write_text("services: {web: {imagee: x}}\n", encoding="utf-8")

    ran, events = run("apply", "--json")

    assert ran.code == 65
    sources = [event["source"] for event in events if event["type"] == "diagnostic"]
    assert {"file": "stack.yaml", "line": 1, "column": 18} in sources


def test_a_command_line_that_is_wrong_is_told_too(run):
    ran, events = run("--log-format", "json", "apply", "--yess")

    assert (ran.code, events[1]["level"]) == (64, "error")


def test_an_interrupt_is_told(run, engine):
    sent = []

    def interrupt(_number, call):
        if "POST /networks/create" in call and not sent:
            sent.append(call)
            os.kill(os.getpid(), signal.SIGINT)

    engine.after = interrupt
    ran, events = run("apply", "--json")

    assert ran.code == 130
    assert any(event["msg"].startswith("interrupted: ") for event in events)
    assert "step_not_started" in types(events)


@pytest.mark.parametrize("command", [("down", "--json"), ("build", "--json")])
def test_other_runs_are_events_too(run, command):
    run("apply", "--json")

    ran, events = run(*command)

    assert ran.code == 0
    assert events[0]["command"] == command[0]


HEAD = {"schema": "reconcile.events/v1", "seq": 1, "ts": "2026-11-30T09:00:00+00:00"}


def test_a_wait_of_a_step_has_its_probe_and_its_limit():
    step = Step("a", Address("memory.box", ("web",)), "box.wait", timeout_s=30.0, hold_s=2.0)

    waits = step_document(Event(step, What.PENDING, "health: starting, last probe: exit code 1", 3.0))
    done = step_document(Event(step, What.DONE, "healthy", 4.0))

    EVENTS.validate(HEAD | waits)
    assert waits["wait"] == {"probe": "health: starting, last probe: exit code 1", "limit": 32.0}
    assert "wait" not in done


PULL = Step("pull", Address("docker.image", ("app",)), "image.pull")
BATCH = Step("b", Address("keycloak.user", ("r", "a")), "import", covers=(Address("keycloak.user", ("r", "a")),))


@pytest.mark.parametrize(
    ("event", "part", "amount"),
    [
        (
            Event(PULL, What.PENDING, "3 of 7 layers", 10.0, amount=Amount(50, 200, "bytes")),
            None,
            {"done": 50, "total": 200, "unit": "bytes", "rate": 5.0, "left": 30.0},
        ),
        (
            Event(BATCH, What.DONE, "", 2.0),
            Part(Amount(200, 1000, "objects"), 4.0),
            {"done": 200, "total": 1000, "unit": "objects", "rate": 50.0, "left": 16.0},
        ),
        (
            Event(PULL, What.PENDING, "RUN make", 2.0, amount=Amount(3, 7, "steps")),
            None,
            {"done": 3, "total": 7, "unit": "steps"},
        ),
    ],
)
def test_the_part_that_is_done_has_its_rate_and_the_time_left(event, part, amount):
    document = step_document(event, part)

    EVENTS.validate(HEAD | document)
    assert document["amount"] == amount
    assert document["note"] == event.note


def test_a_wait_for_a_server_is_an_event_of_its_own():
    fields = wait_fields("the engine", "GET /info", 60.0)

    EVENTS.validate(HEAD | {"type": "wait", "level": "info", "msg": "waiting", **fields})
    with pytest.raises(jsonschema.ValidationError):
        EVENTS.validate(HEAD | {"type": "wait", "level": "info", "msg": "waiting", "subject": "the engine"})
