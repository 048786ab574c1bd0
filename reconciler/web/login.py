"""The ways in: a token of the operator's, and the end of a session."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.responses import RedirectResponse, Response

from reconciler.web.access import Role
from reconciler.web.desk import Call, Route, Wrong

COOKIE: Final = "reconcile"
SECURE_COOKIE: Final = "__Host-reconcile"
"""The prefix makes browsers refuse the cookie unless it is secure and of this very host."""

TOKEN_SESSION_S: Final = 3_600.0
BODY: Final = 8_192
_PATH: Final = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def safe_next(text: str) -> str:
    """The path to go on to: of this server only, whatever somebody put into a link."""
    return text if _PATH.fullmatch(text) and not urlsplit(text).netloc else "/"


def form_of(call: Call) -> dict[str, str]:
    """The fields of a form; the last of a name counts."""
    try:
        return dict(parse_qsl(call.body.decode(), keep_blank_values=True, max_num_fields=50))
    except ValueError as error:
        raise Wrong(400, "The form can't be read.") from error


def page(call: Call, message: str = "", status: int = 200, where: str = "/") -> Response:
    desk = call.desk
    return desk.pages.html(
        "login",
        call.visitor,
        status=status,
        title="Log in",
        message=message,
        next=safe_next(call.query.get("next", where)),
        issuer="",
        tokens=bool(desk.gate.tokens),
    )


def by_token(call: Call) -> Response:
    """Begin a session with a token; wrong ones are counted, and too many make everybody wait."""
    form, gate = form_of(call), call.desk.gate
    where = safe_next(form.get("next", "/"))
    if gate.brake.is_on(gate.now()):
        return page(call, "Too many wrong tokens. Wait a minute.", 429, where)
    role = gate.role_of(form.get("token", "").strip())
    if role is Role.ANYONE:
        call.desk.refused(call.visitor, "login", "wrong token")
        return page(call, "The token is wrong.", 401, where)
    identity = gate.sessions.begin("local token", role, "local token", longest_s=TOKEN_SESSION_S)
    call.desk.log.info("login", user="local token", role=role.name.lower(), address=call.visitor.address)
    return with_session(call, RedirectResponse(where, 303), identity)


def with_session(call: Call, response: Response, identity: str) -> Response:
    """The answer with a session's cookie: not readable by scripts, and only sent by pages of this server."""
    is_secure = call.desk.public_url.startswith("https:")
    name = SECURE_COOKIE if is_secure else COOKIE
    response.set_cookie(name, identity, path="/", secure=is_secure, httponly=True, samesite="lax")
    return response


def logout(call: Call) -> Response:
    """End the session here."""
    if call.visitor.session:
        call.desk.gate.sessions.end(call.visitor.session)
    answer = RedirectResponse("/login", 303)
    for name in (COOKIE, SECURE_COOKIE):
        answer.delete_cookie(name, path="/", secure=name == SECURE_COOKIE, httponly=True, samesite="lax")
    return answer


LOGIN: Final = (
    Route("GET", "/login", Role.ANYONE, page),
    Route("POST", "/login", Role.ANYONE, by_token, body=BODY, form=True),
    Route("POST", "/logout", Role.ANYONE, logout, body=BODY, form=True),
)
