"""Several containers of one service: numbered as Compose numbers them, replaced one after the other."""

from __future__ import annotations

import subprocess

import pytest

from reconciler.core.difference.change import Action
from tests.kit.docker.compose import compose_cli
from tests.kit.docker.engine import READY


def replicas(project, service="web"):
    """Number → inspect of a service's containers."""
    marks = [f"com.docker.compose.project={project.name}", f"com.docker.compose.service={service}"]
    found = project.engine.get("/containers/json", all=1, filters={"label": marks})
    inspects = [project.engine.get(f"/containers/{item['Id']}/json") for item in found]
    return {each["Config"]["Labels"]["com.docker.compose.container-number"]: each for each in inspects}


def identities(project):
    return {number: (each["Id"], each["State"]["StartedAt"]) for number, each in replicas(project).items()}


@pytest.mark.parametrize("said", [{"scale": 3}, {"deploy": {"mode": "replicated", "replicas": 3}}])
def test_a_service_has_as_many_containers_as_are_declared(project, said):
    project.service("web", **READY, **said)
    project.settle()

    assert {each["Name"] for each in replicas(project).values()} == {f"/{project.name}-web-{n}" for n in (1, 2, 3)}


def test_scaling_touches_only_what_comes_and_goes(project):
    project.service("web", **READY, scale=2)
    project.settle()
    before = identities(project)

    project.service("web", **READY, scale=3)
    assert [(where, change.action) for where, change in project.differences().items()] == [
        ("docker.container/web/3", Action.CREATE)
    ]
    project.settle()
    grown = identities(project)
    project.service("web", **READY, scale=1)
    project.settle()

    assert {number: grown[number] for number in before} == before
    assert identities(project) == {"1": before["1"]}


def test_a_service_of_none_has_none_and_nobody_waits_for_it(project):
    project.service("web", scale=0)
    project.service("side", **READY, depends_on={"web": {"condition": "service_started"}})

    project.settle()

    assert replicas(project) == {}
    assert project.inspect("side")["State"]["Running"]


@pytest.mark.skipif(compose_cli() is None, reason="no Compose CLI")
def test_a_scaled_project_of_compose_is_taken_over_as_it_is(project):
    project.service("web", **READY, scale=2)
    up = [compose_cli(), "-p", project.name, "-f", str(project.directory / "stack.yaml"), "up", "-d"]
    subprocess.run(up, check=True, capture_output=True)
    before = identities(project)

    assert project.differences() == {}
    assert len(before) == 2


def test_the_name_of_the_service_finds_all_of_them(project):
    project.service("web", command=["sh", "-c", "hostname; sleep 3600"], **READY, scale=2)
    project.settle()

    with project.session() as session:
        docker = session.providers["docker"]
        names = docker.log_names(["web"])
        said = [next(iter(docker.logs(name, tail=None, follow=False, timestamps=False))) for name in names]

    assert list(names) == ["web-1", "web-2"]
    assert said == [each["Id"][:12] for _, each in sorted(replicas(project).items())]
