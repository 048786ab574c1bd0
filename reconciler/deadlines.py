"""Deadlines for whole answers over HTTP, and the most bytes of a part of one, for every client of the program.

A time-out of a socket ends a silence alone. A server that sends a byte each second, in the head of an answer or in the
length of a chunk, never times out: the libraries read such lines whole. So answers are read through a watched socket.
"""

from __future__ import annotations

from http.client import HTTPConnection, HTTPResponse
from io import BufferedReader, RawIOBase
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import socket
    import ssl
    from urllib.request import BaseHandler

LONGEST_HEAD_S: Final = 3600.0
"""The deadline for the head of an answer whose request has no time-out."""


class TooMuch(Exception):
    """A part of an answer has more bytes than its reader allows."""


class WatchedSocket(RawIOBase):
    """The readable end of a connection. Raises TimeoutError at a deadline, and TooMuch.

    A new one has the time-out of its socket as its deadline.
    """

    def __init__(self, connected: socket.socket) -> None:
        super().__init__()
        self._sock = connected  # the name under which libraries look for it in a SocketIO
        self._raw = connected.makefile("rb", buffering=0)
        self.allow(connected.gettimeout() or LONGEST_HEAD_S)

    def allow(self, seconds: float | None, size_bytes: int | None = None) -> None:
        """Limits the bytes from now on, and the time until the last of them; None is no limit."""
        self._end = None if seconds is None else monotonic() + seconds
        self._left_bytes = size_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._end is None:
            return self._counted(self._raw.readinto(buffer))
        usual_s, left_s = self._sock.gettimeout(), self._end - monotonic()
        if left_s <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left_s if usual_s is None else min(usual_s, left_s))
        try:
            return self._counted(self._raw.readinto(buffer))
        finally:
            self._sock.settimeout(usual_s)

    def _counted(self, count: int | None) -> int | None:
        if self._left_bytes is not None:
            self._left_bytes -= count or 0
            if self._left_bytes < 0:
                raise TooMuch
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class WatchedResponse(HTTPResponse):
    """An answer that is read through a :class:`WatchedSocket`: the ``response_class`` of a connection."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(_Opened(sock), *args, **options)  # type: ignore[arg-type]  # the base class only calls makefile


class _Opened:
    """A socket as the response wants it."""

    def __init__(self, connected: socket.socket) -> None:
        self._connected = connected

    def makefile(self, _mode: str) -> BufferedReader:
        return BufferedReader(WatchedSocket(self._connected))


def allow(response: Any, seconds: float | None, size_bytes: int | None = None) -> None:
    """Sets the limits for the rest of an answer: one of the standard library, or one of requests."""
    head = getattr(getattr(response, "raw", None), "_original_response", response)
    reader = getattr(getattr(head, "fp", None), "raw", None)  # gone once the answer was read to its end
    if isinstance(reader, WatchedSocket):
        reader.allow(seconds, size_bytes)


# ------------------------------------------------------------------ the clients


def watch(adapter: Any) -> None:
    """Has an adapter of requests read all its answers through watched sockets, also those by way of a proxy."""
    pool_of = adapter.get_connection_with_tls_context

    def watched_pool(*args: Any, **options: Any) -> Any:
        pool = pool_of(*args, **options)
        if "_new_conn" not in vars(pool):
            pool._new_conn = _watching(pool._new_conn)  # noqa: SLF001  # each kind of pool has its own
        return pool

    adapter.get_connection_with_tls_context = watched_pool


def _watching(new_connection: Any) -> Any:
    def connection() -> Any:
        made = new_connection()
        made.response_class = WatchedResponse
        return made

    return connection


def openers(context: ssl.SSLContext | None = None) -> tuple[BaseHandler, ...]:
    """The handlers of HTTP and HTTPS for an opener of urllib, which read all answers through watched sockets."""
    from urllib.request import HTTPHandler, HTTPSHandler, Request  # 20 ms, and only two clients need it

    class Http(HTTPHandler):
        def do_open(self, http_class: Any, req: Request, **options: Any) -> HTTPResponse:
            return super().do_open(_watched(http_class), req, **options)

    class Https(HTTPSHandler):
        def do_open(self, http_class: Any, req: Request, **options: Any) -> HTTPResponse:
            return super().do_open(_watched(http_class), req, **options)

    return Http(), Https(context=context)


def _watched(connection: type[HTTPConnection]) -> type[HTTPConnection]:
    return type(connection.__name__, (connection,), {"response_class": WatchedResponse})
