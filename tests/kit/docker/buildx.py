"""The Docker CLI's plugin buildx, where this machine has it or `make test-machine` put it."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

PUT_ASIDE = Path.home() / ".cache/reconcile/cli-plugins/docker-buildx"


@cache
def _is_installed() -> bool:
    return subprocess.run(["docker", "buildx", "version"], capture_output=True, check=False).returncode == 0


def is_there() -> bool:
    return PUT_ASIDE.exists() or _is_installed()


def give(settings: Path) -> None:
    """Put the plugin into a folder of the Docker CLI's settings."""
    if not _is_installed():
        plugins = settings / "cli-plugins"
        plugins.mkdir(parents=True, exist_ok=True)
        (plugins / PUT_ASIDE.name).symlink_to(PUT_ASIDE)
