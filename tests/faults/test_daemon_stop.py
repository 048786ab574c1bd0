"""SIGTERM while any request of a daemon hangs: it ends in time, and its log says what it leaves undone.

RECONCILE_TEST_FAULTS=all has each request hang; otherwise some of them do.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.kit.campaigns import WHOLE
from tests.kit.cli import command, environment
from tests.kit.docker.memory import MemoryEngine
from tests.kit.docker.memory import served as served_engine
from tests.kit.keycloak.served import PASSWORD, ServedKeycloak
from tests.kit.keycloak.served import served as served_keycloak

END_S = 8.0
PATIENCE_S = 120.0
SERVERS = ("docker", "keycloak")
AT_ONCE = 4
EVERY, FIRST = (1, 0) if WHOLE else (36, 12)

STACK = """
name: p
services:
  db: {image: 'app:1', environment: {V: '%s'}, volumes: ['data:/data']}
  web: {image: 'app:1', environment: {V: '%s'}, depends_on: [db]}
volumes: {data: {}}
"""


@dataclass
class Gate:
    """The requests to one server: from number ``at`` on none is answered."""

    at: int | None = None
    asked: list[str] = field(default_factory=list)
    reached: threading.Event = field(default_factory=threading.Event)
    goes_on: threading.Event = field(default_factory=threading.Event)
    mutex: threading.Lock = field(default_factory=threading.Lock)

    def passes(self, request: str) -> None:
        with self.mutex:
            # The streams of events are asked for again and again, and end at once.
            if not request.startswith("GET /events"):
                self.asked.append(request)
            hangs = self.at is not None and len(self.asked) > self.at
        if hangs:
            self.reached.set()
            self.goes_on.wait(PATIENCE_S)


@dataclass
class World:
    """A project of both halves, its servers, and the lines that its daemon has written."""

    folder: Path
    engine: MemoryEngine
    keycloak: ServedKeycloak
    docker: str
    gates: dict[str, Gate]
    lines: list[Any] = field(default_factory=list)

    def declare(self, version: str) -> None:
        (self.folder / "stack.yaml").write_text(STACK % (version, version), encoding="utf-8")
        user = {"username": "alice", "enabled": True, "email": f"alice{version}@example.org"}
        auth = {"username": "admin", "password": PASSWORD}
        connection = {"url": self.keycloak.url, "auth": auth}
        realm = {"realm": "shop", "enabled": True, "users": [user], "x-reconcile": {"connection": connection}}
        (self.folder / "users.yaml").write_text(json.dumps(realm), encoding="utf-8")

    def is_as(self, version: str) -> bool:
        running = [each for each in self.engine.containers.values() if each["State"]["Running"]]
        realm = self.keycloak.server.realms.get("shop")
        users = [user.get("email") for user in realm.users.values()] if realm else []
        is_up = sum(f"V={version}" in each["Config"]["Env"] for each in running) == 2
        return is_up and users == [f"alice{version}@example.org"]

    def of(self, event: str) -> list[Any]:
        return [line for line in list(self.lines) if line["event"] == event]


@contextmanager
def world(folder: Path, **hangs: int) -> Iterator[World]:
    engine, gates = MemoryEngine(), {name: Gate(hangs.get(name)) for name in SERVERS}
    engine.image("app:1")
    engine.watch = lambda moment, call: gates["docker"].passes(call) if moment == "asked" else None
    folder.mkdir()
    with served_engine(engine) as docker, served_keycloak() as keycloak:
        answer = keycloak.answer

        def gated(method: str, path: str, kind: str, body: str) -> tuple[int, bytes, str]:
            gates["keycloak"].passes(f"{method} {path}")
            return answer(method, path, kind, body)

        keycloak.answer = gated  # type: ignore[method-assign]
        made = World(folder, engine, keycloak, docker, gates)
        made.declare("1")
        try:
            yield made
        finally:
            for gate in gates.values():
                gate.goes_on.set()


def variables(made: World) -> dict[str, str]:
    return environment(DOCKER_HOST=made.docker, XDG_STATE_HOME=str(made.folder / "state"))


@contextmanager
def daemon(made: World, *options: str) -> Iterator[subprocess.Popen[str]]:
    arguments = command(("daemon", "--interval", "600", "--listen", "127.0.0.1:0", *options))
    process = subprocess.Popen(arguments, cwd=made.folder, env=variables(made), stderr=subprocess.PIPE, text=True)

    def read() -> None:
        assert process.stderr
        for line in process.stderr:
            made.lines.append(json.loads(line))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        reader.join()
        assert process.stderr
        process.stderr.close()


def until(holds: Callable[[], object], about: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S:g} s: {about}"
        time.sleep(0.02)


def through_a_change(made: World) -> bool:
    """Wait until all is made and then another version of it is; returns False once a request hangs."""
    hangs = [gate.reached for gate in made.gates.values()]
    for version in ("1", "2"):
        made.declare(version)
        until(lambda version=version: made.is_as(version) or any(each.is_set() for each in hangs), version)
        if any(each.is_set() for each in hangs):
            return False
    return True


def ended(process: subprocess.Popen[str]) -> float:
    """Ends with SIGTERM; the seconds that it took."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(4 * END_S) == 0
    return time.monotonic() - began


