"""An answer of the engine that is wrong in any way: said as what it is, nobody is left without service, and one apply
later all is as declared.

RECONCILE_TEST_FAULTS=all spoils every request in every way; otherwise each way meets some of the requests.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from reconciler.core.execution.report import Event, Report
from reconciler.core.message.errors import ProviderError
from reconciler.core.resource.document import Document
from reconciler.providers.answers import Limits
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.provider import DockerProvider
from reconciler.run.reconciliation.once import Look, Reconciler
from tests.kit.campaigns import WHOLE
from tests.kit.docker.memory import ALLOWED, PROJECT, MemoryEngine, a_stack, apply
from tests.kit.faulty import FAULTS, LIMITS, Fault, Proxy, faulty, in_memory

EVERY = 1 if WHOLE else 40
LONGEST_S = 20.0

STACK = """
services:
  web:
    image: app:1
    environment: {V: "1"}
    ports: ["8080:80"]
    networks: {default: {}, back: {aliases: [w]}}
    volumes: [data:/data]
    post_start: [{command: [warm]}]
  db: {image: app:1, healthcheck: {test: "true"}, mem_limit: 64m}
networks: {back: {}}
volumes: {data: {}}
"""
CHANGED = STACK.replace('V: "1"', 'V: "2"').replace("64m", "128m")


@dataclass(frozen=True)
class Scenario:
    before: str
    after: str
    is_look: bool = False


SCENARIOS = {
    "look": Scenario(STACK, STACK, is_look=True),
    "first start": Scenario("services: {}", STACK),
    "replacement": Scenario(STACK, CHANGED),
}


@cache
def documents(text: str) -> Document:
    with TemporaryDirectory() as folder:
        return a_stack(text, Path(folder))


@dataclass
class World:
    engine: MemoryEngine
    proxy: Proxy
    reconciler: Reconciler

    def run(self) -> Report:
        happened = self.reconciler.converge(lambda _look: None)
        return Report(tuple(event for event in happened if isinstance(event, Event)))

    def look(self) -> Look:
        return self.reconciler.look()


@contextmanager
def world(scenario: Scenario, limits: Limits = LIMITS) -> Iterator[World]:
    """The engine before a run, and a line to it that may fail."""
    engine = MemoryEngine()
    engine.image("app:1")
    apply(documents(scenario.before), engine)
    with faulty(in_memory(engine), limits=limits) as proxy:
        provider = DockerProvider(PROJECT, {})
        environment = {"DOCKER_HOST": proxy.url.replace("http", "tcp")}
        provider.engine = Engine(environment, limits=limits, pause=lambda _seconds: None)
        reconciler = Reconciler(documents(scenario.after), {"docker": provider}, engine.clock, ALLOWED)
        try:
            yield World(engine, proxy, reconciler)
        finally:
            provider.close()


def number_of_requests(scenario: Scenario) -> int:
    with world(scenario) as made:
        if scenario.is_look:
            made.look()
        else:
            made.run()
        return len(made.proxy.asked)


REQUESTS = {name: number_of_requests(scenario) for name, scenario in SCENARIOS.items()}
CASES = [
    pytest.param(name, fault, numbers, id=f"{name}, {fault}")
    for name in SCENARIOS
    for fault in FAULTS.values()
    if (numbers := range(zlib.crc32(f"{name}{fault}".encode()) % EVERY, REQUESTS[name], EVERY))
]


@pytest.mark.parametrize(("name", "fault", "numbers"), CASES)
def test_a_wrong_answer_is_said_and_made_good(
    name: str, fault: Fault, numbers: range, record_property: Callable[[str, object], None]
) -> None:
    record_property("cases", len(numbers))
    for number in numbers:
        scenario = SCENARIOS[name]
        with world(scenario, fault.limits) as made:
            began = time.monotonic()
            made.proxy.spoil(fault, number)
            errors = failures(made, scenario)
            spoiled = made.proxy.asked[number] if number < len(made.proxy.asked) else "nothing"
            about = f"{fault} at request {number}, {spoiled}: {[str(error) for error in errors]}"
            up = {each["Name"]: each["State"]["Running"] for each in made.engine.containers.values()}
            made.proxy.heal()
            again = made.run()

            assert time.monotonic() - began < LONGEST_S, about
            assert made.proxy.asked_elsewhere == [], about
            assert all(is_told(error) for error in errors), about
            assert scenario.before == "services: {}" or up.get("/p-web-1"), about
            assert not again.failed, about
            assert made.look().plan.in_sync, about


def failures(made: World, scenario: Scenario) -> list[ProviderError]:
    """All that is reported; what is raised as something else is not caught."""
    try:
        report = Report() if scenario.is_look and made.look() else made.run()
    except ProviderError as error:
        return [error]
    return [event.error for event in report.failed if isinstance(event.error, ProviderError)]


def is_told(error: ProviderError) -> bool:
    """Returns whether it names the request and its server, or the fate of a container or a hook."""
    text = str(error)
    is_named = any(f"{method} /" in text for method in ("GET", "POST", "PUT", "DELETE"))
    return "unexpected" not in text and (
        is_named or "is no Docker engine" in text or "container" in text or "exit code" in text
    )
