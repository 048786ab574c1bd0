#!/usr/bin/env python3
"""Runs a command beside a rootless Docker engine, which is there for as long as the command runs.

    scripts/engines/rootless.py COMMAND…

The engine belongs to a user who is made for it, with a home directory of its own, and both are taken away at the end.
It has the score for being killed first that systemd gives the programs of a user. The command runs as who calls this,
with DOCKER_HOST; the image that tests run is in the engine. Ends as the command does; with 77, and why, where such an
engine can't be had here.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from second import LIMIT_S, Running, Unavailable, ran, run_beside, wait_for

TOOLS = (
    "useradd",
    "userdel",
    "unshare",
    "setpriv",
    "mknod",
    "docker",
    "dockerd",
    "rootlesskit",
    "slirp4netns",
    "newuidmap",
)
STARTER = Path("/usr/share/docker.io/contrib/dockerd-rootless.sh")  # where Debian has it

# Only root may open the machine's own /dev/net/tun, so there is another one, in a mount namespace of its own.
ENTER = """
echo 200 > /proc/self/oom_score_adj
mount --make-rshared /
mknod "$1/tun" c 10 200 && chmod 666 "$1/tun" && mount --bind "$1/tun" /dev/net/tun
exec setpriv --reuid="$0" --regid="$0" --init-groups \
  env -i "HOME=$1" "XDG_RUNTIME_DIR=$1/run" PATH=/usr/sbin:/usr/bin:/sbin:/bin sh "$2"
"""


def starter() -> str:
    found = shutil.which("dockerd-rootless.sh") or (STARTER if STARTER.exists() else None)
    if os.geteuid() != 0:
        raise Unavailable("it takes root to make a user")
    if missing := [*(tool for tool in TOOLS if not shutil.which(tool)), *(() if found else ["dockerd-rootless.sh"])]:
        raise Unavailable(f"these programs are missing: {', '.join(missing)}; see docker.io, rootlesskit, uidmap")
    return str(found)


@contextmanager
def user() -> Iterator[pwd.struct_passwd]:
    """A user who is nobody else, with numbers of users and groups below."""
    name = f"reconcile-{os.getpid()}"
    ran("useradd", "--create-home", "--base-dir", "/var/tmp", "--user-group", "--shell", "/bin/sh", name)  # noqa: S108
    try:
        yield pwd.getpwnam(name)
    finally:
        ran("userdel", "--remove", "--force", name)


@contextmanager
def engine() -> Iterator[Running]:
    script = starter()
    with user() as owner:
        home = Path(owner.pw_dir)
        (home / "run").mkdir(mode=0o700)
        os.chown(home / "run", owner.pw_uid, owner.pw_gid)
        host, log = f"unix://{home}/run/docker.sock", home / "engine.log"
        command = ["unshare", "--mount", "sh", "-c", ENTER, owner.pw_name, str(home), script]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
        try:
            wait_for(host, process, log)
            yield Running(host)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(LIMIT_S)


if __name__ == "__main__":
    sys.exit(run_beside("Rootless Docker engine", __doc__, sys.argv[1:], engine))
