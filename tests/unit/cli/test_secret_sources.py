"""`x-reconcile.secrets.NAME.from` on the command line: the value reaches containers, and nothing that is printed."""

from __future__ import annotations

from functools import partial

import pytest

from tests.kit.cli import called
from tests.kit.docker.memory import MemoryEngine, served

STACK = """name: p
x-reconcile:
  secrets:
    FROM_FILE:
      from: {file: '${FOLDER}/password'}
    FROM_COMMAND:
      from: {command: [sh, -c, 'echo asked >>asked; printf %s "$$GIVEN"']}
    MADE:
services:
  web: {image: 'app:1', environment: {A: '${FROM_FILE}', B: 'x-${FROM_COMMAND:?none}', C: '${MADE}'}}
"""
SECRET, OTHER = "out-of-a-file", "out-of-a-command"


@pytest.fixture
def world(tmp_path, monkeypatch, capsys):
    engine = MemoryEngine()
    engine.image("app:1", Healthcheck={"Test": ["CMD", "well"]})
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/password").write_text(f"{SECRET}\n", encoding="utf-8")
    with served(engine) as url:
        env = {"DOCKER_HOST": url, "FOLDER": "folder", "GIVEN": OTHER}
        yield tmp_path, partial(called, monkeypatch, capsys, cwd=tmp_path, env=env)


def environment(ran):
    lines = [line.strip() for line in ran.out.splitlines() if line.startswith("      ")]
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def test_values_of_sources_reach_the_containers_and_are_hidden(world):
    folder, run = world

    shown = run("config", "--show-secrets")
    assert (environment(shown)["A"], environment(shown)["B"]) == (SECRET, f"x-{OTHER}")
    for command in (["config"], ["diff"], ["diff", "--format", "json"]):
        ran = run(*command)
        assert SECRET not in ran.out + ran.err
        assert OTHER not in ran.out + ran.err
    assert not (folder / ".env").exists()


def test_an_init_generates_only_what_has_no_source(world):
    folder, run = world

    assert run("init").code == 0

    lines = (folder / ".env").read_text(encoding="utf-8").splitlines()
    assert [line.partition("=")[0] for line in lines if "=" in line] == ["MADE"]


def test_the_list_tells_the_source_and_asks_none(world):
    folder, run = world

    ran = run("secrets", "list")

    assert ran.code == 0, ran.err
    assert "FROM_FILE  set in its source (file)" in ran.out
    assert "FROM_COMMAND  set in its source (command)" in ran.out
    assert not (folder / "asked").exists()


def test_a_validation_asks_no_source(world):
    folder, run = world
    (folder / "folder/password").unlink()

    assert run("validate").code == 0
    assert not (folder / "asked").exists()


def test_a_diff_asks_each_source_once(world):
    folder, run = world

    assert run("diff").code == 2
    assert (folder / "asked").read_text(encoding="utf-8") == "asked\n"


def test_the_environment_wins_and_then_the_source_is_not_asked(world, monkeypatch):
    folder, run = world
    monkeypatch.setenv("FROM_COMMAND", "mine")

    assert environment(run("config", "--show-secrets"))["B"] == "x-mine"
    assert not (folder / "asked").exists()


def test_a_source_wins_over_the_env_file(world):
    folder, run = world
    (folder / ".env").write_text("FROM_FILE=old\nMADE=made\n", encoding="utf-8")

    assert environment(run("config", "--show-secrets"))["A"] == SECRET


def test_a_source_that_gives_nothing_is_an_error_with_its_line(world):
    folder, run = world
    (folder / "folder/password").unlink()

    ran = run("diff")

    assert ran.code == 65
    assert "stack.yaml:5:7: FROM_FILE can't be read from its source" in ran.err
    assert "check the path" in ran.err
    (folder / "folder/password").write_text("\n", encoding="utf-8")
    assert "it gives an empty text" in run("diff").err


def test_a_source_of_another_form_is_reported_by_the_schema(world):
    folder, run = world
    for wrong in ("{fil: x}", "{file: x, command: [y]}", "{}", "{vault: {path: a}}"):
        (folder / "stack.yaml").write_text(STACK.replace("{file: '${FOLDER}/password'}", wrong), encoding="utf-8")

        ran = run("validate")

        assert (ran.code, "stack.yaml:5" in ran.err) == (65, True), (wrong, ran.err)


@pytest.mark.parametrize(
    "source",
    [
        "{command: [id]}",
        "{file: ../x}",
        "{age: {path: x, identity: ~/key}}",
        "{sops: {path: /etc/x, key: a}}",
        "{vault: {path: a, key: b, token_file: ../x}}",
        "{vault: {path: a, key: b, address: 'http://example.com'}}",
    ],
)
def test_a_policy_of_paths_allows_no_command_and_nothing_outside(world, source):
    folder, run = world
    text = STACK.replace("{file: '${FOLDER}/password'}", source)
    (folder / "stack.yaml").write_text(text.replace("  secrets:\n", "  policy: {paths: project}\n  secrets:\n", 1))

    ran = run("diff")

    assert ran.code == 65
    assert "stack.yaml:6:7: FROM_FILE can't be read from its source" in ran.err
    assert not (folder / "asked").exists()


def test_a_secret_with_a_source_is_not_rotated(world):
    _, run = world

    ran = run("secrets", "rotate", "FROM_FILE", "--yes")

    assert ran.code == 1
    assert "FROM_FILE comes from its source (file)" in ran.err
