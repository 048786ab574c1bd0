"""A host port that somebody else has is said with its line, and who has it."""

from __future__ import annotations

import pytest

from reconciler.providers.docker.engine import occupied_ports
from reconciler.providers.docker.table import labels
from tests.kit.docker.memory import Line, MemoryEngine, a_stack, apply


def a_holder(engine, **config):
    body = {"Image": "app:1", "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}}}
    Line(engine).post("/containers/create", {**body, **config}, name="theirs")
    Line(engine).post("/containers/theirs/start")


def test_a_port_that_another_project_has_is_said_with_its_line_and_the_container(tmp_path):
    engine = MemoryEngine()
    engine.image("app:1")
    a_holder(engine, Labels={labels.PROJECT: "shop"})

    report = apply(a_stack("services:\n  web:\n    image: app:1\n    ports: ['8080:80']\n", tmp_path), engine)

    (failed,) = report.failed
    assert ":4:5: host port 8080 is in use by container theirs of project shop; stop it, or" in failed.note
    assert "the engine says: Bind for 0.0.0.0:8080 failed: port is already allocated (500) to POST /" in failed.note


@pytest.mark.parametrize(
    ("words", "port"),
    [
        ("Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use", "80"),
        ("failed to bind host port 0.0.0.0:8003/tcp: address already in use", "8003"),
        ("failed to bind host port for [::]:8003:172.17.0.2:80/tcp: address already in use", "8003"),
        ("driver failed: Bind for :::80 failed: port is already allocated", "80"),
    ],
)
def test_the_words_of_all_releases_are_known(words, port):
    said = occupied_ports.port(Line(MemoryEngine()), words, "stack.yaml:4:7")

    assert said.startswith(f"stack.yaml:4:7: host port {port} is in use by a program outside Docker; `ss -ltnp")
    assert said.endswith(f"({words})")


def test_a_start_that_fails_for_something_else_is_no_affair_of_ports():
    assert occupied_ports.port(Line(MemoryEngine()), "no space left on device", "") == ""
