"""The files that a command line means: the real Compose CLI is asked the same."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from reconciler.config import Sources, commandline, printable
from reconciler.core.message.errors import ConfigError
from tests.kit.docker.compose import comparable, compose_cli

STACK = 'services: {a: {image: x, volumes: ["./data:/d"], environment: {V: "${V:-no}", W: "${W:-no}"}}}\n'
OVER = "services: {a: {environment: {O: here}}}\n"

CASES = {
    "another directory": ("-f deploy/s.yaml", {"deploy/s.yaml": STACK, ".env": "V=1", "deploy/.env": "V=2"}, {}),
    "absolute": ("-f {here}/deploy/s.yaml", {"deploy/s.yaml": STACK, "deploy/.env": "V=2"}, {}),
    "the first of several": ("-f a/s.yaml -f b/o.yaml", {"a/s.yaml": STACK, "b/o.yaml": OVER, "b/.env": "V=2"}, {}),
    "a given directory": (
        "--project-directory b -f a/s.yaml",
        {"a/s.yaml": STACK, "a/.env": "V=1", "b/.env": "V=2\nCOMPOSE_PROJECT_NAME=own"},
        {},
    ),
    "COMPOSE_FILE in .env": ("", {"s.yaml": STACK, "x/o.yaml": OVER, ".env": "COMPOSE_FILE=s.yaml:x/o.yaml\nV=1"}, {}),
    "COMPOSE_FILE outside": (
        "",
        {"x/s.yaml": STACK, ".env": "V=1", "x/.env": "V=2\nW=3"},
        {"COMPOSE_FILE": "x/s.yaml"},
    ),
    "both .env": ("", {"x/s.yaml": STACK, ".env": "COMPOSE_FILE=x/s.yaml\nV=1", "x/.env": "V=2\nW=3"}, {}),
    "COMPOSE_FILE and -f": ("-f s.yaml", {"s.yaml": STACK, "o.yaml": OVER}, {"COMPOSE_FILE": "o.yaml"}),
    "COMPOSE_FILE and compose.yaml": ("", {"compose.yaml": OVER, "s.yaml": STACK}, {"COMPOSE_FILE": "s.yaml"}),
    "separator": (
        "",
        {"s.yaml": STACK, "o.yaml": OVER, ".env": "COMPOSE_PATH_SEPARATOR=,\nCOMPOSE_FILE=s.yaml,o.yaml"},
        {},
    ),
    "COMPOSE_ENV_FILES": (
        "-f s.yaml",
        {"s.yaml": STACK, ".env": "V=1", "v.env": "V=2\nW=2", "w.env": "W=3"},
        {"COMPOSE_ENV_FILES": "v.env,w.env"},
    ),
    "--env-file and COMPOSE_ENV_FILES": (
        "--env-file w.env -f s.yaml",
        {"s.yaml": STACK, ".env": "V=1", "v.env": "V=2\nW=2", "w.env": "W=3"},
        {"COMPOSE_ENV_FILES": "v.env"},
    ),
    "COMPOSE_DISABLE_ENV_FILE": ("-f s.yaml", {"s.yaml": STACK, ".env": "V=1"}, {"COMPOSE_DISABLE_ENV_FILE": "1"}),
    "COMPOSE_DISABLE_ENV_FILE in .env": (
        "-f s.yaml",
        {"s.yaml": STACK, ".env": "V=1\nCOMPOSE_DISABLE_ENV_FILE=true\nCOMPOSE_PROJECT_NAME=own"},
        {},
    ),
    "not disabled": ("-f s.yaml", {"s.yaml": STACK, ".env": "V=1"}, {"COMPOSE_DISABLE_ENV_FILE": "false"}),
    "profiles in .env": (
        "-f s.yaml",
        {"s.yaml": STACK + "  \n", "o.yaml": "services: {b: {image: y, profiles: [p]}}", ".env": "COMPOSE_PROFILES=p"},
        {"COMPOSE_FILE": "ignored"},
    ),
    "compose.yaml with its override": ("", {"compose.yaml": STACK, "compose.override.yaml": OVER}, {}),
    "compose.yml": ("", {"compose.yml": STACK, "compose.override.yml": OVER}, {}),
    "docker-compose.yaml": ("", {"docker-compose.yaml": STACK, "docker-compose.override.yaml": OVER}, {}),
    "docker-compose.yml": ("", {"docker-compose.yml": STACK, "docker-compose.override.yml": OVER}, {}),
    "an override of the other kind": ("", {"docker-compose.yml": STACK, "compose.override.yaml": OVER}, {}),
    "the first of the usual": ("", {"compose.yaml": STACK, "docker-compose.yml": OVER}, {}),
    "of the two old ones": ("", {"docker-compose.yaml": OVER, "docker-compose.yml": STACK}, {}),
    "no override with -f": ("-f compose.yaml", {"compose.yaml": STACK, "compose.override.yaml": OVER}, {}),
    "through a link": ("-f link/s.yaml", {"real/s.yaml": STACK, "real/.env": "V=1"}, {}),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    def made(files):
        here = tmp_path / "here"
        here.mkdir()
        for name, text in files.items():
            (here / name).parent.mkdir(parents=True, exist_ok=True)
            (here / name).write_text(text, encoding="utf-8")
        (here / "b").mkdir(exist_ok=True)
        (here / "link").symlink_to("real")
        monkeypatch.chdir(here)
        return here

    return made


def ours(arguments, environment, here):
    """The document of a command line, as `reconcile config` prints it."""
    words = arguments.format(here=here).split()
    given = {"-f": [], "--env-file": [], "--project-directory": []}
    for option, value in zip(words[::2], words[1::2], strict=True):
        given[option].append(Path(value))
    directory = next(iter(given["--project-directory"]), None)
    found = commandline.find(
        tuple(given["-f"]), (), directory=directory, env_files=tuple(given["--env-file"]), environment=environment
    )
    sources = Sources(found.directory, found.stack, env_files=found.env_files, environment=found.environment)
    return comparable(printable(sources, show_secrets=True).model)


@pytest.mark.skipif(compose_cli() is None, reason="no Compose CLI is installed")
@pytest.mark.parametrize(("arguments", "files", "variables"), CASES.values(), ids=CASES)
def test_the_same_files_are_meant_as_by_compose(folder, arguments, files, variables):
    here = folder(files)
    environment = {"HOME": "/home/somebody", "PATH": os.environ["PATH"], "PWD": str(here), **variables}

    theirs = subprocess.run(
        [compose_cli(), *arguments.format(here=here).split(), "config", "--format", "json"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert ours(arguments, environment, here) == comparable(json.loads(theirs.stdout))


def test_a_directory_behind_a_link_keeps_the_name_of_the_link(folder, monkeypatch):
    here = folder({"real/compose.yaml": STACK})
    monkeypatch.chdir(here / "link")

    model = ours("", {"PWD": str(here / "link")}, here)

    assert model["services"]["a"]["volumes"][0]["source"] == str(here / "link" / "data")
    assert model["name"] == "link"


def test_a_folder_of_the_environment_that_is_another_one_counts_for_nothing(folder):
    here = folder({"compose.yaml": STACK})

    assert commandline.working_directory({"PWD": "/"}) == here


@pytest.mark.parametrize(
    ("there", "stack", "users"),
    [
        ((), (), ()),
        (("stack.yaml", "compose.yaml", "users.yaml"), ("stack.yaml",), ("users.yaml",)),
        (("compose.yaml", "users.yaml"), ("compose.yaml",), ("users.yaml",)),
        (("users.yaml", "../compose.yaml"), (), ("users.yaml",)),
    ],
)
def test_the_usual_files(folder, there, stack, users):
    here = folder(dict.fromkeys(there, "{}"))

    found = commandline.find((), (), directory=None, env_files=(), environment={})

    assert (found.stack, found.users) == (tuple(here / n for n in stack), tuple(here / n for n in users))


@pytest.mark.parametrize("half", [0, 1], ids=["-f", "-u"])
def test_one_half_that_is_named_is_the_only_one(folder, half):
    folder({"stack.yaml": STACK, "users.yaml": "{}", "own.yaml": STACK})
    named = [(), ()]
    named[half] = (Path("own.yaml"),)

    found = commandline.find(*named, directory=None, env_files=(), environment={})

    assert [len(found.stack), len(found.users)] == [1 - half, half]


def test_env_files_that_dotenv_names_are_read_besides_it(folder):
    here = folder({"stack.yaml": STACK, ".env": "V=1\nCOMPOSE_ENV_FILES=v.env", "v.env": "W=2"})

    assert ours("", {}, here)["services"]["a"]["environment"] == {"V": "1", "W": "2"}


def test_a_switch_is_true_or_false(folder):
    folder({"stack.yaml": STACK})

    with pytest.raises(ConfigError, match="`maybe` is neither true nor false"):
        commandline.find((), (), directory=None, env_files=(), environment={"COMPOSE_DISABLE_ENV_FILE": "maybe"})


def test_what_env_files_say_to_compose_itself_counts_as_if_the_environment_had_it(folder):
    folder(
        {"s.yaml": STACK, ".env": "COMPOSE_COMPATIBILITY=1\nDOCKER_DEFAULT_PLATFORM=linux/arm64\nDOCKER_HOST=tcp://x"}
    )

    found = commandline.find((Path("s.yaml"),), (), directory=None, env_files=(), environment={"A": "b"})

    assert found.environment == {"COMPOSE_COMPATIBILITY": "1", "DOCKER_DEFAULT_PLATFORM": "linux/arm64", "A": "b"}
