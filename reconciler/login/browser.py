"""Requests as a browser makes them: its rules for cookies, redirects left to the caller, every answer within limits.

The rules are those of RFC 6265bis as Chromium and Firefox follow them: `Secure` cookies also count over plain HTTP on
this very machine, and nowhere else; `SameSite` keeps a cookie from a request that another site has caused.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from errno import ECONNREFUSED
from http.client import HTTPS_PORT, HTTPConnection, HTTPException, HTTPResponse
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from time import monotonic
from typing import Any, Final, cast
from urllib.parse import urljoin, urlsplit

from reconciler.core.login import LostCookie, Way, Ways
from reconciler.deadlines import WatchedResponse, openers
from reconciler.providers.answers import underneath, why

MOST_BYTES: Final = 1 << 20
REQUEST_S: Final = 15.0
_AGENT: Final = "Mozilla/5.0 (reconcile; login check)"


class NoAnswer(Exception):
    """No answer came; ``is_tls`` where the connection is not trusted."""

    def __init__(self, words: str, *, is_tls: bool = False) -> None:
        super().__init__(words)
        self.is_tls = is_tls


class OutOfReach(Exception):
    """A browser may reach the address; this process does not."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, its body cut at a limit."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    text: str = field(repr=False)

    @property
    def target(self) -> str:
        """The address that a redirect leads to; "" for any other answer."""
        location = self.headers.get("location", "")
        return urljoin(self.url, location) if 300 <= self.status < 400 and location else ""


class Browser:
    """One visit, with its cookies. ``lost`` are the cookies that a browser would have dropped.

    ``ways`` lead to the ports of the machine on which the browser is thought to be, if that is not this one.
    """

    def __init__(
        self,
        *,
        ca_file: str = "",
        now: Callable[[], float] = monotonic,
        end: float = float("inf"),
        ways: Ways | None = None,
    ) -> None:
        self._policy, self._ways = _Policy(), ways
        self._now, self._end = now, end
        context = ssl.create_default_context()
        if ca_file:
            context.load_verify_locations(ca_file)
        rest = (urllib.request.HTTPCookieProcessor(CookieJar(self._policy)), _AsItIs())
        led = (_LedHttp(self._place), _LedHttps(self._place, context)) if ways else openers(context)
        self._direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), *led, *rest)
        self._outward = urllib.request.build_opener(*openers(context), *rest)

    @property
    def lost(self) -> tuple[LostCookie, ...]:
        return tuple(dict.fromkeys(self._policy.lost))

    def request(self, method: str, url: str, body: bytes | None = None, *, caused_by: str = "") -> Answer:
        """One request, caused by the page at another address. Raises NoAnswer, and OutOfReach."""
        self._policy.caused_by = caused_by
        request = urllib.request.Request(url, data=body, method=method)  # noqa: S310 (the caller's check)
        request.add_header("User-Agent", _AGENT)
        request.add_header("Accept", "text/html,*/*")
        # The whole login has one end, so a slow server can't make it last for as many time-outs as it has steps.
        left_s = self._end - self._now()
        if left_s <= 0:
            raise NoAnswer("the time for the whole login is over")
        timeout_s = min(REQUEST_S, left_s)
        # As both clients do: no proxy of the environment for this very machine.
        opener = self._direct if is_this_machine(urlsplit(url).hostname or "") else self._outward
        try:
            with opener.open(request, timeout=timeout_s) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(method, url, response.status, headers, self._body(response, self._now() + timeout_s))
        except ssl.SSLError as error:
            raise NoAnswer(_words(error), is_tls=True) from error
        except (urllib.error.URLError, OSError, HTTPException) as error:
            raise NoAnswer(_words(error), is_tls=underneath(error, ssl.SSLError) is not None) from error

    def _place(self, host: str, port: int) -> tuple[str, int]:
        """The place to connect to. Raises OutOfReach, and ConnectionRefusedError where nothing listens."""
        way = self._ways.to(port) if self._ways and is_this_machine(host) else Way(host, port)
        if way.hidden:
            raise OutOfReach(way.hidden)
        if not way.host:
            raise ConnectionRefusedError(ECONNREFUSED, "no running container publishes this port")
        return way.host, way.port

    def _body(self, response: HTTPResponse, end: float) -> str:
        pieces, size = [], 0
        while size < MOST_BYTES and (piece := response.read1(1 << 16)):
            pieces.append(piece)
            size += len(piece)
            if self._now() > end:
                raise TimeoutError
        return b"".join(pieces).decode(errors="replace")


