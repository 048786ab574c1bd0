"""A server that does not answer is reported while it is waited for, and all threads give up on it together."""

from __future__ import annotations

import queue
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from reconciler.core.message.errors import Unreachable
from reconciler.core.resource.values import Secret
from reconciler.providers.answers import Limits
from reconciler.providers.keycloak.server.client import AdminClient, Settings
from reconciler.providers.waits import Waits
from tests.kit.cli import started


@contextmanager
def silent():
    """A server that takes connections and says nothing; yields its host and port."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def waits():
    return Waits(after_s=0.3)


def reported(waits):
    told = queue.Queue()
    waits.report_to(told.put)
    return told


def test_a_request_without_an_answer_is_reported_again_and_again(waits):
    told = reported(waits)

    with waits.awaited("Keycloak", "GET /a", most_s=60.0):
        found = [told.get(timeout=5) for _ in range(2)]

    assert {(each.who, each.asked, each.most_s) for each in found} == {("Keycloak", "GET /a", 60.0)}


def test_what_takes_its_usual_time_is_not_reported(waits):
    told = reported(waits)

    with waits.awaited("the engine", "POST /stop", most_s=70.0, usual_s=60.0):
        time.sleep(0.9)

    assert told.empty()


def test_slow_answers_one_after_the_other_are_as_silent_as_one():
    waits = Waits(after_s=2.5)
    told = reported(waits)

    for _ in range(3):
        with waits.awaited("Keycloak", "GET /a", most_s=60.0):
            time.sleep(1.6)

    assert told.get(timeout=1).asked == "GET /a"


def test_a_request_that_has_just_begun_is_not_reported_after_a_slow_one():
    waits = Waits(after_s=1.2)
    told = reported(waits)

    with waits.awaited("Keycloak", "POST /realms", most_s=60.0):
        time.sleep(1.1)
    began = time.monotonic()
    with waits.awaited("Keycloak", "POST /token", most_s=60.0):
        found = told.get(timeout=60)
        waited_s = time.monotonic() - began

    assert found.asked == "POST /token"
    assert waited_s >= 1.0


def test_quick_answers_are_never_reported(waits):
    told = reported(waits)

    for _ in range(20):
        with waits.awaited("Keycloak", "GET /a", most_s=60.0):
            time.sleep(0.04)

    assert told.empty()


def test_threads_that_wait_for_one_token_fail_together():
    with silent() as place:
        auth = {"username": "me", "password": Secret("x")}
        settings = Settings.of({"url": f"http://{place}", "auth": auth}, limits=Limits(seconds=1.0))
        client = AdminClient(settings)
        began = time.monotonic()
        with ThreadPoolExecutor(5) as pool:
            errors = [each.exception() for each in [pool.submit(client.get, "admin/realms/lab") for _ in range(5)]]
        client.close()

    assert {type(each) for each in errors} == {Unreachable}
    assert time.monotonic() - began < 4.5


def test_a_failed_token_is_asked_for_again_later():
    auth = {"username": "me", "password": Secret("x")}
    with silent() as place:
        client = AdminClient(
            Settings.of({"url": f"http://{place}", "auth": auth}, limits=Limits(seconds=0.2)), pause=lambda _s: None
        )
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises(Unreachable):
                client.get("admin/realms/lab")
            assert time.monotonic() - began >= 0.2
        client.close()


STACK = "services: {web: {image: 'app:1', environment: {A: '${A}'}}}\nx-reconcile: {secrets: [A]}\n"
COMMANDS = (
    ("diff",),
    ("status",),
    ("down",),
    ("exec", "web", "true"),
    ("secrets", "recover"),
    ("adopt", "--overwrite", "shop"),
    ("export", "--realm", "r"),
    ("access", "--live"),
)


def test_every_command_says_within_ten_seconds_what_it_waits_for(tmp_path):
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    (tmp_path / "users.yaml").write_text("realm: r\n", encoding="utf-8")
    with silent() as place:
        account = {"RECONCILE_KEYCLOAK_USERNAME": "me", "RECONCILE_KEYCLOAK_PASSWORD": "x"}
        servers = {"DOCKER_HOST": f"tcp://{place}", "RECONCILE_KEYCLOAK_URL": f"http://{place}"}
        running = {each: started(*each, cwd=tmp_path, env={**servers, **account}) for each in COMMANDS}
        said = {each: queue.Queue() for each in COMMANDS}
        for each, program in running.items():
            threading.Thread(target=_first_wait, args=(program, said[each])).start()
        try:
            # The time counts from the first request, and eight interpreters take a while to get there.
            found = {each: said[each].get(timeout=60) for each in COMMANDS}
        finally:
            for program in running.values():
                program.kill()
                program.communicate()

    assert {each for each, line in found.items() if not line.startswith("waiting for ")} == set(), found
    assert all(float(line.rpartition(" has no answer after ")[2].split()[0]) <= 10 for line in found.values()), found


def _first_wait(program, said):
    lines = (line for line in program.stderr if "warning" not in line)
    said.put(next((line for line in lines if line.startswith("waiting")), "nothing"))
