"""What somebody changes by hand is seen, named alone, and repaired by the least disruptive means."""

from __future__ import annotations

import pytest

from reconciler.core.change import Action
from reconciler.core.errors import Refused
from reconciler.core.values import ABSENT
from tests.kit.engine import PROBE, READY

WEB = "docker.container/web"


@pytest.fixture
def running(project):
    """Two services; the second one must not be touched by any repair of the first."""
    project.write(networks={"back": {}})
    project.service("other", **READY)
    networks = {"default": {}, "back": {"aliases": ["w"]}}
    spec = {"mem_limit": "64m", "restart": "unless-stopped", "environment": {"A": "1"}, "networks": networks}
    project.service("web", **READY, **spec)
    project.settle()
    other = project.identity("other")
    yield project
    project.settle()
    assert project.identity("other") == other


def only(project, action):
    """The one difference there is, which asks for this action."""
    differences = project.differences()
    assert set(differences) == {WEB}
    assert differences[WEB].action is action
    return project.fields()


def test_a_memory_limit(running):
    before = running.identity()
    running.hand("update", {"Memory": 32 << 20})

    assert only(running, Action.UPDATE) == {"mem_limit": (32 << 20, 64 << 20)}

    running.settle()
    assert running.identity() == before


def test_a_restart_policy(running):
    before = running.identity()
    running.hand("update", {"RestartPolicy": {"Name": "no"}})

    assert only(running, Action.UPDATE) == {"restart": ("no", "unless-stopped")}

    running.settle()
    assert running.identity() == before


def test_a_network_disconnected(running):
    before = running.identity()
    running.engine.post(f"/networks/{running.name}_back/disconnect", {"Container": running.container()})

    assert set(only(running, Action.UPDATE)) == {"networks.back"}

    running.settle()
    assert running.identity() == before
    aliases = running.inspect()["NetworkSettings"]["Networks"][f"{running.name}_back"]["Aliases"]
    assert {"w", "web"} <= set(aliases)


def test_a_network_connected_without_its_aliases(running):
    network, body = f"{running.name}_back", {"Container": running.container()}
    running.engine.post(f"/networks/{network}/disconnect", body)
    running.engine.post(f"/networks/{network}/connect", body)

    name = running.container()
    assert only(running, Action.UPDATE) == {"networks.back.aliases": ((), tuple(sorted((name, "w", "web"))))}


def test_an_extra_network(running):
    running.engine.post("/networks/bridge/connect", {"Container": running.container()})

    assert set(only(running, Action.UPDATE)) == {"networks.bridge"}


def test_a_network_made_anew_under_a_stopped_container(running):
    """Compose never gets over it: "network <old id> not found"."""
    network = f"{running.name}_back"
    running.hand("stop", t=0)
    running.engine.delete(f"/networks/{network}")
    running.engine.post("/networks/create", {"Name": network})
    try:
        assert set(only(running, Action.UPDATE)) == {"state", "networks.back.id"}
        running.settle()
    finally:
        running.engine.delete(f"/containers/{running.container()}", force=1)
        running.engine.delete(f"/networks/{network}")


def test_stopped(running):
    identity = running.identity()[0]
    running.hand("stop", t=0)

    assert set(only(running, Action.START)) == {"state"}

    running.settle()
    assert running.identity()[0] == identity


def test_killed(running):
    running.hand("kill")

    assert only(running, Action.START)["state"][0] == "exited (137)"


def test_paused(running):
    """Compose fails on it: "cannot start a paused container"."""
    before = running.identity()
    running.hand("pause")

    assert only(running, Action.START) == {"state": ("paused", "running")}

    running.settle()
    assert running.identity() == before


def test_removed(running):
    running.engine.delete(f"/containers/{running.container()}", force=1)

    assert set(running.differences()) == {WEB}
    assert running.differences()[WEB].action is Action.CREATE


def test_renamed(running):
    before, name = running.identity(), running.container()
    running.hand("rename", name="somebody")

    assert only(running, Action.UPDATE) == {"container_name": ("somebody", name)}

    running.settle()
    assert running.identity() == before


def made_by_hand(project, **changes):
    """The container, made anew by hand with something else in it, as one does with `docker run`."""
    inspect = project.inspect()
    project.engine.delete(f"/containers/{inspect['Id']}", force=1)
    config = {**inspect["Config"], "Hostname": "", **changes}
    endpoints = {
        name: {"Aliases": [alias for alias in endpoint["Aliases"] if alias != inspect["Id"][:12]]}
        for name, endpoint in inspect["NetworkSettings"]["Networks"].items()
    }
    (first, settings), *others = endpoints.items()
    body = {**config, "HostConfig": inspect["HostConfig"], "NetworkingConfig": {"EndpointsConfig": {first: settings}}}
    project.engine.post("/containers/create", body, name=project.container())
    for name, endpoint in others:
        project.engine.post(f"/networks/{name}/connect", {"Container": project.container(), "EndpointConfig": endpoint})
    project.hand("start")


def test_another_environment(running):
    made_by_hand(running, Env=["A=2", "EXTRA=x"])

    assert only(running, Action.REPLACE) == {"environment.A": ("2", "1"), "environment.EXTRA": ("x", ABSENT)}


def test_a_secret_in_the_environment_is_not_shown(running):
    made_by_hand(running, Env=["A=1", "DB_PASSWORD=hush"])

    change = running.differences()[WEB]

    assert "hush" not in repr(change)
    assert [field.path for field in change.fields] == [("environment", "DB_PASSWORD")]


def test_other_labels(running):
    labels = {**running.inspect()["Config"]["Labels"], "team": "them"}
    made_by_hand(running, Labels=labels)

    assert only(running, Action.REPLACE) == {"labels.team": ("them", ABSENT)}


def test_another_command(running):
    made_by_hand(running, Cmd=["sleep", "1234"])

    assert only(running, Action.REPLACE) == {"command": (("sleep", "1234"), ("sleep", "3600"))}


def test_a_foreign_container_on_the_name_is_not_touched_unasked(running):
    running.engine.delete(f"/containers/{running.container()}", force=1)
    made = running.engine.post("/containers/create", {"Image": PROBE}, name=running.container())
    try:
        with pytest.raises(Refused, match="--adopt docker.container/web"):
            running.apply()
        assert running.engine.get(f"/containers/{made['Id']}/json")
    finally:
        running.engine.delete(f"/containers/{made['Id']}", force=1)


def test_a_service_taken_out_of_the_file_goes(running):
    services = dict(running.model["services"])
    running.service("gone", **READY)
    running.settle()

    running.write(services=services)

    assert running.differences()["docker.container/gone"].action is Action.DELETE
    with pytest.raises(Refused, match="--yes"):
        running.apply(deletes=False)


def test_a_service_of_another_profile_is_left_alone(running):
    services = dict(running.model["services"])
    running.service("debug", **READY, networks={"own": None})
    running.write(networks={"back": {}, "own": {}})
    running.settle()
    debug = running.identity("debug")

    running.service("debug", **READY, networks={"own": None}, profiles=["debug"])

    assert running.differences() == {}
    running.apply()
    assert running.identity("debug") == debug
    running.write(services=services, networks={"back": {}})
    assert set(running.differences()) == {"docker.container/debug", "docker.network/own"}
