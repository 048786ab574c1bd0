"""The daemon among faults: one that hangs, is away, refuses or crashes delays the repair of nothing else."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.kit.cli import reconcile
from tests.kit.daemon import daemon
from tests.kit.docker.engine import READY, Project, a_project, the_engine
from tests.kit.keycloak.server import Server

SOON_S = 5.0
"""The longest time for a repair that has nothing to do with a fault."""

END_S = 8.0


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    engine = the_engine()
    with a_project(tmp_path, engine) as made:
        yield made
    engine.close()


@pytest.fixture
def both(project: Project, server: Server, fresh: str) -> Project:
    """A stack with a service that leads to the Keycloak, and a realm behind it.

    That service has no health check: an engine (20.10) does not show a container that was paused while its
    probe was just beginning.
    """
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    real = urlsplit(server.url)
    relay = ["busybox", "nc", "-ll", "-p", str(port), "-e", "busybox", "nc", str(real.hostname), str(real.port)]
    waiver = {"waivers": {"host-network": {"reason": "leads to the Keycloak of the tests", "until": "2099-12-31"}}}
    project.service("keycloak", command=relay, network_mode="host", init=False, **{"x-reconcile": waiver})
    project.service("web", mem_limit="64m", **READY)
    user = {"username": "alice", "enabled": True, "email": "alice@example.org"}
    auth = {"username": server.user, "password": server.password}
    connection = {"url": f"http://localhost:{port}", "service": "keycloak", "auth": auth}
    realm = {"realm": fresh, "enabled": True, "adminEventsEnabled": True, "users": [user]}
    text = json.dumps({**realm, "x-reconcile": {"connection": connection}})
    (project.directory / "users.yaml").write_text(text, encoding="utf-8")
    return project


def limit(project: Project) -> Any:
    return project.inspect("web")["HostConfig"]["Memory"]


def within(seconds: float, holds: Callable[[], bool]) -> float:
    """Wait until it holds; the seconds that it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"not within {seconds:g} s"
        time.sleep(0.05)
    return time.monotonic() - began


def drifts_and_is_repaired(project: Project, seconds: float = SOON_S) -> float:
    project.hand("update", {"Memory": 32 << 20, "MemorySwap": 64 << 20}, service="web")
    return within(seconds, lambda: limit(project) == 64 << 20)


def run_inside(project: Project, service: str, *command: str) -> None:
    """Begin a command in a container, and do not wait for its end."""
    made = project.hand("exec", {"Cmd": list(command)}, service=service)
    project.engine.post(f"/exec/{made['Id']}/start", {"Detach": True})


def ends(running: Any) -> float:
    """Ends with SIGTERM; the seconds that it took."""
    began = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(END_S) == 0
    running.until("daemon ends", patience_s=1.0)
    return time.monotonic() - began


def settled(running: Any) -> None:
    """Wait until all was made: the realm comes last."""
    running.until("repaired", action="create", address=next(_realms(running)))
    time.sleep(2.0)  # a look that finds nothing, and the first poll of the admin events


def begun(running: Any) -> None:
    """Wait until it follows files and events."""
    while "files are watched" not in running.until("looked")["why"]:
        pass
    time.sleep(1.0)


def _realms(running: Any) -> Iterator[str]:
    while True:
        line = running.until("difference", action="create")
        if line["address"].startswith("keycloak.realm/"):
            yield line["address"]


def test_a_paused_or_frozen_server_delays_no_repair_and_no_end_and_is_unpaused(both: Project) -> None:
    with daemon(both.directory, "--interval", "600") as running:
        settled(running)

        both.hand("pause", service="keycloak")
        drifts_and_is_repaired(both)
        within(SOON_S, lambda: not both.inspect("keycloak")["State"]["Paused"])

        run_inside(both, "keycloak", "busybox", "kill", "-STOP", "-1")
        both.hand("kill", service="keycloak", signal="SIGSTOP")
        drifts_and_is_repaired(both)
        running.until("can't be read", subject="keycloak")
        drifts_and_is_repaired(both)
        ends(running)


