"""Images that the engine does not have come from a registry."""

from __future__ import annotations

import shutil

import docker
import pytest

from reconciler.core.change import Action
from tests.kit.engine import PROBE, READY
from tests.kit.registry import a_registry

pytestmark = pytest.mark.skipif(not shutil.which("docker-registry"), reason="no docker-registry here")


@pytest.fixture
def published(tmp_path):
    """The name of an image that is in a registry, and not in the engine."""
    engine = docker.from_env()
    with a_registry(tmp_path) as registry:
        name = f"{registry}/team/probe"
        engine.images.get(PROBE).tag(name, "1")
        try:
            for line in engine.images.push(name, "1", stream=True, decode=True):
                assert "error" not in line, line
            engine.images.remove(f"{name}:1")
            yield f"{name}:1"
        finally:
            for image in engine.images.list(name):
                for tag in image.tags:
                    if tag.startswith(registry):
                        engine.images.remove(tag)
            engine.close()


def test_an_image_that_is_not_there_is_pulled_once(project, published):
    project.service("web", image=published, **READY)

    images = [change for change in project.differences().values() if change.address.kind == "docker.image"]
    assert [(change.address.name, change.action) for change in images] == [(published, Action.CREATE)]
    project.settle()

    assert project.inspect()["Config"]["Image"] == published


def test_one_that_no_registry_has_is_told_by_name_and_nothing_is_made(project, published):
    missing = published.replace(":1", ":2")
    project.service("web", image=missing, **READY)

    report = project.apply()

    (failed,) = report.failed
    assert f"image {missing} can't be pulled" in failed.note
    assert project.engine.get(f"/containers/{project.container()}/json") is None


def test_a_container_goes_on_when_the_new_image_can_not_be_pulled(project, published):
    project.service("web", image=published, **READY)
    project.settle()
    before = project.identity()

    project.service("web", image=published.replace(":1", ":2"), **READY)
    report = project.apply()

    assert report.failed
    assert project.identity() == before
