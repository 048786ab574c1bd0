"""Builds with BuildKit: when, and what the plugin is told. Here it is a script that writes down what it was told."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.core.message.errors import Rejected
from reconciler.core.plan.plan import Step
from reconciler.core.provider import Done
from reconciler.core.resource.values import Secret
from reconciler.providers.docker.build import buildx
from reconciler.providers.docker.expand import expand
from tests.kit.build import address
from tests.kit.docker.memory import MemoryEngine, a_provider, a_reconciler, a_stack

DOCS = Path(__file__).parents[5] / "docs" / "compose.md"
NEW, OLD = (1, 51), (1, 41)
SCRIPT = f"""#!{sys.executable}
import json, os, sys, time
with open(os.environ["TOLD"], "a") as told:
    told.write(json.dumps([sys.argv[1:], dict(os.environ), "" if "version" in sys.argv else sys.stdin.read()]) + "\\n")
if "version" not in sys.argv:
    print(os.environ.get("SAYS", "#1 DONE"), flush=True)
    time.sleep(float(os.environ.get("TAKES_S", "0")))
    sys.exit(int(os.environ.get("ENDS_WITH", "0")))
"""


@pytest.fixture
def plugin(tmp_path):
    """The environment in which the plugin is there."""
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(SCRIPT, encoding="utf-8")
    docker.chmod(0o755)
    return {"PATH": str(docker.parent), "TOLD": str(tmp_path / "told")}


@pytest.fixture
def context(tmp_path):
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    return folder


def told(environment):
    """Arguments, environment and input of the last call."""
    return json.loads(Path(environment["TOLD"]).read_text(encoding="utf-8").splitlines()[-1])


def build(engine, environment, built, **args):
    provider = a_provider(engine)
    provider.engine._environment = environment
    step = Step(
        "s", address("docker.image/web"), "image.build", {"reference": "web:1", "build": built, "needs": (), **args}
    )
    return provider.perform(step)


# ------------------------------------------------------------------ which builder


@pytest.mark.parametrize(
    ("built", "changes", "api", "why"),
    [
        ({}, {}, NEW, ""),
        ({}, {"PATH": "/nowhere"}, NEW, "install the Docker CLI's plugin buildx (the package docker-buildx"),
        ({}, {"DOCKER_BUILDKIT": "0"}, NEW, "DOCKER_BUILDKIT=0 forbids it"),
        ({}, {"DOCKER_BUILDKIT": "False"}, NEW, "DOCKER_BUILDKIT=0 forbids it"),
        ({}, {"DOCKER_BUILDKIT": "1"}, NEW, ""),
        ({"network": "host"}, {}, NEW, ""),
        ({"network": "own"}, {}, NEW, "the build has the `network` own, which only the engine's classic builder has"),
        ({"labels": {"a": Secret("b")}}, {}, NEW, "a secret in `labels`"),
        ({"labels": {"a": "b"}}, {}, NEW, ""),
        ({"shm_size": "1m"}, {}, NEW, ""),
        ({"shm_size": "1m", "ulimits": {"nofile": 9}}, {}, OLD, "`shm_size` on an engine before Docker 23.0 and"),
    ],
)
def test_buildkit_builds_where_it_can(built, changes, api, why, plugin):
    found = buildx.obstacle(built, {**plugin, **changes}, api)

    assert why in found
    assert bool(why) is bool(found)


@pytest.mark.parametrize(
    ("attributes", "needed"),
    [
        ("{}", []),
        ("{cache_from: [a:1], platforms: [linux/amd64], provenance: false, sbom: false, ssh: []}", []),
        ("{cache_from: ['type=registry,ref=a']}", ["cache_from"]),
        ("{platforms: [linux/amd64, linux/arm64]}", ["platforms"]),
        ("{provenance: mode=max, sbom: true}", ["provenance", "sbom"]),
        ("{secrets: [s], ssh: [default], privileged: true}", ["privileged", "secrets", "ssh"]),
    ],
)
def test_an_attribute_that_needs_buildkit_is_known_with_its_place(attributes, needed, tmp_path):
    text = f"services: {{web: {{build: {{context: ., <<: {attributes}}}}}}}\nsecrets: {{s: {{file: ./s}}}}\n"

    image = next(each for each in expand(a_stack(text, tmp_path)) if each.address.kind == "docker.image")

    found = image.spec.get("needs", [])
    assert [need["path"] for need in found] == [f"services.web.build.{each}" for each in needed]
    assert all("stack.yaml:1:" in need["at"] for need in found)


def test_what_needs_buildkit_is_not_built_without_it(context):
    engine = MemoryEngine()
    needs = [{"path": "services.web.build.secrets", "at": "stack.yaml:4:7"}]

    with pytest.raises(
        Rejected, match="^stack.yaml:4:7: services.web.build.secrets needs BuildKit: install the Docker"
    ):
        build(engine, {}, {"context": str(context)}, needs=needs)

    assert engine.writes == []


def test_a_look_says_what_can_not_be_built_and_where_that_is_declared(tmp_path):
    (tmp_path / "s").write_text("x")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    text = "services:\n  web:\n    build: {context: ., secrets: [s]}\nsecrets: {s: {file: ./s}}\n"

    told = a_reconciler(a_stack(text, tmp_path), MemoryEngine()).look().plan.obstacles

    assert [(each.origin.line, each.message.partition(":")[0]) for each in told] == [
        (3, "services.web.build.secrets needs BuildKit")
    ]


def test_without_the_plugin_the_engine_builds(context):
    engine = MemoryEngine()

    build(engine, {}, {"context": str(context)})

    assert engine.writes == ["BUILD web:1"]


def test_a_dockerfile_that_needs_buildkit_is_told_what_to_install(context):
    engine = MemoryEngine()
    engine.build = lambda **_: iter([{"error": "the --mount option requires BuildKit. Refer to …"}])

    with pytest.raises(Rejected, match="requires BuildKit. Refer to …: install the Docker CLI's plugin buildx"):
        build(engine, {}, {"context": str(context)})


def test_the_docs_list_what_needs_buildkit():
    rows = DOCS.read_text(encoding="utf-8").partition("| which | attribute |\n|---|---|\n")[2].partition("\n\n")[0]

    assert [row.rpartition(".")[2].strip("` |") for row in rows.splitlines()] == list(buildx.NEEDED)


# ------------------------------------------------------------------ what it is told

FULL = {
    "args": {"WORD": "hello", "NOTHING": None, "TOKEN": Secret("hush-hush")},
    "labels": {"which": "this"},
    "secrets": [{"id": "in,side", "content": Secret("hush-hush")}, {"id": "file", "file": "/a,b"}],
    "ssh": ["default", "other=/key"],
    "additional_contexts": {"base": "docker-image://base:1"},
    "cache_from": ["type=local,src=/c"],
    "cache_to": ["type=inline"],
    "entitlements": ["network.host"],
    "privileged": True,
    "extra_hosts": ["friend=127.0.0.9"],
    "network": "none",
    "target": "wanted",
    "shm_size": "8m",
    "ulimits": {"nofile": {"soft": 1, "hard": 2}},
    "no_cache": True,
    "no_cache_filter": ["stage"],
    "pull": True,
    "platforms": ("linux/amd64", "linux/arm64"),
    "provenance": "mode=max",
    "sbom": "true",
}
ALWAYS = [
    *("--label=which=this", "--label=reconcile.build.inputs=digest", "--build-context=base=docker-image://base:1"),
    *(
        "--cache-from=type=local,src=/c",
        "--cache-to=type=inline",
        "--allow=network.host",
        "--add-host=friend:127.0.0.9",
    ),
    *("--network=none", "--allow=security.insecure", "--shm-size=8388608", "--ssh=default", "--ssh=other=/key"),
    *("--target=wanted", "--ulimit=nofile=1:2", "--build-arg=WORD=hello", "--build-arg=TOKEN"),
    *(
        '--secret="id=in,side",env=RECONCILE_BUILD_SECRET_0',
        '--secret=id=file,"src=/a,b"',
        "--file=/c/Dockerfile",
        "/c",
    ),
]


def test_an_image_is_loaded_into_the_engine_for_one_platform():
    call = buildx.loading({"context": "/c", **FULL}, "web:1", "digest", "linux/amd64")

    how = ["--no-cache=true", "--no-cache-filter=stage", "--pull=true", "--platform=linux/amd64"]
    assert list(call.arguments) == ["--load", "--tag=web:1", *how, *ALWAYS]
    assert call.secrets == {"TOKEN": Secret("hush-hush"), "RECONCILE_BUILD_SECRET_0": Secret("hush-hush")}


def test_what_is_published_is_what_was_built_for_all_platforms_with_its_attestations():
    call = buildx.publishing({"context": "/c", **FULL}, ["web:1", "web:2"], "digest")

    own = ["--tag=web:1", "--tag=web:2", "--platform=linux/amd64", "--platform=linux/arm64"]
    assert list(call.arguments) == [
        "--output=type=image,push=true,store=false",
        *own,
        "--provenance=mode=max",
        "--sbom=true",
        *ALWAYS,
    ]


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({}, False),
        ({"platforms": ("linux/amd64",), "provenance": "false"}, False),
        ({"platforms": ("linux/amd64", "linux/arm64")}, True),
        ({"provenance": "mode=min"}, True),
        ({"sbom": "true"}, True),
    ],
)
def test_what_the_engine_has_all_of_is_pushed_by_the_engine(attributes, said):
    assert buildx.is_published(attributes) is said


def test_the_image_of_another_service_is_a_context_and_built_first(tmp_path):
    text = """
