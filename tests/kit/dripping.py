"""A server whose answers never end, over each way by which a client reaches one, and the ways in which they do not."""

from __future__ import annotations

import json
import socket
import socketserver
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.kit.machine.tls import Authority, served
from tests.kit.serving import in_background

Write = Callable[[bytes], None]
Endless = Callable[[Write], None]

PAUSE_S = 0.03
"""Shorter than the patience of any client, so that it never meets a silence."""

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def _drip(begin: bytes, piece: bytes = b"1") -> Endless:
    def endless(write: Write) -> None:
        write(begin)
        while True:  # until the client hangs up
            write(piece)
            time.sleep(PAUSE_S)

    return endless


def _flood(begin: bytes, piece: bytes) -> Endless:
    def endless(write: Write) -> None:
        write(begin)
        while True:
            write(piece)

    return endless


def chunk(text: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(text), text)


DRIPS: Mapping[str, Endless] = {
    "the status line": _drip(b"HTTP/1.1 200 O"),
    "the head": _drip(HEAD + b"X-Slow: "),
    "100 Continue, again and again": _drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "the length of a chunk": _drip(CHUNKED, b"0"),
    "the body": _drip(HEAD + b"Content-Length: 100000\r\n\r\n"),
    "a body in chunks": _drip(CHUNKED, chunk(b" ")),
}
HEADS = tuple(DRIPS)[:3]
BODIES = ("the length of a chunk", "a body in chunks")
FLOODS: Mapping[str, Endless] = {
    "a line": _flood(CHUNKED + chunk(b'{"status": "'), chunk(b"x" * 50_000)),
    "a chunk": _flood(CHUNKED + b"ffffffff\r\n", b"x" * 50_000),
}

_ABOUT = json.dumps(
    {"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Config": {"Tty": False}, "access_token": "t", "expires_in": 300}
).encode()
_KNOWN = {b"/version": _ABOUT, b"/token": _ABOUT, b"/containers/web/json": _ABOUT, b"/tasks?": b"[]"}
"""The answers to what a client has to know before it asks what it wants."""


class Dripping:
    """``endless`` writes the answer to each request but those by which a client gets to know the server."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.endless: Endless = DRIPS["the body"]

    def answer(self, connection: socket.socket) -> None:
        """Answers the requests of a connection, whose bodies have a length or chunks."""
        with connection.makefile("rb") as reader:
            while line := reader.readline():
                headers = dict(_headers(reader))
                if "chunked" in headers.get("transfer-encoding", ""):
                    while (size := int(reader.readline(), 16)) or reader.readline() != b"\r\n":
                        reader.read(size + 2)
                reader.read(int(headers.get("content-length", 0)))
                if known := next((answer for part, answer in _KNOWN.items() if part in line), b""):
                    connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(known), known))
                    continue
                self.endless(connection.sendall)


def _headers(reader: object) -> Iterator[tuple[str, str]]:
    while line := reader.readline().strip():  # type: ignore[attr-defined]
        name, _, value = line.decode().partition(":")
        yield name.lower(), value.strip()


@contextmanager
def dripping(folder: Path) -> Iterator[Dripping]:
    """The server, at a socket of this machine."""
    made = Dripping(folder / "engine.sock")

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):  # a client that has heard enough is gone
                made.answer(self.request)

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 64

    with in_background(Server(str(made.path), Handler)):
        yield made


# ------------------------------------------------------------------ the ways to it

SSH = """#!{python} -IS
import os, socket, sys, threading
there = socket.socket(socket.AF_UNIX)
there.connect({path!r})
def back():
    while piece := there.recv(65536):
        os.write(1, piece)
    os._exit(0)
threading.Thread(target=back, daemon=True).start()
while piece := os.read(0, 65536):
    there.sendall(piece)
"""
"""A stand-in for `ssh HOST docker system dial-stdio`, without the host."""


@contextmanager
def by_socket(server: Dripping, _folder: Path) -> Iterator[Mapping[str, str]]:
    yield {"DOCKER_HOST": f"unix://{server.path}"}


@contextmanager
def by_port(server: Dripping, _folder: Path) -> Iterator[Mapping[str, str]]:
    with served(None, server.path) as url:
        yield {"DOCKER_HOST": url}


@contextmanager
def by_tls(server: Dripping, folder: Path) -> Iterator[Mapping[str, str]]:
    authority = Authority()
    own, context = authority.folder(folder / "own"), authority.server("127.0.0.1")
    with served(context, server.path) as url:
        yield {"DOCKER_HOST": url, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(own)}


@contextmanager
def by_ssh(server: Dripping, folder: Path) -> Iterator[Mapping[str, str]]:
    program = folder / "ssh"
    program.write_text(SSH.format(python=sys.executable, path=str(server.path)), encoding="utf-8")
    program.chmod(0o755)
    yield {"DOCKER_HOST": "ssh://there", "PATH": str(folder)}


WAYS = {"a socket": by_socket, "a port": by_port, "TLS": by_tls, "ssh": by_ssh}
"""The environment of a client of the Docker engine that goes this way."""
