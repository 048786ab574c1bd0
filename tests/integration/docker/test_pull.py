"""Images that the engine does not have come from a registry, and so do those that are another one there by now."""

from __future__ import annotations

import base64
import json
import os
import shutil
import time

import docker
import jsonschema
import pytest

from reconciler.core.difference.change import Action
from reconciler.core.message.errors import ReconcileError
from tests.kit.cli import ROOT, reconcile
from tests.kit.docker.engine import PROBE, READY
from tests.kit.machine.registry import PASSWORD, USER, a_registry

pytestmark = pytest.mark.skipif(not shutil.which("docker-registry"), reason="no docker-registry here")
EVENTS = jsonschema.Draft202012Validator(json.loads((ROOT / "schemas/events.schema.json").read_text(encoding="utf-8")))
RIGHT = {"username": USER, "password": PASSWORD}


class Shelf:
    """A registry where images are published; each is another one, and none of them stays in the engine."""

    def __init__(self, engine, registry, login):
        self.engine, self.registry, self.login = engine, registry, login
        self.name = f"{registry}/team/probe"

    def publish(self, tag="1", label="first"):
        """Publishes an image. One that the engine had under that name before is there again afterwards."""
        before = [image for image in self.engine.images.list(self.name) if f"{self.name}:{tag}" in image.tags]
        made = self.engine.containers.create(PROBE)
        image = made.commit(self.name, tag, changes=f"LABEL which={label}")
        made.remove()
        for line in self.engine.images.push(self.name, tag, stream=True, decode=True, auth_config=self.login):
            assert "error" not in line, line
        self.engine.images.remove(image.id, force=True)
        for image in before:
            image.tag(self.name, tag)
        return f"{self.name}:{tag}"

    def digest(self, tag="1"):
        return self.engine.images.get_registry_data(f"{self.name}:{tag}", auth_config=self.login).id

    def clear(self):
        for image in self.engine.api.images():
            if any(name.startswith(self.registry) for key in ("RepoTags", "RepoDigests") for name in image[key] or ()):
                self.engine.images.remove(image["Id"], force=True)


@pytest.fixture(params=[False])
def shelf(request, tmp_path):
    engine = docker.from_env()
    with a_registry(tmp_path, locked=request.param) as registry:
        shelf = Shelf(engine, registry, RIGHT if request.param else {})
        try:
            yield shelf
        finally:
            shelf.clear()
            engine.close()


def images(project):
    return [change for change in project.differences().values() if change.address.kind == "docker.image"]


def label(project):
    return project.inspect()["Config"]["Labels"]["which"]


def test_an_image_that_is_not_there_is_pulled_once(shelf, project):
    published = shelf.publish()
    project.service("web", image=published, **READY)

    assert [(change.address.name, change.action) for change in images(project)] == [(published, Action.CREATE)]
    project.settle()

    assert project.inspect()["Config"]["Image"] == published


def test_layers_of_a_pull_and_steps_of_a_build_are_events_of_the_schema(shelf, project):
    """The image from the registry has two layers, and the commands of the build are silent."""
    published = shelf.publish()
    context = project.directory / "app"
    context.mkdir()
    dockerfile = f'FROM {PROBE}\nENV BY={project.name}\nRUN ["true"]\n'  # in no cache
    (context / "Dockerfile").write_text(dockerfile, encoding="utf-8")
    project.write(
        services={
            "web": {"image": published, **READY},
            "app": {"build": {"context": "app"}, "image": f"localhost/{project.name}:1", **READY},
        }
    )

    ran = reconcile("apply", "--json", "--yes", cwd=project.directory)

    assert ran.code == 0, ran.err
    events = [json.loads(line) for line in ran.out.splitlines()]
    for event in events:
        EVENTS.validate(event)
    going_on = [event for event in events if event["type"] == "step_progress"]
    pulled = [event["note"] for event in going_on if event["verb"] == "image.pull"]
    built = [(event["note"], event["amount"]) for event in going_on if event["verb"] == "image.build"]
    layers = len(project.engine.get(f"/images/{published}/json")["RootFS"]["Layers"])
    assert f"{layers} of {layers} layers" in pulled
    for number, command in enumerate((f"FROM {PROBE}", f"ENV BY={project.name}", 'RUN ["true"]'), start=1):
        assert (command, {"done": number, "total": 3, "unit": "steps"}) in [
            (note, {**amount, "total": 3}) for note, amount in built
        ]


def test_one_that_no_registry_has_is_told_by_name_and_nothing_is_made(shelf, project):
    missing = shelf.publish().replace(":1", ":2")
    project.service("web", image=missing, **READY)

    report = project.apply()

    (failed,) = report.failed
    assert f"image {missing} can't be pulled" in failed.note
    assert project.engine.get(f"/containers/{project.container()}/json") is None