services:
  base: {build: {context: ./base}}
  web: {build: {context: ./web, additional_contexts: {below: "service:base"}}}
"""
    found = {str(each.address): each for each in expand(a_stack(text, tmp_path))}

    web = found["docker.image/p-web"]
    assert [str(needed) for needed in web.after] == ["docker.image/p-base"]
    assert web.spec["build"]["additional_contexts"] == {"below": "docker-image://p-base"}
    assert web.spec["build"]["bases"]["below"]["context"] == str(tmp_path / "base")


# ------------------------------------------------------------------ how it is run


def test_secrets_are_in_the_environment_and_nowhere_else(context, plugin):
    built = {"context": str(context), **{key: FULL[key] for key in ("args", "secrets")}}

    assert build(MemoryEngine(), plugin, built) == Done()

    arguments, environment, _ = told(plugin)
    assert arguments[:3] == ["buildx", "build", "--progress=plain"]
    assert "hush" not in json.dumps(arguments)
    assert environment["TOKEN"] == environment["RECONCILE_BUILD_SECRET_0"] == "hush-hush"
    assert environment["BUILDX_NO_DEFAULT_ATTESTATIONS"] == "1"


def test_a_dockerfile_in_the_stack_file_is_read_by_the_plugin(context, plugin):
    build(MemoryEngine(), plugin, {"context": str(context), "dockerfile_inline": "FROM a\n"})

    arguments, _, text = told(plugin)
    assert arguments[-2:] == ["--file=-", str(context)]
    assert text == "FROM a\n"


@pytest.mark.parametrize("name", ["PATH", "DOCKER_CONFIG", "BUILDX_BUILDER", "LD_PRELOAD"])
def test_a_secret_argument_never_becomes_a_setting_of_the_cli(name, context, plugin):
    built = {"context": str(context), "args": {name: Secret("hush-hush")}}

    with pytest.raises(Rejected, match=f"argument {name} is a secret, and the Docker CLI would take it for its own"):
        build(MemoryEngine(), plugin, built)


@pytest.mark.parametrize(
    ("says", "message"),
    [
        (
            "#5 0.1 a word\n\nERROR: failed to build: failed to solve: no such file\n\nSee more",
            "no such file See more; its",
        ),
        (
            "#5 0.1 a word\nERROR: failed to solve: it ended with 3",
            "it ended with 3; its last lines:\n    #5 0.1 a word",
        ),
        ("unknown flag: --some", "unknown flag: --some; its last lines"),
    ],
)
def test_a_build_that_fails_shows_the_error_and_the_last_lines(says, message, context, plugin):
    with pytest.raises(Rejected) as raised:
        build(MemoryEngine(), {**plugin, "SAYS": says, "ENDS_WITH": "1"}, {"context": str(context)})

    assert f"the build failed: {message}" in str(raised.value)


def test_a_plugin_that_can_not_be_run_is_told_of(context, plugin):
    too_long = {"context": str(context), "args": {"TOKEN": Secret("x" * 200_000)}}

    with pytest.raises(Rejected, match="`docker buildx build` can't be run: Argument list too long"):
        build(MemoryEngine(), plugin, too_long)


def test_a_build_that_nobody_waits_for_is_ended(context, plugin):
    environment = {**plugin, "TAKES_S": "600"}
    call = buildx.loading({"context": str(context)}, "web:1", "digest", "")

    with closing(buildx.run(call, environment)) as lines:
        assert next(lines) == "#1 DONE"
