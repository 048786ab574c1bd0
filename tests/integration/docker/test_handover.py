"""A thing that one container gives up can go to another one in the same run."""

from __future__ import annotations

from reconciler.core.resource.address import Address
from tests.kit.docker.engine import PROBE, READY


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


def test_two_addresses_change_hands_also_against_the_order_of_dependency(project):
    pool = project.subnet.removesuffix("0/24")
    project.write(networks={"n": {"ipam": {"config": [{"subnet": project.subnet}]}}})

    def placed(a, b):
        project.service("a", **READY, networks={"n": {"ipv4_address": f"{pool}{a}"}})
        project.service("b", **READY, networks={"n": {"ipv4_address": f"{pool}{b}"}}, depends_on=["a"])

    placed(10, 11)
    project.settle()
    before = [project.identity(name) for name in ("a", "b")]

    placed(11, 10)
    project.settle()

    assert [project.identity(name) for name in ("a", "b")] == before


def test_who_can_not_get_another_address_keeps_the_one_it_has(project):
    """The engine shows a network that it could not connect as one of the container's."""
    pool = project.subnet.removesuffix("0/24")
    project.write(networks={"n": {"ipam": {"config": [{"subnet": project.subnet}]}}})
    project.service("web", **READY, networks={"n": {"ipv4_address": f"{pool}10"}})
    project.settle()
    called = f"{project.name}-stranger"
    asked = {f"{project.name}_n": {"IPAMConfig": {"IPv4Address": f"{pool}11"}}}
    body = {"Image": PROBE, "Cmd": ["sleep", "3600"], "NetworkingConfig": {"EndpointsConfig": asked}}
    project.engine.post("/containers/create", {**body, "HostConfig": {"NetworkMode": f"{project.name}_n"}}, name=called)
    try:
        project.engine.post(f"/containers/{called}/start")
        project.service("web", **READY, networks={"n": {"ipv4_address": f"{pool}11"}})
        report = project.apply()
        left = project.fields()
        (endpoint,) = project.inspect()["NetworkSettings"]["Networks"].values()
    finally:
        project.engine.delete(f"/containers/{called}", force=1)

    assert report.rolled_back
    assert endpoint["IPAddress"] == f"{pool}10"
    assert left == {"networks.n.ipv4_address": (f"{pool}10", f"{pool}11")}
    project.settle()
    project.engine.post(f"/networks/{project.name}_n/disconnect", {"Container": project.container()})
    project.service("web", **READY, networks={"n": {"ipv4_address": f"{pool}1"}})  # that of the gateway

    assert project.apply().failed
    assert set(project.fields()) == {"networks.n"}


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
