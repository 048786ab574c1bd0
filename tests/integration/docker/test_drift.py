"""A change by hand is reported with old and new value; foreign resources are left alone.

Every kind of change is in ``test_fields.py`` and ``test_matrix.py``.
"""

from __future__ import annotations

import pytest

from reconciler.core.difference.change import Action
from reconciler.core.message.errors import Refused
from reconciler.core.resource.values import ABSENT
from tests.kit.docker.engine import PROBE, READY
from tests.kit.docker.fields import remade

WEB = "docker.container/web"


@pytest.fixture
def running(project, keeps_limits):
    """Two services; the second one must not be touched by any repair of the first."""
    project.write(networks={"back": {}})
    project.service("other", **READY)
    networks = {"default": {}, "back": {"aliases": ["w"]}}
    spec = {"restart": "unless-stopped", "environment": {"A": "1"}, "networks": networks}
    spec |= {"mem_limit": "64m"} if keeps_limits else {}
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


LIMITS_INSIDE = "cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null"
QUOTA_INSIDE = "cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null"


def inside(project, script):
    body = {"AttachStdout": True, "Cmd": ["sh", "-c", script]}
    return project.engine.execute(project.container(), body, timeout_s=10)[1].split()[0]


@pytest.mark.usefixtures("limits")
def test_limits_that_are_taken_away_are_gone_inside_and_stay_so_after_a_restart(project):
    project.service("web", **READY, pids_limit=64, cpu_quota=50_000)
    project.settle()
    before = project.identity()
    assert inside(project, LIMITS_INSIDE) == "64"

    project.service("web", **READY)
    project.settle()

    assert project.identity() == before
    assert (inside(project, LIMITS_INSIDE), inside(project, QUOTA_INSIDE)) in (("max", "max"), ("max", "-1"))
    project.hand("restart", t=0)
    assert (inside(project, LIMITS_INSIDE), inside(project, QUOTA_INSIDE)) in (("max", "max"), ("max", "-1"))
    project.settle()


@pytest.mark.usefixtures("limits")
def test_a_quota_makes_room_for_a_number_of_processors(project):
    project.service("web", **READY, cpu_quota=50_000)
    project.settle()
    before = project.identity()

    project.service("web", **READY, cpus=0.25)
    project.settle()

    assert project.identity() == before
    assert inside(project, QUOTA_INSIDE) == "25000"


@pytest.mark.usefixtures("limits")
def test_a_memory_limit(running):
    before = running.identity()
    running.hand("update", {"Memory": 32 << 20})

    assert only(running, Action.UPDATE) == {"mem_limit": (32 << 20, 64 << 20)}

    running.settle()
    assert running.identity() == before


def test_a_network_connected_without_its_aliases(running):
    network, body = f"{running.name}_back", {"Container": running.container()}
    running.engine.post(f"/networks/{network}/disconnect", body)
    running.engine.post(f"/networks/{network}/connect", body)

    name = running.container()
    assert only(running, Action.UPDATE) == {"networks.back.aliases": ((), tuple(sorted((name, "w", "web"))))}


def test_another_environment(running):
    remade(running, running.inspect(), {"Config": {"Env": ["A=2", "EXTRA=x"]}})

    assert only(running, Action.REPLACE) == {"environment.A": ("2", "1"), "environment.EXTRA": ("x", ABSENT)}


def test_a_secret_in_the_environment_is_not_shown(running):
    remade(running, running.inspect(), {"Config": {"Env": ["A=1", "DB_PASSWORD=hush"]}})

    change = running.differences()[WEB]

    assert "hush" not in repr(change)
    assert [field.path for field in change.fields] == [("environment", "DB_PASSWORD")]


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