def test_a_refused_password_delays_no_repair_of_containers_and_is_reported_once(both: Project) -> None:
    wrong = {"RECONCILE_KEYCLOAK_PASSWORD": "wrong", "RECONCILE_KEYCLOAK_USERNAME": "nobody-of-that-name"}
    with daemon(both.directory, "--interval", "600", env=wrong) as running:
        running.until("repaired", address="docker.container/web")
        found = running.of("can't be read") or [{"note": ""}]
        while "does not accept the account" not in found[-1]["note"]:
            found.append(running.until("can't be read", subject="keycloak"))
        drifts_and_is_repaired(both)

        assert found[-1]["deferred"] >= 2
        assert running.of("can't be read")[-1] == found[-1]


def test_a_drift_of_a_realm_is_found_by_its_admin_events(both: Project, server: Server, fresh: str) -> None:
    with daemon(both.directory, "--interval", "600") as running, closing(server.client()) as admin:
        settled(running)
        (user,) = admin.get(f"admin/realms/{fresh}/users?username=alice&exact=true")

        admin.put(f"admin/realms/{fresh}/users/{user['id']}", {**user, "enabled": False})

        found = running.until("difference", address=f"keycloak.user/{fresh}/alice", patience_s=2 * SOON_S)
        running.until("repaired", address=f"keycloak.user/{fresh}/alice")
        assert (found["field"], found["old"], found["new"]) == ("enabled", "false", "true")
        assert "UPDATE users/" in found["events"][0]
        assert f"update user by {server.user} with " in found["by"][0]
        assert "update user by" in reconcile("-v", "history", f"keycloak.user/{fresh}/alice", cwd=both.directory).out
        assert admin.get(f"admin/realms/{fresh}/users/{user['id']}")["enabled"] is True


def requests_of(running: Any) -> Counter[str]:
    """The requests of a daemon since the last call, by provider; ``looks`` are its looks."""
    running.of("")
    lines, running.lines = running.lines, []
    found = Counter(line["provider"] for line in lines if line["event"] == "request")
    return found + Counter(looks=len([line for line in lines if line["event"] == "looked"]))


QUIET = ("--interval", "1", "--resync", "600", "--listen", "127.0.0.1:0")
MOST_MEBIBYTES = 100
MOST_SECONDS_OF_A_LOOK = 0.06
"""The time of the processor: about 0.01 at rest, more while other tests share its caches."""


def used_by(process_id: int) -> tuple[float, float]:
    """The mebibytes that a process has in memory, and the seconds of the processor that it has taken."""
    lines = Path(f"/proc/{process_id}/status").read_text(encoding="utf-8").splitlines()
    resident = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    fields = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return resident / 1024, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_quiet_pass_takes_few_requests_and_little_of_the_machine(both: Project) -> None:
    both.service("web", mem_limit="64m", volumes=["data:/data"], **READY)
    both.write(volumes={"data": {}})
    with daemon(both.directory, *QUIET) as running:
        settled(running)
        time.sleep(6.0)  # the first polls, and the first renewal of the leader's mark
        requests_of(running)
        _, before_s = used_by(running.process.pid)

        time.sleep(8.0)

        found = requests_of(running)
        mebibytes, seconds = used_by(running.process.pid)
        assert mebibytes < MOST_MEBIBYTES
        assert seconds - before_s < MOST_SECONDS_OF_A_LOOK * found["looks"]
        assert found["looks"] >= 5
        assert found["docker"] <= 3 * (found["looks"] + 1)
        assert found["keycloak"] <= found["looks"] + 1
        drifts_and_is_repaired(both)


def test_a_change_that_keycloak_records_nowhere_is_found_by_the_next_full_look(
    both: Project, server: Server, fresh: str
) -> None:
    users = json.loads((both.directory / "users.yaml").read_text(encoding="utf-8"))
    texts = {"localizationTexts": {"en": {"greeting": "hello"}}, "internationalizationEnabled": True}
    users |= {**texts, "supportedLocales": ["en"]}
    (both.directory / "users.yaml").write_text(json.dumps(users), encoding="utf-8")
    with (
        daemon(both.directory, "--interval", "1", "--resync", "8") as running,
        closing(server.client()) as admin,
    ):
        settled(running)
        time.sleep(4.0)

        admin.put_text(f"admin/realms/{fresh}/localization/en/greeting", "changed")

        running.until("repaired", address=f"keycloak.localization/{fresh}/en", patience_s=8 + 2 * SOON_S)


