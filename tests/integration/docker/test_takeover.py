"""A container that the project took over is the project's for every command, and a stranger's is nobody's to remove."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import pytest

from reconciler.core.message.errors import Denied
from tests.kit.cli import reconcile
from tests.kit.docker.engine import PROBE

SLEEPS = {"Image": PROBE, "Cmd": ["sleep", "3600"], "StopSignal": "SIGKILL"}


@pytest.fixture
def run(project):
    return partial(reconcile, cwd=project.directory)


@pytest.fixture
def by_hand(project):
    """Makes and starts containers as `docker run` does; they are removed before the project is."""
    made = []

    def by_hand(name, **more):
        called = f"{project.name}-{name}"
        host = {"Init": True, **more.pop("HostConfig", {})}
        project.engine.post("/containers/create", {**SLEEPS, **more, "HostConfig": host}, name=called)
        made.append(called)
        project.engine.post(f"/containers/{called}/start")
        return called

    yield by_hand
    for called in made:
        with suppress(Denied):
            project.engine.delete(f"/containers/{called}", force=1)


def declare(project, called, **attributes):
    project.service("web", container_name=called, network_mode="bridge", stop_signal="SIGKILL", **attributes)


def assert_is_ours(project, run, called, service):
    """Every command knows the container, and `down` leaves nothing of it."""
    before = project.engine.get(f"/containers/{called}/json")["State"]["StartedAt"]
    assert run("diff").code == 0
    assert f"docker.container/{service}" in run("status").out
    assert run("logs", service).code == 0
    assert (run("exec", "-T", service, "echo", "inside").out, run("why", f"docker.container/{service}").code) == (
        "inside\n",
        0,
    )
    restarted = run("restart", service)
    assert (restarted.code, f"{service} restarted" in restarted.err) == (0, True)
    assert project.engine.get(f"/containers/{called}/json")["State"]["StartedAt"] != before
    down = run("down")
    assert (down.code, f"docker.container/{service}" in down.err) == (0, True)
    assert project.engine.get(f"/containers/{called}/json") is None
    assert left_of(project) == ([], [])


def left_of(project):
    """The containers and volumes that carry the project's labels."""
    mine = {"label": [f"com.docker.compose.project={project.name}"]}
    volumes = project.engine.get("/volumes", filters=mine)["Volumes"] or ()
    return project.engine.get("/containers/json", all=1, filters=mine), [item["Name"] for item in volumes]


def test_a_container_that_is_as_declared_is_taken_over_by_apply_without_a_restart(project, run, by_hand):
    called = by_hand("plain")
    declare(project, called)
    before = project.engine.get(f"/containers/{called}/json")["State"]["StartedAt"]

    shown, down, ran = run("diff"), run("down"), run("apply", "--yes")

    assert (shown.code, "docker.container/web is as declared, and nobody's so far" in shown.out) == (0, True)
    left = "docker.container/web is left, as it was not made by this project"
    assert f"{left}; if it is as declared, `reconcile apply` takes it over" in down.err
    assert (ran.code, "taken over" in ran.err) == (0, True)
    assert project.engine.get(f"/containers/{called}/json")["State"]["StartedAt"] == before
    assert "taken over" not in run("apply", "--yes").err
    assert_is_ours(project, run, called, "web")


def test_a_container_that_is_adopted_by_name_belongs_to_the_project(project, run, by_hand):
    called = by_hand("named")

    ran = run("-p", project.name, "adopt", called)

    assert ran.code == 0, ran.err
    assert f"1 container belongs to project {project.name} from now on." in ran.err
    assert_is_ours(project, run, called, called)


def test_a_container_that_was_changed_in_place_with_adopt_belongs_to_the_project(project, run, by_hand):
    called = by_hand("edited")
    declare(project, called, restart="unless-stopped")

    refused, ran = run("apply", "--yes"), run("apply", "--yes", "--adopt", "docker.container/web")

    assert (refused.code, ran.code) == (4, 0)
    assert_is_ours(project, run, called, "web")


def test_a_container_that_was_replaced_with_adopt_leaves_no_mark(project, run, by_hand):
    called = by_hand("replaced")
    declare(project, called, environment={"A": "b"})

    assert run("apply", "--yes", "--adopt", "docker.container/web").code == 0

    assert left_of(project)[1] == []
    assert_is_ours(project, run, called, "web")


def test_a_container_of_another_project_is_never_taken_over_by_itself(project, run, by_hand):
    theirs = {"com.docker.compose.project": f"{project.name}-theirs", "com.docker.compose.service": "web"}
    called = by_hand("theirs", Labels=theirs)
    declare(project, called)

    ran, down = run("apply", "--yes"), run("down")

    assert (ran.code, down.code) == (0, 0)
    assert "docker.container/web is left, as it was not made by this project\n" in down.err
    assert project.engine.get(f"/containers/{called}/json")["State"]["Running"]
    assert left_of(project) == ([], [])


def test_a_mark_goes_with_down_where_its_container_was_removed_by_hand(project, run, by_hand):
    called = by_hand("gone")
    declare(project, called)
    assert run("apply", "--yes").code == 0
    project.engine.delete(f"/containers/{called}", force=1)

    ran = run("down")

    assert (ran.code, left_of(project)) == (0, ([], []))


def test_a_container_that_was_taken_over_may_be_in_a_network_that_is_made_anew(project, run, by_hand):
    project.service("db", networks=["back"], stop_signal="SIGKILL")
    project.write(networks={"back": {}})
    assert run("apply", "--yes").code == 0
    called = by_hand("inside", HostConfig={"NetworkMode": f"{project.name}_back"})
    project.service("web", container_name=called, networks=["back"], stop_signal="SIGKILL")
    assert run("apply", "--yes", "--adopt", "docker.container/web").code == 0
    project.write(networks={"back": {"internal": True}})

    ran = run("apply", "--yes")

    assert ran.code == 0, ran.err
    assert list(project.engine.get(f"/containers/{called}/json")["NetworkSettings"]["Networks"]) == [
        f"{project.name}_back"
    ]
