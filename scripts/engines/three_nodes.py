#!/usr/bin/env python3
"""Runs a command beside a Docker Swarm of three managers, which are there for as long as the command runs.

    scripts/engines/three_nodes.py COMMAND…

Each engine has a network, a host name, processes, a cgroup and directories of its own. They are joined by a bridge in a
fourth namespace: in the machine's own the rules of its engine would drop what they send each other. The command gets
RECONCILE_TEST_NODES, the DOCKER_HOST of each engine, and DOCKER_HOST, that of the first one. The file node.pid beside a
socket has the process to kill for a power cut of that node. Ends as the command does; with 77, and why, where there can
be no such engines here.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from one_node import require_possible, started
from second import LIMIT_S, Running, load_probe, namespace, ran, run_beside

NODES = 3
SUBNET = "10.213.0"
CGROUPS = Path("/sys/fs/cgroup")
WHOLE = ("--pid", "--fork", "--kill-child", "--mount-proc")
"""Namespaces with which an engine's containers end when it is killed."""


def join(node: str, switch: str, number: int) -> str:
    """Connect a namespace to the bridge; returns its address."""
    address = f"{SUBNET}.{number}"
    ran("ip", "link", "add", "eth0", "netns", node, "type", "veth", "peer", "name", f"port{number}", "netns", switch)
    ran("ip", "-n", switch, "link", "set", f"port{number}", "master", "bridge", "up")
    ran("ip", "-n", node, "address", "add", f"{address}/24", "dev", "eth0")
    ran("ip", "-n", node, "link", "set", "eth0", "up")
    return address


@contextmanager
def node(name: str, number: int, folder: Path) -> Iterator[str]:
    """An engine in a namespace; gives its DOCKER_HOST."""
    own = folder / str(number)
    own.mkdir()
    # Engines that share a cgroup would end each other's containers.
    options = ("--cgroup-parent", f"/{name}")
    try:
        with started(name, own, f"node{number}", *options, namespaces=WHOLE, end=signal.SIGKILL) as host:
            yield host
    finally:
        remove_cgroups(name)


def remove_cgroups(name: str) -> None:
    """Remove the cgroups of a node, once the kernel has ended what was in them."""
    give_up_at = time.monotonic() + LIMIT_S
    while left := [*CGROUPS.glob(f"{name}/**/"), *CGROUPS.glob(f"*/{name}/**/")]:
        for path in sorted(left, reverse=True):
            with suppress(OSError):
                path.rmdir()
        if time.monotonic() > give_up_at:
            return
        time.sleep(0.1)


@contextmanager
def engines() -> Iterator[Running]:
    require_possible()
    folder = Path(tempfile.mkdtemp(prefix="reconcile-swarm-"))
    base = f"reconcile-{os.getpid()}"
    switch, names = f"{base}-switch", [f"{base}-{number}" for number in range(1, NODES + 1)]
    try:
        with ExitStack() as stack:
            for name in (switch, *names):
                stack.enter_context(namespace(name))
            ran("ip", "-n", switch, "link", "add", "bridge", "type", "bridge")
            ran("ip", "-n", switch, "link", "set", "bridge", "up")
            addresses = [join(name, switch, number) for number, name in enumerate(names, 1)]
            hosts = [stack.enter_context(node(name, number, folder)) for number, name in enumerate(names, 1)]
            make_swarm(hosts, addresses)
            yield Running(hosts[0], environment={"RECONCILE_TEST_NODES": json.dumps(hosts)})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_swarm(hosts: list[str], addresses: list[str]) -> None:
    """Join the engines to a Swarm, all as managers, with the image that tests run on each."""
    ran("docker", "-H", hosts[0], "swarm", "init", "--advertise-addr", addresses[0])
    token = ran("docker", "-H", hosts[0], "swarm", "join-token", "--quiet", "manager").strip()
    for host, address in list(zip(hosts, addresses, strict=True))[1:]:
        load_probe(host)
        asked = ["--token", token, "--advertise-addr", address, f"{addresses[0]}:2377"]
        ran("docker", "-H", host, "swarm", "join", *asked)


if __name__ == "__main__":
    sys.exit(run_beside("Docker Swarm of three nodes", __doc__, sys.argv[1:], engines))
