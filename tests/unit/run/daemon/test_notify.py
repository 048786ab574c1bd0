"""Notifications as a service receives them: over HTTP, from a local receiver that Apprise sends JSON to."""

from __future__ import annotations

import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from reconciler.core.difference.change import Action, Change
from reconciler.core.history.facts import Ailment, Over, Repair, Trouble
from reconciler.core.message.errors import Misconfigured
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import Secret
from reconciler.render.output.writer import Writer
from reconciler.run.daemon.notify import MOST_WAITING, Notifier
from tests.kit.serving import in_background

SECRET = "correct-horse-battery-staple"
AWAY = Trouble(Ailment.UNREAD, "keycloak", f"refuses {SECRET}\x1b[31m\nat once")
WEB = Address.parse("docker.container/web")


class Receiver(ThreadingHTTPServer):
    """Takes what is posted; answers with ``status``, once ``go_on`` is set."""

    def __init__(self) -> None:
        self.posted: queue.Queue[Any] = queue.Queue()
        self.status, self.go_on = 200, threading.Event()
        self.go_on.set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def next(self) -> tuple[str, str, str]:
        found = self.posted.get(timeout=10)
        return found["title"], found["message"], found["type"]

    @property
    def url(self) -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.go_on.wait(10)
        self.send_response(self.server.status)
        self.end_headers()
        if self.server.status == 200:
            self.server.posted.put(body)

    def log_message(self, *_arguments: object) -> None:
        pass


class Log:
    def __init__(self) -> None:
        self.lines: list[Any] = []

    def warning(self, phrase: str, **fields: Any) -> None:
        self.lines.append((phrase, fields))


@pytest.fixture
def receiver():
    made = Receiver()
    with in_background(made):
        yield made


@pytest.fixture
def notifier(receiver):
    """One whose project is shop; ``failing`` are the resources whose repairs fail."""
    writer, failing = Writer(), {str(WEB)}
    writer.known.learn("test", lambda: [Secret(SECRET)])
    made = Notifier(
        [receiver.url],
        Log(),
        interval_s=3600,
        clean=writer.line,
        project=lambda: "shop",
        failing=lambda: failing,
        tick_s=0.1,
    )
    made.failing = failing
    yield made
    made.close()


def test_a_failure_and_its_end_are_sent_without_secrets_and_control_characters(notifier, receiver) -> None:
    notifier(AWAY)
    title, message, sort = receiver.next()

    assert (title, sort) == ("reconcile shop: keycloak", "failure")
    assert message.startswith("can't be read: refuses ")
    assert SECRET not in message
    assert message.isprintable()

    notifier(AWAY)
    notifier(Over(AWAY, 5.0))
    assert receiver.next() == ("reconcile shop: over: keycloak", "can't be read: after 0 s", "success")


def test_a_resource_that_is_as_declared_again_is_a_recovery(notifier, receiver) -> None:
    notifier(Repair("p", Change(WEB, Action.START), 1.0, "no space left"))
    assert receiver.next()[1] == "the repair failed: no space left"

    notifier.failing.clear()

    assert receiver.next()[0] == "reconcile shop: over: docker.container/web"


def test_what_the_service_does_not_take_is_sent_again(notifier, receiver) -> None:
    receiver.status = 503
    notifier(AWAY)
    time.sleep(0.3)
    receiver.status = 200

    assert receiver.next()[0] == "reconcile shop: keycloak"


def test_a_service_that_hangs_holds_up_nobody_and_what_waits_is_bounded(notifier, receiver) -> None:
    receiver.go_on.clear()
    began = time.monotonic()

    for number in range(3 * MOST_WAITING):
        notifier(Trouble(Ailment.UNHEALTHY, f"docker.container/{number}", "ill"))

    assert time.monotonic() - began < 60.0
    assert notifier._facts.qsize() <= MOST_WAITING
    receiver.go_on.set()


def test_a_wrong_url_is_refused_without_showing_it() -> None:
    with pytest.raises(Misconfigured) as caught:
        Notifier([f"nonsense://{SECRET}"], Log(), interval_s=1, clean=str, project=str, failing=tuple)

    assert str(caught.value) == "URL 1 of the notifications is none that Apprise knows"
