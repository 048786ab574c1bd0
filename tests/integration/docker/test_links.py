"""Links: other containers by another name; and what only the first network of a service takes."""

from __future__ import annotations

import subprocess

import pytest

from reconciler.core.difference.kind import Effect
from tests.kit.docker.compose import compose_cli
from tests.kit.docker.engine import READY

LINKED = {"links": ["db:store", "db"], "networks": {"a": None, "b": None}}


@pytest.fixture
def linked(project):
    project.service("db", **READY, networks={"a": None})
    project.service("web", **READY, **LINKED)
    project.write(networks={"a": {}, "b": {}})
    return project


def finds(project, name):
    said = project.engine.execute(
        project.container(), {"AttachStdout": True, "Cmd": ["ping", "-c", "1", "-W", "1", name]}, timeout_s=10
    )
    return said[0] == 0


def test_a_link_is_found_by_its_name(linked):
    linked.settle()

    assert [name for name in ("store", "db", "db-1", f"{linked.name}-db-1", "nobody") if finds(linked, name)] == [
        "store",
        "db",
        "db-1",
        f"{linked.name}-db-1",
    ]


def test_another_link_is_a_reconnect(linked):
    linked.settle()
    before = linked.identity()[0]

    linked.service("web", **READY, **{**LINKED, "links": ["db:other"]})
    change = linked.differences()["docker.container/web"]
    linked.settle()

    assert change.effect is Effect.RECONNECT
    assert (linked.identity()[0], finds(linked, "other"), finds(linked, "store")) == (before, True, False)


def test_a_container_of_somebody_else_is_linked_to_as_it_is_called(linked):
    linked.service("web", **READY, external_links=[f"{linked.container('db')}:theirs"], networks={"a": None})

    linked.settle()

    assert finds(linked, "theirs")


@pytest.mark.skipif(compose_cli() is None, reason="no Compose CLI")
def test_links_that_compose_made_are_taken_over_as_they_are(linked):
    up = [compose_cli(), "-p", linked.name, "-f", str(linked.directory / "stack.yaml"), "up", "-d"]
    subprocess.run(up, check=True, capture_output=True)

    assert linked.differences() == {}


def test_the_mac_address_of_a_service_is_that_in_its_first_network(linked):
    linked.service("web", **READY, networks={"a": None, "b": {"priority": 5}}, mac_address="02:42:ac:11:00:63")

    linked.settle()

    networks = linked.inspect()["NetworkSettings"]["Networks"]
    assert networks[f"{linked.name}_b"]["MacAddress"] == "02:42:ac:11:00:63"
    assert networks[f"{linked.name}_a"]["MacAddress"] != "02:42:ac:11:00:63"
