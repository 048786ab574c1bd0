"""An HTTP server that passes requests on, and spoils one answer in every way that a network or a server can."""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from reconciler.providers.answers import Limits
from tests.kit.docker.memory import MemoryEngine
from tests.kit.serving import in_background

LIMITS = Limits(seconds=10.0, size_bytes=1 << 20)
"""The limits of a client in these tests: right answers keep within them on a busy machine, too."""

SHORT = Limits(seconds=1.0, size_bytes=LIMITS.size_bytes)
"""The limits of a client that has to wait for the time-out."""

WORDS = "injected fault"


@dataclass(frozen=True, slots=True)
class Given:
    """A right answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


Upstream = Callable[[str, str, bytes, Mapping[str, str]], Given]
Spoil = Callable[["_Handler", Given], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which an answer is wrong. ``is_passed_on`` says that the request has its effect nevertheless.

    ``limits`` are those of a client that meets it.
    """

    name: str
    spoil: Spoil
    is_passed_on: bool = True
    limits: Limits = LIMITS

    def __str__(self) -> str:
        return self.name


# ------------------------------------------------------------------ the faults


def _status(status: int, body: bytes, **headers: str) -> Spoil:
    return lambda handler, _right: handler.send(status, body, headers)


def _reset(handler: _Handler, _right: Given | None = None) -> None:
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.hang_up()


def _hang_up(handler: _Handler, _right: Given) -> None:
    handler.hang_up()


