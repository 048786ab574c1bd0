"""``pre_start`` on the real engine: run to its end before the start, in the service's networks, with its volumes."""

from __future__ import annotations

import pytest

from tests.kit.docker.engine import PROBE, READY

LOGS = {"volumes": ["data:/data", "/unnamed"]}


def writes(words):
    return {"command": ["sh", "-c", f"echo {words} >>/data/log"]}


def prepared(project, *hooks, **attributes):
    project.write(services={}, volumes={"data": {}})
    project.service("web", **{**READY, **LOGS, "pre_start": list(hooks), **attributes})


def logged(project):
    """The text that the hooks wrote into the service's volume."""
    body = {"AttachStdout": True, "Cmd": ["cat", "/data/log"]}
    return project.engine.execute(project.container(), body, timeout_s=10)[1].split("\n")[:-1]


def names(project):
    mine = {"label": [f"com.docker.compose.project={project.name}"]}
    return {item["Names"][0].lstrip("/") for item in project.engine.get("/containers/json", all=1, filters=mine)}


def unnamed(project):
    return {mount["Name"] for mount in project.inspect()["Mounts"] if mount["Destination"] == "/unnamed"}


def test_hooks_are_run_one_after_the_other_with_what_the_service_has(project):
    own = {"user": "0:7", "working_dir": "/tmp", "environment": {"B": "own"}}
    hook = {**writes("$$A $$B $(id -g) $(pwd)"), **own}
    prepared(
        project, hook, {**writes("second >/unnamed/x; echo done"), "image": PROBE}, environment={"A": "a", "B": "b"}
    )

    project.settle()

    assert logged(project) == ["a own 7 /tmp", "done"]
    assert names(project) == {project.container()}


def test_a_hook_reaches_what_the_service_depends_on(project):
    asks = {"command": ["sh", "-c", "echo | nc -w 2 db 80 >/dev/null && echo reached >>/data/log"]}
    prepared(project, asks, depends_on={"db": {"condition": "service_healthy"}})
    serving = {"test": "wget -q -O - http://127.0.0.1/", "interval": "300ms", "retries": 30}
    serves = "mkdir /w; echo yes >/w/index.html; exec httpd -f -h /w"
    project.service("db", command=["sh", "-c", serves], healthcheck=serving)

    project.settle()

    assert logged(project) == ["reached"]


def test_they_are_run_for_a_new_container_and_not_for_one_that_is_started_again(project):
    prepared(project, writes("one"))
    project.settle()
    project.hand("stop", t=0)
    project.settle()
    assert logged(project) == ["one"]
    kept = unnamed(project)

    prepared(project, writes("two"))
    project.settle()

    assert logged(project) == ["one", "two"]
    assert unnamed(project) == kept


def test_a_hook_that_fails_keeps_the_service_from_starting_until_it_does_not(project):
    prepared(project, writes("one"), {"command": ["sh", "-c", "echo no database; exit 3"]})

    first, second = project.apply(), project.apply()

    for report in (first, second):
        (failed,) = report.failed
        assert failed.note == "pre_start[1] failed with exit code 3; its last lines:\n    no database"
    assert project.inspect()["State"]["Status"] == "created"
    assert names(project) == {project.container()}

    prepared(project, writes("two"))
    project.settle()
    assert logged(project) == ["one", "one", "two"]


@pytest.mark.parametrize("order", ["start-first", "stop-first"])
def test_where_one_fails_the_old_container_serves_again(project, order):
    rollout = {"deploy": {"update_config": {"order": order}}, "volumes": []}
    prepared(project, {"command": ["true"]}, **rollout)
    project.settle()
    before = project.inspect()["Id"]
    prepared(project, {"command": ["false"]}, **rollout)

    report = project.apply()

    assert report.rolled_back
    assert (project.inspect()["Id"], project.inspect()["State"]["Running"]) == (before, True)
    assert names(project) == {project.container()}


def test_a_hook_that_compose_left_is_taken_away(project):
    prepared(project, writes("one"))
    project.settle()
    marks = {"project": project.name, "service": "web", "hook": "pre_start"}
    body = {"Image": PROBE, "Labels": {f"com.docker.compose.{key}": value for key, value in marks.items()}}
    project.engine.post("/containers/create", body, name=f"{project.name}-web-pre_start-0")
    before = project.identity()

    project.settle()

    assert names(project) == {project.container()}
    assert project.identity() == before
