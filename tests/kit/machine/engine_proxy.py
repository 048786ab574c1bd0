"""The proxy of ops/engine-proxy in front of the engine's socket, as a container, with a list of requests.

python -m tests.kit.machine.engine_proxy pytest …    run tests whose program has no other way to the engine
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]
SETTINGS = ROOT / "ops/engine-proxy"
LISTED = SETTINGS / "endpoints.lst"
PLACE = "/usr/local/etc/haproxy"
PATIENCE_S = 60.0
BEHIND = "RECONCILE_TEST_DOCKER_HOST"
"""The variable with the engine of the program under test, where that is another way than the tests' own."""


def image() -> str:
    """The stand-in that `make test-machine` makes, or another one."""
    listed = ["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "localhost/haproxy"]
    done = subprocess.run(listed, capture_output=True, text=True, check=True)
    found = os.environ.get("RECONCILE_TEST_HAPROXY") or done.stdout.partition("\n")[0]
    assert found, "localhost/haproxy is missing; `make test-machine` makes it"
    return found


@contextmanager
def proxied(folder: Path, patterns: str = LISTED.read_text(encoding="utf-8")) -> Iterator[str]:
    """The address of a proxy that admits these requests; it is removed afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(SETTINGS / "haproxy.cfg", folder)
    (folder / "endpoints.lst").write_text(patterns, encoding="utf-8")
    folder.chmod(0o755)
    name = f"rt-proxy-{uuid.uuid4().hex[:8]}"
    mounts = ["-v", "/var/run/docker.sock:/var/run/docker.sock", "-v", f"{folder}:{PLACE}:ro"]
    confined = ["--read-only", "--cap-drop", "ALL", "--user", "0:0", "--security-opt", "no-new-privileges"]
    run = ["docker", "run", "--detach", "--name", name, "--publish", "127.0.0.1::2375", *confined, *mounts, image()]
    subprocess.run(run, check=True, capture_output=True)
    try:
        port = subprocess.run(["docker", "port", name, "2375"], check=True, capture_output=True, text=True).stdout
        _await(port.split()[0])
        yield f"tcp://{port.split()[0]}"
    finally:
        logs = subprocess.run(["docker", "logs", name], capture_output=True, text=True, check=False)
        print(logs.stdout[-5_000:], logs.stderr[-5_000:])  # noqa: T201  # pytest shows it of a test that fails
        subprocess.run(["docker", "rm", "--force", "--volumes", name], check=False, capture_output=True)


def _await(place: str) -> None:
    """Wait until it answers: it listens a moment after its container runs."""
    host, _, port = place.rpartition(":")
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with socket.create_connection((host, int(port)), timeout=5) as connection:
                connection.sendall(b"GET /version HTTP/1.0\r\n\r\n")
                if connection.recv(16).startswith(b"HTTP/1."):
                    return
        except OSError:
            pass
        assert time.monotonic() < deadline, f"the proxy at {place} does not answer"
        time.sleep(0.1)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made, proxied(Path(made)) as address:
        sys.exit(subprocess.run(sys.argv[1:], env={**os.environ, BEHIND: address}, check=False).returncode)
