"""The program's answers to a wrong command line, and its help."""

from __future__ import annotations

import re
import subprocess
from functools import partial
from pathlib import Path

import pytest

from reconciler.cli.examples import EXAMPLES
from reconciler.cli.main import ALIASES, COMMANDS, cli
from tests.kit.cli import called, command, environment

ROOT = Path(__file__).parents[3]
STACK = "services: {web: {image: nginx}}\n"


@pytest.fixture
def reconcile(monkeypatch, capsys):
    return partial(called, monkeypatch, capsys)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    return tmp_path


def test_without_a_command_the_help_is_shown(reconcile, tmp_path):
    ran, asked = reconcile(cwd=tmp_path), reconcile("--help", cwd=tmp_path)

    assert (ran.code, ran.out.strip(), ran.err) == (0, asked.out.strip(), "")


def test_help_lists_every_command_with_what_it_does(reconcile, tmp_path):
    ran = reconcile("--help", cwd=tmp_path)

    assert ran.code == 0
    words = " ".join(ran.out.split())
    assert all(f"{name} {text}" in words for name, text in COMMANDS.items())


@pytest.mark.parametrize("name", [*COMMANDS, *ALIASES])
def test_every_command_has_help(reconcile, name, tmp_path):
    ran = reconcile(name, "--help", cwd=tmp_path)

    assert ran.code == 0
    assert "Usage: reconcile" in ran.out
    assert "Examples:\n" in ran.out


@pytest.mark.parametrize("example", [each for name in EXAMPLES for each in EXAMPLES[name]])
def test_every_example_has_only_options_that_there_are(example):
    for line in example.split(" && "):
        name, *arguments = line.partition(" >")[0].split()
        assert name == "reconcile"
        with cli.make_context("reconcile", arguments) as context:
            found, command, rest = cli.resolve_command(context, [*context._protected_args, *context.args])
            parsed = command.make_context(found, rest, parent=context)
        assert parsed.command is command


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["dif"], "did you mean `diff`?"),
        (["--nope"], "`reconcile` has no option `--nope`"),
        (["diff", "--format", "xml"], "--format: `xml` is not known"),
        (["permissions"], "without a users file nothing in Keycloak is declared"),
        (["permissions", "--patterns"], "--patterns is a form of --docker"),
        (["access"], "without a users file nothing is declared\n     = help: name one with -u, or use --live"),
        (["access", "--live"], "without a users file no realm is named"),
        (["--project-directory", "no-such", "diff"], "--project-directory: there is no folder `no-such`"),
        (
            ["diff", "--target", "redis"],
            "nothing is named `redis`\n     = help: expected KIND/NAME, or ",
        ),
        (["schema"], "`reconcile schema` needs stack or users"),
        (["daemon", "--interval", "0"], "--interval: `0` is too short"),
        (["apply", "--max-delete", "-4"], "--max-delete: `-4` is too small"),
        (["down", "--allow-disrupt", "web/x"], "is not a valid address\n     = help: expected KIND/NAME"),
    ],
)
def test_wrong_usage_is_64_and_says_what_is_wrong(reconcile, folder, arguments, says):
    ran = reconcile(*arguments, cwd=folder)

    assert ran.code == 64
    assert says in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("name", ["validate", "diff", "apply", "status", "config", "down", "logs", "init", "daemon"])
def test_without_files_there_is_nothing_to_do(reconcile, tmp_path, name):
    ran = reconcile(name, cwd=tmp_path)

    assert ran.code == 64
    assert f"neither stack.yaml nor users.yaml in {tmp_path}" in ran.err


@pytest.mark.parametrize("name", ["validate", "diff", "apply", "status", "config", "down", "logs"])
def test_wrong_files_are_65_whatever_the_command(reconcile, tmp_path, name):
    (tmp_path / "stack.yaml").write_text("services:\n  web:\n    imagee: nginx\n", encoding="utf-8")

    ran = reconcile(name, cwd=tmp_path)

    assert ran.code == 65
    assert "stack.yaml:3:5: " in ran.err
    assert "did you mean `image`?" in ran.err
    assert "Traceback" not in ran.err


def test_a_file_that_is_not_there_is_65(reconcile, tmp_path):
    ran = reconcile("-f", "nope.yaml", "validate", cwd=tmp_path)

    assert ran.code == 65
    assert "nope.yaml" in ran.err


