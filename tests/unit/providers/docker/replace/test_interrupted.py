"""Unheard or refused at any call to the engine, a run finishes the work or takes it back, and leaves nothing over.

tests/faults/test_engine_crashes.py kills runs.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import requests

from reconciler.record import replace
from tests.kit.build import address
from tests.kit.docker.memory import ALLOWED, Killed, MemoryEngine, Refusal, a_reconciler, a_stack, apply
from tests.kit.docker.scenarios import BESIDE, EMPTY, JOB, PREPARED, SHARED, STEADY, TWO_NETWORKS

MAY_LOSE = replace(ALLOWED, may_lose=frozenset({address("docker.volume/data")}))


@dataclass
class Scenario:
    """Two states of a file: one that is applied, and one that is being applied when it happens."""

    before: str
    after: str

    @cache  # noqa: B019  # there are a few, and they live as long as the tests
    def documents(self):
        with TemporaryDirectory() as folder:
            return a_stack(self.before, Path(folder)), a_stack(self.after, Path(folder))

    def world(self):
        engine = MemoryEngine(registry={"new:1": {}})
        engine.image("app:1")
        engine.image("app:2")
        apply(self.documents()[0], engine)
        engine.calls.clear()
        return engine

    def apply(self, engine):
        return apply(self.documents()[1], engine, MAY_LOSE)

    def is_settled(self, engine):
        return a_reconciler(self.documents()[1], engine).look().plan.in_sync

    def __hash__(self):
        return id(self)


SCENARIOS = {
    "first start": Scenario(EMPTY, TWO_NETWORKS),
    "replace": Scenario(TWO_NETWORKS, TWO_NETWORKS.replace('V: "1"', 'V: "2"')),
    "start first": Scenario(BESIDE, BESIDE.replace("app:1", "app:2")),
    "replace what has no health check": Scenario(STEADY, STEADY.replace("app:1", "app:2")),
    "prepared": Scenario(PREPARED, PREPARED.replace('"1"', '"2"')),
    "in place": Scenario(
        TWO_NETWORKS, TWO_NETWORKS.replace("64m", "96m\n    container_name: own").replace("aliases: [w]", "")
    ),
    "network": Scenario(SHARED, SHARED.replace("\nnetworks: {back: {}", "\nnetworks: {back: {internal: true}")),
}


def writes(name):
    """The number of writes of an undisturbed run."""
    engine = SCENARIOS[name].world()
    SCENARIOS[name].apply(engine)
    return len(engine.writes)


def each_write(*names):
    return [pytest.param(SCENARIOS[name], n, id=f"{name}, {n}") for name in names for n in range(1, writes(name) + 1)]


def left_over(engine):
    return [name for name in engine.names if name.endswith((".next", ".prev", ".init"))]


@pytest.mark.parametrize(
    ("scenario", "number"), each_write("first start", "replace", "start first", "in place", "network")
)
def test_a_call_whose_answer_is_lost_is_made_again_and_does_no_harm(scenario, number):
    engine = scenario.world()

    def lose(count, _call):
        if count == number:
            raise requests.exceptions.ConnectionError("reset by peer")

    engine.after = lose
    report = scenario.apply(engine)

    assert not report.failed
    assert scenario.is_settled(engine)
    assert not left_over(engine)


def test_a_job_whose_start_is_not_answered_is_run_once():
    engine = Scenario(EMPTY, JOB).world()
    engine.clock.sleep(5.0)

    def lose(_count, call):
        if "/start" in call and "job" in call and engine.writes.count(call) == 1:
            raise requests.exceptions.ConnectionError("reset by peer")

    engine.after = lose
    report = Scenario(EMPTY, JOB).apply(engine)

    assert not report.failed
    assert [call for call in engine.writes if "job" in call and "/start" in call] == ["POST /containers/p-job-1/start"]


@pytest.mark.parametrize(
    ("scenario", "number"), each_write("replace", "start first", "prepared", "replace what has no health check")
)
def test_a_replacement_that_is_refused_at_any_call_leaves_somebody_serving(scenario, number):
    engine, refused = scenario.world(), []

    def refuse(count, call):
        if count == number and not refused:
            refused.append(call)
            raise Refusal(500, "no space left on device")

    engine.before = refuse
    report = scenario.apply(engine)
    serving = {each["Name"]: each["State"]["Running"] for each in engine.containers.values()}
    scenario.apply(engine)

    assert "no space left on device" in report.failed[0].note
    assert serving["/p-web-1"]
    assert scenario.is_settled(engine)
    assert not left_over(engine)


BAD = Scenario(TWO_NETWORKS, TWO_NETWORKS.replace("image: app:1", 'image: app:1\n    command: [exit, "3"]'))
UNSTARTABLE = Scenario(TWO_NETWORKS, TWO_NETWORKS.replace("image: app:1", "image: app:1\n    command: [nothing]"))


@pytest.mark.parametrize("scenario", [BAD, UNSTARTABLE], ids=["ends", "can't be started"])
def test_the_predecessor_of_a_bad_successor_serves_again_as_it_was(scenario):
    engine = scenario.world()
    (before,) = [dict(each) for each in engine.containers.values()]

    report = scenario.apply(engine)

    (after,) = engine.containers.values()
    assert report.rolled_back
    assert (after["Id"], after["Name"], after["State"]["Status"]) == (before["Id"], before["Name"], "running")
    assert after["HostConfig"] == before["HostConfig"]


ALL_OR_NONE = """
services:
  web: {image: "app:1", scale: 3, healthcheck: {test: "true"}, deploy: {update_config: {order: ORDER, parallelism: 1}}}
