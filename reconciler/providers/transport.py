"""HTTP to one server by the standard library: kept connections, and answers within limits. For reads and tokens.

The libraries of both clients take 0.1 to 0.4 s to import, more than all requests of a look. They are left to writes,
streams, and engines behind TLS or ssh.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import sys
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection, IncompleteRead
from pathlib import Path
from time import monotonic
from typing import Final, TypeAlias
from urllib.parse import quote, urlsplit

from reconciler.core.message.errors import Misconfigured
from reconciler.deadlines import WatchedResponse, allow
from reconciler.providers.answers import (
    Answer,
    Limits,
    Note,
    Request,
    body_of,
    ignored,
    late,
    milliseconds,
    require_no_redirect,
    why,
)

MOST_KEPT: Final = 8
"""So many connections are kept for later; more may be open at a time."""
_PIECE: Final = 1 << 16
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32
_COMPRESSED: Final = ("gzip", "x-gzip", "deflate")
_LEGAL: Final = "!#$%&'()*+,/:;=?@[]~"
"""Characters that a URL keeps; all others are percent-encoded, as the libraries do."""

Dial: TypeAlias = Callable[[], HTTPConnection]
"""Makes a connection, not yet open, whose time-out is that for opening it."""


class Transport:
    """Requests to one server, below a path; used from several threads. ``who`` names it in messages.

    Follows no redirect, and sends nothing twice. Raises what the standard library raises, Unreachable for an answer
    that takes too long, and Rejected for a redirect and an answer that is too large.
    """

    def __init__(self, dial: Dial, who: str, limits: Limits, note: Note = ignored, *, below: str = "/") -> None:
        self._dial, self._who, self._limits, self._note, self._below = dial, who, limits, note, below
        self._idle: list[HTTPConnection] = []
        self._lock = threading.Lock()
        self._is_closed = False

    def send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """The answer to a request, read to its end. The path may have a query, and a slash in front."""
        target, began = quote(self._below + path.removeprefix("/"), _LEGAL), monotonic()
        asked = f"{method} {target.partition('?')[0]}"
        connection = self._opened()
        try:
            connection.request(method, target, body, dict(headers or {}))
            with connection.getresponse() as response:  # not closed by `read1`, so no other request could follow
                require_no_redirect(response.status, response.headers.get("Location", ""), self._who, asked)
                allow(response, self._limits.seconds)
                content = body_of(_unpacked(response), self._who, asked, self._limits)
        except TimeoutError as error:
            connection.close()
            raise late(self._who, asked, self._limits.seconds) from error
        except BaseException:
            connection.close()
            raise
        self._keep(connection, response)
        self._note(Request(method, asked.partition(" ")[2], response.status, milliseconds(monotonic() - began)))
        return Answer(asked, response.status, response.headers, content)

    def _opened(self) -> HTTPConnection:
        """An open connection: a kept one, unless the server has closed it meanwhile."""
        while True:
            with self._lock:
                kept = self._idle.pop() if self._idle else None
            if kept is None:
                break
            if not _has_input(kept.sock):
                return kept
            kept.close()
        connection = self._dial()
        connection.response_class = WatchedResponse
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        connection.sock.settimeout(self._limits.seconds)
        return connection

    def _keep(self, connection: HTTPConnection, response: HTTPResponse) -> None:
        with self._lock:
            if not (response.will_close or self._is_closed) and len(self._idle) < MOST_KEPT:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Closes the connections: those in use when their answers have been read."""
        with self._lock:
            idle, self._idle, self._is_closed = self._idle, [], True
        for connection in idle:
            connection.close()


def _has_input(opened: socket.socket) -> bool:
    """Returns whether there is something to read, which is the end if nothing was asked."""
    waiting = select.poll()
    waiting.register(opened, select.POLLIN)
    return bool(waiting.poll(0))


def _unpacked(response: HTTPResponse) -> Iterator[bytes]:
    """The body in pieces, as they come. Raises IncompleteRead, and zlib.error."""
    packed = response.headers.get("Content-Encoding", "").strip().lower() in _COMPRESSED
    inflate = zlib.decompressobj(_GZIP_OR_ZLIB) if packed else None
    is_empty = True
    while piece := response.read1(_PIECE):
        is_empty = False
        yield inflate.decompress(piece) if inflate else piece
    if response.length:  # which `read1` does not mind
        raise IncompleteRead(b"", response.length)
    if inflate and not inflate.eof and not is_empty:
        raise zlib.error("incomplete or truncated stream")


# ------------------------------------------------------------------ connections


class _UnixConnection(HTTPConnection):
    """HTTP over a socket of this machine."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def unix_socket(path: str, *, connect_s: float) -> Dial:
    """Connections to a socket of this machine."""
    return lambda: _UnixConnection(path, connect_s)


def port(url: str, *, connect_s: float) -> Dial:
    """Connections to the host and port of a URL, without TLS and past any proxy."""
    parts = urlsplit(url)
    return lambda: HTTPConnection(parts.hostname or "", parts.port, timeout=connect_s)


def web(url: str, *, connect_s: float, ca_file: str | None = None) -> Dial:
    """Connections to the server of an http or https URL, which is trusted by ``ca_file`` or the usual authorities."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "http":
        return lambda: HTTPConnection(host, parts.port, timeout=connect_s)
    context = _trusting(ca_file or _usual_authorities())
    return lambda: HTTPSConnection(host, parts.port, timeout=connect_s, context=context)


def _usual_authorities() -> str:
    """The file or folder that the environment names, else that of certifi: the same as for requests."""
    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if named:
        return named
    from certifi import where

    return where()


def _trusting(authorities: str) -> ssl.SSLContext:
    try:
        if Path(authorities).is_dir():
            return ssl.create_default_context(capath=authorities)
        return ssl.create_default_context(cafile=authorities)
    except OSError as error:
        raise Misconfigured(f"the certificates in {authorities} can't be read: {why(error)}") from error


def has_proxy(url: str) -> bool:
    """Returns whether the environment has a proxy for the server of a URL; it has none for this very machine."""
    if is_loopback(url) or not (_SYSTEM_HAS_PROXIES or any(each.lower().endswith("_proxy") for each in os.environ)):
        return False
    from urllib.request import getproxies, proxy_bypass

    parts, proxies = urlsplit(url), getproxies()
    is_named = bool(proxies.get(parts.scheme) or proxies.get("all"))
    return is_named and not proxy_bypass(parts.netloc.rpartition("@")[2])


def is_loopback(url: str) -> bool:
    """Returns whether a URL is that of this very machine."""
    return urlsplit(url).hostname in LOOPBACK


LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_SYSTEM_HAS_PROXIES: Final = sys.platform == "darwin"
