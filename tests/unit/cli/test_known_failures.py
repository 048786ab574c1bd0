"""A plan with a step that is known to fail is shown as refused: an apply of it would do nothing."""

from __future__ import annotations

import json
from functools import partial

import pytest

from reconciler.cli.diff import FORMATS
from tests.kit.cli import called
from tests.kit.docker.memory import PROJECT, MemoryEngine, served

STACK = 'services: {web: {image: "app:1"}, lost: {image: "other:1", pull_policy: never}}\n'
WHY = "`pull_policy: never`"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    engine = MemoryEngine()
    engine.image("app:1")
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    with served(engine) as url:
        env = {"DOCKER_HOST": url, "COMPOSE_PROJECT_NAME": PROJECT}
        yield partial(called, monkeypatch, capsys, cwd=tmp_path, env=env)


@pytest.mark.parametrize("form", FORMATS)
def test_diff_shows_in_every_format_that_apply_refuses(run, form):
    ran = run("diff", "--format", form)

    assert ran.code == 2
    assert "refus" in ran.out
    assert WHY in ran.out
    assert "does exactly this" not in ran.out + ran.err


def test_the_refusals_of_diff_are_those_of_apply(run):
    refused = [each["message"] for each in json.loads(run("diff", "--format", "json").out)["refusals"]]

    applied = run("apply", "--yes")

    assert applied.code == 4
    assert len(refused) == 1
    assert all(message in applied.err for message in refused)


def test_the_next_step_of_diff_does_what_it_says(run):
    ran = run("diff")

    assert "refused: " in ran.out
    command = next(part for part in ran.err.split("`") if part.startswith("reconcile apply "))
    assert "does the rest" in ran.err
    assert run(*command.split()[1:], "--yes").code == 0