"""


def third_one_refused(engine):
    """It never starts the third new container."""

    def before(_count, call):
        started = re.fullmatch(r"POST /containers/([^/]+)/start", call)
        container = engine.inspect(started[1]) if started else {}
        if started and "web-3" in container["Name"] and container["Config"]["Image"] == "app:2":
            raise Refusal(500, "no space left on device")

    engine.before = before


def _number_of_calls(scenario):
    engine = scenario.world()
    third_one_refused(engine)
    scenario.apply(engine)
    return len(engine.writes)


def each_moment_of_all():
    for order in ("start-first", "stop-first"):
        text = ALL_OR_NONE.replace("ORDER", order)
        scenario = Scenario(text, text.replace("app:1", "app:2"))
        for number in (None, *range(1, _number_of_calls(scenario) + 1)):
            yield pytest.param(scenario, number, id=f"{order}, {number}")


@pytest.mark.parametrize(("scenario", "number"), list(each_moment_of_all()))
def test_where_one_container_of_a_service_fails_all_serve_as_before_also_after_a_kill(scenario, number):
    engine = scenario.world()
    before = {each["Name"]: each["Id"] for each in engine.containers.values()}
    third_one_refused(engine)

    def kill(count, _call):
        if count == number:
            raise Killed

    engine.after = kill
    with suppress(Killed):
        scenario.apply(engine)
    engine.after = lambda _count, _call: None
    report = scenario.apply(engine)

    assert report.rolled_back
    assert {each["Name"]: each["Id"] for each in engine.containers.values()} == before
    assert all(each["State"]["Running"] for each in engine.containers.values())


def names_in(container, network):
    return container["NetworkSettings"]["Networks"].get(network, {}).get("Aliases") or ()


def test_start_first_there_is_always_somebody_who_can_be_found_and_never_one_who_is_not_ready():
    scenario = SCENARIOS["start first"]
    engine = scenario.world()
    found = []

    def look(_count, _call):
        running = [each for each in engine.containers.values() if each["State"]["Running"]]
        named = [each for each in running if "web" in names_in(each, "p_back")]
        found.append([engine.inspect(each["Id"])["State"]["Health"]["Status"] for each in named])

    engine.after = look
    scenario.apply(engine)

    assert all(found)
    assert {health for healths in found for health in healths} == {"healthy"}
