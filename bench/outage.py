"""The time without an answer of a service that is replaced, as a table for docs/performance.md.

Usage: python -m bench.outage, with a Docker engine. The service needs a second until it is ready. A client in its
network looks its name up and asks it every 20 ms; what counts is the time between the last answer of the old one and
the first of whoever answers next, summed up over all gaps of more than a few questions.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from reconciler import __version__
from tests.kit.docker.compose import compose_cli
from tests.kit.docker.engine import Project, a_project, the_engine

TIMES = 5
ASKS = (
    "while :; do printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 1 web 80 2>/dev/null | grep -q served "
    "&& echo yes || echo no; usleep 20000; done"
)
SERVES = "sleep 1; mkdir /w; echo served >/w/index.html; exec httpd -f -h /w"
PROBE = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 1 127.0.0.1 80 | grep -q served"
CHECK = {"test": PROBE, "interval": "300ms", "timeout": "1s", "retries": 30}


def declare(project: Project, version: int, order: str) -> None:
    config: dict[str, Any] = {"update_config": {"order": order}} if order else {}
    project.write(services={})
    project.service("client", command=["sh", "-c", ASKS])
    command = ["sh", "-c", SERVES]
    project.service(
        "web",
        command=command,
        healthcheck=CHECK,
        environment={"V": str(version)},
        deploy=config,
        stop_grace_period="1s",
    )


def outage(order: str, replace: Callable[[Project], None]) -> tuple[float, int]:
    """Milliseconds without service, and unanswered questions, of one replacement."""
    engine = the_engine()
    with tempfile.TemporaryDirectory() as folder, a_project(Path(folder), engine) as project:
        declare(project, 1, order)
        replace(project)
        wait(project, 10)
        declare(project, 2, order)
        began = time.time()
        replace(project)
        wait(project, 10)
        answers = [answer for answer in asked(project) if answer[0] > began - 0.5]
    engine.close()
    times = [when for when, is_answer in answers if is_answer]
    usual = statistics.median(later - earlier for earlier, later in pairwise(times))
    gaps = (later - earlier for earlier, later in pairwise(times))
    return sum(gap for gap in gaps if gap > 4 * usual) * 1000, sum(not is_answer for _, is_answer in answers)


def wait(project: Project, answers: int) -> None:
    """Until the last so many questions were answered."""
    while not (last := list(asked(project))[-answers:]) or not all(is_answer for _, is_answer in last):
        time.sleep(0.5)


def asked(project: Project) -> Iterator[tuple[float, bool]]:
    log = b"".join(project.engine.logs(project.container("client"), timestamps=True)).decode()
    for line in log.splitlines():
        when, _, word = line.partition(" ")
        yield datetime.fromisoformat(when[:26] + "+00:00").timestamp(), word.strip() == "yes"


def ours(project: Project) -> None:
    project.settle()


def compose(project: Project) -> None:
    command = [str(compose_cli()), "-p", project.name, "-f", "stack.yaml", "up", "-d", "--wait"]
    subprocess.run(command, cwd=project.directory, check=True, capture_output=True)


def row(what: str, order: str, replace: Callable[[Project], None]) -> str:
    taken, unanswered = zip(*(outage(order, replace) for _ in range(TIMES)), strict=True)
    most = f"{min(taken):.0f}-{max(taken):.0f} ms"
    return f"| {what} | {statistics.median(taken):.0f} ms | {most} | {statistics.median(unanswered):.0f} |"


def main() -> int:
    """Print the table."""
    print(f"reconcile {__version__}, Python {platform.python_version()}, {os.cpu_count()} processors,", end=" ")
    print(f"load {os.getloadavg()[0]:.1f}, {datetime.now(tz=UTC):%Y-%m-%d}; {TIMES} runs each\n")
    print("| replaced by | without service, median | least-most | unanswered |\n|---|---|---|---|")
    print(row("`reconcile apply`, start-first", "start-first", ours), flush=True)
    print(row("`reconcile apply`, stop-first", "stop-first", ours), flush=True)
    if compose_cli():
        print(row("Compose CLI, `up -d --wait`", "", compose), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
