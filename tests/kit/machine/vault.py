"""A server that speaks the part of Vault's HTTP API by which KV secrets are read, as its documentation has it.

Tokens may read paths below their prefixes. The second version of the engine keeps versions; a deleted one answers 404
with metadata, as Vault does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.kit.serving import in_background

Answer = tuple[int, Mapping[str, Any]]


@dataclass
class Vault:
    """The content of the server: token → readable prefix, mount → version, and secrets by their whole path."""

    url: str = ""
    tokens: dict[str, str] = field(default_factory=dict)
    mounts: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)
    namespace: str = ""
    is_sealed: bool = False
    sends_on_to: str = ""
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        if self.is_sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if (headers.get("X-Vault-Namespace") or "").strip("/") != self.namespace:
            return 404, {"errors": []}
        readable = self.tokens.get(headers.get("X-Vault-Token") or "")
        mount, _, rest = path.removeprefix("/v1/").partition("/")
        if readable is None or not f"{mount}/{rest}".startswith(readable):
            return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
        return self._read(mount, rest)

    def _read(self, mount: str, path: str) -> Answer:
        version = self.mounts.get(mount)
        if version is None:
            return 404, {"errors": [f'no handler for route "{mount}/{path}". route entry not found.']}
        if version == 1:
            found = self.secrets.get(f"{mount}/{path}")
            return (200, {"data": found}) if found is not None else (404, {"errors": []})
        kind, _, name = path.partition("/")
        key = f"{mount}/{name}"
        if kind != "data" or key not in self.secrets:
            return 404, {"errors": []}
        found = self.secrets[key]
        metadata = {
            "version": 1,
            "destroyed": False,
            "deletion_time": "" if found is not None else "2026-01-01T00:00:00Z",
        }
        return 200 if found is not None else 404, {"data": {"data": found, "metadata": metadata}}


@contextmanager
def vault() -> Iterator[Vault]:
    """A server on a free port of this machine."""
    made = Vault()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that the library looks for
            made.asked.append(self.path)
            status, body = made.answer(self.path, dict(self.headers.items()))
            if made.sends_on_to:
                self.send_response(307)
                self.send_header("Location", f"{made.sends_on_to}{self.path}")
                self.end_headers()
                return
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}"
    with in_background(server):
        yield made
