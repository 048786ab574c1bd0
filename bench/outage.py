"""The time without an answer of a service that is replaced, as a table for docs/performance.md.

Usage: python -m bench.outage, with a Docker engine. The service needs a second until it is ready. Two clients in its
network look its name up and ask it every 20 ms. One asks the first address only, the other asks all in turn, as clients
for HTTP and databases do. Time without service is the time between the last answer of the old one and the first of
whoever answers next, summed up over all gaps of more than a few questions of the first client.
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
from typing import Any, NamedTuple

from reconciler import __version__
from tests.kit.docker.compose import compose_cli
from tests.kit.docker.engine import Project, a_project, the_engine

TIMES = 5
ASK = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 1 {address} 80 2>/dev/null | grep -q served"
ADDRESSES = "nslookup -type=a web | awk '/^Address: / {print $NF}'"
IMPATIENT = f"{ASK.format(address='web')} && answer=yes"
PATIENT = f"for each in $({ADDRESSES}); do if {ASK.format(address='$each')}; then answer=yes; break; fi; done"
CLIENTS = {
    name: f"while :; do answer=no; {asks}; echo $answer; usleep 20000; done".replace("$", "$$")
    for name, asks in (("impatient", IMPATIENT), ("patient", PATIENT))
}
SERVES = "sleep 1; mkdir /w; echo served >/w/index.html; exec httpd -f -h /w"
PROBE = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 1 127.0.0.1 80 | grep -q served"
HEADER = ("replaced by", "without service, median", "least-most", "unanswered, first address", "unanswered, any")
CHECK = {"test": PROBE, "interval": "300ms", "timeout": "1s", "retries": 30}


def declare(project: Project, version: int, order: str) -> None:
    config: dict[str, Any] = {"update_config": {"order": order}} if order else {}
    project.write(services={})
    for name, asks in CLIENTS.items():
        project.service(name, command=["sh", "-c", asks])
    command = ["sh", "-c", SERVES]
    project.service(
        "web",
        command=command,
        healthcheck=CHECK,
        environment={"V": str(version)},
        deploy=config,
        stop_grace_period="1s",
    )


class Outage(NamedTuple):
    """Milliseconds without service, and the unanswered questions of both clients."""

    without: float
    impatient: int
    patient: int


def outage(order: str, replace: Callable[[Project], None]) -> Outage:
    """The outage of one replacement."""
    engine = the_engine()
    with tempfile.TemporaryDirectory() as folder, a_project(Path(folder), engine) as project:
        declare(project, 1, order)
        replace(project)
        wait(project, 10)
        declare(project, 2, order)
        began = time.time()
        replace(project)
        wait(project, 10)
        answers = {name: [each for each in asked(project, name) if each[0] > began] for name in CLIENTS}
    engine.close()
    times = [when for when, is_answer in answers["impatient"] if is_answer]
    usual = statistics.median(later - earlier for earlier, later in pairwise(times))
    gaps = (later - earlier for earlier, later in pairwise(times))
    unanswered = {name: sum(not is_answer for _, is_answer in given) for name, given in answers.items()}
    return Outage(sum(gap for gap in gaps if gap > 4 * usual) * 1000, **unanswered)


def wait(project: Project, answers: int) -> None:
    """Until the last so many questions of both clients were answered."""
    for client in CLIENTS:
        while not (last := list(asked(project, client))[-answers:]) or not all(is_answer for _, is_answer in last):
            time.sleep(0.5)


def asked(project: Project, client: str) -> Iterator[tuple[float, bool]]:
    log = b"".join(project.engine.logs(project.container(client), timestamps=True)).decode()
    for line in log.splitlines():
        when, _, word = line.partition(" ")
        yield datetime.fromisoformat(when[:26] + "+00:00").timestamp(), word.strip() == "yes"


def ours(project: Project) -> None:
    project.settle()


def compose(project: Project) -> None:
    command = [str(compose_cli()), "-p", project.name, "-f", "stack.yaml", "up", "-d", "--wait"]
    subprocess.run(command, cwd=project.directory, check=True, capture_output=True)


def row(what: str, order: str, replace: Callable[[Project], None], times: int) -> tuple[str, ...]:
    """The cells of a table's row under ``HEADER``: figures of so many replacements."""
    found = [outage(order, replace) for _ in range(times)]
    without = [each.without for each in found]
    unanswered = ([each.impatient for each in found], [each.patient for each in found])
    spans = [f"{min(numbers)}-{max(numbers)}" for numbers in unanswered]
    return (what, f"{statistics.median(without):.0f} ms", f"{min(without):.0f}-{max(without):.0f} ms", *spans)


def rows(times: int) -> Iterator[tuple[str, ...]]:
    """The rows of the table, as they are measured."""
    yield row("`reconcile apply`, start-first", "start-first", ours, times)
    yield row("`reconcile apply`, stop-first", "stop-first", ours, times)
    if compose_cli():
        yield row("Compose CLI, `up -d --wait`", "", compose, times)


def main() -> int:
    """Print the table."""
    print(f"reconcile {__version__}, Python {platform.python_version()}, {os.cpu_count()} processors,", end=" ")
    print(f"load {os.getloadavg()[0]:.1f}, {datetime.now(tz=UTC):%Y-%m-%d}; {TIMES} runs each\n")
    print(f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}")
    for each in rows(TIMES):
        print(f"| {' | '.join(each)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
