"""``reconcile init``: secrets where they are missing, in a file that only their owner can read."""

from __future__ import annotations

import stat
from functools import partial

import pytest

from tests.kit.cli import called
from tests.kit.docker.memory import MemoryEngine, served

STACK = "x-reconcile: {secrets: [A_KEY, B_KEY]}\nservices: {web: {image: nginx, environment: [A_KEY, B_KEY]}}\n"


@pytest.fixture
def init(monkeypatch, capsys, tmp_path):
    with served(MemoryEngine()) as url:
        yield partial(called, monkeypatch, capsys, "init", cwd=tmp_path, env={"DOCKER_HOST": url})


def settings(folder):
    lines = (folder / ".env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_missing_secrets_are_generated_for_their_owner_alone(init, tmp_path):
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")

    ran = init()

    assert (ran.code, ".env: created; 2 secrets generated." in ran.err) == (0, True)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert {name: len(value) for name, value in settings(tmp_path).items()} == {"A_KEY": 64, "B_KEY": 64}
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == ".env\n"


def test_what_is_there_stays(init, tmp_path):
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    (tmp_path / ".env").write_text("A_KEY=mine\n", encoding="utf-8")
    (tmp_path / ".gitignore").write_text("/.env\n", encoding="utf-8")

    assert ".env: completed; 1 secret generated." in init().err
    first = settings(tmp_path)
    assert ".env is already complete." in init().err

    assert settings(tmp_path) == first
    assert first["A_KEY"] == "mine"
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == "/.env\n"


def test_without_declared_secrets_nothing_is_written(init, tmp_path):
    (tmp_path / "stack.yaml").write_text("services: {web: {image: nginx}}\n", encoding="utf-8")

    ran = init()

    assert (ran.code, ran.err) == (0, "No secrets are declared; there is nothing to write.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["stack.yaml"]
