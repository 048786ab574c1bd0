"""The ways in: a token, or the login at an issuer; and the way out."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from reconciler.pattern import lazy_pattern
from reconciler.web.access import LoginSession, Role, Visitor
from reconciler.web.desk import Call, Desk, Route, Wrong
from reconciler.web.oidc import BACK_CHANNEL, CALLBACK, Issuer, LoginFailed

COOKIE: Final = "reconcile"
LOGIN_COOKIE: Final = "reconcile-login"
SECURE: Final = "__Host-"
"""The prefix of both behind https: browsers refuse such a cookie unless it is secure and of this very host."""

LOGIN_COOKIE_S: Final = 600
TOKEN_SESSION_S: Final = 3_600.0

BODY: Final = 8_192
_PATH: Final = lazy_pattern(r"/(?![/\\])[!-\[\]-~]*")


def safe_next(text: str) -> str:
    """The path to go on to: of this server only, whatever somebody put into a link."""
    return text if _PATH.fullmatch(text) and not urlsplit(text).netloc else "/"


def form_of(call: Call) -> dict[str, str]:
    """The fields of a form; the last of a name counts."""
    try:
        # Forms of ours have a handful of fields; thousands would cost time before the token of the form is checked.
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
        issuer=desk.issuer is not None,
        tokens=bool(desk.gate.tokens),
    )


def by_token(call: Call) -> Response:
    """Begin a session with a token; wrong ones are counted, and too many make everybody wait."""
    form, gate = form_of(call), call.desk.gate
    where = safe_next(form.get("next", "/"))
    # Asked here as well, for the message: behind the brake `admit` says the same as of a wrong token.
    if gate.brake.is_on(gate.now()):
        return page(call, "Too many wrong tokens. Wait a minute.", 429, where)
    role = gate.admit(form.get("token", "").strip())
    if role is Role.ANYONE:
        call.desk.refused(call.visitor, "login", "wrong token")
        return page(call, "The token is wrong.", 401, where)
    identity = gate.sessions.begin("local token", role, "local token", longest_s=TOKEN_SESSION_S)
    call.desk.log.info("login", user="local token", role=role.name.lower(), address=call.visitor.address)
    return with_session(call, RedirectResponse(where, 303), identity)


def begin(call: Call) -> Response:
    """Send the browser to the issuer."""
    issuer = _issuer(call)
    try:
        where, browser = safe_next(call.query.get("next", "/")), cookie_of(call.desk, call.request, LOGIN_COOKIE)
        identity, address = issuer.begin(where, browser, anew="anew" in call.query)
    except LoginFailed as error:
        return _failed(call, error, 503)
    return _with_cookie(call, RedirectResponse(address, 303), LOGIN_COOKIE, identity, max_age=LOGIN_COOKIE_S)


def finish(call: Call) -> Response:
    """Begin a session for the person who comes back from the issuer; whoever has no role gets none."""
    try:
        browser = cookie_of(call.desk, call.request, LOGIN_COOKIE)
        person, where = _issuer(call).finish(browser, dict(call.query))
    except LoginFailed as error:
        if call.visitor.session:  # the way back of a browser leads here once more
            return RedirectResponse("/", 303)
        return _failed(call, error, 503 if error.is_away else 401)
    log, name, gate = call.desk.log, call.desk.writer.line(person.name), call.desk.gate
    if person.role is Role.ANYONE:
        call.desk.refused(call.visitor, f"login of {name}", "no role")
        return _page_of_stranger(call, name, where)
    # A login begins with a new id: an id from before it may be known to somebody else (session fixation).
    gate.sessions.end(call.visitor.session)
    session = gate.sessions.begin(
        name, person.role, "login", refresh_token=person.refresh_token, subject=person.subject, sid=person.sid
    )
    log.info("login", user=name, role=person.role.name.lower(), address=call.visitor.address)
    return with_session(call, RedirectResponse(where, 303), session)


def confirm(desk: Desk, identity: str, session: LoginSession) -> None:
    """Ask the issuer whether a session goes on, and with which role. While the issuer is away, it does."""
    if desk.issuer is None or session.refresh_token is None:
        return
    try:
        person = desk.issuer.confirmed(session.refresh_token)
    except LoginFailed as error:
        desk.log.warning("login not confirmed", user=session.name, reason=error.message, detail=error.detail)
        if not error.is_away:
            desk.gate.sessions.end(identity)
        return
    if person.role is Role.ANYONE:
        desk.log.warning("login not confirmed", user=session.name, reason="no role")
        desk.gate.sessions.end(identity)
    else:
        desk.gate.sessions.renew(session, person.role, person.refresh_token)


def _page_of_stranger(call: Call, name: str, where: str) -> Response:
    """The page for a person who is known, and has no role here."""
    visitor, client = Visitor("", Role.ANYONE), _issuer(call).client
    return call.desk.pages.html(
        "stranger", visitor, status=403, title="Not permitted", name=name, client=client, next=where
    )


def _issuer(call: Call) -> Issuer:
    if call.desk.issuer is None:
        raise Wrong(404, "No login at an issuer is set up.")
    return call.desk.issuer


def _failed(call: Call, error: LoginFailed, status: int) -> Response:
    """The login page with words of ours; those of the issuer go to the log."""
    call.desk.log.warning("login failed", reason=error.message, detail=error.detail, address=call.visitor.address)
    hint = " Log in with a token meanwhile." if error.is_away and call.desk.gate.tokens else ""
    return page(call, f"{error.message}{hint}", status)


def with_session(call: Call, response: Response, identity: str) -> Response:
    """The answer with a session's cookie."""
    return _with_cookie(call, response, COOKIE, identity)