CRASHES = "while ! test -e /tmp/crash; do sleep 0.1; done; echo boom; exit 3"


def test_a_crash_loop_is_reported_with_exit_code_and_last_lines_and_delays_nothing(project: Project) -> None:
    project.service("web", mem_limit="64m", **READY)
    project.service("crashes", command=["sh", "-c", CRASHES], restart="always", **READY)
    with daemon(project.directory, "--interval", "600") as running:
        running.until("repaired", address="docker.container/crashes")

        run_inside(project, "crashes", "touch", "/tmp/crash")
        found = running.until("crash loop", subject="docker.container/crashes")
        drifts_and_is_repaired(project)

        assert (found["exit_code"], found["last_lines"][-1]) == (3, "boom")
        assert found["times"] >= 4


def test_a_fight_is_slowed_down_and_reported_and_delays_nothing(project: Project) -> None:
    project.service("web", mem_limit="64m", **READY)
    project.service("other", mem_limit="64m", **READY)
    project.settle()
    with daemon(project.directory, "--interval", "600") as running:
        end = time.monotonic() + 12
        while time.monotonic() < end:
            project.hand("update", {"Memory": 32 << 20, "MemorySwap": 64 << 20}, service="other")
            time.sleep(0.7)
        drifts_and_is_repaired(project)

        found = running.until("changed against us again and again", subject="docker.container/other")
        repairs = [line for line in running.of("repaired") if line["address"] == "docker.container/other"]
        assert found["field"].startswith("mem")
        assert 4 <= len(repairs) <= 6


def renamed(project: Project) -> list[str]:
    """The names that containers have during a replacement."""
    mine = {"label": [f"com.docker.compose.project={project.name}"]}
    found = project.engine.get("/containers/json", all=1, filters=mine)
    return [name for each in found for name in each["Names"] if name != f"/{project.container()}"]


def test_a_stop_ends_it_soon_though_a_step_hangs_and_says_what_is_left(project: Project) -> None:
    stubborn = {"command": ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"], "init": False}
    project.service("web", stop_grace_period="60s", **stubborn, **READY)
    project.settle()
    with daemon(project.directory, "--interval", "600") as running:
        project.service("web", stop_grace_period="60s", environment={"NEW": "1"}, **stubborn, **READY)
        within(4 * SOON_S, lambda: bool(renamed(project)))
        time.sleep(1.0)

        ends(running)

        assert [line["address"] for line in running.of("left undone")] == ["docker.container/web"]


def test_many_events_are_few_looks_and_those_of_other_projects_are_none(project: Project, tmp_path: Path) -> None:
    project.service("web", **READY)
    project.settle()
    (tmp_path / "other").mkdir()
    with (
        a_project(tmp_path / "other", project.engine) as other,
        daemon(project.directory, "--interval", "600") as running,
    ):
        begun(running)
        other.service("web", pids_limit=100, **READY)
        before = len(running.of("looked"))
        other.settle()
        burst(other)
        time.sleep(3.0)
        assert len(running.of("looked")) == before


EVENTS = 100


def burst(project: Project) -> None:
    """Many events of a container that change nothing."""
    path = f"/containers/{project.container()}/update"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: project.engine.post(path, {"PidsLimit": 100}), range(EVENTS)))


def test_a_standby_takes_over_when_the_leader_is_killed(project: Project) -> None:
    project.service("web", mem_limit="64m", **READY)
    project.settle()
    with daemon(project.directory, "--interval", "600") as leader:
        leader.until("looked")
        with daemon(project.directory, "--interval", "600") as standby:
            found = standby.until("stands by")
            assert f"process {leader.process.pid}" in found["leader"]

            leader.process.kill()
            project.hand("update", {"Memory": 32 << 20, "MemorySwap": 64 << 20}, service="web")
            within(15.0, lambda: limit(project) == 64 << 20)

            standby.until("leads", patience_s=1.0)
            ends(standby)
