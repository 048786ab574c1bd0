"""Images are built when what they are built from has changed, and sent to where others get them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import docker
import pytest

from tests.kit.cli import reconcile
from tests.kit.docker import buildx
from tests.kit.docker.engine import PROBE, READY
from tests.kit.machine.registry import PASSWORD, USER, a_registry

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
        for tag in (tag for tag in image["RepoTags"] or () if any(name in tag for name in names)):
            engine.api.remove_image(tag, force=True)  # not by its id: another test may have made the same image
    engine.close()


@pytest.fixture
def settings(tmp_path_factory, monkeypatch):
    """The folder of the Docker CLI's settings, in which the plugin buildx is."""
    if not buildx.is_there():
        pytest.skip("docker-buildx could not be had; `make test-machine` says why")
    folder = tmp_path_factory.mktemp("settings")
    buildx.give(folder)
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder


@pytest.fixture(params=["0", "1"], ids=["classic", "BuildKit"])
def builder(request, monkeypatch):
    """Each of the two builders in turn."""
    if request.param == "1":
        request.getfixturevalue("settings")
    monkeypatch.setenv("DOCKER_BUILDKIT", request.param)
    return request.param


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


@pytest.mark.usefixtures("builder")
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


@pytest.mark.usefixtures("builder")
def test_build_makes_what_changed_and_touches_no_container(context, project):
    build = {**OPTIONS, "context": str(context)}
    project.service("web", **READY, image=f"{project.name}/web", build=build)
    project.service("other")

    first, second = run(project, "build"), run(project, "build", "web")
    (context / "text").write_text("two\n", encoding="utf-8")
    third, wrong = run(project, "build"), run(project, "build", "other")

    assert (first.code, second.code, third.code, wrong.code) == (0, 0, 0, 64)
    assert "built" in first.err
    assert "built" in third.err
    assert "1 up to date." in second.err
    assert "nothing is built for a service `other`\n     = note: the stack builds for web" in wrong.err
    assert "hush" not in first.err + first.out
    assert project.engine.get(f"/containers/{project.container()}/json") is None


@pytest.mark.usefixtures("context")
def test_a_build_that_fails_is_told_with_its_last_words(project, builder):
    build = {**OPTIONS, "target": "unwanted", "ulimits": {}, "shm_size": 0}
    project.service("web", image=f"{project.name}/web", build=build)

    failed = run(project, "build", "--push")

    assert failed.code == 1
    assert "the build failed" in failed.err
    assert {"0": "Step", "1": "RUN exit 1"}[builder] in failed.err
    assert "hush" not in failed.err


# ------------------------------------------------------------------ BuildKit alone

SECRETIVE = f"""
FROM {PROBE}
ARG API_KEY
RUN --mount=type=secret,id=own --mount=type=secret,id=key \\
    echo "$(wc -c < /run/secrets/own) $(wc -c < /run/secrets/key) ${{#API_KEY}}" > /said
"""


@pytest.fixture
def secrets(project):
    """Two secrets of the stack, of which one is a file."""
    (project.directory / "key").write_text("whisper-whisper", encoding="utf-8")
    return {"word": {"environment": "API_KEY"}, "key": {"file": "./key"}}


@pytest.mark.usefixtures("settings")
def test_secrets_are_handed_to_a_build_and_stay_secret(context, project, secrets):
    (context / "Dockerfile").write_text(SECRETIVE, encoding="utf-8")
    mounted = [{"source": "word", "target": "own"}, "key"]
    build = {"context": "./context", "args": {"API_KEY": "${API_KEY}"}, "secrets": mounted}
    web = {"image": f"{project.name}/web", "build": build, "command": ["sh", "-c", "cat /said; exec sleep 3600"]}
    project.write(services={"web": {**READY, **web}}, secrets=secrets)

    built = run(project, "-v", "build")
    (project.directory / "key").write_text("another", encoding="utf-8")
    again = run(project, "build", API_KEY="another-hush")
    project.settle()

    assert (built.code, again.code) == (0, 0), built.err
    assert b"9 15 9" in b"".join(project.engine.logs(project.container()))
    assert "1 up to date." in again.err
    assert not {word for word in ("hush", "whisper") if word in built.err + built.out}
    assert not {word for word in ("hush", "whisper") if word in json.dumps(image(project, f"{project.name}/web"))}


