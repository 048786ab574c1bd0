"""A host port that somebody else has is said with its line, and who has it."""

from __future__ import annotations

import re

import pytest

from reconciler.core.message.errors import Refused
from reconciler.providers.docker.engine import occupied_ports
from reconciler.providers.docker.engine.listeners import Listener
from reconciler.providers.docker.table import labels
from reconciler.record import replace
from tests.kit.docker.memory import Line, MemoryEngine, a_reconciler, a_stack, apply


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


TWO = "services:\n  web:\n    image: app:1\n    ports: ['127.0.0.1:8080:80']\n"
NGINX = Listener("127.0.0.1", 8080, "tcp", "nginx", "77")


def foreseen(engine, folder):
    return [str(each) for each in a_reconciler(a_stack(TWO, folder), engine).look().plan.obstacles]


@pytest.mark.parametrize(
    ("program", "told"),
    [
        (NGINX, "nginx (process 77); stop it, or publish another port"),
        (replace(NGINX, address="0.0.0.0"), "nginx (process 77); stop it, or publish another port"),
        (replace(NGINX, program="", process=""), "a program outside Docker; `ss -ltnp 'sport = :8080'` shows which;"),
        (replace(NGINX, address="127.0.0.2"), ""),
        (replace(NGINX, address="::1"), ""),
    ],
)
def test_a_port_of_a_program_is_foreseen_and_nothing_is_stopped_for_it(tmp_path, program, told):
    engine = MemoryEngine()
    engine.image("app:1")
    apply(a_stack(TWO.replace("8080", "8081"), tmp_path), engine)
    (before,) = engine.containers
    engine.programs[8080, "tcp"] = (program,)

    said = foreseen(engine, tmp_path)

    if told:
        (obstacle,) = said
        assert f"stack.yaml:4:13: host port 8080/tcp is in use by {told}" in obstacle
        with pytest.raises(Refused, match=re.escape(f"host port 8080/tcp is in use by {told}")):
            apply(a_stack(TWO, tmp_path), engine)
        assert engine.containers[before]["State"]["Running"]
    else:
        assert (said, apply(a_stack(TWO, tmp_path), engine).failed) == ([], ())


def test_a_program_in_a_container_with_the_network_of_the_machine_is_that_container(tmp_path):
    engine = MemoryEngine()
    engine.image("app:1")
    body = {"Image": "app:1", "HostConfig": {"NetworkMode": "host"}, "Labels": {labels.PROJECT: "shop"}}
    made = Line(engine).post("/containers/create", body, name="theirs")
    Line(engine).post("/containers/theirs/start")
    engine.programs[8080, "tcp"] = (replace(NGINX, container=made["Id"]),)

    (obstacle,) = foreseen(engine, tmp_path)

    assert "in use by container theirs of project shop; stop it" in obstacle


@pytest.mark.parametrize("is_seen", [True, False])
def test_a_container_of_the_project_with_the_network_of_the_machine_makes_way_by_itself(tmp_path, is_seen):
    engine = MemoryEngine()
    engine.image("app:1")
    apply(a_stack("services: {web: {image: 'app:1', network_mode: host}}", tmp_path), engine)
    (own,) = engine.containers.values()
    seen = replace(NGINX, container=own["Id"])
    engine.programs[8080, "tcp"] = (seen if is_seen else replace(NGINX, program="", process=""),)

    assert foreseen(engine, tmp_path) == []
