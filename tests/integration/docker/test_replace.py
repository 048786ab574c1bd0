"""One container takes another's place: nothing stops before the successor exists, and a bad one is taken back."""

from __future__ import annotations

import pytest

from reconciler.core.difference.change import Action
from reconciler.core.execution.report import What

WEB = "docker.container/web"
HEALTHY = {"test": "true", "interval": "1s", "timeout": "1s", "retries": 2}
BIND = {"type": "bind", "source": "/no/such/source", "target": "/x"}
SICK = {"test": "echo no such page; false", "interval": "1s", "timeout": "1s", "retries": 2}


@pytest.fixture
def serving(project):
    project.service("web", healthcheck=HEALTHY, environment={"V": "1"}, volumes=["data:/data"])
    project.write(volumes={"data": {}})
    project.settle()
    return project


def names(project):
    mine = {"label": [f"com.docker.compose.project={project.name}"]}
    return sorted(item["Names"][0].lstrip("/") for item in project.engine.get("/containers/json", all=1, filters=mine))


def test_a_good_successor_takes_the_place_and_the_data(serving):
    before = serving.identity()[0]
    serving.service("web", healthcheck=HEALTHY, environment={"V": "2"}, volumes=["data:/data"])

    assert serving.differences()[WEB].action is Action.REPLACE
    serving.settle()

    assert serving.identity()[0] != before
    assert names(serving) == [serving.container()]


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ({"command": ["sh", "-c", "echo last words; exit 3"]}, "exit code 3"),
        ({"healthcheck": SICK}, "unhealthy: no such page"),
        ({"command": ["no-such-program"]}, "no-such-program"),
        ({"image": "localhost/no-such-image:1"}, "no-such-image"),
        (
            {"volumes": [{**BIND, "bind": {"create_host_path": False}}]},
            "bind source path does not exist",
        ),
    ],
    ids=["exits", "sick", "no program", "no image", "no mount"],
)
def test_a_bad_successor_leaves_the_predecessor_serving(serving, attributes, says):
    before = serving.identity()[0]
    serving.service(
        "web", **{"healthcheck": HEALTHY, "environment": {"V": "2"}, "volumes": ["data:/data"], **attributes}
    )

    report = serving.apply()

    assert says in "\n".join(event.note for event in report.failed)
    inspect = serving.inspect()
    assert (inspect["Id"], inspect["State"]["Status"]) == (before, "running")
    assert inspect["HostConfig"]["RestartPolicy"]["Name"] in ("", "no")
    assert names(serving) == [serving.container()]


def test_a_rollback_is_told_and_keeps_the_restart_policy(serving):
    rest = {"healthcheck": HEALTHY, "volumes": ["data:/data"], "restart": "unless-stopped"}
    serving.service("web", environment={"V": "1"}, **rest)
    serving.settle()
    serving.service("web", environment={"V": "2"}, **{**rest, "healthcheck": SICK})

    report = serving.apply()

    assert report.rolled_back
    assert [event.step.address.name for event in report.of(What.ROLLED_BACK)] == ["web"]
    assert serving.inspect()["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


def test_data_in_a_volume_without_a_name_goes_along(project):
    project.service("web", volumes=["/data"], environment={"V": "1"})
    project.settle()
    volume = next(mount["Name"] for mount in project.inspect()["Mounts"])

    project.service("web", volumes=["/data"], environment={"V": "2"})
    project.settle()

    assert [mount["Name"] for mount in project.inspect()["Mounts"]] == [volume]


def left_over(project, suffix):
    """A container of the project under the name that an interrupted replacement leaves."""
    inspect = project.inspect()
    body = {**inspect["Config"], "Hostname": "", "HostConfig": inspect["HostConfig"]}
    project.engine.post("/containers/create", body, name=f"{project.container()}{suffix}")


def test_a_successor_that_never_started_is_removed(serving):
    before = serving.identity()
    left_over(serving, ".next")

    assert serving.fields() == {"leftovers": ((f"{serving.container()}.next",), ())}
    serving.settle()

    assert (names(serving), serving.identity()) == ([serving.container()], before)


def test_a_predecessor_gives_way_once_its_successor_is_ready(serving):
    before = serving.identity()
    left_over(serving, ".prev")

    serving.settle()

    assert (names(serving), serving.identity()) == ([serving.container()], before)


def test_a_predecessor_that_was_set_aside_gets_its_place_back(serving):
    before = serving.identity()[0]
    left_over(serving, ".next")
    serving.hand("stop", t=0)
    serving.hand("rename", name=f"{serving.container()}.prev")

    serving.settle()

    assert (names(serving), serving.identity()[0]) == ([serving.container()], before)


def test_a_job_that_failed_shows_its_log_and_blocks_who_waits(project):
    project.service("job", command=["sh", "-c", "echo cannot migrate; exit 4"], init=False)
    project.service("web", depends_on={"job": {"condition": "service_completed_successfully"}})

    report = project.apply()

    assert "exit code 4" in report.failed[0].note
    assert "cannot migrate" in report.failed[0].note
    assert {str(event.step.address) for event in report.of(What.BLOCKED)} == {WEB}
    assert project.differences()["docker.container/job"].action is Action.RUN


def test_a_job_that_finished_is_not_run_again(project):
    project.service("job", command=["true"], init=False)
    project.service("web", depends_on={"job": {"condition": "service_completed_successfully"}})
    project.settle()
    before = project.identity("job")

    assert not project.apply().events
    assert project.identity("job") == before


def test_an_unhealthy_need_is_named(project):
    project.service("db", healthcheck=SICK)
    project.service("web", depends_on={"db": {"condition": "service_healthy"}})

    report = project.apply()

    assert [str(event.step.address) for event in report.failed] == ["docker.container/db"]
    assert {str(event.step.address) for event in report.of(What.BLOCKED)} == {WEB}


def test_waiting_for_health_where_there_is_no_health_check_is_an_error(project):
    project.service("db")
    project.service("web", depends_on={"db": {"condition": "service_healthy"}})

    report = project.apply()

    assert "it has no health check; declare one" in report.failed[0].note
