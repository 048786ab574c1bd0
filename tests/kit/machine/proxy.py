"""Between the program and the engine: writes down every request, and may do something before or after one."""

from __future__ import annotations

import http.client
import os
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.kit.serving import in_background

READS = ("GET", "HEAD")


@dataclass
class Recorder:
    """The requests that went through, as ``METHOD path`` without the version; hooks also get their number."""

    requests: list[str] = field(default_factory=list)
    before: Callable[[int, str], None] | None = None
    after: Callable[[int, str], None] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def writes(self) -> list[str]:
        return [request for request in self.requests if not request.startswith(READS)]


@contextmanager
def recorded(folder: Path, engine: str | None = None) -> Iterator[tuple[str, Recorder]]:
    """A DOCKER_HOST that leads to the engine, and what is said to it."""
    path = folder / "engine.sock"
    target = (engine or os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock").removeprefix("unix://")
    recorder = Recorder()
    handler = type("Handler", (_Handler,), {"recorder": recorder, "target": target})
    server = _Server(str(path), handler)
    try:
        with in_background(server):
            yield f"unix://{path}", recorder
    finally:
        path.unlink()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def handle_error(self, *_arguments: object) -> None:
        """A client that is gone, killed perhaps, hears no answer."""


class _Engine(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=300)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)


class _Handler(BaseHTTPRequestHandler):
    recorder: Recorder
    target: str
    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        return "program"

    def log_message(self, *_arguments: object) -> None:
        pass

    def _forward(self) -> None:
        recorder = self.recorder
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with recorder.lock:
            text = f"{self.command} {self.path.partition('?')[0].split('/', 2)[-1]}"
            number = len(recorder.requests)
            recorder.requests.append(text)
        if recorder.before:
            recorder.before(number, text)
        engine = _Engine(self.target)
        try:
            engine.request(self.command, self.path, body, dict(self.headers.items()))
            answer = engine.getresponse()
            content = answer.read()
        finally:
            engine.close()
        if recorder.after:
            recorder.after(number, text)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = do_PUT = do_HEAD = _forward  # noqa: N815 (the base class's names)
