"""The status of a commit as four forges receive it: path, token and body, from a local receiver."""

from __future__ import annotations

import json
import queue
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from reconciler.core.message.errors import Misconfigured
from reconciler.core.resource.values import Secret
from reconciler.run.sources.forge import CommitStatus, Judgement, Verdict
from tests.kit.serving import in_background

TOKEN = "forge-token-0123456789"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Receiver(ThreadingHTTPServer):
    """Keeps requests; answers with the statuses given, the last for ever."""

    def __init__(self) -> None:
        self.requests: queue.Queue[Any] = queue.Queue()
        self.statuses = [201]
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.put((self.path, self.headers, body))
        statuses = self.server.statuses
        self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
        self.send_header("Location", f"{self.server.url}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


class Log:
    def __init__(self) -> None:
        self.lines: queue.Queue[Any] = queue.Queue()

    def warning(self, phrase: str, **fields: Any) -> None:
        self.lines.put((phrase, fields))


@pytest.fixture
def receiver():
    made = Receiver()
    with in_background(made):
        yield made


def reported(receiver: Receiver, kind: str, verdict: Verdict, note: str = "taken", **options: Any) -> Any:
    """The request that a judgement causes."""
    repository = f"{receiver.url}/team/app.git"
    status = CommitStatus(kind, repository, Secret(TOKEN), Log(), clean=lambda text: text, **options)
    status(Judgement(COMMIT, verdict, note))
    found = receiver.requests.get(timeout=10)
    status.close()
    return found


GITEA = (f"/api/v1/repos/team/app/statuses/{COMMIT}", "Authorization", f"token {TOKEN}")
FORGES = {
    "github": (f"/api/v3/repos/team/app/statuses/{COMMIT}", "Authorization", f"Bearer {TOKEN}"),
    "gitlab": (f"/api/v4/projects/team%2Fapp/statuses/{COMMIT}", "PRIVATE-TOKEN", TOKEN),
    "gitea": GITEA,
    "forgejo": GITEA,
}


@pytest.mark.parametrize("kind", FORGES)
def test_a_judgement_is_a_status_as_the_forge_wants_it(receiver, kind) -> None:
    path, header, proof = FORGES[kind]

    asked, headers, body = reported(receiver, kind, Verdict.FAILURE, "stack.yaml:3:1: no such key")

    assert (asked, headers[header]) == (path, proof)
    state, name = ("failed", "name") if kind == "gitlab" else ("failure", "context")
    assert body == {"state": state, name: "reconcile", "description": "stack.yaml:3:1: no such key"}


@pytest.mark.parametrize(("verdict", "expected"), [(Verdict.PENDING, "running"), (Verdict.SUCCESS, "success")])
def test_gitlab_has_names_of_its_own(receiver, verdict, expected) -> None:
    assert reported(receiver, "gitlab", verdict)[2]["state"] == expected


def test_a_long_note_is_cut_as_github_wants_it(receiver) -> None:
    assert len(reported(receiver, "github", Verdict.SUCCESS, "x" * 1_000)[2]["description"]) == 140


def test_an_api_that_is_elsewhere_is_used(receiver) -> None:
    path, _, _ = reported(receiver, "github", Verdict.SUCCESS, api=f"{receiver.url}/proxy/")

    assert path == f"/proxy/repos/team/app/statuses/{COMMIT}"


def test_a_failure_is_tried_again(receiver) -> None:
    receiver.statuses = [503, 201]
    reported(receiver, "gitea", Verdict.SUCCESS)

    status = CommitStatus("gitea", f"{receiver.url}/a/b", Secret(TOKEN), Log(), clean=str)
    receiver.statuses = [500, 201]
    status(Judgement(COMMIT, Verdict.SUCCESS, ""))

    assert [receiver.requests.get(timeout=10)[0] for _ in range(2)] == [f"/api/v1/repos/a/b/statuses/{COMMIT}"] * 2


def test_a_redirect_is_not_followed_as_the_token_would_go_with_it(receiver) -> None:
    receiver.statuses = [307]
    log = Log()
    status = CommitStatus("gitea", f"{receiver.url}/a/b", Secret(TOKEN), log, clean=str)
    status(Judgement(COMMIT, Verdict.SUCCESS, ""))
    receiver.requests.get(timeout=10)
    status.close()

    phrase, fields = log.lines.get(timeout=10)
    assert phrase == "commit status not reported"
    assert fields["reason"] == "the forge answers 307 Temporary Redirect"
    assert receiver.requests.empty()


def test_an_answer_that_is_no_http_is_a_failure_and_the_next_report_is_sent() -> None:
    answers = [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"]
    log, asked = Log(), queue.Queue()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                with listener.accept()[0] as opened:
                    asked.put(opened.recv(1 << 16))
                    opened.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        status = CommitStatus("gitea", f"{url}/a/b", Secret(TOKEN), log, clean=str)
        status(Judgement(COMMIT, Verdict.SUCCESS, ""))

        assert [asked.get(timeout=60)[:4] for _ in answers] == [b"POST"] * 2
        thread.join(60)
        status.close()


def test_a_repository_by_ssh_needs_the_address_of_the_api() -> None:
    with pytest.raises(Misconfigured, match="--git-api"):
        CommitStatus("gitea", "git@example.org:a/b.git", Secret(TOKEN), Log(), clean=str)
