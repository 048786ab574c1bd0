"""The provider's client with all that it stands on, python-keycloak and requests included, on a line without sockets.

Behind it is the simulator; one answer of it may be wrong in any of the ways of tests/kit/faulty.py. A request to
another host is noted and answered by nobody that knows anything.
"""

from __future__ import annotations

import http.client
import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlsplit

from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from reconciler.core.resource.values import Secret, Value
from reconciler.deadlines import watch
from reconciler.providers.answers import Limits, ignored
from reconciler.providers.keycloak.server.client import WHO, AdminClient, Settings
from reconciler.providers.keycloak.server.library import Library
from reconciler.providers.transport import Transport
from tests.kit.faulty import FAULTS as OF_SOCKETS
from tests.kit.faulty import Fault, Given
from tests.kit.keycloak.simulator.server import SimulatedKeycloak

URL: Final = "http://keycloak.test"
ELSEWHERE: Final = "http://elsewhere.test"
ACCOUNT: Final[Mapping[str, Value]] = {"username": "admin", "password": Secret("secret-of-the-account")}
LIMITS: Final = Limits(seconds=10.0, size_bytes=1 << 20)
SHORT: Final = Limits(seconds=0.3, size_bytes=LIMITS.size_bytes)
_TOKEN: Final = {"access_token": "a.e30.c", "refresh_token": "r", "expires_in": 60, "refresh_expires_in": 1800}


def _by_pieces(handler: Any, _right: Given) -> None:
    handler.head(200, {"Content-Length": "100000"})
    handler.pieces = _slowly(handler.line.limits.seconds / 10)


def _slowly(pause_s: float, piece: bytes = b" ") -> Iterator[bytes]:
    for _ in range(1000):
        time.sleep(pause_s)
        yield piece


def _in_the_head(text: bytes) -> Callable[[Any, Given], None]:
    def spoil(handler: Any, _right: Given) -> None:
        handler.write(text)
        handler.pieces = _slowly(handler.line.limits.seconds / 10, text[-1:] if text.endswith(b" ") else text)

    return spoil


def _without_end(handler: Any, _right: Given) -> None:
    handler.head(200, {})
    handler.pieces = iter(lambda: b"[0" + b", 0" * 20_000, b"")


_LAZY: Final = {
    "dripping": Fault("dripping", _by_pieces, limits=SHORT),
    "dripping in the head": Fault("dripping in the head", _in_the_head(b"HTTP/1.1 200 OK\r\nX-Slow: "), limits=SHORT),
    "100 Continue, again and again": Fault(
        "100 Continue, again and again", _in_the_head(b"HTTP/1.1 100 Continue\r\n\r\n"), limits=SHORT
    ),
    "endless": Fault("endless", _without_end, limits=LIMITS),
}
FAULTS: Final[Mapping[str, Fault]] = {name: _LAZY.get(name, fault) for name, fault in OF_SOCKETS.items()}


# ------------------------------------------------------------------ a line


