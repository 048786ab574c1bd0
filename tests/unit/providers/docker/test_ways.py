"""The way from inside a container to the ports that the engine's machine publishes."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.login import Way
from reconciler.providers.docker.ways import ways
from tests.kit.docker.memory import a_stack

STACK = """
services:
  web: {image: 'app:1', ports: ['127.0.0.1:5000:80']}
  down: {image: 'app:1', ports: ['6000:80']}
"""


class Asked:
    """An engine that has this container of ours, and these that run."""

    def __init__(self, own: Any, *running: Any) -> None:
        self.answers = {
            "/containers/own/json": own,
            "/containers/other/json": inside("front"),
            "/containers/json": running,
        }

    def get(self, path: str, **_parameters: Any) -> Any:
        return self.answers[path]

    def inspected(self, reference: str) -> Any:
        return self.answers[f"/containers/{reference}/json"]


def inside(*networks: str, mode: str = "front") -> Any:
    endpoints = {name: {"IPAddress": "10.0.0.9"} for name in networks}
    return {"HostConfig": {"NetworkMode": mode}, "NetworkSettings": {"Networks": endpoints}}


def running(name: str, outer: int, inner: int, kind: str = "tcp", **networks: str) -> Any:
    endpoints = {network: {"IPAddress": address} for network, address in networks.items()}
    ports = [{"IP": "127.0.0.1", "PublicPort": outer, "PrivatePort": inner, "Type": kind}, {"PrivatePort": 9}]
    return {"Names": [f"/{name}"], "Ports": ports, "NetworkSettings": {"Networks": endpoints}}


@pytest.fixture
def document(tmp_path: Any) -> Any:
    return a_stack(STACK, tmp_path)


def test_a_container_of_the_same_network_is_reached_at_its_own_port(document: Any) -> None:
    engine = Asked(inside("front", "back"), running("web", 5000, 80, other="10.1.0.1", back="10.2.0.1"))

    assert ways(engine, "own", document) == {5000: Way("10.2.0.1", 80), 6000: Way()}  # type: ignore[arg-type]


def test_one_of_other_networks_is_hidden_and_udp_is_no_way(document: Any) -> None:
    engine = Asked(
        inside("front"), running("web", 5000, 80, other="10.1.0.1"), running("dns", 53, 53, "udp", front="1")
    )

    found = ways(engine, "own", document)  # type: ignore[arg-type]

    assert found == {5000: Way(hidden="it shares no network with the container web"), 6000: Way()}


def test_one_that_has_the_network_of_another_container_sees_what_that_one_sees(document: Any) -> None:
    engine = Asked(inside(mode="container:other"), running("web", 5000, 80, front="10.1.0.1"))

    assert (ways(engine, "own", document) or {})[5000] == Way("10.1.0.1", 80)  # type: ignore[arg-type]


@pytest.mark.parametrize(("own", "container"), [(inside(mode="host"), "own"), (None, "own"), (None, "")])
def test_outside_and_in_the_network_of_the_machine_no_way_is_needed(document: Any, own: Any, container: str) -> None:
    assert ways(Asked(own), container, document) is None  # type: ignore[arg-type]