def _cut(end: Spoil) -> Spoil:
    def spoil(handler: _Handler, right: Given) -> None:
        handler.head(right.status, {"Content-Length": str(max(len(right.body), 1000))})
        handler.write(right.body[: len(right.body) // 2])
        end(handler, right)

    return spoil


def _cut_chunk(handler: _Handler, right: Given) -> None:
    handler.head(right.status, {"Transfer-Encoding": "chunked"})
    handler.write(b"ffff\r\n" + right.body[: len(right.body) // 2])
    handler.hang_up()


def _body(change: Callable[[bytes], bytes], **headers: str) -> Spoil:
    return lambda handler, right: handler.send(right.status, change(right.body), headers)


def _json(change: Callable[[Any], Any]) -> Spoil:
    def spoil(handler: _Handler, right: Given) -> None:
        found = json.loads(right.body) if right.body.strip() else None
        handler.send(right.status, json.dumps(change(found)).encode())

    return spoil


def _other_sort(found: Any) -> Any:
    return found if isinstance(found, int) else {"items": found} if isinstance(found, list) else [found]


def _without_keys(found: Any) -> Any:
    return [{} for _ in found] or [{}] if isinstance(found, list) else {}


def _each_value(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def changed(found: Any) -> Any:
        if isinstance(found, list):
            return [changed(each) for each in found]
        return {key: change(value) for key, value in found.items()} if isinstance(found, dict) else change(found)

    return changed


def _always(value: Any) -> Callable[[Any], Any]:
    return lambda _old: value


def _drip(handler: _Handler, right: Given) -> None:
    handler.head(right.status, {"Content-Length": "100000"})
    for _ in range(60):
        handler.write(b" ")
        time.sleep(handler.proxy.limits.seconds / 10)


def _drip_in_the_head(handler: _Handler, _right: Given) -> None:
    handler.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:  # until the client hangs up
        handler.write(b"1")
        time.sleep(handler.proxy.limits.seconds / 10)


def _continue(handler: _Handler, _right: Given) -> None:
    while True:
        handler.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(handler.proxy.limits.seconds / 10)


def _endless(handler: _Handler, _right: Given) -> None:
    handler.head(200, {})
    while True:
        handler.write(b"[0" + b", 0" * 20_000)


def _redirect(status: int) -> Spoil:
    def spoil(handler: _Handler, _right: Given) -> None:
        handler.send(status, b"", {"Location": f"{handler.proxy.elsewhere}/stolen"})

    return spoil


_SAID = json.dumps({"message": WORDS, "errorMessage": WORDS}).encode()
_SAID_IN_A_LIST = json.dumps({"errors": [{"field": "a", "errorMessage": WORDS}, {"errorMessage": "another"}]}).encode()
_STATUSES = (400, 401, 403, 404, 405, 406, 408, 409, 410, 412, 413, 415, 422, 429, 500, 501, 502, 503, 504)

_VALUES: Mapping[str, Any] = {"null": None, "a number": 7, "a text": "x", "a list": ["x"], "an object": {"x": {}}}
FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (
        *(Fault(f"status {status}", _status(status, _SAID), is_passed_on=False) for status in _STATUSES),
        *(Fault(f"status {s} of a proxy", _status(s, b"<html>no"), is_passed_on=False) for s in (400, 404, 500, 502)),
        *(Fault(f"status {s} without words", _status(s, b""), is_passed_on=False) for s in (401, 404, 409, 500, 503)),
        Fault("several errors", _status(400, _SAID_IN_A_LIST), is_passed_on=False),
        Fault("an error of another shape", _status(400, b'[{"error": {"message": ["x"]}}]'), is_passed_on=False),
        Fault("an error that nests too deep", _status(500, b"[" * 100_000), is_passed_on=False),
        *(Fault(f"redirect {status}", _redirect(status), is_passed_on=False) for status in (301, 302, 303, 307, 308)),
        Fault("redirect to nowhere", _status(302, b""), is_passed_on=False),
        Fault("reset before", _reset, is_passed_on=False),
        Fault("reset after", _reset),
        Fault("hung up", _hang_up),
        Fault("reset in the body", _cut(_reset)),
        Fault("cut", _cut(_hang_up)),
        Fault("cut in a chunk", _cut_chunk),
        Fault("cut JSON", _body(lambda body: body[: len(body) // 2])),
        Fault("no JSON", _body(lambda _: b"<html><body>Bad gateway</body></html>")),
        Fault("no text", _body(lambda _: b'{"a": "\xff\xfe"}')),
        Fault("no compression", _body(lambda body: body or b"x", **{"Content-Encoding": "gzip"})),
        Fault("no HTTP", lambda handler, _: handler.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")),
        Fault("an alert of TLS", lambda handler, _: handler.write(b"\x15\x03\x03\x00\x02\x02\x46\r\n\r\n")),
        Fault("empty", _body(lambda _: b"")),
        Fault("blank", _body(lambda _: b" \n")),
        Fault("too deep", _body(lambda _: b"[" * 100_000 + b"]" * 100_000)),
        Fault("a number of 10,000 digits", _body(lambda _: b"1" * 10_000)),
        Fault("null", _json(lambda _: None)),
        Fault("a text", _json(lambda _: "text")),
        Fault("a number", _json(lambda _: -1)),
        Fault("true", _json(lambda _: True)),
        Fault("another sort", _json(_other_sort)),
        Fault("without keys", _json(_without_keys)),
        Fault("a list of other things", _json(lambda _: [None, 1, "text", []])),
        *(Fault(f"each value is {name}", _json(_each_value(_always(value)))) for name, value in _VALUES.items()),
        Fault("dripping", _drip, limits=SHORT),
        Fault("dripping in the head", _drip_in_the_head, limits=SHORT),
        Fault("100 Continue, again and again", _continue, limits=SHORT),
        Fault("endless", _endless),
    )
}


# ------------------------------------------------------------------ the server


@dataclass
class Proxy:
    """``at`` is the number of the request, from 0, whose answer is spoiled by ``fault``; ``asked`` are all requests."""

    upstream: Upstream
    limits: Limits = LIMITS
    url: str = ""
    elsewhere: str = ""
    fault: Fault | None = None
    at: int = -1
    asked: list[str] = field(default_factory=list)
    asked_elsewhere: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def spoil(self, fault: Fault, at: int) -> None:
        self.fault, self.at = fault, at
        self.asked.clear()

    def heal(self) -> None:
        self.fault, self.at = None, -1
        self.asked.clear()


@contextmanager
def faulty(upstream: Upstream, *, limits: Limits = LIMITS) -> Iterator[Proxy]:
    """The proxy, and a second server to which nothing must be sent. ``limits`` are those of the client."""
    proxy = Proxy(upstream, limits)

    def stolen(method: str, path: str, _body: bytes, _headers: Mapping[str, str]) -> Given:
        proxy.asked_elsewhere.append(f"{method} {path}")
        return Given(200, b"{}")

    with _serving(Proxy(stolen, limits)) as elsewhere, _serving(proxy):
        proxy.elsewhere = elsewhere.url
        yield proxy


@contextmanager
def _serving(proxy: Proxy) -> Iterator[Proxy]:
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    server = _Server(("127.0.0.1", 0), handler)
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    with in_background(server):
        yield proxy


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_arguments: object) -> None:
        """A client that has heard enough is gone."""


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, *_arguments: object) -> None:
        pass

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True

    def write(self, content: bytes) -> None:
        self.close_connection = True
        self.wfile.write(content)
        self.wfile.flush()

    def send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        has_none = status in (204, 304)
        for name, value in {**(headers or {}), **({} if has_none else {"Content-Length": str(len(body))})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"" if has_none else body)
        self.wfile.flush()

    def hang_up(self) -> None:
        self.wfile.flush()
        with suppress(OSError):
            self.connection.close()
        self.rfile.close()
        self.close_connection = True

    def _pass_on(self) -> None:
        proxy = self.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with proxy.lock:
            number = len(proxy.asked)
            proxy.asked.append(f"{self.command} {self.path}")
            fault = proxy.fault if number == proxy.at else None
        if fault and not fault.is_passed_on:
            fault.spoil(self, Given(200, b""))
            return
        right = proxy.upstream(self.command, self.path, body, dict(self.headers.items()))
        if fault:
            fault.spoil(self, right)
        else:
            self.send(right.status, right.body, right.headers)

    do_GET = do_POST = do_DELETE = do_PUT = do_HEAD = _pass_on  # noqa: N815  # the base class's names


# ------------------------------------------------------------------ what is behind it


def in_memory(engine: MemoryEngine) -> Upstream:
    """The engine of the unit tests."""

    def upstream(method: str, path: str, body: bytes, _headers: Mapping[str, str]) -> Given:
        url = urlsplit(path)
        answer = engine.request(method, url.path, params=dict(parse_qsl(url.query)), data=(body or b"{}").decode())
        return Given(answer.status_code, answer.content)

    return upstream


_HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "date", "server", "host")


def over_http(connect: Callable[[], http.client.HTTPConnection]) -> Upstream:
    """A real server, to which each request makes a connection."""

    def upstream(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Given:
        connection = connect()
        try:
            sent = {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
            connection.request(method, path, body, {**sent, "Accept-Encoding": "identity"})
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP}
            return Given(answer.status, answer.read(), kept)
        finally:
            connection.close()

    return upstream