@dataclass
class Line:
    """``at`` is the number of the request, from 0, whose answer is spoiled by ``fault``; ``asked`` are all requests.

    A fault that ``lasts`` spoils all answers from there on.
    """

    server: SimulatedKeycloak
    limits: Limits = LIMITS
    fault: Fault | None = None
    at: int = -1
    lasts: bool = False
    asked: list[str] = field(default_factory=list)
    sent_elsewhere: list[str] = field(default_factory=list)

    elsewhere = ELSEWHERE

    def client(self) -> AdminClient:
        """A client at this end, without a token."""
        return _Client(self)

    def _is_spoiled(self, number: int) -> bool:
        return self.at >= 0 and (number >= self.at if self.lasts else number == self.at)

    def answer(self, host: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> _Answer:
        answer = _Answer(self)
        if host != urlsplit(URL).hostname:
            self.sent_elsewhere.append(f"{method} {path} {dict(headers)} {body!r}")
            answer.send(200, b"{}")
            return answer
        fault = self.fault if self._is_spoiled(len(self.asked)) else None
        self.asked.append(f"{method} {path.partition('?')[0]}")
        right = Given(200, b"") if fault and not fault.is_passed_on else self._right(method, path, headers, body)
        if fault:
            fault.spoil(cast("Any", answer), right)
        else:
            answer.send(right.status, right.body, right.headers)
        return answer

    def _right(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Given:
        path = path.lstrip("/")
        if path.endswith("/token"):
            return self._token(path, dict(parse_qsl(body.decode())))
        if path.startswith("realms/"):
            return Given(200 if method == "GET" else 204, b'{"realm": "master"}')
        text = body.decode()
        is_text = headers.get("Content-Type", "").startswith("text/plain")
        found = self.server.request(method, path, text if is_text else json.loads(text) if text else None)
        return Given(found.status, found.content, {"Location": f"{URL}{found.location}"} if found.location else {})

    def _token(self, path: str, form: Mapping[str, str]) -> Given:
        realm = path.split("/")[1]
        if realm == "master" or self.server.takes(realm, form.get("username", ""), form.get("password", "")):
            return Given(200, json.dumps(_TOKEN).encode())
        return Given(401, b'{"error": "invalid_grant", "error_description": "Invalid user credentials"}')


class _Answer:
    """An answer on its way, as tests/kit/faulty.py spoils it: the bytes, and what comes after them."""

    def __init__(self, line: Line) -> None:
        self.line, self.proxy, self.connection = line, line, self
        self.sent = bytearray()
        self.pieces: Iterator[bytes] = iter(())
        self.is_reset = False

    def setsockopt(self, *_option: Any) -> None:
        self.is_reset = True

    def hang_up(self) -> None:
        """There are no more bytes."""

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} {_phrase(status)}", *(f"{name}: {text}" for name, text in headers.items())]
        self.sent += "\r\n".join([*lines, "Connection: close", "", ""]).encode()

    def write(self, content: bytes) -> None:
        self.sent += content

    def send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        has_none = status in (204, 304)
        self.head(status, {**(headers or {}), **({} if has_none else {"Content-Length": str(len(body))})})
        self.sent += b"" if has_none else body

    def stream(self) -> io.RawIOBase:
        return _Bytes(self)


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase


class _Bytes(io.RawIOBase):
    """The bytes of an answer, then its pieces, then its end."""

    def __init__(self, answer: _Answer) -> None:
        super().__init__()
        self._answer, self._left = answer, bytes(answer.sent)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            self._left = next(self._answer.pieces, b"")
        if not self._left and self._answer.is_reset:
            raise ConnectionResetError(104, "Connection reset by peer")
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size


class _Socket:
    """As much of a socket as a connection uses."""

    def __init__(self, line: Line, host: str) -> None:
        self._line, self._host, self._sent = line, host, bytearray()

    def sendall(self, data: bytes) -> None:
        self._sent += data

    def makefile(self, _mode: str, buffering: int) -> io.RawIOBase:  # noqa: ARG002  # it is read without a buffer
        head, _, body = bytes(self._sent).partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = dict(line.split(": ", 1) for line in lines)
        self._sent.clear()
        return self._line.answer(self._host, method, path, headers, body).stream()

    def settimeout(self, _seconds: float | None) -> None: ...

    def gettimeout(self) -> float:
        return self._line.limits.seconds

    def close(self) -> None: ...


class _Connection(http.client.HTTPConnection):
    """A connection of the standard library."""

    def __init__(self, line: Line) -> None:
        super().__init__(urlsplit(URL).hostname or "")
        self._line = line

    def connect(self) -> None:
        self.sock = cast("Any", _Socket(self._line, self.host))


class _Library(Library):
    """python-keycloak, on the line of the moment; making its connections takes most of a run's time."""

    line: Line

    def _made(self) -> Any:
        manager = super()._made()
        adapter = _adapter(self)
        watch(adapter)
        manager._s.mount("http://", adapter)
        return manager


def _adapter(library: _Library) -> HTTPAdapter:
    class Connection(HTTPConnection):
        def connect(self) -> None:
            self.sock = cast("Any", _Socket(library.line, self.host))

        @property
        def is_connected(self) -> bool:
            return False

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *_arguments: Any, **_options: Any) -> None:
            self.poolmanager = PoolManager(2)
            self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": Pool}

    return Adapter(max_retries=0)


@cache
def _library(limits: Limits) -> _Library:
    return _Library(f"{URL}/", WHO, limits, ignored, connect_s=1.0)


class _Client(AdminClient):
    """A client that begins without a token."""

    def __init__(self, line: Line) -> None:
        super().__init__(Settings.of({"url": URL, "auth": ACCOUNT}, limits=line.limits), pause=lambda _seconds: None)
        self._transport = Transport(lambda: _Connection(line), WHO, line.limits)
        self._library = library = _library(line.limits)
        library.line = line
