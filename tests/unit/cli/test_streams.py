"""A stream that is closed, full or no longer read is no bug, and changes nothing of what a run does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.kit.cli import command, environment
from tests.kit.docker.memory import MemoryEngine, served

STACK = "services: {web: {image: app:1}}\n"
ANSWERS = ("--help", "diff --help", "validate", "config", "explain RC0101", "completion bash", "history", "graph")
"""Commands that print a result and need no engine."""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    return tmp_path


def redirected(words: str, redirection: str, project: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as a shell does with this redirection."""
    line = 'exec "$@" ' + redirection
    return subprocess.run(
        ["bash", "-c", line, "bash", *command(words.split())],
        cwd=project,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("words", ANSWERS)
def test_a_result_on_a_full_disk_is_an_error(project, words):
    ran = redirected(words, ">/dev/full", project)

    assert (ran.returncode, ran.stderr) == (1, "error[RC0502]: the output can't be written: No space left on device\n")


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&-", "<&- >&- 2>&-", "2>/dev/full"])
@pytest.mark.parametrize("words", ["validate", "config", "history", "nonsense"])
def test_a_stream_that_is_closed_changes_no_exit_code(project, words, redirection):
    usual = redirected(words, "", project)

    ran = redirected(words, redirection, project)

    assert (ran.returncode, "bug" in ran.stderr) == (usual.returncode, False)


@pytest.mark.parametrize(
    ("words", "redirection", "code"),
    [
        ("--log-format json apply --yes", ">/dev/full", 1),
        ("--log-format json apply --yes", "> >(true)", 141),
        ("apply --yes", "2>/dev/full", 0),
        ("apply --yes", ">&- 2>&-", 0),
    ],
)
def test_a_run_is_done_whoever_reads_of_it(project, words, redirection, code):
    engine = MemoryEngine()
    engine.image("app:1")
    with served(engine) as url:
        ran = redirected(words, redirection, project, DOCKER_HOST=url)

    assert ran.returncode == code
    assert [each["State"]["Status"] for each in engine.containers.values()] == ["running"]