def requests_of_a_change(folder: Path) -> dict[str, list[str]]:
    with world(folder) as made, daemon(made) as process:
        assert through_a_change(made)
        assert ended(process) < END_S
        return {name: gate.asked for name, gate in made.gates.items()}


def stopped_while_it_hangs(folder: Path, server: str, at: int) -> None:
    with world(folder / f"{server} {at}", **{server: at}) as made:
        with daemon(made) as process:
            through_a_change(made)
            seconds = ended(process)
        about = f"{server} hangs from request {at} on, {made.gates[server].asked[-1]}: {made.lines}"

    begun = {line["address"] for line in made.of("difference")} - {line["address"] for line in made.of("repaired")}
    left = {line["address"]: line["note"] for line in made.of("left undone")}
    assert seconds < END_S, about
    assert made.of("daemon ends"), about
    # Those of the second version were repaired once, with the first.
    assert begun <= left.keys(), about
    assert all(left.values()), about


def test_a_daemon_ends_in_time_whichever_request_hangs(tmp_path: Path) -> None:
    requests = requests_of_a_change(tmp_path / "count")
    cases = [(server, at) for server in SERVERS for at in range(FIRST, len(requests[server]), EVERY)]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(stopped_while_it_hangs, tmp_path, *case) for case in cases]:
            done.result()


def port_of(made: World) -> int:
    return int(made.of("listens")[0]["port"])


@contextmanager
def silent_repository(_made: World) -> Iterator[tuple[str, ...]]:
    """The options of a daemon whose repository takes connections and answers nothing; git ends with the daemon."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/shop.git"
        yield "--git", url
        until(lambda: not is_in_a_command(url), "git has ended")


def is_in_a_command(words: str) -> bool:
    """Returns whether a process of this machine was begun with these words."""
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if words.encode() in each.read_bytes():
                return True
    return False


@contextmanager
def missing_secret(made: World) -> Iterator[tuple[str, ...]]:
    """Without its value, live objects are asked for it before anything else; the engine answers nothing."""
    file = made.folder / "stack.yaml"
    text = file.read_text(encoding="utf-8").replace("V: '1'", "V: '${PASSWORD}'", 1)
    file.write_text(f"{text}x-reconcile: {{secrets: [PASSWORD]}}\n", encoding="utf-8")
    made.gates["docker"].at = 0
    yield ()


@pytest.mark.parametrize("hanging", [silent_repository, missing_secret])
def test_a_daemon_that_has_not_begun_ends_at_once(tmp_path: Path, hanging: Any) -> None:
    with world(tmp_path / "made") as made, hanging(made) as options, daemon(made, *options) as process:
        until(lambda: made.of("listens"), "the process is up")
        time.sleep(1.0)  # whether it has come to what hangs or not, it has to end

        seconds = ended(process)

    assert seconds < END_S
    assert made.of("daemon ends")
    assert not made.of("daemon begins")


def test_a_daemon_ends_in_time_though_a_page_waits_for_a_server_that_hangs(tmp_path: Path) -> None:
    def search() -> None:
        with suppress(OSError):
            urlopen(f"http://127.0.0.1:{port_of(made)}/access?q=alice", timeout=PATIENCE_S)

    with world(tmp_path / "made") as made, daemon(made) as process:
        until(lambda: made.is_as("1"), "all is made")
        made.gates["keycloak"].at = 0
        threading.Thread(target=search, daemon=True).start()
        until(made.gates["keycloak"].reached.is_set, "the page asks Keycloak")

        seconds = ended(process)

    assert seconds < END_S
    assert made.of("daemon ends")


def test_a_daemon_ends_in_time_though_nobody_reads_its_log(tmp_path: Path) -> None:
    with world(tmp_path / "made") as made:
        read, write = os.pipe()
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
        arguments = ("-v", "daemon", "--interval", "0.5", "--listen", "off")
        process = subprocess.Popen(command(arguments), cwd=made.folder, env=variables(made), stderr=write, text=True)
        try:
            while not made.is_as("1"):
                os.read(read, 4096)
            asked = -1
            while asked != (asked := len(made.gates["docker"].asked)):
                time.sleep(2.0)  # until it looks no more, because its log is full

            seconds = ended(process)
        finally:
            process.kill()
            process.wait()
            os.close(read)
            os.close(write)

    assert seconds < END_S
