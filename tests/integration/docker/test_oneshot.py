"""Services that are done once they have ended with exit code 0, though nobody waits for them."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from reconciler.core.difference.change import Action
from reconciler.core.execution.report import State
from tests.kit.docker.compose import compose_cli

NOTE = "echo run >> /d/runs"
"""Leaves a line for each run in the volume."""

WORDS = [
    {},
    {"restart": "no"},
    {"restart": "on-failure"},
    {"restart": "on-failure:3"},
    {"deploy": {"restart_policy": {"condition": "none"}}},
    {"deploy": {"restart_policy": {"condition": "on-failure"}}},
]


def note(project, then="true", **attributes):
    """A service that leaves its line, and then does something."""
    project.service("web", command=["sh", "-c", f"{NOTE}; {then}"], volumes=["dat:/d"], **attributes)
    project.write(volumes={"dat": {}})


def runs(project):
    reader = {
        "Image": "localhost/probe:1",
        "Cmd": ["cat", "/d/runs"],
        "HostConfig": {"Binds": [f"{project.name}_dat:/d"]},
    }
    made = project.engine.post(
        "/containers/create",
        {**reader, "Labels": {"com.docker.compose.project": project.name, "com.docker.compose.oneoff": "True"}},
    )["Id"]
    try:
        project.engine.post(f"/containers/{made}/start")
        project.engine.post(f"/containers/{made}/wait")
        return b"".join(project.engine.logs(made, tail="all")).count(b"run")
    finally:
        project.engine.delete(f"/containers/{made}", force=1)


def wait_until_it_ended(project):
    end = time.monotonic() + 20
    while project.inspect()["State"]["Status"] != "exited" and time.monotonic() < end:
        time.sleep(0.1)


@pytest.mark.sweep(every=3)
@pytest.mark.parametrize("words", WORDS, ids=json.dumps)
@pytest.mark.parametrize("then", ["true", "sleep 1"])
def test_it_runs_once_and_is_in_sync_then(project, words, then):
    note(project, then, **words)

    project.settle()
    wait_until_it_ended(project)
    project.settle()

    with project.session() as session:
        standings = {str(each.address): each for each in session.reconciler().status()}
    assert runs(project) == 1
    found = standings["docker.container/web"]
    assert (found.state, found.note) == (State.IN_SYNC, "done, exited (0)")


def test_an_edited_one_runs_once_more_and_nothing_is_rolled_back(project):
    note(project)
    project.settle()

    note(project, "sleep 1")
    report = project.apply()
    wait_until_it_ended(project)

    assert not report.failed
    assert project.differences() == {}
    assert runs(project) == 2


def test_an_edit_that_fails_does_not_run_the_one_before_again(project):
    note(project)
    project.settle()

    note(project, "exit 3")
    report = project.apply()

    assert report.failed
    assert project.inspect()["State"]["ExitCode"] == 0
    assert runs(project) == 2


def test_one_that_failed_is_not_done(project):
    note(project, "test -e /d/good")
    project.apply()
    wait_until_it_ended(project)

    assert project.differences()["docker.container/web"].action is Action.START


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize(
    "stays",
    [
        {"restart": "unless-stopped"},
        {"ports": ["127.0.0.1::8000"]},
        {"healthcheck": {"test": "true", "interval": "300ms"}},
        {"x-reconcile": {"job": False}},
    ],
    ids=json.dumps,
)
def test_what_is_meant_to_stay_is_started_again(project, stays):
    project.service("web", command=["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"], **stays)
    project.settle()

    project.hand("stop")

    assert project.inspect()["State"]["ExitCode"] == 0
    assert project.differences()["docker.container/web"].action is Action.START


def test_what_it_shared_with_another_one_is_of_the_past(project):
    ready = {"healthcheck": {"test": "true", "interval": "300ms"}}
    project.service("vpn", **ready)
    note(project, network_mode="service:vpn")
    project.settle()
    wait_until_it_ended(project)

    project.service("vpn", **ready, environment={"V": "2"})
    project.settle()

    assert runs(project) == 1


@pytest.mark.skipif(compose_cli() is None, reason="no Compose CLI")
def test_one_that_compose_ran_is_taken_over_as_it_is(project):
    note(project)
    up = [compose_cli(), "-p", project.name, "-f", str(project.directory / "stack.yaml"), "up", "-d"]
    subprocess.run(up, check=True, capture_output=True)
    wait_until_it_ended(project)

    assert project.differences() == {}
