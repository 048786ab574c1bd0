"""A command that a message names can be typed as it stands: for the same project, and without what changes nothing."""

from __future__ import annotations

import re

import pytest

from tests.kit.cli import called

NAMED = re.compile(r"`(reconcile [^`]+)`")


@pytest.fixture
def named(tmp_path, monkeypatch, capsys):
    """Runs the program on a project in another folder and returns the commands that its messages name."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "stack.yaml").write_text("services: {web: {image: nginx}}\n", encoding="utf-8")
    (tmp_path / "site" / "some.env").write_text("", encoding="utf-8")

    def named(*words):
        ran = called(monkeypatch, capsys, *words, cwd=tmp_path, env={"DOCKER_HOST": "tcp://127.0.0.1:1"})
        return NAMED.findall(ran.out + ran.err)

    return named


def test_options_that_say_which_project_is_meant_are_repeated_as_short_as_they_are(named):
    options = ("-f", "site/stack.yaml", "--env-file=site/some.env", "--project", "shop", "--profile", "a b")

    found = named(*options, "resume", "web")

    assert found[0] == "reconcile -f site/stack.yaml --env-file site/some.env -p shop --profile 'a b' status"


def test_options_of_the_display_are_not_repeated_and_neither_is_what_needs_no_project(named):
    found = named("--no-pager", "-f", "site/stack.yaml", "--no-color", "-v", "resume", "web", "--no-pager")

    assert found == ["reconcile -f site/stack.yaml status", "reconcile explain RC0103"]


def test_the_options_of_one_run_are_not_those_of_the_next(named):
    named("-f", "site/stack.yaml", "resume", "web")

    assert named("--project-directory", "site", "resume", "web")[0] == "reconcile --project-directory site status"
