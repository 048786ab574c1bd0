"""The names that a shell completes, and the scripts by which it asks."""

from __future__ import annotations

import shutil
import subprocess
from functools import partial

import pytest

from reconciler.cli.main import COMMANDS
from tests.kit.cli import called, command, environment

STACK = "name: p\nservices:\n  web: {image: nginx, depends_on: [db]}\n  db: {image: postgres}\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    return tmp_path


@pytest.fixture
def words(monkeypatch, capsys, folder):
    def complete(*line):
        env = {"_RECONCILE_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(line), "COMP_CWORD": str(len(line) - 1)}
        ran = called(monkeypatch, capsys, cwd=folder, env=env)
        assert (ran.code, ran.err) == (0, "")
        return [each.partition(",")[2] for each in ran.out.splitlines() if each]

    return complete


def test_commands_are_completed(words):
    assert words("reconcile", "") == list(COMMANDS)
    assert words("reconcile", "va") == ["validate"]


def test_options_are_completed(words):
    assert {"--target", "--format"} <= {*words("reconcile", "diff", "--")}
    assert "--project-directory" in words("reconcile", "--")
    assert words("reconcile", "diff", "--format", "ju") == ["junit"]


@pytest.mark.parametrize("option", ["--target", "--allow-delete", "--adopt", "--allow-disrupt"])
def test_addresses_of_the_files_are_completed(words, option):
    found = words("reconcile", "apply", option, "docker.container/")

    assert found == ["docker.container/web", "docker.container/db"]


@pytest.mark.parametrize("name", ["logs", "restart", "build"])
def test_services_of_the_files_are_completed(words, name):
    assert words("reconcile", name, "") == ["web", "db"]
    assert words("reconcile", name, "w") == ["web"]


def test_files_that_options_name_are_read(words, folder):
    (folder / "other.yaml").write_text("services: {cache: {image: redis}}\n", encoding="utf-8")

    assert words("reconcile", "-f", "other.yaml", "logs", "") == ["cache"]


@pytest.mark.parametrize("text", ["services: {web: {imagee: x}}\n", "{", ""])
def test_wrong_files_complete_nothing_and_say_nothing(words, folder, text):
    (folder / "stack.yaml").write_text(text, encoding="utf-8")

    assert words("reconcile", "logs", "") == []


def test_a_command_that_there_is_not_completes_nothing(words):
    assert words("reconcile", "nope", "--") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script_that_asks_the_program(monkeypatch, capsys, folder, shell):
    ran = partial(called, monkeypatch, capsys)("completion", shell, cwd=folder)

    assert ran.code == 0
    assert f"_RECONCILE_COMPLETE={shell}_complete" in ran.out


def test_bash_completes_with_the_script(folder):
    (folder / "bin").mkdir()
    program = folder / "bin/reconcile"
    program.write_text(f'#!/bin/sh\nexec {" ".join(command([]))} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    lines = (
        'eval "$(reconcile completion bash)"',
        "COMP_WORDS=(reconcile logs w) COMP_CWORD=2",
        "_reconcile_completion reconcile w logs",
        'echo "${COMPREPLY[@]}"',
    )
    env = environment()
    env["PATH"] = f"{folder / 'bin'}:{env['PATH']}"

    done = subprocess.run(
        [shutil.which("bash") or "bash", "-c", "\n".join(lines)],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("web\n", "")