@pytest.mark.usefixtures("settings")
def test_a_secret_that_a_failing_build_prints_is_not_printed_by_us(context, project, secrets):
    shows = "RUN --mount=type=secret,id=word echo it is $(cat /run/secrets/word); exit 3"
    (context / "Dockerfile").write_text(f"FROM {PROBE}\n{shows}\n", encoding="utf-8")
    project.write(services={"web": {"build": {"context": "./context", "secrets": ["word"]}}}, secrets=secrets)

    failed = run(project, "build")

    assert failed.code == 1
    assert "it is (secret)" in failed.err
    assert "hush" not in failed.err + failed.out


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"PATH": "/nowhere"}, "install the Docker CLI's plugin buildx"), ({"DOCKER_BUILDKIT": "0"}, "unset that")],
)
def test_what_needs_buildkit_is_refused_without_it_with_its_place(context, project, secrets, changes, why):
    project.write(services={"web": {"build": {"context": str(context), "secrets": ["key"]}}}, secrets=secrets)

    valid, failed = run(project, "validate", **changes), run(project, "build", **changes)

    assert (valid.code, failed.code) == (0, 4), valid.err
    assert "stack.yaml:7:" in failed.err
    assert "services.web.build.secrets needs BuildKit:" in failed.err
    assert why in failed.err


def test_a_dockerfile_that_needs_buildkit_is_refused_without_it(context, project):
    (context / "Dockerfile").write_text(SECRETIVE, encoding="utf-8")
    project.service("web", build={"context": str(context)})

    failed = run(project, "build", PATH="/nowhere")

    assert failed.code == 1
    assert "requires BuildKit" in failed.err
    assert "install the Docker CLI's plugin buildx" in failed.err


@pytest.mark.usefixtures("settings")
def test_an_image_that_another_one_begins_with_is_built_first(context, project):
    if project.engine.api_version < (1, 42):
        pytest.skip("BuildKit in this engine knows no further contexts")
    base = project.directory / "base"
    base.mkdir()
    (base / "Dockerfile").write_text(f"FROM {PROBE}\nRUN echo one > /below\n", encoding="utf-8")
    (context / "Dockerfile").write_text("FROM below\nCOPY --from=more text /\n", encoding="utf-8")
    build = {"context": str(context), "additional_contexts": {"below": "service:base", "more": str(context)}}
    shows = ["sh", "-c", "cat /below /text; exec sleep 3600"]
    project.service("web", **READY, image=f"{project.name}/web", build=build, command=shows)
    project.service("base", **READY, image=f"{project.name}/base", build={"context": "./base"})

    built = run(project, "build", "web")
    (base / "Dockerfile").write_text(f"FROM {PROBE}\nRUN echo two > /below\n", encoding="utf-8")
    project.settle()

    assert built.code == 0, built.err
    assert b"".join(project.engine.logs(project.container())).split() == [b"two", b"one"]


@pytest.mark.usefixtures("context", "settings")
def test_what_the_builder_in_use_can_not_do_is_told_in_its_words(project):
    build = {"context": "./context", "target": "wanted", "cache_to": ["type=nowhere"]}
    project.service("web", image=f"{project.name}/web", build=build)

    failed = run(project, "build")

    assert failed.code == 1
    assert "the build failed: " in failed.err
    assert "cache" in failed.err.lower()


@pytest.mark.usefixtures("context", "settings")
def test_what_attests_to_an_image_is_for_registries_and_no_matter_for_the_engine(project):
    build = {"context": "./context", "target": "wanted", "provenance": True}
    project.service("web", image=f"127.0.0.1:1/{project.name}/web", build=build)

    built, pushed = run(project, "build"), run(project, "build", "--push")

    assert (built.code, pushed.code) == (0, 1), built.err
    assert "1 up to date." in pushed.err
    assert f"image 127.0.0.1:1/{project.name}/web can't be pushed: " in pushed.err


# ------------------------------------------------------------------ names and registries


@pytest.mark.usefixtures("builder")
def test_a_name_that_somebody_else_moved_is_moved_back(context, project):
    own, other = f"{project.name}/web:1", f"{project.name}/web:2"
    project.write(services={"web": {"image": own, "build": {**OPTIONS, "context": str(context), "tags": [other]}}})
    run(project, "build")
    first = image(project, own)["Id"]

    project.engine.tag(PROBE, other)
    tagged = run(project, "build")
    again = image(project, other)["Id"]
    project.engine.tag(PROBE, own)
    rebuilt = run(project, "build")

    assert (tagged.code, rebuilt.code) == (0, 0), rebuilt.err
    assert first == again
    assert image(project, own)["Id"] == image(project, other)["Id"] != image(project, PROBE)["Id"]