def test_validate_says_what_it_checked(reconcile, folder):
    ran = reconcile("validate", cwd=folder)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "stack.yaml: valid, 3 resources.\n"


@pytest.mark.parametrize(
    ("profiles", "says"),
    [
        (["nope"], "no service has the profile `nope`"),
        (["debgu"], "no service has the profile `debgu`\n"),
        (["debug"], ""),
        (["*"], ""),
    ],
)
def test_a_profile_that_no_service_has_is_a_warning(reconcile, tmp_path, profiles, says):
    stack = "services: {a: {image: nginx}, b: {image: nginx, profiles: [debug]}}\n"
    (tmp_path / "stack.yaml").write_text(stack, encoding="utf-8")
    options = [option for name in profiles for option in ("--profile", name)]

    ran = reconcile(*options, "validate", cwd=tmp_path)

    assert ran.code == 0
    assert (f"]: stack.yaml:1:1: {says}" in ran.err) if says else ran.err == ""
    assert ("= help: did you mean `debug`?" in ran.err) == (profiles == ["debgu"])


def test_options_may_come_from_the_environment(reconcile, tmp_path):
    (tmp_path / "other.yaml").write_text(STACK, encoding="utf-8")

    ran = reconcile("validate", cwd=tmp_path, env={"RECONCILE_FILE": "other.yaml"})

    assert ran.out == "other.yaml: valid, 3 resources.\n"


@pytest.mark.parametrize("name", ["diff", "apply", "status", "down", "logs"])
def test_an_engine_that_does_not_answer_is_69(reconcile, folder, name):
    ran = reconcile(name, cwd=folder, env={"DOCKER_HOST": "unix:///nowhere.sock"})

    assert ran.code == 69
    assert "there is no Docker engine at /nowhere.sock" in ran.err
    assert "Traceback" not in ran.err


def test_a_keycloak_that_does_not_answer_is_69(reconcile, tmp_path):
    (tmp_path / "users.yaml").write_text(
        "realm: r\nx-reconcile:\n  connection: {url: 'http://127.0.0.1:1', auth: {username: a, password: b}}\n",
        encoding="utf-8",
    )

    ran = reconcile("diff", cwd=tmp_path)

    assert ran.code == 69
    assert "127.0.0.1:1" in ran.err


def test_a_reader_that_goes_away_is_no_difference(folder):
    with subprocess.Popen(
        command(["schema", "stack"]), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder, env=environment()
    ) as process:
        process.stdout.close()
        error = process.stderr.read()
    assert process.returncode == 141
    assert error == b""


UNKNOWN_NAMES = {
    "a service to build": ("build", "wbe"),
    "a user": ("access", "--user", "alise"),
    "a client": ("access", "--client", "nope"),
    "a realm": ("access", "--realm", "shp"),
    "an address": ("--state-directory", "state", "pause", "docker.container/wbe"),
}


@pytest.mark.parametrize("called_as", UNKNOWN_NAMES.values(), ids=list(UNKNOWN_NAMES))
def test_every_name_that_there_is_not_has_one_code_and_a_remedy_of_its_sort(reconcile, called_as, folder):
    (folder / "stack.yaml").write_text(
        "x-reconcile: {secrets: [TOKEN]}\nservices: {web: {image: nginx, build: .}}\n", encoding="utf-8"
    )
    (folder / "Dockerfile").write_text("FROM nginx\n", encoding="utf-8")
    (folder / "users.yaml").write_text("realm: shop\nusers: [{username: alice}]\n", encoding="utf-8")

    ran = reconcile(*called_as, cwd=folder)

    assert (ran.code, "error[RC0103]" in ran.err) == (64, True), ran.err
    assert "service may be named" not in ran.err or called_as[0] != "access"


def test_no_unknown_name_is_raised_as_an_error_of_another_sort():
    """`raise ReconcileError("there is no …")` would have the exit code and the advice of something else."""
    wrong = re.compile(r"raise ReconcileError\(\s*f?\"(no |there is no|nothing is|unknown )")
    files = [path for path in (ROOT / "reconciler").rglob("*.py") if wrong.search(path.read_text(encoding="utf-8"))]

    assert [path.name for path in files] == ["pause.py"]  # the place of a file, which is no name
