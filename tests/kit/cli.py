"""The program as a user runs it: a process of its own, with what it wrote and how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.cli.main import run

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """One run of the program."""

    code: int
    out: str
    err: str


def engine_of_program() -> dict[str, str]:
    """The way to the engine that the program has, where it is another one than that of the tests."""
    found = os.environ.get("RECONCILE_TEST_DOCKER_HOST")
    return {"DOCKER_HOST": found} if found else {}


def environment(**changes: str) -> dict[str, str]:
    """The environment without anything that would change what the program does."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("RECONCILE_", "COMPOSE_"))}
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200", **engine_of_program(), **changes}


def command(arguments: Sequence[str | Path]) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "reconciler", *map(str, arguments)]


def reconcile(
    *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 600.0, text: str = ""
) -> Ran:
    """Run `reconcile …` in a folder; ``text`` is what it can read."""
    done = subprocess.run(
        command(arguments),
        cwd=cwd,
        env=environment(**(env or {})),
        input=text,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def started(*arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """The same, but not waited for. SIGINT is heard also where the tests run in the background, which ignores it."""
    return subprocess.Popen(
        command(arguments),
        cwd=cwd,
        env=environment(**(env or {})),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # there are no threads here
    )


def called(
    monkeypatch: Any, capsys: Any, *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> Ran:
    """The same within this process, which is quicker by what an interpreter takes to start."""
    for name in [name for name in os.environ if name.startswith(("RECONCILE_", "COMPOSE_"))]:
        monkeypatch.delenv(name)
    for name, value in (env or {}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(cwd)
    code = run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return Ran(code, captured.out, captured.err)