@pytest.mark.skipif(not shutil.which("docker-registry"), reason="no docker-registry here")
@pytest.mark.usefixtures("builder")
def test_push_sends_every_name_and_says_where_it_may_not(context, project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("registry")
    if buildx.is_there():
        buildx.give(folder)
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
    assert f"wants credentials\n     = help: log in with `docker login {registry}`" in missing.err
    assert "does not accept the credentials" in wrong.err
    assert "wrong-password" not in wrong.err + wrong.out
    assert PASSWORD not in right.err + right.out
    assert "Pushed" in right.err
    assert f"digest: {next(iter(digests))}" in right.err
    assert "has no `image`" in right.err
    assert len(digests) == 1


@pytest.mark.skipif(not shutil.which("docker-registry"), reason="no docker-registry here")
@pytest.mark.usefixtures("builder")
def test_push_takes_a_name_back_that_somebody_else_gave_away(context, project, tmp_path_factory):
    with a_registry(tmp_path_factory.mktemp("registry")) as registry:
        name = f"{registry}/{project.name}/web:1"
        project.write(services={"web": {"image": name, "build": {**OPTIONS, "context": str(context)}}})
        run(project, "build", "--push")

        project.engine.tag(PROBE, name)
        list(project.engine.push(name))
        theirs = project.engine.digest_in_registry(name)
        pushed = run(project, "build", "--push")
        ours = project.engine.digest_in_registry(name)

    assert pushed.code == 0, pushed.err
    assert f"{name} 1: digest: {ours}" in pushed.err
    assert ours != theirs


@pytest.mark.skipif(not shutil.which("docker-registry"), reason="no docker-registry here")
@pytest.mark.usefixtures("settings")
def test_all_platforms_and_attestations_are_pushed_and_the_engine_keeps_its_image(project, swept, tmp_path_factory):
    if not any("containerd.snapshotter" in kind for _, kind in project.engine.get("/info")["DriverStatus"]):
        pytest.skip("images of several platforms need an engine that keeps its images in containerd")
    swept.append(project.name)
    (project.directory / "context").mkdir()
    (project.directory / "context" / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n", encoding="utf-8")
    build = {"context": "./context", "platforms": ["linux/arm64", "linux/amd64"], "provenance": True}
    with a_registry(tmp_path_factory.mktemp("registry")) as registry:
        name, other = (f"{registry}/{project.name}/web:{tag}" for tag in (1, 2))
        project.write(services={"web": {"image": name, "build": {**build, "tags": [other]}}})

        built = run(project, "build")
        before = image(project, name)
        pushed = run(project, "build", "--push")
        found = [project.engine.get(f"/distribution/{each}/json") for each in (name, other)]

    assert (built.code, pushed.code) == (0, 0), built.err + pushed.err
    assert found[0] == found[1]
    assert {each["architecture"] for each in found[0]["Platforms"]} == {"amd64", "arm64", "unknown"}
    assert (before["Id"], before["Architecture"]) == (image(project, name)["Id"], "amd64")


def login(folder, registry, password):
    import base64

    told = base64.b64encode(f"{USER}:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {registry: {"auth": told}}}), encoding="utf-8")


def test_a_build_gets_the_proxies_of_the_config_file_and_another_proxy_is_no_other_input(
    context, project, builder, tmp_path, monkeypatch
):
    folder = Path(os.environ["DOCKER_CONFIG"]) if builder == "1" else tmp_path / "settings"
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    file = f"FROM {PROBE}\nRUN echo $$HTTP_PROXY $$no_proxy > /said; : {project.name}\n"  # no layer of another run
    declared = dict.fromkeys(("NO_PROXY", "no_proxy"), "db")
    build = {"context": str(context), "dockerfile_inline": file, "args": declared, "network": "none"}
    project.service("web", **READY, image=f"{project.name}/web", build=build)

    def proxied(port):
        said = {"proxies": {"default": {"httpProxy": f"http://127.0.0.1:{port}", "noProxy": "localhost"}}}
        (folder / "config.json").write_text(json.dumps(said), encoding="utf-8")
        return run(project, "build")

    first, second = proxied(9), proxied(8)

    assert "1 up to date." in second.err, first.err + second.err
    assert reconcile("apply", "--yes", cwd=project.directory).code == 0
    assert run(project, "exec", "-T", "web", "cat", "/said").out == "http://127.0.0.1:9 db\n"
