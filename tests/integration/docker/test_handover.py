"""A thing that one container gives up can go to another one in the same run."""

from __future__ import annotations

from reconciler.core.resource.address import Address
from tests.kit.docker.engine import READY


def test_a_port_moves_from_one_service_to_another_and_on_to_a_new_one(project):
    port = ["127.0.0.1:18431:80"]
    project.service("a", **READY)
    project.service("b", **READY, ports=port)
    project.settle()

    project.service("a", **READY, ports=port)
    project.service("b", **READY)
    project.settle()

    del project.model["services"]["a"]
    project.service("c", **READY, ports=port)
    project.settle()


def test_a_port_moves_to_a_service_that_the_other_one_needs(project):
    port = ["127.0.0.1:18432:80"]
    project.service("a", **READY)
    project.service("b", **READY, ports=port, depends_on={"a": {"condition": "service_healthy"}})
    project.settle()

    project.service("a", **READY, ports=port)
    project.service("b", **READY, depends_on={"a": {"condition": "service_healthy"}})
    project.settle()


def test_an_address_and_the_names_change_hands(project):
    project.write(networks={"n": {"ipam": {"config": [{"subnet": "10.213.47.0/24"}]}}})
    one, two = f"{project.name}-one", f"{project.name}-two"
    project.service("a", **READY, container_name=one, networks={"n": {}})
    project.service("b", **READY, container_name=two, networks={"n": {"ipv4_address": "10.213.47.2"}})
    project.settle()
    before = {name: project.engine.get(f"/containers/{name}/json")["Id"] for name in (one, two)}

    project.service("a", **READY, container_name=two, networks={"n": {"ipv4_address": "10.213.47.2"}})
    project.service("b", **READY, container_name=one, networks={"n": {}})
    project.settle()

    after = {name: project.engine.get(f"/containers/{name}/json")["Id"] for name in (one, two)}
    assert after == {one: before[two], two: before[one]}


def test_a_volume_that_may_be_lost_is_made_anew_and_the_one_without_a_name_is_kept(project):
    project.write(volumes={"data": {}})
    fill = {"command": "sh -c 'echo new > /data/found; echo kept >> /more/found; exec sleep 3600'"}
    project.service("web", **READY, **fill, volumes=["data:/data", "/more"])
    project.settle()
    kept = {mount["Destination"]: mount["Name"] for mount in project.inspect()["Mounts"]}["/more"]

    project.write(volumes={"data": {"driver_opts": {"type": "tmpfs", "device": "tmpfs"}}})
    report = project.apply(may_lose=frozenset({Address.parse("docker.volume/data")}))

    assert not report.failed
    assert project.differences() == {}
    assert {mount["Destination"]: mount["Name"] for mount in project.inspect()["Mounts"]}["/more"] == kept
    assert project.engine.get(f"/volumes/{project.name}_data")["Options"] == {"type": "tmpfs", "device": "tmpfs"}
    assert project.engine.get(f"/containers/{project.container()}.next/json") is None
