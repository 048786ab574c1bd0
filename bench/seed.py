"""The time of a look at the running seed stack, as a table for docs/performance.md.

Usage: python -m bench.seed [DIRECTORY], a checkout whose demo is up. All that is changed there is a memory limit
of Redis, by hand, which is then repaired.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from reconciler import __version__
from reconciler.config import load
from reconciler.run.clock import RealClock
from reconciler.run.session.session import completed_sources, opened
from reconciler.settings import Settings
from tests.kit.docker.compose import compose_cli
from tests.kit.machine.proxy import recorded

ROOT = Path(__file__).resolve().parents[1]
TIMES = 10
DRIFT = ["docker", "update", "--memory", "64m", "mlflow-redis-1"]


def milliseconds(work: Callable[[], object]) -> str:
    """Median, least and most of some runs."""
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return f"{statistics.median(taken):.0f} ms | {min(taken):.0f}-{max(taken):.0f} ms"


def command(directory: Path, *arguments: str, **changes: str) -> Callable[[], object]:
    """One run of the program; it must find everything as declared."""
    program = [sys.executable, "-P", "-m", "reconciler", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **changes}
    return lambda: subprocess.run(program, cwd=directory, env=environment, check=True, capture_output=True)


def repaired(directory: Path) -> Callable[[], object]:
    def repair() -> None:
        subprocess.run(DRIFT, check=True, capture_output=True)
        command(directory, "apply", "--yes")()

    return repair


def main() -> int:
    """Print the table."""
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    files = ((directory / "stack.yaml",), (directory / "users.yaml",))
    settings = Settings(directory, *files, environment=dict(os.environ))
    if not (directory / ".env").exists():
        print(f"{directory} has no .env: `make demo` brings the stack up", file=sys.stderr)
        return 1
    sources = completed_sources(settings)
    rows = {
        "`reconcile --help`, start and end of the program": milliseconds(command(directory, "--help")),
        "`reconcile validate`": milliseconds(command(directory, "validate")),
        "loading both files, in process": milliseconds(lambda: load(sources)),
        "`reconcile diff`, nothing different": milliseconds(command(directory, "diff")),
        "the same, containers only": milliseconds(command(directory, "-f", "stack.yaml", "diff")),
        "the same, Keycloak only": milliseconds(command(directory, "-u", "users.yaml", "diff")),
    }
    with opened(settings, RealClock()) as session:
        rows["a look at both halves, in process (the daemon's)"] = milliseconds(session.reconciler().look)
    rows["`docker update` by hand, then `reconcile apply`"] = milliseconds(repaired(directory))
    if cli := compose_cli():
        config = [cli, "-f", "stack.yaml", "config", "--quiet"]
        rows["Compose CLI, `config --quiet`, for comparison"] = milliseconds(
            lambda: subprocess.run(config, cwd=directory, check=True, capture_output=True)
        )
    print(f"reconcile {__version__}, Python {platform.python_version()}, {os.cpu_count()} processors,", end=" ")
    print(f"{platform.system()} {platform.machine()}, {datetime.now(tz=UTC):%Y-%m-%d}; {TIMES} runs each\n")
    print("| what | median | least-most |\n|---|---|---|")
    print("\n".join(f"| {what} | {took} |" for what, took in rows.items()))
    print(f"\nRequests to the engine for one look: {requests(directory)}")
    return 0


def requests(directory: Path) -> int:
    with tempfile.TemporaryDirectory() as folder, recorded(Path(folder)) as (host, recorder):
        command(directory, "diff", DOCKER_HOST=host)()
        return len(recorder.requests)


if __name__ == "__main__":
    sys.exit(main())