class _LedConnection(HTTPConnection):
    """A connection to another place than the one that its address names."""

    response_class = WatchedResponse

    def __init__(self, *arguments: Any, place: Callable[[str, int], tuple[str, int]], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._place = place

    def connect(self) -> None:
        self.sock = socket.create_connection(self._place(self.host, self.port), self.timeout)


class _LedTlsConnection(_LedConnection):
    """The same by TLS: the certificate is that of the address."""

    default_port = HTTPS_PORT

    def __init__(self, *arguments: Any, context: ssl.SSLContext, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._context = context

    def connect(self) -> None:
        super().connect()
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)


class _LedHttp(urllib.request.HTTPHandler):
    def __init__(self, place: Callable[[str, int], tuple[str, int]]) -> None:
        super().__init__()
        self._place = place

    def http_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(cast("Any", _LedConnection), request, place=self._place)


class _LedHttps(urllib.request.HTTPSHandler):
    def __init__(self, place: Callable[[str, int], tuple[str, int]], context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._place, self._trust = place, context

    def https_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(cast("Any", _LedTlsConnection), request, place=self._place, context=self._trust)


def _words(error: BaseException) -> str:
    return f"no answer within {REQUEST_S:g} s" if underneath(error, TimeoutError) else why(error)


class _AsItIs(urllib.request.HTTPErrorProcessor):
    """Follows no redirect and raises nothing for a status."""

    def http_response(self, request: urllib.request.Request, response: HTTPResponse) -> HTTPResponse:  # noqa: ARG002
        return response

    https_response = http_response


class _Policy(DefaultCookiePolicy):
    """A browser's rules besides those of the standard library."""

    def __init__(self) -> None:
        super().__init__(secure_protocols=("http", "https"))
        self.caused_by = ""
        self.lost: list[LostCookie] = []

    def set_ok(self, cookie: Cookie, request: urllib.request.Request) -> bool:
        host = request.host.rpartition("@")[2]
        if cookie.secure and not _is_trusted(request.full_url):
            return self._lose(cookie, host, "it is marked Secure, and the address is plain http")
        if _same_site(cookie) == "none" and not cookie.secure:
            return self._lose(cookie, host, "it is marked SameSite=None without Secure")
        return super().set_ok(cookie, request)

    def return_ok(self, cookie: Cookie, request: urllib.request.Request) -> bool:
        if not super().return_ok(cookie, request):
            return False
        if cookie.secure and not _is_trusted(request.full_url):
            return self._lose(cookie, request.host, "it is marked Secure, and the address is plain http")
        rule, is_foreign = _same_site(cookie), bool(self.caused_by) and _site(self.caused_by) != _site(request.full_url)
        if is_foreign and (rule == "strict" or (rule == "lax" and request.get_method() != "GET")):
            return self._lose(
                cookie, request.host, f"it is marked SameSite={rule.capitalize()}, and another site leads here"
            )
        return True

    def _lose(self, cookie: Cookie, host: str, reason: str) -> bool:
        self.lost.append(LostCookie(cookie.name, host, reason))
        return False


def _same_site(cookie: Any) -> str:
    found = next(
        (
            cookie.get_nonstandard_attr(name)
            for name in ("SameSite", "samesite", "Samesite")
            if cookie.has_nonstandard_attr(name)
        ),
        "",
    )
    return str(found or "").lower()


def _is_trusted(url: str) -> bool:
    """Returns whether browsers keep `Secure` cookies of this address: https, or this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or is_this_machine(parts.hostname or "")


def is_this_machine(host: str) -> bool:
    """Returns whether a host's name or address always means the machine that asks."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _site(url: str) -> str:
    """Scheme and registrable domain, near enough without the list of public suffixes: ports do not count."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_name = any(letter.isalpha() for letter in host) and ":" not in host
    return f"{parts.scheme}://{'.'.join(host.split('.')[-2:]) if is_name else host}"
