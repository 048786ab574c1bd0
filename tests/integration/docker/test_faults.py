"""A wrong answer of the real engine amid a replacement: said, somebody serves, and one apply makes it good."""

from __future__ import annotations

import http.client
import os
import socket

import pytest

from reconciler.core.execution.report import Event, Report
from reconciler.core.message.errors import ProviderError
from reconciler.core.plan.policy import Policy
from reconciler.providers.answers import Limits
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.provider import DockerProvider
from reconciler.run.clock import RealClock
from reconciler.run.reconciliation.once import Reconciler
from tests.kit.docker.engine import READY
from tests.kit.faulty import FAULTS, faulty, over_http

LIMITS = Limits(seconds=15.0, size_bytes=16 << 20)
SAMPLE = {"cut": 0.45, "no JSON": 0.55, "reset after": 0.65, "status 500": 0.75, "each value is null": 0.85}
"""Which fault, and how far the run is when it comes."""


class Socket(http.client.HTTPConnection):
    def connect(self) -> None:
        path = (os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock").removeprefix("unix://")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(120)
        self.sock.connect(path)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize("name", SAMPLE)
def test_a_replacement_with_a_wrong_answer_leaves_somebody_serving(project, name):
    port = free_port()
    project.service(**READY, ports=[f"127.0.0.1:{port}:80"], environment={"V": "1"})
    project.settle()
    project.service(**READY, ports=[f"127.0.0.1:{port}:80"], environment={"V": "2"})
    with faulty(over_http(lambda: Socket("localhost"))) as proxy:
        environment = {"DOCKER_HOST": proxy.url.replace("http", "tcp")}
        count = requests_of(project, proxy, environment)
        project.service(**READY, ports=[f"127.0.0.1:{port}:80"], environment={"V": "3"})
        number = int(count * SAMPLE[name])
        proxy.spoil(FAULTS[name], number)
        errors = run(project, environment)

    about = f"{name} at request {number} of {count}, {proxy.asked[number]}: {[str(error) for error in errors]}"
    assert not [error for error in errors if "unexpected" in str(error)], about
    assert project.inspect()["State"]["Running"], about
    project.settle()


def requests_of(project, proxy, environment) -> int:
    proxy.heal()
    assert not run(project, environment)
    return len(proxy.asked)


def run(project, environment) -> list[ProviderError]:
    with project.session() as session:
        provider = DockerProvider(project.name, environment)
        provider.engine = Engine(environment, limits=LIMITS)
        policy = Policy.of(provider.kinds.values(), deletes=True)
        reconciler = Reconciler(session.document, {"docker": provider}, RealClock(), policy)
        try:
            happened = list(reconciler.converge(lambda _look: None))
        except ProviderError as error:
            return [error]
        finally:
            provider.close()
    report = Report(tuple(event for event in happened if isinstance(event, Event)))
    return [event.error for event in report.failed]
