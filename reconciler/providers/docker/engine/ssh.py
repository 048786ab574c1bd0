"""The way to an engine behind ``ssh://``: the ssh program here, and `docker system dial-stdio` over there.

It is the program that the Docker CLI runs, so ~/.ssh/config, agents, jump hosts and known_hosts count as they do
there. It has no terminal, so it can't ask for anything. Each connection is a program of its own; they are shared by
all threads, since to make one takes a moment.
"""

from __future__ import annotations

import shlex
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from typing import IO, Any, Final
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from reconciler.core.message.errors import Unreachable

MOST_KEPT: Final = 10
"""So many connections are kept for later; more may be open at a time."""

ENDS_WITHIN_S: Final = 5.0
"""A program that was told to end, or whose line is cut, is given so long."""

_LAST_LINES: Final = 3
_OPTIONS: Final = (
    "-T",
    *("-o", "BatchMode=yes"),  # it asks for no password
    *("-o", "ConnectTimeout=30"),
    *("-o", "ServerAliveInterval=15"),  # or events would be waited for on a line that is long gone
    *("-o", "ServerAliveCountMax=3"),
)
_REMEDIES: Final = (
    ("IDENTIFICATION HAS CHANGED", "it shows another host key than before; find out why before you take the new one"),
    ("Host key verification failed", "its host key is not known; `ssh {target}` once by hand, and compare the key"),
    ("Permission denied (", "load a key with `ssh-add`, or have one taken there with `ssh-copy-id {target}`"),
    ("Could not resolve hostname", "there is no such host; is the name right, and is it in ~/.ssh/config?"),
    ("permission denied while trying", "the user there may not use the engine; see the group `docker` of that machine"),
    ("failed to open the raw stream", "start the engine there"),
    ("not found", "there is no `docker` for that user; install the Docker CLI there"),
)
"""What ssh, the shell over there and the Docker CLI say, and what to do about it."""


def command(url: str) -> list[str]:
    """The ssh command for an engine's URL. Raises Unreachable for a URL that ssh could not use."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Unreachable(f"{url} is not a valid address of a Docker engine: {error}") from error
    # A host that begins with `-` would be an option to ssh; a password in a URL would show in the process list.
    if not parts.hostname or parts.hostname.startswith("-") or parts.password or parts.query or parts.fragment:
        raise Unreachable(f"expected ssh://[USER@]HOST[:PORT][/SOCKET] for an engine, and not ssh://{parts.hostname}…")
    host = parts.netloc.rpartition("@")[2].removesuffix(f":{port}").strip("[]")  # as written: ssh minds the case
    socket_path = parts.path.rstrip("/")
    remote = ["docker", *([f"--host=unix://{socket_path}"] if socket_path else []), "system", "dial-stdio"]
    user = ["-l", parts.username] if parts.username else []
    return ["ssh", *_OPTIONS, *user, *(["-p", str(port)] if port else []), "--", host, shlex.join(remote)]


class Connection(HTTPConnection):
    """HTTP over the input and output of a program, which is gone when the connection is closed."""

    pool: Connections
    _program: subprocess.Popen[bytes] | None = None
    _said: IO[bytes]
    _words = ""
    _is_asked = False

    def connect(self) -> None:
        """Run the program; whether it gets through shows with the first answer."""
        ours, theirs = socket.socketpair()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the connection
        with theirs:
            try:
                # In a session of its own it has no terminal to ask on, and does not hear the user's Ctrl-C, which is
                # for us: the current step is finished before we stop.
                self._program = subprocess.Popen(  # noqa: S603  # a list, and not read by a shell of this machine
                    self.pool.command,
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=self._said,
                    env=self.pool.environment,
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                self._said.close()
                why = f"the program `ssh` can't be run ({error.strerror})"
                raise Unreachable(_unreachable(self.pool.url, why, "install it, on Debian openssh-client")) from error
        ours.settimeout(self.timeout if isinstance(self.timeout, int | float) else None)
        self.sock = ours
        self.pool.opened.add(self)

    def send(self, data: Any) -> None:
        with self._told():
            super().send(data)

    def getresponse(self) -> Any:
        with self._told():
            return super().getresponse()

    def close(self) -> None:
        super().close()
        program, self._program = self._program, None
        if program is None:
            return
        self.pool.opened.discard(self)
        # Where an answer was waited for it is the other side that hung up, and is about to say why.
        if not (self._is_asked and _ended(program)):
            _end(program)
        self._said.seek(0)
        self._words = self._said.read().decode(errors="replace") or f"ssh ended with code {program.returncode}"
        self._said.close()

    def hang_up(self) -> None:
        """End the program; who reads from it sees the end."""
        if program := self._program:
            program.terminate()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Replaces a broken connection's error by the words of the program that has ended."""
        self._is_asked = True
        try:
            yield
        # A time-out is the engine's silence, and not the end of ssh.
        except TimeoutError:
            raise
        except (OSError, HTTPException) as error:
            self.close()
            if not self._words:
                raise
            raise Unreachable(explained(self.pool.url, self._words)) from error
        finally:
            self._is_asked = False


class Connections(HTTPConnectionPool):
    """The connections to one engine."""

    def __init__(self, url: str, environment: Mapping[str, str]) -> None:
        super().__init__("localhost", maxsize=MOST_KEPT)
        self.url, self.command, self.environment = url, command(url), dict(environment)
        self.opened: set[Connection] = set()

    def _new_conn(self) -> Connection:
        made = Connection("localhost", timeout=self.timeout.connect_timeout)
        made.pool = self
        return made

    def close(self) -> None:
        for each in tuple(self.opened):
            each.hang_up()
        super().close()


def explained(url: str, words: str) -> str:
    """The failure, in the words of the programs, and its remedy."""
    lines = [text for line in words.splitlines() if (text := line.strip(" @."))]
    parts = urlsplit(url)
    port = f"-p {parts.port} " if parts.port else ""
    target = f"{port}{parts.netloc.removesuffix(f':{parts.port}')}"
    # By the first sign that fits: ssh prints several lines, of which the last is often the least telling.
    for sign, remedy in _REMEDIES:
        if said := [line for line in lines if sign in line]:
            return _unreachable(url, said[-1], remedy.format(target=target))
    return _unreachable(url, " / ".join(lines[-_LAST_LINES:]), f"`ssh {target} docker version` may show more")


def _unreachable(url: str, why: str, remedy: str) -> str:
    return f"the Docker engine at {url} can't be reached: {why}; {remedy}"


def _ended(program: subprocess.Popen[bytes]) -> bool:
    try:
        program.wait(ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(program: subprocess.Popen[bytes]) -> None:
    program.terminate()
    if not _ended(program):
        program.kill()
        program.wait()
