#!/usr/bin/env python3
"""Runs a command beside a newer Docker engine, which is there for as long as the command runs.

    scripts/engines/newer.py COMMAND…

The engine is that of Debian sid, in a directory of its own (RECONCILE_NEWER_ENGINE, else
~/.cache/reconcile/newer-engine), made on the first run with mmdebstrap and used again afterwards. What is in
RECONCILE_NEWER_ENGINE_OPTIONS are further options of its command line. It runs in a network
namespace of its own, as the command does: the machine's own engine, its bridge and its rules are left alone, and what
the command publishes is found on 127.0.0.1 only there. The command gets DOCKER_HOST, and the image that tests run is
in the engine. Ends as the command does; with 77, and why, where such an engine can't be had here.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from second import LIMIT_S, Running, Unavailable, namespace, ran, run_beside, wait_for

DIRECTORY = Path(os.environ.get("RECONCILE_NEWER_ENGINE") or Path.home() / ".cache/reconcile/newer-engine")
TOOLS = ("mmdebstrap", "nsenter", "unshare", "ip", "pivot_root", "docker")
PACKAGES = "docker.io,docker-cli,iptables,ca-certificates,procps"

# Its directory becomes the root of its mount namespace: in a mere chroot what is executed in a container would run on
# the machine's own files, since who joins a container's namespace gets the root of that. It sees the machine's /tmp,
# /etc/hostname and /etc/hosts, since that is where tests have the files that they mount.
ENTER = """
mount --make-rprivate /
mount --bind "$0" "$0"
for folder in proc dev sys tmp; do mount --rbind "/$folder" "$0/$folder"; done
mkdir -p "$0/.machine"
pivot_root "$0" "$0/.machine"
cd /
trap 'kill $engine; wait $engine; exit' TERM
while :; do
  dockerd $RECONCILE_NEWER_ENGINE_OPTIONS -H unix:///run/engine/docker.sock &
  engine=$!
  wait $engine
done
"""
# The command that restarts the engine; ready again when it answers.
RESTART = """
engine=$(cat {directory}/run/docker.pid)
kill $engine
while kill -0 $engine 2>/dev/null; do sleep 0.1; done
until docker -H {host} version >/dev/null 2>&1; do sleep 0.1; done
"""


def install() -> None:
    """Debian sid with its engine, from where this machine's own packages come."""
    if os.geteuid() != 0:
        raise Unavailable("it takes root to run a second engine")
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        raise Unavailable(f"these programs are missing: {', '.join(missing)}")
    if (DIRECTORY / "usr/sbin/dockerd").exists():
        return
    sources = ran("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages").split()
    if not sources:
        raise Unavailable("apt has no source of packages here")
    made = DIRECTORY.with_name(f"{DIRECTORY.name}.new")
    shutil.rmtree(made, ignore_errors=True)
    made.parent.mkdir(parents=True, exist_ok=True)
    options = ["--variant=apt", "--aptopt=Acquire::Check-Valid-Until false", "--dpkgopt=force-unsafe-io"]
    ran("mmdebstrap", *options, f"--include={PACKAGES}", "sid", str(made), f"deb {sources[0]} sid main")
    made.rename(DIRECTORY)


@contextmanager
def engine() -> Iterator[Running]:
    """The engine, installed where that was not done before, in a namespace of its own."""
    install()
    name = f"reconcile-{os.getpid()}"
    with namespace(name), started(name) as host:
        restart = RESTART.format(directory=DIRECTORY, host=host)
        yield Running(host, tuple(inside(name)), {"RECONCILE_TEST_RESTART_ENGINE": restart})


@contextmanager
def started(name: str) -> Iterator[str]:
    """The engine in a namespace; gives its DOCKER_HOST."""
    socket = DIRECTORY / "run/engine/docker.sock"
    socket.parent.mkdir(parents=True, exist_ok=True)
    socket.unlink(missing_ok=True)
    (DIRECTORY / "run/docker.pid").unlink(missing_ok=True)  # never by var/run, a link that leads to the machine's own
    command = [*inside(name), "unshare", "--mount", "sh", "-c", ENTER, str(DIRECTORY)]
    log = DIRECTORY / "engine.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        wait_for(f"unix://{socket}", process, log)
        yield f"unix://{socket}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT_S)


def inside(name: str) -> list[str]:
    # `ip netns exec` would mount another /sys, in which the engine finds no cgroups
    return ["nsenter", f"--net=/run/netns/{name}"]


if __name__ == "__main__":
    sys.exit(run_beside("Docker engine", __doc__, sys.argv[1:], engine))
