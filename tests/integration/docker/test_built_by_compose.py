"""A project with `build:` that Compose runs already is taken over as it is."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from reconciler.core.difference.change import Action
from tests.kit.docker.compose import compose_cli
from tests.kit.docker.engine import PROBE

pytestmark = pytest.mark.skipif(compose_cli() is None, reason="no Compose CLI")


def up_with_compose(project):
    up = [compose_cli(), "-p", project.name, "-f", str(project.directory / "stack.yaml"), "up", "-d", "--build"]
    subprocess.run(up, check=True, capture_output=True, env={**os.environ, "DOCKER_BUILDKIT": "0"})


@pytest.fixture
def running(project):
    folder = project.directory / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM localhost/probe:1\nLABEL of={project.name}\nCOPY said /said\n")
    (folder / "said").write_text("one\n")
    project.service("web", image=f"{project.name}-web", build={"context": "./context"})
    up_with_compose(project)
    yield project
    project.remove()
    project.engine.delete(f"/images/{project.name}-web", force=1)


def test_nothing_is_built_or_started_again(running):
    before = running.identity()

    report = running.apply()

    assert (list(report.events), running.differences()) == ([], {})
    assert running.identity() == before


def test_a_file_that_is_changed_afterwards_is_built(running):
    time.sleep(1.1)  # the engine's time of a name is compared in seconds
    (running.directory / "context" / "said").write_text("two\n")

    found = running.differences()
    running.settle()

    assert found[f"docker.image/{running.name}-web"].action is Action.UPDATE
    assert running.engine.execute(
        running.container(), {"AttachStdout": True, "Cmd": ["cat", "/said"]}, timeout_s=10
    ) == (0, "two\n")


def test_a_name_of_ours_that_compose_took_is_moved_back(running):
    name, said = f"{running.name}-web", running.directory / "context" / "said"
    time.sleep(1.1)
    said.write_text("two\n")
    running.settle()
    ours = running.engine.get(f"/images/{name}/json")["Id"]
    up_with_compose(running)
    theirs = running.engine.get(f"/images/{name}/json")["Id"]

    found = running.differences()
    running.settle()

    assert set(found[f"docker.image/{name}"].fields[0].path) == {"inputs"}
    assert running.engine.get(f"/images/{name}/json")["Id"] == ours != theirs


def test_an_image_that_compose_did_not_build_is_no_build_of_these_files(running):
    name = f"{running.name}-web"
    running.engine.tag(PROBE, name)

    found = running.differences()
    running.settle()

    assert found[f"docker.image/{name}"].action is Action.UPDATE
    assert running.engine.get(f"/images/{name}/json")["Id"] != running.engine.get(f"/images/{PROBE}/json")["Id"]
