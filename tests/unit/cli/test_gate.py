"""A login that an apply breaks is a failed gate: what can be taken back is, and what is said of it is true."""

from __future__ import annotations

from functools import partial

import pytest

from reconciler.run.commands import gate
from tests.kit.cli import called
from tests.kit.docker.memory import PROJECT, MemoryEngine, served
from tests.kit.site import PASSWORD, USER, Reply, redirect, serving_site

STACK = """
x-reconcile:
  login: {{url: "{url}/login", user: {user}, password: {password}}}
  gates: [login]
services:
  web: {{image: "app:1", environment: {{MODE: "{mode}"}}, deploy: {{update_config: {{monitor: 100ms}}}}}}
"""
MORE = '  extra: {image: "app:1"}\n'


@pytest.fixture
def engine():
    made = MemoryEngine()
    made.image("app:1")
    with served(made) as made.url:
        yield made


@pytest.fixture
def site(engine):
    def callback(_given, _cookies):
        return Reply(500, "<title>Oops</title>") if mode_of(engine) != "MODE=good" else redirect("/home")

    with serving_site(callback=callback) as site:
        yield site


@pytest.fixture
def apply(monkeypatch, capsys, tmp_path, engine, site):
    monkeypatch.setattr(gate, "PAUSE_S", 0.0)
    env = {"DOCKER_HOST": engine.url, "COMPOSE_PROJECT_NAME": PROJECT}

    def made(mode, more="", *arguments):
        text = STACK.format(url=site.url, user=USER, password=PASSWORD, mode=mode) + more
        (tmp_path / "stack.yaml").write_text(text, encoding="utf-8")
        return partial(called, monkeypatch, capsys, cwd=tmp_path, env=env)(*(arguments or ("apply", "--yes")))

    return made


def mode_of(engine):
    found = [each["Config"]["Env"] for each in engine.containers.values() if each["Name"] == f"/{PROJECT}-web-1"]
    return "".join(entry for env in found for entry in env if entry.startswith("MODE="))


def test_a_login_that_works_afterwards_is_said(apply):
    ran = apply("good")

    assert ran.code == 0
    assert "as canary: works" in ran.err


def test_a_broken_login_is_taken_back_and_ends_with_seven(apply, engine):
    assert apply("good").code == 0

    ran = apply("bad")

    assert ran.code == 7, ran.err
    assert mode_of(engine) == "MODE=good"
    assert "error: gate: " in ran.err
    assert "taken back: docker.container/web" in ran.err
    assert "as canary: works" in ran.err
    assert apply("bad", "", "diff").code == 2


def test_what_was_created_stays_and_is_named(apply, engine):
    assert apply("good").code == 0

    ran = apply("bad", MORE)

    assert ran.code == 7
    assert mode_of(engine) == "MODE=good"
    assert "stays: docker.container/extra: it was created" in ran.err
    assert f"{PROJECT}-extra-1" in engine.names


def test_a_login_that_failed_before_takes_nothing_back(apply, engine):
    ran = apply("bad")

    assert ran.code == 3
    assert "It failed before this run as well" in ran.err
    assert mode_of(engine) == "MODE=bad"


def test_a_settled_stack_is_not_walked(apply, site):
    assert apply("good").code == 0
    site.asked.clear()

    assert apply("good").code == 0
    assert site.asked == []
