"""The simulator behind HTTP, as a Keycloak that may be slow, hang, be away, or refuse the password."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.kit.keycloak.simulator.server import SimulatedKeycloak
from tests.kit.serving import in_background

PASSWORD = "s3cret-of-admin"


@dataclass
class ServedKeycloak:
    """``delay_s`` is the time before each answer; one that hangs takes connections and answers nothing, and one that is
    away closes them."""

    server: SimulatedKeycloak = field(default_factory=SimulatedKeycloak)
    url: str = ""
    delay_s: float = 0.0
    password: str = PASSWORD
    is_away: bool = False
    goes_on: threading.Event = field(default_factory=threading.Event)

    def hang(self) -> None:
        self.goes_on.clear()

    def go_on(self) -> None:
        self.goes_on.set()

    def answer(self, method: str, path: str, kind: str, body: str) -> tuple[int, bytes, str]:
        """The status, the content, and the place of what was made."""
        self.goes_on.wait(60)
        time.sleep(self.delay_s)
        if path.endswith("/token"):
            return self._token(parse_qs(body))
        if not path.startswith("admin/"):
            return (200 if method == "GET" else 204), b'{"realm": "master"}' if method == "GET" else b"", ""
        content = body if kind.startswith("text/plain") else json.loads(body) if body else None
        found = self.server.request(method, path, content)
        return found.status, found.content, f"{self.url}{found.location}" if found.location else ""

    def _token(self, form: dict[str, list[str]]) -> tuple[int, bytes, str]:
        given = form.get("password", [self.password])[0]
        if given != self.password:
            words = {"error": "invalid_grant", "error_description": "Invalid user credentials"}
            return 401, json.dumps(words).encode(), ""
        token = {"access_token": "a.e30.c", "refresh_token": "r", "expires_in": 60, "refresh_expires_in": 1800}
        return 200, json.dumps(token).encode(), ""


@contextmanager
def served() -> Iterator[ServedKeycloak]:
    """A Keycloak without a realm, at a port of this machine."""
    made = ServedKeycloak()
    made.go_on()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer in one piece: in two, the second waits for the first to be acknowledged

        def answer(self) -> None:
            if made.is_away:
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            kind = self.headers.get("Content-Type", "")
            status, content, place = made.answer(self.command, self.path.lstrip("/"), kind, body)
            self.send_response(status)
            if place:
                self.send_header("Location", place)
            if status not in (204, 304):
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  # the names that the library looks for

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}"
    with in_background(server):
        try:
            yield made
        finally:
            made.go_on()
