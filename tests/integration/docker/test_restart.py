"""`reconcile restart` with a real engine: the container stays, and its program begins anew."""

from __future__ import annotations

from tests.kit.cli import reconcile
from tests.kit.docker.engine import READY


def test_a_restarted_container_is_the_same_one_and_still_as_declared(project):
    project.service("db", **READY)
    project.service("web", **READY, depends_on={"db": {"condition": "service_started", "restart": True}})
    project.service("side", **READY)
    project.settle()
    before = {name: project.inspect(name) for name in ("db", "web", "side")}

    ran = reconcile("restart", "--timeout", "1", "db", cwd=project.directory)

    after = {name: project.inspect(name) for name in before}
    started = {name for name in after if after[name]["State"]["StartedAt"] > before[name]["State"]["StartedAt"]}
    assert (ran.code, started) == (0, {"db", "web"}), ran.err
    assert all(after[name]["Id"] == before[name]["Id"] for name in after)
    assert project.differences() == {}


def test_a_predecessor_that_a_killed_run_left_stays_down_and_goes_with_the_project(project):
    """The successor has the name and runs; the predecessor has the same labels and volumes."""
    project.service("db", **READY, volumes=["data:/data"])
    project.write(volumes={"data": {}})
    project.settle()
    old, name = project.inspect("db"), project.container("db")
    project.hand("stop", service="db", t=0)
    project.hand("rename", service="db", name=f"{name}.prev")
    body = {**old["Config"], "Hostname": "", "HostConfig": old["HostConfig"]}
    new = project.engine.post("/containers/create", body, name=name)["Id"]
    project.hand("start", service="db")

    restarted = reconcile("restart", "--timeout", "1", "db", cwd=project.directory)
    inside = reconcile("exec", "-T", "db", "hostname", cwd=project.directory)
    states = {each: project.engine.get(f"/containers/{each}/json")["State"]["Running"] for each in (old["Id"], new)}
    down = reconcile("down", cwd=project.directory)

    assert (restarted.code, states) == (0, {old["Id"]: False, new: True}), restarted.err
    assert (inside.code, inside.out.strip()) == (0, new[:12]), inside.err
    assert down.code == 0, down.err
    assert [project.engine.get(f"/containers/{each}/json") for each in (old["Id"], new)] == [None, None]
