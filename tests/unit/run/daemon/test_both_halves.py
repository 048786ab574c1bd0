"""A daemon in its own thread, on a served engine and a served Keycloak in memory, while one of them has a fault."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.history.facts import Ailment
from reconciler.render.output.writer import Writer
from reconciler.run.clock import RealClock
from reconciler.run.daemon.daemon import Daemon, Rhythm
from reconciler.settings import Settings
from tests.kit.docker.memory import Line, MemoryEngine
from tests.kit.docker.memory import served as served_engine
from tests.kit.keycloak.served import PASSWORD, ServedKeycloak, served

PATIENCE_S = 60.0
WRONG_FILE = Ailment.WRONG_FILE.value
ALL = 4
"""The resources of the project: a network, a container, a realm and a user."""

STACK = "services:\n  web: {image: 'app:1', environment: {V: '1'}}\n"


def until(holds: Callable[[], object], seconds: float = PATIENCE_S) -> float:
    """Wait until it holds; returns the seconds that it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"not within {seconds:g} s"
        time.sleep(0.01)
    return time.monotonic() - began


class Log:
    """The lines of a daemon's log."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def bind(self, **_fields: Any) -> Log:
        return self

    def __getattr__(self, _level: str) -> Any:
        return lambda phrase, **fields: self.lines.append((phrase, fields))

    def of(self, phrase: str) -> list[dict[str, Any]]:
        return [fields for told, fields in list(self.lines) if told == phrase]


class Both:
    """A project with a container and a realm with a user, and their servers."""

    def __init__(self, directory: Path, engine: MemoryEngine, docker: str, keycloak: ServedKeycloak) -> None:
        self.directory, self.engine, self.keycloak = directory, engine, keycloak
        self.environment = {"DOCKER_HOST": docker, "XDG_STATE_HOME": str(directory / "state")}
        self.log = Log()
        self.stack, self.users = directory / "stack.yaml", directory / "users.yaml"
        self.stack.write_text(STACK, encoding="utf-8")
        self.declare()

    def declare(self, service: str = "", **options: Any) -> None:
        auth = {"username": "admin", "password": PASSWORD}
        connection = {"url": self.keycloak.url, "auth": auth, **({"service": service} if service else {})}
        realm = {
            "realm": "shop",
            "enabled": True,
            "users": [{"username": "alice", "enabled": True, "email": "alice@example.org"}],
            "x-reconcile": {"connection": connection, **options},
        }
        self.users.write_text(json.dumps(realm), encoding="utf-8")

    @contextmanager
    def daemon(self, **rhythm: Any) -> Iterator[Daemon]:
        """A daemon of both halves, as far as there are files; ends within the time that systemd and Docker give."""
        stop = threading.Event()
        stack, users = ((each,) if each.exists() else () for each in (self.stack, self.users))
        settings = Settings(self.directory, stack, users, environment=self.environment, project="p")
        made = Daemon(
            settings,
            RealClock(),
            self.log,
            rhythm=Rhythm(**{"interval_s": 0.5, **rhythm}),
            stop=stop,
            known=Writer().known,
            elect=None,
        )
        thread = threading.Thread(target=made.run, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            stop.set()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
            assert self.log.of("daemon ends")

    @property
    def alice(self) -> dict[str, Any]:
        realm = self.keycloak.server.realms.get("shop")
        found = [user for user in realm.users.values() if user["username"] == "alice"] if realm else []
        return found[0] if found else {}

    @property
    def runs(self) -> bool:
        return [each["State"]["Status"] for each in self.engine.containers.values()] == ["running"]

    def stop_web(self) -> None:
        Line(self.engine).post("/containers/p-web-1/stop")

    def web_is_repaired(self) -> None:
        self.stop_web()
        until(lambda: self.runs)

    def disable_alice(self) -> None:
        self.alice["enabled"] = False


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    engine = MemoryEngine()
    engine.image("app:1")
    with served_engine(engine) as docker, served() as keycloak:
        yield Both(tmp_path, engine, docker, keycloak)


def test_drift_of_both_halves_is_repaired(both: Both) -> None:
    with both.daemon():
        until(lambda: both.runs and both.alice.get("enabled"))

        both.stop_web()
        both.disable_alice()

        until(lambda: both.runs and both.alice["enabled"])


def test_a_keycloak_that_is_only_slow_is_no_trouble(both: Both) -> None:
    both.keycloak.delay_s = 0.5  # a look takes several answers, more than a look waits for
    with both.daemon():
        until(lambda: len(both.log.of("repaired")) == ALL)

        both.web_is_repaired()
        both.disable_alice()
        until(lambda: len(both.log.of("difference")) > ALL + 1)  # found, though it takes more than one look

    assert both.log.of("can't be read") == []


def test_a_keycloak_that_hangs_is_reported_with_the_time_and_delays_nothing(both: Both) -> None:
    with both.daemon():
        until(lambda: both.runs and both.alice.get("enabled"))

        both.keycloak.hang()
        both.web_is_repaired()
        until(lambda: both.log.of("can't be read"))
        both.web_is_repaired()
        both.disable_alice()
        both.keycloak.go_on()
        until(lambda: both.alice["enabled"] and both.log.of("over"))

    (trouble,) = both.log.of("can't be read")
    assert re.fullmatch(r"no answer for [0-9.]+ s; the slowest of its last answers took [0-9.]+ s", trouble["note"])
    assert [each["trouble"] for each in both.log.of("over")] == ["can't be read"]


def test_a_password_that_keycloak_refuses_is_reported_once_and_delays_nothing(both: Both) -> None:
    both.keycloak.password = "another one"
    with both.daemon():
        until(lambda: both.runs and both.log.of("can't be read"))
        both.web_is_repaired()
        both.keycloak.password = PASSWORD
        until(lambda: both.alice.get("enabled"))

    (trouble,) = both.log.of("can't be read")
    assert "does not accept the account" in trouble["note"]


def test_a_secret_that_is_lost_while_keycloak_hangs_delays_no_repair_and_is_not_made_up(both: Both) -> None:
    both.declare(secrets=["PASSWORD"])
    text = both.users.read_text(encoding="utf-8").replace("alice@example.org", "${PASSWORD}@example.org")
    both.users.write_text(text, encoding="utf-8")
    secrets = both.directory / ".env"
    secrets.write_text("PASSWORD=correct-horse\n", encoding="utf-8")
    with both.daemon():
        until(lambda: both.runs and both.alice.get("enabled"))

        both.keycloak.hang()
        secrets.unlink()
        until(lambda: both.log.of(Ailment.UNDECIDED_FILE.value))
        assert both.log.of(WRONG_FILE) == []
        both.web_is_repaired()
        both.keycloak.go_on()
        until(lambda: any("recover" in each["note"] for each in both.log.of(WRONG_FILE)))

    assert both.alice["email"] == "correct-horse@example.org"
    assert not secrets.exists()


def test_a_keycloak_that_the_daemon_is_starting_itself_is_progress(both: Both) -> None:
    both.declare(service="web")
    both.keycloak.is_away = True

    def started(_number: int, call: str) -> None:
        if call.endswith("/start"):
            until(lambda: both.log.of("looked"))
            looks = len(both.log.of("looked"))
            until(lambda: len(both.log.of("looked")) > looks + 2)
            both.keycloak.is_away = False

    both.engine.before = started
    with both.daemon():
        until(lambda: both.alice.get("enabled"))

    assert both.log.of("can't be read") == []


def test_a_keycloak_whose_start_fails_needs_a_person(both: Both) -> None:
    both.stack.write_text(STACK.replace("environment", "command: [nothing], environment"), encoding="utf-8")
    both.declare(service="web")
    both.keycloak.is_away = True

    with both.daemon():
        until(lambda: both.log.of("can't be read"))

    assert both.log.of("repair failed")


def test_a_keycloak_that_is_silent_after_its_repair_is_reported_though_nothing_else_happens(both: Both) -> None:
    both.declare(service="web")
    with both.daemon(interval_s=600.0):
        until(lambda: both.runs and both.alice.get("enabled"))

        both.keycloak.hang()
        both.web_is_repaired()

        until(lambda: both.log.of("can't be read"))
        both.keycloak.go_on()


def test_without_a_stack_users_yaml_says_what_is_only_reported(both: Both) -> None:
    with both.daemon():
        until(lambda: both.alice.get("enabled"))
    both.stack.unlink()
    both.declare(daemon={"policy": "observe"})
    both.disable_alice()

    with both.daemon():
        until(lambda: both.log.of("differs, and is left as it is"))
        assert not both.alice["enabled"]

        both.declare(daemon={"policy": "observe", "policies": {"keycloak.user/shop": "heal"}})
        until(lambda: both.alice["enabled"])
