"""Ctrl-C: the first one finishes what has begun, the second one ends the program at once, whatever is going on."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from time import monotonic

import pytest

from tests.kit.cli import started
from tests.kit.docker.memory import PROJECT, MemoryEngine, served

AT_ONCE_S = 3.0
"""What takes a fraction of a second on a machine that is not busy with other tests; the call would take a minute."""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "stack.yaml").write_text(
        f"name: {PROJECT}\nservices: {{web: {{image: 'app:1', healthcheck: {{test: 'true'}}}}}}\n", encoding="utf-8"
    )
    return tmp_path


def a_hanging_call(engine):
    """The engine does not answer that one request; what it was asked meanwhile it does."""
    asked, let_go, request = threading.Event(), threading.Event(), engine.request

    def slow(method, url, **rest):
        if url.endswith("/containers/create"):
            asked.set()
            let_go.wait(60)
        return request(method, url, **rest)

    engine.request = slow
    return asked, let_go


def a_wait(engine):
    """The container is started, and its health check has not been run yet, for ever."""
    asked, inspect = threading.Event(), engine.inspect

    def seen(name, **rest):
        found = inspect(name, **rest)
        if found["State"]["Running"]:
            asked.set()
        return found

    engine.inspect = seen
    return asked


@contextmanager
def applying(project, engine):
    with served(engine) as url, started("apply", "--yes", cwd=project, env={"DOCKER_HOST": url}) as process:
        yield process


def test_a_second_interrupt_ends_the_program_at_once_and_gives_the_lock_back(project):
    engine = MemoryEngine()
    engine.image("app:1")
    asked, let_go = a_hanging_call(engine)
    with applying(project, engine) as process:
        assert asked.wait(30)
        process.send_signal(signal.SIGINT)
        assert any(line.endswith("once more to stop at once\n") for line in process.stderr)

        began = monotonic()
        process.send_signal(signal.SIGINT)
        code, took = process.wait(30), monotonic() - began
        let_go.set()

    assert code == 130
    assert took < AT_ONCE_S
    assert not [name for name in engine.volumes if "lock" in name]


def test_a_wait_is_given_up_by_the_first_one(project):
    engine = MemoryEngine()
    engine.image("app:1")
    asked = a_wait(engine)
    with applying(project, engine) as process:
        assert asked.wait(30)
        process.send_signal(signal.SIGINT)

        _, said = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "s of waiting" in said