def cookie_of(desk: Desk, request: Request, name: str) -> str:
    """The value of one of our cookies; "" without it."""
    return request.cookies.get(_name(desk, name), "")


def _with_cookie(call: Call, response: Response, name: str, value: str, max_age: int | None = None) -> Response:
    """The answer with a cookie that no script can read, and that pages of other sites don't send along with a form."""
    name, is_secure = _name(call.desk, name), _is_secure(call.desk)
    # Not `strict`: the way back from the issuer is a navigation from another site, and needs both cookies.
    response.set_cookie(name, value, max_age=max_age, path="/", secure=is_secure, httponly=True, samesite="lax")
    return response


def _name(desk: Desk, name: str) -> str:
    return f"{SECURE}{name}" if _is_secure(desk) else name


def _is_secure(desk: Desk) -> bool:
    return desk.public_url.startswith("https:")


def logout(call: Call) -> Response:
    """End the session here, and then at the issuer."""
    # Here first: whatever the issuer answers, the session of this program is over.
    ended = call.desk.gate.sessions.end(call.visitor.session) if call.visitor.session else None
    answer: Response = RedirectResponse("/login", 303)
    if ended and ended.refresh_token and call.desk.issuer:
        try:
            call.desk.issuer.end(ended.refresh_token)
        except LoginFailed as error:
            call.desk.log.warning("logout failed", user=ended.name, reason=error.message, detail=error.detail)
            # The person is still logged in there, and the next login here would need no password; so the page says
            # it.
            visitor, address = Visitor("", Role.ANYONE), call.desk.issuer.end_url()
            answer = call.desk.pages.html("logout", visitor, title="Logged out", address=address)
    return _with_cookie(call, answer, COOKIE, "", max_age=0)


def ended_at_the_issuer(call: Call) -> Response:
    """End the sessions of a session that has ended at the issuer, which says so with a token that it has signed."""
    desk, log = call.desk, call.desk.log
    try:
        subject, sid = _issuer(call).logged_out(form_of(call).get("logout_token", ""))
    except LoginFailed as error:
        log.warning("logout refused", reason=error.message, detail=error.detail, address=call.visitor.address)
        raise Wrong(503 if error.is_away else 400, error.message) from error
    # 200 also where no session of ours was meant: the issuer would repeat or report a failed logout.
    for name in desk.gate.sessions.end_those_of(subject, sid):
        log.info("logout", user=name, by="issuer", address=call.visitor.address)
    return Response(status_code=200)


LOGIN: Final = (
    Route("GET", "/login", Role.ANYONE, page),
    Route("POST", "/login", Role.ANYONE, by_token, body=BODY, form=True),
    Route("GET", "/login/begin", Role.ANYONE, begin),
    Route("GET", CALLBACK, Role.ANYONE, finish),
    Route("POST", BACK_CHANNEL, Role.ANYONE, ended_at_the_issuer, body=BODY, signed=True),
    Route("POST", "/logout", Role.ANYONE, logout, body=BODY, form=True),
)