def test_a_container_goes_on_when_the_new_image_can_not_be_pulled(shelf, project):
    published = shelf.publish()
    project.service("web", image=published, **READY)
    project.settle()
    before = project.identity()

    project.service("web", image=published.replace(":1", ":2"), **READY)
    report = project.apply()

    assert report.failed
    assert project.identity() == before


def test_one_that_moved_in_the_registry_is_followed_where_that_is_asked_for(shelf, project):
    published = shelf.publish()
    project.service("web", image=published, pull_policy="always", **READY)
    project.settle()
    first = shelf.digest()

    shelf.publish(label="second")
    project.service("web", image=published, pull_policy="missing", **READY)
    unasked = images(project)
    project.service("web", image=published, pull_policy="always", **READY)
    asked = images(project)
    project.settle()

    assert unasked == []
    assert [(field.before, field.after) for field in asked[0].fields] == [(first, shelf.digest())]
    assert label(project) == "second"


def test_how_long_ago_it_was_pulled_counts_from_the_last_time(shelf, project):
    published = shelf.publish()
    project.service("web", image=published, pull_policy="every_1h", **READY)
    project.settle()

    shelf.publish(label="second")
    early = images(project)
    project.service("web", image=published, pull_policy="refresh", pull_refresh_after="1s", **READY)
    end = time.monotonic() + 10
    while not images(project):
        assert time.monotonic() < end
    project.settle()

    assert early == []
    assert label(project) == "second"


def test_an_image_named_by_its_digest_is_that_one(shelf, project):
    shelf.publish()
    pinned = f"{shelf.name}@{shelf.digest()}"
    shelf.publish(label="second")
    project.service("web", image=pinned, pull_policy="always", **READY)

    project.settle()

    assert label(project) == "first"


# ------------------------------------------------------------------ credentials


@pytest.fixture
def logged_in(tmp_path, monkeypatch):
    """Write what the Docker CLI would have written."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    def write(**config):
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")

    return write


def basic(user, password):
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize("shelf", [True], indirect=True)
def test_the_credentials_of_the_docker_cli_are_used(shelf, project, logged_in):
    published = shelf.publish()
    logged_in(auths={shelf.registry: basic(USER, PASSWORD)})
    project.service("web", image=published, pull_policy="always", **READY)

    project.settle()

    assert label(project) == "first"


@pytest.mark.parametrize("shelf", [True], indirect=True)
def test_a_credential_helper_is_asked(shelf, project, logged_in, tmp_path, monkeypatch):
    published = shelf.publish()
    helper = tmp_path / "docker-credential-told"
    told = {"ServerURL": shelf.registry, "Username": USER, "Secret": PASSWORD}
    helper.write_text(f"#!/bin/sh\ncat >/dev/null\necho '{json.dumps(told)}'\n", encoding="utf-8")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    logged_in(credHelpers={shelf.registry: "told"})
    project.service("web", image=published, **READY)

    project.settle()

    assert label(project) == "first"


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize("shelf", [True], indirect=True)
@pytest.mark.parametrize(
    ("config", "words"),
    [
        (lambda _: {}, "wants credentials; log in with `docker login {registry}`"),
        (lambda registry: {"auths": {registry: basic(USER, "wrong-password")}}, "does not accept the credentials"),
        (lambda registry: {"credHelpers": {registry: "missing"}}, "docker-credential-missing not installed"),
        (lambda registry: {"auths": {registry: {"auth": "wrong-password"}}}, "can't be read"),
    ],
    ids=["none", "wrong", "no helper", "spoilt"],
)
def test_without_the_right_credentials_it_is_said_what_to_do(shelf, project, logged_in, config, words):
    published = shelf.publish()
    logged_in(**config(shelf.registry))
    project.service("web", image=published, **READY)

    try:
        said = str([event.note for event in project.apply().failed])
    except ReconcileError as error:  # the library reads the file before it does anything
        said = str(error)

    assert words.format(registry=shelf.registry) in said
    assert "wrong-password" not in said


@pytest.mark.parametrize("shelf", [True], indirect=True)
def test_a_registry_that_can_not_be_asked_is_a_remark_and_no_outage(shelf, project, logged_in):
    published = shelf.publish()
    logged_in(auths={shelf.registry: basic(USER, PASSWORD)})
    project.service("web", image=published, pull_policy="always", **READY)
    project.settle()
    before = project.identity()

    logged_in()
    remarks = [str(remark) for remark in project.plan().remarks()]
    project.settle()

    assert any("its registry can't be asked" in remark and "docker login" in remark for remark in remarks)
    assert project.identity() == before
