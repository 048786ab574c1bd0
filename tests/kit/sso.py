"""The sign-on of the seed stack, done the way a browser does it but with plain HTTP.

`login` walks from MLflow through Keycloak's login page and back and says how that ended. The session it
returns carries MLflow's cookie; the functions below it use MLflow's API with nothing but that cookie.

    login = sso.login("http://localhost:5000", "mlflow_user", "password123")
    assert login.outcome is Outcome.SIGNED_IN, login.message
    run = sso.log_run(login.session, experiment="proof", metrics={"loss": 0.5}, artifacts={"a.txt": b"text"})

Begin with the host name of the redirect address (localhost, not 127.0.0.1): the cookie is bound to it.
"""

from __future__ import annotations

import enum
import json
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import HTTPResponse
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

API = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
VOID_TAGS = frozenset({"br", "hr", "img", "input", "link", "meta"})


class Outcome(enum.Enum):
    SIGNED_IN = "signed in"
    REJECTED = "rejected by Keycloak"  # its login page came back: wrong password, account disabled …
    REFUSED = "refused by MLflow"  # known to Keycloak, but not allowed into MLflow


class BrokenFlow(Exception):
    """The sign-on took a turn that it never should; says at which step and what was there instead."""


class NotSignedIn(Exception):
    """MLflow answered its API with the login page, as it does to strangers."""


# --------------------------------------------------------------------------- HTTP as a browser has it


@dataclass(frozen=True, slots=True)
class Answer:
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def target(self) -> str:
        """The target of a redirect."""
        return urllib.parse.urljoin(self.url, self.headers.get("location", ""))


class _AsItIs(urllib.request.HTTPErrorProcessor):
    """Follows no redirect and raises nothing: the caller looks at each answer."""

    def http_response(self, _request: urllib.request.Request, response: HTTPResponse) -> HTTPResponse:
        return response


def _opener() -> urllib.request.OpenerDirector:
    # Keycloak marks its cookies Secure where the host is localhost, even over plain HTTP. Browsers send those
    # back to localhost all the same; Python does only when told that http is secure.
    jar = CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))
    cookies = urllib.request.HTTPCookieProcessor(jar)
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies, _AsItIs())


