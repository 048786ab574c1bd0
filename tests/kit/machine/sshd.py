"""An ssh server on this machine with keys and settings of its own, for engines behind ``ssh://``.

The machine's own ssh server, its keys and ~/.ssh are not touched: the client is told of another file of settings.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
LIMIT_S = 20


@dataclass(frozen=True)
class Server:
    """A server, and a client that knows it."""

    folder: Path
    port: int
    process: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"ssh://{_user()}@127.0.0.1:{self.port}"

    def environment(self, url: str = "", **changes: str) -> dict[str, str]:
        """The variables that lead to it: DOCKER_HOST, and a PATH with a client of its own."""
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return {"DOCKER_HOST": url or self.url, "PATH": path, "SSH_AUTH_SOCK": "", **changes}

    def know(self, *keys: str) -> None:
        """The client knows these keys of the server, and no other; ``host`` is the right one."""
        texts = [(self.folder / f"{key}.pub").read_text().split() for key in keys]
        lines = [f"[127.0.0.1]:{self.port} {kind} {key}\n" for kind, key, *_ in texts]
        (self.folder / "known_hosts").write_text("".join(lines))

    def lock_out(self) -> None:
        """The client's key is not taken any more."""
        (self.folder / "authorized_keys").write_text("")

    def cut(self) -> None:
        """The line is cut, and there will be no other one."""
        self.process[0].terminate()
        self.process[0].wait(LIMIT_S)
        for number in self.clients:
            os.kill(number, signal.SIGKILL)

    @property
    def clients(self) -> list[int]:
        """The client programs that run."""
        mark = str(self.folder / "client_config").encode()
        return [int(file.parent.name) for file in Path("/proc").glob("[0-9]*/cmdline") if mark in _read(file)]


@contextmanager
def served(folder: Path, engine: str, *, path: str = "") -> Iterator[Server]:
    """A server on a free port; ``engine`` is the DOCKER_HOST over there, and ``path`` where programs are found."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = Server(folder, free.getsockname()[1])
    _write_client(server)
    for name in ("host", "client"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "client.pub", folder / "authorized_keys")
    server.know("host")
    settings = {
        "ListenAddress": f"127.0.0.1:{server.port}",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized_keys",
        "PidFile": "none",
        "UsePAM": "no",
        "StrictModes": "no",
        "PermitRootLogin": "yes",
        "SetEnv": f'DOCKER_HOST={engine} PATH="{path or os.environ["PATH"]}"',
    }
    (folder / "sshd_config").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    _make_room()
    assert SSHD, "there is no ssh server; `make test-machine` installs one"
    with (folder / "sshd.log").open("w") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=log)
    server.process.append(process)
    try:
        _wait_for(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(LIMIT_S)


def _write_client(server: Server) -> None:
    """An ``ssh`` that reads settings of ours instead of those of the user who runs the tests."""
    settings = {
        "IdentityFile": server.folder / "client",
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": server.folder / "known_hosts",
        "GlobalKnownHostsFile": "none",
        "StrictHostKeyChecking": "ask",
    }
    text = f"Host engine-over-there\n  HostName 127.0.0.1\n  Port {server.port}\n  User {_user()}\nHost *\n"
    text += "".join(f"  {key} {value}\n" for key, value in settings.items())
    (server.folder / "client_config").write_text(text)
    program = server.folder / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {server.folder / "client_config"} "$@"\n')
    program.chmod(0o755)


def _make_room() -> None:
    """The server wants an empty folder of root's, which a machine that starts it otherwise makes."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)


def _wait_for(server: Server, process: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + LIMIT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", server.port), 1).close()
        except OSError:
            said = (server.folder / "sshd.log").read_text()
            assert process.poll() is None, said
            assert time.monotonic() < give_up_at, said
            time.sleep(0.05)
        else:
            return


def _user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""  # it has just ended
