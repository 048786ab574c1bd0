"""The walk: from the application to the login form, with a canary user's password on, and back.

It knows OpenID Connect's code flow and HTML forms, and neither the provider nor the application. What it met is data;
the causes are found by others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Final
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from reconciler.core.login import (
    Exchange,
    Login,
    Stage,
    Trouble,
    Walk,
    Ways,
    authorization_of,
    origin_of,
    without_query,
)
from reconciler.login.browser import Answer, Browser, NoAnswer, OutOfReach
from reconciler.login.page import Form, Page

MOST_REDIRECTS: Final = 20
WALK_S: Final = 40.0
_SAID: Final = 300


class _Ended(Exception):
    """The walk can't go on."""

    def __init__(self, trouble: Trouble, url: str, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.trouble, self.url, self.message, self.status = trouble, url, message, status


def walk(
    login: Login, *, now: Callable[[], float] = monotonic, within_s: float = WALK_S, ways: Ways | None = None
) -> Walk:
    """Log in, and report how far that came; changes nothing but the session that a login makes.

    ``ways`` lead from here to the machine on which people's browsers are, if that is another one.
    """
    visit = _Visit(login, Browser(ca_file=login.ca_file, now=now, end=now() + within_s, ways=ways))
    try:
        visit.go()
    except _Ended as end:
        return visit.result(end.trouble, end.url, end.message, end.status)
    return visit.result(Trouble.NONE)


@dataclass
class _Visit:
    login: Login
    browser: Browser
    stage: Stage = Stage.OPEN
    provider: str = ""
    request: dict[str, str] = field(default_factory=dict)
    trail: list[Exchange] = field(default_factory=list)

    def result(self, trouble: Trouble, url: str = "", message: str = "", status: int = 0) -> Walk:
        return Walk(
            self.login,
            self.stage,
            trouble,
            without_query(url),
            status,
            message[:_SAID],
            self.provider,
            self.request,
            tuple(self.trail),
            self.browser.lost,
        )

    def go(self) -> None:
        page, form = self._login_form(self._follow("GET", self.login.url))
        if not self.login.user or self.login.password is None:
            return
        self.stage = Stage.PASSWORD
        posted = self._send(page, form, self.login.user, self.login.password.reveal())
        if self.stage is Stage.PASSWORD:
            self._explain_refusal(posted, form)
        self._require_session(posted)
        self.stage = Stage.DONE

    # -------------------------------------------------------------- to the login form

    def _login_form(self, answer: Answer) -> tuple[Answer, Form]:
        """The login form; an application that shows a page of its own first has a link to it."""
        page = Page(answer.text)
        # Only the very first page may lead to the form by a link; later a link would be a wrong turn.
        if self.stage is Stage.OPEN and not page.login_form and page.to_login:
            answer = self._follow("GET", urljoin(answer.url, page.to_login), caused_by=answer.url)
            page = Page(answer.text)
        form = page.login_form
        if form is None:
            said = page.message or "a page without a word"
            if authorized := _error_of(answer.url):
                said = f"{authorized}; {said}"
            raise _Ended(Trouble.PAGE, answer.url, said, answer.status)
        self.stage = Stage.FORM
        self.provider = self.provider or without_query(answer.url)
        return answer, form

    # -------------------------------------------------------------- with the password

    def _send(self, page: Answer, form: Form, user: str, password: str) -> Answer:
        """Sends the password; a form that asks for the name alone first gets that, and the next one the rest."""
        fields = (
            {**_kept(form), form.user: user, form.password: password}
            if form.user
            else {**_kept(form), form.password: password}
        )
        return self._follow("POST", urljoin(page.url, form.action), urlencode(fields).encode(), caused_by=page.url)

    def _explain_refusal(self, answer: Answer, sent: Form) -> None:
        """Raises the reason for which the way did not lead back to the application."""
        page = Page(answer.text)
        if page.login_form and (page.login_form.id, page.login_form.password) == (sent.id, sent.password):
            raise _Ended(Trouble.REJECTED, answer.url, page.message, answer.status)
        action = dict(parse_qsl(urlsplit(answer.url).query)).get("execution", "")
        said = f"{page.message} ({action})" if action.isupper() else page.message
        raise _Ended(Trouble.ACTION, answer.url, said, answer.status)

    # -------------------------------------------------------------- back at the application

    def _require_session(self, answer: Answer) -> None:
        """Raises unless the application takes the visitor for somebody, also at the next request."""
        page = Page(answer.text)
        if page.alert and (page.to_login or page.login_form):
            raise _Ended(Trouble.REFUSED, answer.url, page.alert, answer.status)
        if page.login_form or page.to_login or authorization_of(answer.url):
            raise _Ended(Trouble.FORGOTTEN, answer.url, page.message, answer.status)

    # -------------------------------------------------------------- requests

    def _follow(self, method: str, url: str, body: bytes | None = None, *, caused_by: str = "") -> Answer:
        """A request with all redirects; notes when the way leads to the provider, and when it leads back."""
        for _ in range(MOST_REDIRECTS):
            answer = self._asked(method, url, body, caused_by)
            target = answer.target
            # Some providers answer with a form that sends itself, which is a redirect by POST.
            form = (
                next((each for each in Page(answer.text).forms if each.is_sent_by_itself), None)
                if answer.status == 200
                else None
            )
            if not target and form is None:
                self._require_success(answer)
                return answer
            method, body = "GET", None
            if form is not None:
                target, method, body = urljoin(answer.url, form.action), "POST", urlencode(form.fields).encode()
            caused_by = caused_by or answer.url
            # A browser takes the page that redirects to another site as the cause of the request, for SameSite cookies.
            if origin_of(target) != origin_of(answer.url):
                caused_by = answer.url
            url = target
            self._note_turn(url)
        raise _Ended(Trouble.LOOP, url, f"more than {MOST_REDIRECTS} redirects")

    def _note_turn(self, url: str) -> None:
        if self.stage is Stage.OPEN and (found := authorization_of(url)):
            self.stage, self.provider, self.request = Stage.AUTHORIZE, without_query(url), dict(found)
        elif (
            self.stage is not Stage.OPEN
            and self.request.get("redirect_uri")
            and _leads_to(url, self.request["redirect_uri"])
        ):
            self.stage = Stage.RETURN

    def _asked(self, method: str, url: str, body: bytes | None, caused_by: str) -> Answer:
        if urlsplit(url).scheme not in ("http", "https"):
            raise _Ended(Trouble.PAGE, url, f"{url.partition(':')[0]} is no address of the web")
        try:
            answer = self.browser.request(method, url, body, caused_by=caused_by)
        except OutOfReach as error:
            self.trail.append(Exchange(method, without_query(url), 0, str(error)))
            raise _Ended(Trouble.HIDDEN, url, str(error)) from error
        except NoAnswer as error:
            self.trail.append(Exchange(method, without_query(url), 0, str(error)))
            raise _Ended(Trouble.TLS if error.is_tls else Trouble.SILENT, url, str(error)) from error
        self.trail.append(Exchange(method, without_query(url), answer.status, without_query(answer.target)))
        return answer

    def _require_success(self, answer: Answer) -> None:
        if answer.status >= 400:
            words = Page(answer.text).message or "no words"
            raise _Ended(Trouble.STATUS, answer.url, words, answer.status)


def _kept(form: Form) -> dict[str, str]:
    """The fields of a form that a browser sends along: buttons are not pressed, boxes not ticked."""
    return {name: value for name, value in form.fields.items() if form.kinds[name] in ("hidden", "submit")}


def _leads_to(url: str, target: str) -> bool:
    return without_query(url) == without_query(target)


def _error_of(url: str) -> str:
    """The error with which a provider sends a browser back to the application."""
    query = dict(parse_qsl(urlsplit(url).query))
    return ": ".join(filter(None, (query.get("error"), query.get("error_description"))))