@dataclass(frozen=True, slots=True)
class Session:
    """A visitor of MLflow with the cookies of the visit, signed in or not."""

    base_url: str
    opener: urllib.request.OpenerDirector = field(default_factory=_opener, repr=False)

    def request(
        self, method: str, url: str, body: bytes | None = None, content_type: str = "application/json"
    ) -> Answer:
        """One request; a path is one of MLflow's."""
        url = urllib.parse.urljoin(self.base_url, url)
        request = urllib.request.Request(url, data=body, method=method)
        request.add_header("User-Agent", "reconcile-tests")
        if body is not None:
            request.add_header("Content-Type", content_type)
        with self.opener.open(request, timeout=60) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(url, response.status, headers, response.read())

    def api(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer of MLflow's API, which has to be JSON: to strangers it shows a page, with status 200."""
        answer = self.request(method, path, None if body is None else json.dumps(body).encode())
        if "json" not in answer.headers.get("content-type", ""):
            raise NotSignedIn(f"{method} {path}: status {answer.status}, {answer.headers.get('content-type')}")
        if answer.status != 200:
            raise BrokenFlow(f"{method} {path}: status {answer.status}: {answer.text[:500]}")
        return json.loads(answer.body)


# --------------------------------------------------------------------------- the sign-on


@dataclass(frozen=True, slots=True)
class Login:
    outcome: Outcome
    message: str  # what the page said; empty after a success
    session: Session


class Page(HTMLParser):
    """The parts of a page that matter: its title, where its login form goes, the message it shows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.title = ""
        self.form_action = ""
        self._message: list[str] = []
        self._open: list[str] = []
        self.feed(text)

    @property
    def message(self) -> str:
        return " ".join(" ".join(self._message).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if attributes.get("id") == "kc-form-login":
            self.form_action = attributes.get("action") or ""
        if tag not in VOID_TAGS:
            self._open.append("message" if _shows_message(attributes) else tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID_TAGS and self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "title":
            self.title += data.strip()
        if "message" in self._open:
            self._message.append(data)


def _shows_message(attributes: Mapping[str, str | None]) -> bool:
    by_keycloak = "kc-feedback-text" in (attributes.get("class") or "").split()
    by_mlflow = attributes.get("id") == "snackbar"
    return by_keycloak or by_mlflow


def login(base_url: str, username: str, password: str) -> Login:
    """Sign in to MLflow through Keycloak's login page, as a new visitor."""
    session = Session(base_url)
    to_keycloak = _expect("go to the login", session.request("GET", "/login"), 302)
    login_page = _expect("open Keycloak's login page", session.request("GET", to_keycloak.target), 200)
    posted = _post_form(session, login_page, {"username": username, "password": password, "credentialId": ""})
    if posted.status == 200:
        return Login(Outcome.REJECTED, _message(posted), session)
    to_mlflow = _expect("send name and password", posted, 302)
    back = session.request("GET", to_mlflow.target)
    if back.status == 200:
        return Login(Outcome.REFUSED, _message(back), session)
    _expect("return to MLflow", back, 302)
    return Login(Outcome.SIGNED_IN, "", session)


def _post_form(session: Session, page: Answer, fields: Mapping[str, str]) -> Answer:
    action = Page(page.text).form_action
    if not action:
        raise BrokenFlow(f"{page.url} shows no login form but: {Page(page.text).title or page.text[:500]}")
    body = urllib.parse.urlencode(fields).encode()
    return session.request("POST", action, body, "application/x-www-form-urlencoded")


def _message(answer: Answer) -> str:
    page = Page(answer.text)
    if not page.message:
        raise BrokenFlow(f"{answer.url} shows no message but: {page.title}")
    return page.message


def _expect(step: str, answer: Answer, status: int) -> Answer:
    if answer.status != status:
        page = Page(answer.text)
        raise BrokenFlow(
            f"{step}: {answer.url} gave {answer.status}: {page.message or page.title or answer.text[:500]}"
        )
    return answer


def logout(session: Session) -> None:
    """Leave MLflow. Keycloak's own session goes on, so the next login would need no password."""
    _expect("log out", session.request("GET", "/logout"), 302)


# --------------------------------------------------------------------------- what a signed-in user does


@dataclass(frozen=True, slots=True)
class Account:
    username: str
    is_admin: bool
    groups: frozenset[str]


def whoami(session: Session) -> Account:
    """The visitor's name in MLflow; NotSignedIn for a stranger."""
    answer = session.api("GET", f"{API}/permissions/users/current")
    return Account(answer["username"], answer["is_admin"], frozenset(group["group_name"] for group in answer["groups"]))


@dataclass(frozen=True, slots=True)
class Run:
    experiment_id: str
    run_id: str

    def object_name(self, artifact: str) -> str:
        """The key under which MLflow puts an artifact of the run into its bucket."""
        return f"{self.experiment_id}/{self.run_id}/artifacts/{artifact}"


def log_run(session: Session, *, experiment: str, metrics: Mapping[str, float], artifacts: Mapping[str, bytes]) -> Run:
    """Make an experiment and in it a finished run with these metrics and artifacts."""
    now_ms = int(time.time() * 1000)
    experiment_id = session.api("POST", f"{API}/experiments/create", {"name": experiment})["experiment_id"]
    body = {"experiment_id": experiment_id, "start_time": now_ms, "run_name": experiment}
    run = Run(experiment_id, session.api("POST", f"{API}/runs/create", body)["run"]["info"]["run_id"])
    for name, value in metrics.items():
        body = {"run_id": run.run_id, "key": name, "value": value, "timestamp": now_ms, "step": 0}
        session.api("POST", f"{API}/runs/log-metric", body)
    for name, content in artifacts.items():
        write_artifact(session, run, name, content)
    session.api("POST", f"{API}/runs/update", {"run_id": run.run_id, "status": "FINISHED", "end_time": now_ms + 1})
    return run


def write_artifact(session: Session, run: Run, name: str, content: bytes) -> None:
    path = f"{ARTIFACTS}/{run.object_name(name)}"
    _expect(f"write {name}", session.request("PUT", path, content, "application/octet-stream"), 200)


def read_artifact(session: Session, run: Run, name: str) -> bytes:
    path = f"{ARTIFACTS}/{run.object_name(name)}"
    return _expect(f"read {name}", session.request("GET", path), 200).body


def read_metrics(session: Session, run: Run) -> dict[str, float]:
    data = session.api("GET", f"{API}/runs/get?run_id={run.run_id}")["run"]["data"]
    return {metric["key"]: metric["value"] for metric in data.get("metrics", ())}


def delete_experiment(session: Session, run: Run) -> None:
    session.api("POST", f"{API}/experiments/delete", {"experiment_id": run.experiment_id})
