"""The status of a commit, reported to the forge that its repository lives on.

Sources: GitHub REST `POST /repos/{owner}/{repo}/statuses/{sha}`; GitLab `POST /projects/{id}/statuses/{sha}`; Gitea and
Forgejo `POST /repos/{owner}/{repo}/statuses/{sha}`. A thread of its own sends; a forge that hangs holds up nothing.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Mapping
from enum import Enum
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from reconciler.core.message.errors import Misconfigured
from reconciler.core.resource.values import Secret
from reconciler.deadlines import openers
from reconciler.record import Struct

CONTEXT: Final = "reconcile"
PATIENCE_S: Final = 20.0
MOST_WAITING: Final = 100
TRIES: Final = 5
LONGEST_NOTE: Final = 140
"""GitHub takes no longer description."""


class Verdict(Enum):
    """The state of a revision."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"


class Judgement(Struct, frozen=True):
    """The fate of a revision, in a few words."""

    commit: str
    verdict: Verdict
    note: str


class Forge(Struct, frozen=True):
    """A kind of forge: the paths of its API, how a token is given, and how a status is written."""

    api: str
    path: str
    header: str
    token: str
    body: Callable[[Judgement], Mapping[str, str]]


def _status(judgement: Judgement) -> Mapping[str, str]:
    return {"state": judgement.verdict.value, "context": CONTEXT, "description": judgement.note[:LONGEST_NOTE]}


_OF_GITLAB: Final = {Verdict.PENDING: "running", Verdict.SUCCESS: "success", Verdict.FAILURE: "failed"}


def _status_of_gitlab(judgement: Judgement) -> Mapping[str, str]:
    return {"state": _OF_GITLAB[judgement.verdict], "name": CONTEXT, "description": judgement.note[:LONGEST_NOTE]}


_GITEA: Final = Forge("{origin}/api/v1", "/repos/{path}/statuses/{commit}", "Authorization", "token {token}", _status)
FORGES: Final[Mapping[str, Forge]] = {
    "github": Forge("{origin}/api/v3", "/repos/{path}/statuses/{commit}", "Authorization", "Bearer {token}", _status),
    "gitlab": Forge(
        "{origin}/api/v4", "/projects/{id}/statuses/{commit}", "PRIVATE-TOKEN", "{token}", _status_of_gitlab
    ),
    "gitea": _GITEA,
    "forgejo": _GITEA,
}
_API_OF_GITHUB: Final = "https://api.github.com"


class _NoRedirects(HTTPRedirectHandler):
    """A redirect would take the token to another host."""

    def redirect_request(self, *_arguments: Any, **_options: Any) -> None:
        return None


class CommitStatus:
    """Reports judgements to a forge. ``clean`` hides secrets; ``api`` is the URL of its API, if not the usual one."""

    def __init__(
        self,
        kind: str,
        repository: str,
        token: Secret,
        log: Any,
        *,
        clean: Callable[[str], str],
        api: str = "",
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._patience_s = patience_s
        self._forge, self._token, self._log, self._clean = FORGES[kind], token, log, clean
        self._path = _path_of(repository)
        self._api = (api or _api_of(kind, self._forge, repository)).rstrip("/")
        self._opener = build_opener(_NoRedirects(), *openers())
        self._judgements: queue.Queue[Judgement | None] = queue.Queue(MOST_WAITING)
        self._over = threading.Event()
        threading.Thread(target=self._run, name="commit status", daemon=True).start()

    def __call__(self, judgement: Judgement) -> None:
        """Report it soon; never waits."""
        try:
            self._judgements.put_nowait(judgement)
        except queue.Full:
            self._log.warning("commit status not reported", commit=judgement.commit, reason="too many wait")

    def close(self) -> None:
        self._over.set()

    def _run(self) -> None:
        while True:
            judgement = self._judgements.get()
            if judgement is None:
                return
            reason = ""
            for number in range(TRIES):
                reason = self._sent(judgement)
                # Each time longer, and at once over when the daemon ends.
                if not reason or self._over.wait(2.0**number):
                    break
            if reason:
                self._log.warning("commit status not reported", commit=judgement.commit, reason=reason)

    def _sent(self, judgement: Judgement) -> str:
        """Sends it once; the reason if that failed."""
        # The note may quote a file, so secrets are taken out before it leaves the machine.
        clean = Judgement(judgement.commit, judgement.verdict, self._clean(judgement.note))
        path = self._forge.path.format(path=self._path, id=quote(self._path, safe=""), commit=judgement.commit)
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": CONTEXT,
            self._forge.header: self._forge.token.format(token=self._token.reveal()),
        }
        data = json.dumps(self._forge.body(clean)).encode()
        request = Request(f"{self._api}{path}", data, headers, method="POST")  # noqa: S310 (the scheme is checked)
        try:
            with self._opener.open(request, timeout=self._patience_s):
                return ""
        except HTTPError as error:
            return f"the forge answers {error.code} {_phrase(error.code)}"
        except (URLError, HTTPException, OSError, ValueError) as error:
            return f"the forge can't be reached: {getattr(error, 'reason', error)}"


def _phrase(code: int) -> str:
    return HTTPStatus(code).phrase if code in {each.value for each in HTTPStatus} else ""


def _api_of(kind: str, forge: Forge, repository: str) -> str:
    """The usual URL of a forge's API, on the host of the repository. Raises Misconfigured where there is none."""
    address = urlsplit(repository)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise Misconfigured("the forge of this repository is not known by its URL; give --git-api")
    if kind == "github" and address.hostname == "github.com":
        return _API_OF_GITHUB
    port = f":{address.port}" if address.port else ""
    return forge.api.format(origin=f"{address.scheme}://{address.hostname}{port}")


def _path_of(repository: str) -> str:
    """The owner and the name of a repository, as its URL has them."""
    path = urlsplit(repository).path if "://" in repository else repository.partition(":")[2]
    return path.strip("/").removesuffix(".git")
