"""`deploy.update_config`: who is started or stopped first, how many at a time, and what happens where one fails."""

from __future__ import annotations

import threading

import pytest

from reconciler.core.difference.change import Action
from reconciler.core.difference.kind import Effect
from reconciler.core.execution.report import What
from tests.kit.docker.engine import READY

WEB = "docker.container/web"
SICK = {"test": "echo no such page; false", "interval": "300ms", "timeout": "1s", "retries": 2}


def rollout(**said):
    return {"deploy": {"update_config": said}}


def names(project):
    mine = {"label": [f"com.docker.compose.project={project.name}"]}
    return sorted(item["Names"][0].lstrip("/") for item in project.engine.get("/containers/json", all=1, filters=mine))


SERVES = {
    "healthcheck": {"test": "wget -q -O - http://127.0.0.1/", "interval": "300ms", "timeout": "1s", "retries": 30},
}


def serves(word, after_s=1):
    script = f"sleep {after_s}; mkdir /w; echo {word} >/w/index.html; exec httpd -f -h /w"
    return {"command": ["sh", "-c", script], **SERVES}


def test_start_first_the_old_one_serves_until_the_new_one_is_ready(project):
    project.service("web", **serves("old"))
    project.settle()
    before = project.inspect()
    project.service("web", **serves("new"))

    change = project.differences()[WEB]
    report = project.apply()
    after = project.inspect()

    assert (change.action, change.effect) == (Action.REPLACE, Effect.HANDOVER)
    assert not report.failed
    order = [event.step.id.partition(":")[2] for event in report.of(What.DONE)]
    assert order.index("shown") < order.index("stop:predecessor")
    assert after["Id"] != before["Id"]
    assert set(after["NetworkSettings"]["Networks"][f"{project.name}_default"]["Aliases"]) >= {
        "web",
        project.container(),
    }
    assert names(project) == [project.container()]
    assert project.differences() == {}


@pytest.mark.parametrize("order", ["start-first", "stop-first"])
def test_a_successor_that_never_gets_healthy_is_taken_back(project, order):
    project.service("web", healthcheck=READY["healthcheck"], **rollout(order=order))
    project.settle()
    before = project.inspect()
    project.service("web", healthcheck=SICK, command=["sh", "-c", "echo I try; sleep 60"], **rollout(order=order))

    report = project.apply()

    assert report.rolled_back
    assert "it is unhealthy: no such page; its last lines:\n    I try" in report.failed[0].note
    after = project.inspect()
    assert (after["Id"], after["State"]["Running"]) == (before["Id"], True)
    assert (after["State"]["StartedAt"] == before["State"]["StartedAt"]) is (order == "start-first")
    assert names(project) == [project.container()]


def test_a_successor_that_gets_healthy_and_dies_is_caught_by_monitor(project):
    steady = {"healthcheck": READY["healthcheck"], **rollout(order="start-first", monitor="4s")}
    project.service("web", **steady)
    project.settle()
    before = project.identity()
    project.service("web", **steady, command=["sh", "-c", "sleep 2; echo out of memory; exit 9"])

    report = project.apply()

    assert report.rolled_back
    assert "it ended with exit code 9; its last lines:\n    out of memory" in report.failed[0].note
    assert (project.identity(), names(project)) == (before, [project.container()])


def test_pause_leaves_the_new_one_as_it_is_and_keeps_the_old_one(project):
    paused = rollout(order="stop-first", failure_action="pause")
    project.service("web", **paused)
    project.settle()
    before = project.identity()[0]
    project.service("web", command=["sh", "-c", "exit 3"], **paused)

    report = project.apply()

    assert [event.step.verb for event in report.failed] == ["container.wait"]
    assert not report.rolled_back
    assert project.inspect()["State"]["ExitCode"] == 3
    assert project.engine.get(f"/containers/{project.container()}.prev/json")["Id"] == before

    project.service("web", **paused)
    project.settle()
    assert names(project) == [project.container()]


@pytest.mark.parametrize(("action", "ended"), [("rollback", []), ("continue", ["1", "2"])])
def test_what_becomes_of_the_others_where_one_fails(project, action, ended):
    settings = {"scale": 2, **READY, **rollout(order="stop-first", failure_action=action)}
    project.service("web", **settings)
    project.settle()
    project.service("web", **settings, command=["sh", "-c", "exit 3"])

    project.apply()

    states = {n: project.engine.get(f"/containers/{project.name}-web-{n}/json")["State"] for n in ("1", "2")}
    assert [number for number, state in states.items() if not state["Running"]] == ended


@pytest.mark.parametrize("order", ["start-first", "stop-first"])
def test_where_the_last_one_fails_those_before_it_are_taken_back_as_well(project, order):
    """Only two of the new ones find a seat."""
    settings = {"scale": 3, **READY, **rollout(order=order), "volumes": ["seats:/seats"]}
    project.write(services={}, volumes={"seats": {}})
    project.service("web", **settings)
    project.settle()

    def identities():
        found = [project.engine.get(f"/containers/{project.name}-web-{n}/json") for n in (1, 2, 3)]
        return [(each["Id"], each["State"]["Running"]) for each in found]

    before = identities()
    sits = "mkdir /seats/1 || mkdir /seats/2 || exit 3; exec sleep 3600"
    project.service("web", **settings, command=["sh", "-c", sits])

    report = project.apply()

    assert report.rolled_back
    assert [str(event.step.address) for event in report.failed] == [f"{WEB}/3"]
    assert identities() == before
    assert names(project) == [f"{project.name}-web-{n}" for n in (1, 2, 3)]


def test_replicas_are_replaced_one_after_the_other_with_a_pause_between(project):
    settings = {"scale": 3, **READY, **rollout(order="stop-first", parallelism=1, delay="1s")}
    project.service("web", **settings)
    project.settle()
    least, done = [3], threading.Event()

    def count():
        running = {"label": [f"com.docker.compose.project={project.name}"], "status": ["running"]}
        while not done.wait(0.02):
            least.append(len(project.engine.get("/containers/json", filters=running)))

    watcher = threading.Thread(target=count)
    watcher.start()
    project.service("web", **settings, environment={"V": "2"})
    project.apply()
    done.set()
    watcher.join()

    assert min(least) == 2
    assert project.differences() == {}
    created = sorted(project.engine.get(f"/containers/{project.name}-web-{n}/json")["Created"] for n in (1, 2, 3))
    assert created[0] < created[1] < created[2]
