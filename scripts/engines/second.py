"""The common part of scripts that run a command beside a Docker engine of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SKIPPED = 77
PROBE = os.environ.get("RECONCILE_TEST_PROBE", "localhost/probe:1")
LIMIT_S = 30


class Unavailable(Exception):
    """Such an engine can't be had here."""


@dataclass(frozen=True)
class Running:
    """An engine that runs: its DOCKER_HOST, what stands before a command that is to see it, and what it is to know."""

    host: str
    inside: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


def ran(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
    return done.stdout


def wait_for(host: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + LIMIT_S
    while subprocess.run(["docker", "-H", host, "version"], capture_output=True, check=False).returncode:
        if process.poll() is not None or time.monotonic() > give_up_at:
            last = log.read_text(errors="replace").strip().splitlines()[-3:]
            raise Unavailable("the engine does not start: " + " / ".join(last))
        time.sleep(0.2)


@contextmanager
def namespace(name: str) -> Iterator[None]:
    """A network of its own, in which there is nothing but the loopback."""
    ran("ip", "netns", "add", name)
    try:
        ran("ip", "-n", name, "link", "set", "lo", "up")
        yield
    finally:
        ran("ip", "netns", "delete", name)


def load_probe(host: str) -> None:
    """Take the image over from the machine's own engine."""
    with subprocess.Popen(["docker", "save", PROBE], stdout=subprocess.PIPE) as saved:
        subprocess.run(["docker", "-H", host, "load", "--quiet"], stdin=saved.stdout, check=True)


def run_beside(
    what: str, usage: str | None, command: Sequence[str], engine: Callable[[], AbstractContextManager[Running]]
) -> int:
    """Run the command while the engine is there; its exit code, or that which says that there was no engine."""
    if not command:
        print(usage, file=sys.stderr)
        return 64
    try:
        with engine() as running:
            load_probe(running.host)
            shown = "{{.Server.Version}}, API {{.Server.APIVersion}}"
            version = ran("docker", "-H", running.host, "version", "--format", shown)
            print(f"{what} {version.strip()}", flush=True)
            environment = {**os.environ, "DOCKER_HOST": running.host, **running.environment}
            return subprocess.run([*running.inside, *command], env=environment, check=False).returncode
    except Unavailable as reason:
        print(f"skipped: there can be no such engine here: {reason}", file=sys.stderr)
        return SKIPPED
