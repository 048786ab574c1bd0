"""Images are built when what they are built from has changed, and sent to where others get them."""

from __future__ import annotations

import json
import shutil

import docker
import pytest

from tests.kit.cli import reconcile
from tests.kit.engine import PROBE, READY
from tests.kit.registry import PASSWORD, USER, a_registry

FILE = f"""
FROM {PROBE} AS base
ARG WORD=none
ARG API_KEY
RUN echo "$WORD $(ulimit -n) $(cat /etc/hosts | grep -c friend) ${{#API_KEY}}" > /said
FROM base AS wanted
COPY text /text
FROM base AS unwanted
RUN exit 1
"""
OPTIONS = {
    "context": "./context",
    "target": "wanted",
    "args": {"WORD": "hello", "API_KEY": "${API_KEY}"},
    "labels": {"which": "this"},
    "ulimits": {"nofile": {"soft": 123, "hard": 456}},
    "extra_hosts": ["friend:127.0.0.9"],
    "shm_size": "8m",
    "network": "none",
    "platforms": ["linux/amd64"],
    "cache_from": [PROBE],
}


@pytest.fixture
def swept():
    """Names in those of images that are taken away when all else is."""
    names = []
    yield names
    engine = docker.from_env()
    for image in engine.api.images(filters={"label": "reconcile.build.inputs"}):
        if any(name in tag for name in names for tag in image["RepoTags"] or ()):
            engine.api.remove_image(image["Id"], force=True)
    engine.close()


@pytest.fixture
def context(swept, project, monkeypatch):
    """A context in the project's folder."""
    swept.append(project.name)
    monkeypatch.setenv("API_KEY", "hush-hush")
    folder = project.directory / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(FILE, encoding="utf-8")
    (folder / "text").write_text("one\n", encoding="utf-8")
    return folder


def run(project, *arguments, **environment):
    return reconcile(*arguments, cwd=project.directory, env=environment)


def image(project, name):
    return project.engine.get(f"/images/{name}/json")


def test_the_options_of_a_build_are_carried_out(context, project):
    tag = f"{project.name}/other:2"
    shows = ["sh", "-c", "cat /said /text; exec sleep 3600"]
    project.service("web", **READY, image=f"{project.name}/web", build={**OPTIONS, "tags": [tag]}, command=shows)

    project.settle()
    first = image(project, f"{project.name}/web")
    (context / "text").write_text("two\n", encoding="utf-8")
    changed = project.fields(f"docker.image/{project.name}/web".replace("/web", "%2Fweb"))
    project.settle()

    said = b"".join(project.engine.logs(project.container())).decode().splitlines()
    assert said == ["hello 123 1 9", "two"]
    assert first["Config"]["Labels"]["which"] == "this"
    assert "hush" not in json.dumps(first["Config"])
    assert set(changed) == {"inputs"}
    assert image(project, tag)["Id"] == image(project, f"{project.name}/web")["Id"] != first["Id"]


def test_build_makes_what_changed_and_touches_no_container(context, project):
    build = {**OPTIONS, "context": str(context)}
    project.service("web", **READY, image=f"{project.name}/web", build=build)
    project.service("other")

    first, second = run(project, "build"), run(project, "build", "web")
    (context / "text").write_text("two\n", encoding="utf-8")
    third, wrong = run(project, "build"), run(project, "build", "other")

    assert (first.code, second.code, third.code, wrong.code) == (0, 0, 0, 1)
    assert "built" in first.err
    assert "built" in third.err
    assert "1 up to date." in second.err
    assert "nothing is built for a service `other`; the stack builds for web" in wrong.err
    assert "hush" not in first.err + first.out
    assert project.engine.get(f"/containers/{project.container()}/json") is None


@pytest.mark.usefixtures("context")
def test_a_build_that_fails_is_told_with_its_last_words(project):
    project.service("web", image=f"{project.name}/web", build={**OPTIONS, "target": "unwanted"})

    failed = run(project, "build", "--push")

    assert failed.code == 1
    assert "the build failed" in failed.err
    assert "Step" in failed.err
    assert "hush" not in failed.err


@pytest.mark.skipif(not shutil.which("docker-registry"), reason="no docker-registry here")
def test_push_sends_every_name_and_says_where_it_may_not(context, project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("registry")
    with a_registry(folder, locked=True) as registry:
        names = [f"{registry}/{project.name}/web:1", f"{registry}/{project.name}/web:latest"]
        build = {**OPTIONS, "context": str(context), "tags": names[1:]}
        unnamed = {"build": {**OPTIONS, "context": str(context)}}
        project.write(services={"web": {"image": names[0], "build": build}, "unnamed": unnamed})

        missing = run(project, "build", "--push", DOCKER_CONFIG=str(folder))
        login(folder, registry, "wrong-password")
        wrong = run(project, "build", "--push", DOCKER_CONFIG=str(folder))
        login(folder, registry, PASSWORD)
        right = run(project, "build", "--push", DOCKER_CONFIG=str(folder))

        engine = docker.from_env()
        account = {"username": USER, "password": PASSWORD}
        digests = {engine.images.get_registry_data(name, auth_config=account).id for name in names}
        engine.close()

    assert (missing.code, wrong.code, right.code) == (1, 1, 0), right.err
    assert f"image {names[0]} can't be pushed" in missing.err
    assert f"wants credentials; log in with `docker login {registry}`" in missing.err
    assert "does not accept the credentials" in wrong.err
    assert "wrong-password" not in wrong.err + wrong.out
    assert PASSWORD not in right.err + right.out
    assert "Pushed" in right.err
    assert f"digest: {next(iter(digests))}" in right.err
    assert "has no `image`" in right.err
    assert len(digests) == 1


def login(folder, registry, password):
    import base64

    told = base64.b64encode(f"{USER}:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {registry: {"auth": told}}}), encoding="utf-8")
