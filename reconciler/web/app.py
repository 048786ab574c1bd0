"""The ASGI application: one table of routes behind one gate. What is not in the table is not served."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import nullcontext
from typing import Any, Final
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route as Path
from starlette.types import ASGIApp, Receive, Scope, Send

from reconciler.web.access import Role, Visitor, is_safe, is_same_origin
from reconciler.web.api import API
from reconciler.web.desk import Call, Desk, Route, Wrong, natural
from reconciler.web.login import COOKIE, LOGIN, confirm, cookie_of, form_of
from reconciler.web.page.render import Pages
from reconciler.web.page.views import PAGE, page_of_error
from reconciler.web.probes import PROBES
from reconciler.web.webhook import WEBHOOKS

ROUTES: Final[tuple[Route, ...]] = (*PROBES, *API, *WEBHOOKS, *LOGIN, *PAGE)
BODY_S: Final = 10.0
"""A body that takes longer to come is given up."""

MOST_BODIES: Final = 8
"""So many bodies of strangers are in memory at a time."""

PROBE_PATHS: Final = frozenset({"/livez", "/readyz", "/healthz"})
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types reconcile; "
    "form-action 'self'"
)
HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cache-control": "no-store",
}


def application(desk: Desk, routes: Sequence[Route] = ROUTES, *, body_s: float = BODY_S) -> ASGIApp:
    """The application for one daemon."""
    desk.templates = Pages(desk)
    paths = [Path(route.path, _endpoint(desk, route, body_s), methods=[route.method]) for route in routes]
    handlers: dict[Any, Any] = {HTTPException: _on_http(desk), Exception: _on_fault(desk)}
    return _Outermost(Starlette(routes=paths, exception_handlers=handlers), desk)


class _Outermost:
    """Refuses unknown hosts, and puts the headers on every answer, errors included."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self._app, self._desk = app, desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # there is no route for a websocket
            await self._app(scope, receive, send)
            return
        request, status = Request(scope), 500

        async def answer(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # A route may have its own, as files with a digest in their name have for the cache.
                own = {name for name, _ in message["headers"]}
                more = [(name.encode(), text.encode()) for name, text in HEADERS.items() if name.encode() not in own]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        # A page of elsewhere whose name is rebound to 127.0.0.1 is of the same origin for its browser: only the name
        # in Host tells. Probes give nothing away, and kubelets ask by the address of a pod.
        if scope["path"] not in PROBE_PATHS and not self._desk.gate.knows_host(request.headers.get("host", "")):
            refusal = JSONResponse({"error": "This name is not one of this server; see --allow-host."}, 421)
            await refusal(scope, receive, answer)
        else:
            await self._app(scope, receive, answer)
        self._desk.metrics.request(getattr(scope.get("endpoint"), "path", "other"), scope["method"], status)


def _endpoint(desk: Desk, route: Route, body_s: float) -> Callable[[Request], Awaitable[Response]]:
    # Who signs a body is known only once it was read, so that of a webhook may come from anybody.
    bodies = asyncio.Semaphore(MOST_BODIES) if route.signed else nullcontext()

    async def endpoint(request: Request) -> Response:
        if route.role is not Role.ANYONE:
            await _confirm(desk, request)
        visitor = visitor_of(desk, request)
        try:
            _admit(route, request, visitor)
            async with bodies:
                body = await _body(request, route.body, body_s)
                call = Call(desk, request, visitor, body)
                if route.form:
                    _require_token(call)
                # The endpoints are synchronous as all of the program; whatever may wait must not hold up the loop.
                return route.call(call) if route.quick else await run_in_threadpool(route.call, call)
        except Wrong as wrong:
            if not is_safe(route.method):
                desk.refused(visitor, f"{route.method} {route.path}", wrong.message)
            return refusal(desk, request, visitor, wrong)

    endpoint.path = route.path  # type: ignore[attr-defined]  # the label of metrics: never a path as it was sent
    return endpoint


async def _confirm(desk: Desk, request: Request) -> None:
    """Have a session's roles confirmed where that is due: the issuer may take its time, and the loop has none."""
    identity = cookie_of(desk, request, COOKIE)
    if session := desk.gate.sessions.due(identity):
        await run_in_threadpool(confirm, desk, identity, session)


def visitor_of(desk: Desk, request: Request) -> Visitor:
    """The visitor of a request, by its headers and its cookie."""
    cookie = cookie_of(desk, request, COOKIE)
    headers = dict(request.headers.items())
    return desk.gate.visitor(headers, cookie, request.client.host if request.client else "")


def _admit(route: Route, request: Request, visitor: Visitor) -> None:
    """Raises Wrong unless this visitor may use this route, before anything of the body is read."""
    if visitor.role < route.role:
        if visitor.role is Role.ANYONE:
            raise Wrong(401, "You are not logged in.")
        raise Wrong(403, f"You are logged in as {visitor.name}, and need the role {Role(route.role).name.lower()}.")
    # A browser adds a cookie to the form of any page. A token or a signature comes from a program that has it.
    is_by_cookie = visitor.how != "token" and not route.signed
    if not is_safe(route.method) and is_by_cookie and not is_same_origin(request.headers):
        raise Wrong(403, "This request comes from a page of another site.")


async def _body(request: Request, most: int, body_s: float) -> bytes:
    """The body, of which never more than allowed is kept."""
    announced = request.headers.get("content-length", "0")
    if natural(announced, most=most) is None:
        raise Wrong(413, f"The body is too large; at most {most} bytes are read.")
    if not most:
        return b""
    parts, size = list[bytes](), 0
    try:
        async with asyncio.timeout(body_s):
            async for part in request.stream():
                # The announced length may be a lie, and a chunked body announces none.
                size += len(part)
                if size > most:
                    raise Wrong(413, f"The body is too large; at most {most} bytes are read.")
                parts.append(part)
    except ClientDisconnect as error:
        raise Wrong(400, "The connection was closed.") from error
    except TimeoutError as error:
        raise Wrong(408, f"The body did not come within {body_s:g} seconds.") from error
    return b"".join(parts)


def _require_token(call: Call) -> None:
    if not call.desk.gate.is_csrf_token(form_of(call).get("csrf", ""), call.visitor):
        raise Wrong(403, "The form is out of date. Go back, load the page again, and send it once more.")


def wants_html(request: Request) -> bool:
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


def refusal(desk: Desk, request: Request, visitor: Visitor, wrong: Wrong) -> Response:
    """The answer to a request that can't be granted, as a page for browsers and as JSON for programs."""
    message = desk.writer.line(wrong.message)
    if not wants_html(request):
        return JSONResponse({"error": message}, wrong.status)
    if wrong.status == 401 and is_safe(request.method):
        # Only reads are gone on with after a login: an act must be asked for again.
        where = quote(f"{request.url.path}{'?' + request.url.query if request.url.query else ''}", safe="")
        return RedirectResponse(f"/login?next={where}", 303)
    return page_of_error(desk, visitor, wrong.status, message)


def _on_http(desk: Desk) -> Callable[[Request, Exception], Response]:
    def handle(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        messages = {404: "There is nothing at this address.", 405: "This address does not take that method."}
        wrong = Wrong(error.status_code, messages.get(error.status_code, "The request can't be understood."))
        return refusal(desk, request, visitor_of(desk, request), wrong)

    return handle


def _on_fault(desk: Desk) -> Callable[[Request, Exception], Response]:
    """The one place for faults that nobody foresaw: the log has them in full, the answer only that there was one."""

    def handle(request: Request, error: Exception) -> Response:
        desk.log.error("request failed", request=request.url.path, error=f"{type(error).__name__}: {error}")
        wrong = Wrong(500, "This is a bug in reconcile; the log of the daemon has the error.")
        return refusal(desk, request, Visitor("", Role.ANYONE), wrong)

    return handle
