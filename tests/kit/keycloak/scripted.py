"""A line to Keycloak that answers from a script and notes what it was asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from reconciler.core.provider import Done, Verdict
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import ABSENT, Secret, Value
from reconciler.providers.answers import understood
from tests.kit.serving import in_background


@dataclass
class ScriptedConnection:
    """``answers`` maps ``VERB path`` to an answer, or to an exception to raise; what is missing is not there."""

    answers: Mapping[str, Any] = field(default_factory=dict)
    sent: list[tuple[str, Value]] = field(default_factory=list)
    account: Address | None = None
    offset_s: float = 0.0

    def get(self, path: str) -> Any:
        return self._answer(f"GET {path}", None)

    def ask(self, path: str) -> Any:
        return self._answer(f"ASK {path}", None)

    def post(self, path: str, body: Value = None) -> None:
        self._answer(f"POST {path}", body)

    def create(self, path: str, body: Value) -> str:
        answer = self._answer(f"POST {path}", body)
        return "made" if answer is ABSENT else str(answer)

    def put(self, path: str, body: Value = None) -> None:
        self._answer(f"PUT {path}", body)

    def delete(self, path: str, body: Value = None) -> None:
        self._answer(f"DELETE {path}", body)

    def put_text(self, path: str, text: str) -> None:
        self._answer(f"PUT {path}", text)

    def takes(self, realm: str, username: str, password: Secret) -> bool:
        return bool(self._answer(f"ASK {realm}/{username}", password) is True)

    def login(self) -> None:
        self.sent.append(("LOGIN", None))

    def is_account(self, address: Address) -> bool:
        return address == self.account

    def ready(self) -> Verdict:
        found = self._answer("READY", None)
        return Done() if found is ABSENT else found

    def openly(self, path: str, *, host: str = "") -> tuple[int, Mapping[str, Any]]:
        found = self._answer(f"OPEN {path}", host)
        return (404, {}) if found is ABSENT else found

    def clock_offset_s(self) -> float:
        return self.offset_s

    def understood(self) -> AbstractContextManager[None]:
        return understood("the script", lambda: self.requests[-1])

    def close(self) -> None:
        pass

    def _answer(self, request: str, body: Value) -> Any:
        self.sent.append((request.replace("admin/realms/", ""), body))
        answer = self.answers.get(request.replace("admin/realms/", ""), ABSENT)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def requests(self) -> list[str]:
        return [request for request, _ in self.sent]

    @property
    def writes(self) -> list[tuple[str, Value]]:
        return [(request, body) for request, body in self.sent if request.split(" ")[0] not in _READS]


_READS = ("ASK", "GET", "OPEN", "READY")


# ------------------------------------------------------------------ HTTP itself


@dataclass
class Script:
    """The answers of an HTTP server, request by request and path by path: (status, body), the last for ever."""

    answers: dict[str, list[tuple[int, bytes]]]
    asked: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    url: str = ""

    def next(self, request: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        self.asked.append(request)
        self.bodies.append(body)
        self.headers.append(headers)
        answers = self.answers.get(request, [(404, b"no such page")])
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def serving(answers: dict[str, list[tuple[int, bytes]]], *, tls: Any = None) -> Iterator[Script]:
    """An HTTP server on this machine that follows a script; ``tls`` is an SSL context."""
    script = Script(answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, content = script.next(f"{self.command} {self.path}", body, dict(self.headers))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  # the names that the library looks for

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    script.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    with in_background(server):
        yield script
