#!/usr/bin/env python3
"""Runs a command beside a Docker Swarm of one node, which is there for as long as the command runs.

    scripts/engines/one_node.py COMMAND…

The engine is this machine's own program once more, with its data in a folder that is taken away at the end, and in a
network namespace of its own: the machine's engine, its bridge and its rules are left alone. The command runs where the
caller does, and gets DOCKER_HOST; the image that tests run is in the engine. Ends as the command does; with 77, and
why, where such an engine can't be had here.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from second import LIMIT_S, Running, Unavailable, namespace, ran, run_beside, wait_for

TOOLS = ("dockerd", "docker", "nsenter", "unshare", "ip")

# Without a /run of its own it would speak to the containerd of the machine's engine, and with that one's names it would
# be the same node to itself.
ENTER = """
mount --make-rprivate /
mount -t tmpfs tmpfs /run
folder=$0
hostname "$1"
shift
exec dockerd -H "unix://$folder/docker.sock" --data-root "$folder/data" --exec-root "$folder/exec" \
  --pidfile "$folder/docker.pid" --userland-proxy=false "$@"
"""
PID = "node.pid"
"""The file beside the socket with the process that the engine is, or that takes it along when it is killed."""


def require_possible() -> None:
    """Raises Unavailable where there can be no such engine."""
    if os.geteuid() != 0:
        raise Unavailable("it takes root to run a second engine")
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        raise Unavailable(f"these programs are missing: {', '.join(missing)}")


@contextmanager
def engine() -> Iterator[Running]:
    require_possible()
    folder = Path(tempfile.mkdtemp(prefix="reconcile-swarm-"))
    name = f"reconcile-{os.getpid()}"
    try:
        with namespace(name), started(name, folder, "reconcile-node") as host:
            ran("docker", "-H", host, "swarm", "init", "--advertise-addr", "127.0.0.1")
            yield Running(host)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def started(
    name: str,
    folder: Path,
    hostname: str,
    *options: str,
    namespaces: Sequence[str] = (),
    end: signal.Signals = signal.SIGTERM,
) -> Iterator[str]:
    """The engine in a namespace, with further options and namespaces; gives its DOCKER_HOST. ``end`` ends it."""
    # `ip netns exec` would mount another /sys, in which the engine finds no cgroups
    inside = ["nsenter", f"--net=/run/netns/{name}", "unshare", "--mount", "--uts", *namespaces]
    log, host = folder / "engine.log", f"unix://{folder}/docker.sock"
    command = [*inside, "sh", "-c", ENTER, str(folder), hostname, *options]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    (folder / PID).write_text(str(process.pid))
    try:
        wait_for(host, process, log)
        yield host
    finally:
        process.send_signal(end)
        process.wait(LIMIT_S)


if __name__ == "__main__":
    sys.exit(run_beside("Docker Swarm of one node", __doc__, sys.argv[1:], engine))
