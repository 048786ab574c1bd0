"""A project that is as declared, on an engine in memory."""

from __future__ import annotations

from functools import partial

import pytest

from reconciler.run.clock import RealClock
from tests.kit.cli import called
from tests.kit.docker.memory import PROJECT, MemoryEngine, served

STACK = 'services: {web: {image: "app:1", mem_limit: 64m}, db: {image: "app:1"}}\n'


@pytest.fixture
def engine():
    made = MemoryEngine(clock=RealClock())
    made.image("app:1")
    return made


@pytest.fixture
def reconcile(engine, tmp_path, monkeypatch, capsys):
    """Gives a function that runs `reconcile …` in the project's folder."""
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    with served(engine) as url:
        env = {"DOCKER_HOST": url, "COMPOSE_PROJECT_NAME": PROJECT}
        run = partial(called, monkeypatch, capsys, "--state-directory", tmp_path / "state", cwd=tmp_path, env=env)
        assert run("apply", "--yes").code == 0
        yield run
