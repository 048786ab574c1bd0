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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from second import LIMIT_S, Running, Unavailable, ran, run_beside, wait_for

TOOLS = ("dockerd", "docker", "nsenter", "unshare", "ip")

# Without a /run of its own it would speak to the containerd of the machine's engine, and with that one's names it would
# be the same node to itself.
ENTER = """
mount --make-rprivate /
mount -t tmpfs tmpfs /run
hostname reconcile-node
exec dockerd -H "unix://$0/docker.sock" --data-root "$0/data" --exec-root "$0/exec" --pidfile "$0/docker.pid" \
  --userland-proxy=false
"""


@contextmanager
def engine() -> Iterator[Running]:
    if os.geteuid() != 0:
        raise Unavailable("it takes root to run a second engine")
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        raise Unavailable(f"these programs are missing: {', '.join(missing)}")
    folder = Path(tempfile.mkdtemp(prefix="reconcile-swarm-"))
    name = f"reconcile-{os.getpid()}"
    ran("ip", "netns", "add", name)
    try:
        ran("ip", "-n", name, "link", "set", "lo", "up")
        with started(name, folder) as host:
            ran("docker", "-H", host, "swarm", "init", "--advertise-addr", "127.0.0.1")
            yield Running(host)
    finally:
        ran("ip", "netns", "delete", name)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def started(name: str, folder: Path) -> Iterator[str]:
    """The engine in a namespace; gives its DOCKER_HOST."""
    # `ip netns exec` would mount another /sys, in which the engine finds no cgroups
    inside = ["nsenter", f"--net=/run/netns/{name}"]
    log, host = folder / "engine.log", f"unix://{folder}/docker.sock"
    command = [*inside, "unshare", "--mount", "--uts", "sh", "-c", ENTER, str(folder)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        wait_for(host, process, log)
        yield host
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT_S)


if __name__ == "__main__":
    sys.exit(run_beside("Docker Swarm of one node", __doc__, sys.argv[1:], engine))
