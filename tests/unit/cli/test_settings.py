"""The options before the command, and the settings that they make."""

from __future__ import annotations

import pytest

from reconciler.cli.main import cli
from reconciler.cli.state import options_of, settings_of


def settings(arguments):
    with cli.make_context("reconcile", [*arguments, "diff", "--help"], resilient_parsing=True) as context:
        return settings_of(context.params)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-f", "other.yaml", "-f", "stack.yaml", "-u", "users.yaml", "--env-file", "a.env", "--env-file", "b.env"],
        ["-p", "shop", "--profile", "one", "--profile", "two", "--keycloak-url", "http://x:1"],
        ["--project-directory", ".", "--state-directory", "state"],
    ],
)
def test_the_options_of_settings_make_the_same_settings(tmp_path, monkeypatch, arguments) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("stack.yaml", "other.yaml", "users.yaml", "a.env", "b.env"):
        (tmp_path / name).touch()
    wanted = settings(arguments)

    assert settings(options_of(wanted)) == wanted
    assert wanted.stack_files
