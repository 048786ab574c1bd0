"""A daemon over a long time, with a drift by hand every few seconds: each is repaired, and nothing grows.

RECONCILE_TEST_SOAK_S is its length in seconds, ten minutes by default.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.integration.keycloak.conftest import fresh, server  # noqa: F401 (fixtures)
from tests.integration.keycloak.test_daemon import both, ends, project, used_by, within  # noqa: F401 (fixtures)
from tests.kit.daemon import daemon
from tests.kit.docker.engine import READY, Project
from tests.kit.keycloak.server import Server

SECONDS = float(os.environ.get("RECONCILE_TEST_SOAK_S") or 600)
WARM_UP_S = 60.0
EVERY_S = 5.0
PATIENCE_S = 60.0
MOST_GROWTH = 0.05
SERVICES = tuple(f"web{number}" for number in range(8))
REST_S = 70.0
"""A resource is left alone for so long after its last drift: one that drifts more often is in a fight, and waits."""

Drift = Callable[[], Callable[[], bool]]
"""Something done by hand; returns a check of whether it was repaired."""


class Hands:
    """Deeds of somebody to the project, each with a check of its repair."""

    def __init__(self, made: Project, admin: Any, realm: str) -> None:
        self.made, self.admin, self.realm = made, admin, realm

    def drifts(self) -> dict[str, Drift]:
        of_services = {"limit": self.limit, "stop": self.stop, "kill": self.kill, "remove": self.remove}
        found: dict[str, Drift] = {
            f"{name} {service}": lambda act=act, service=service: act(service)  # type: ignore[misc]
            for service in SERVICES
            for name, act in of_services.items()
        }
        of_alice = {"disable alice": self.disabled, "move alice": self.mail, "remove alice": self.removed}
        return {**found, **of_alice, "switch-off realm": self.switched_off}

    def limit(self, service: str) -> Callable[[], bool]:
        self.made.hand("update", {"Memory": 32 << 20, "MemorySwap": 64 << 20}, service=service)
        return lambda: bool(self.made.inspect(service)["HostConfig"]["Memory"] == 64 << 20)

    def stop(self, service: str) -> Callable[[], bool]:
        self.made.hand("stop", service=service, t=0)
        return lambda: self.runs(service)

    def kill(self, service: str) -> Callable[[], bool]:
        self.made.hand("kill", service=service)
        return lambda: self.runs(service)

    def remove(self, service: str) -> Callable[[], bool]:
        before = self.made.inspect(service)["Id"]
        self.made.engine.delete(f"/containers/{before}", force=1)
        return lambda: self.runs(service)

    def runs(self, service: str) -> bool:
        mine = {"name": [f"^/{self.made.container(service)}$"]}
        found = self.made.engine.get("/containers/json", filters=mine)
        return [each["State"] for each in found] == ["running"]

    def user(self) -> dict[str, Any]:
        found = self.admin.get(f"admin/realms/{self.realm}/users?username=alice&exact=true")
        return found[0] if found else {}

    def changed(self, **fields: Any) -> Callable[[], bool]:
        user = self.user()
        self.admin.put(f"admin/realms/{self.realm}/users/{user['id']}", {**user, **fields})
        return lambda: all(self.user().get(name) != value for name, value in fields.items()) and bool(self.user())

    def disabled(self) -> Callable[[], bool]:
        return self.changed(enabled=False)

    def mail(self) -> Callable[[], bool]:
        return self.changed(email="somebody@example.org")

    def removed(self) -> Callable[[], bool]:
        self.admin.delete(f"admin/realms/{self.realm}/users/{self.user()['id']}")
        return lambda: bool(self.user())

    def switched_off(self) -> Callable[[], bool]:
        path = f"admin/realms/{self.realm}"
        self.admin.put(path, {**self.admin.get(path), "enabled": False})
        return lambda: bool(self.admin.get(path)["enabled"])


@pytest.fixture
def several(both: Project) -> Project:  # noqa: F811 (the fixture)
    for service in SERVICES:
        both.service(service, mem_limit="64m", **READY)
    both.settle()
    return both


def descriptors(process_id: int) -> int:
    return len(list(Path(f"/proc/{process_id}/fd").iterdir()))


def test_drift_for_a_long_time_is_repaired_and_nothing_grows(
    several: Project,
    server: Server,  # noqa: F811 (the fixture)
    fresh: str,  # noqa: F811 (the fixture)
) -> None:
    chance, took = random.Random(1), list[tuple[float, str]]()
    options = ("--interval", "30", "--listen", "127.0.0.1:0")
    with daemon(several.directory, *options) as running, closing(server.client()) as admin:
        running.until("looked")
        drifts, begun = Hands(several, admin, fresh).drifts(), time.monotonic()
        number, first, touched = running.process.pid, None, dict[str, float]()
        while time.monotonic() - begun < SECONDS:
            now = time.monotonic()
            if rested := [name for name in drifts if touched.get(name.partition(" ")[2], 0.0) < now - REST_S]:
                name = chance.choice(rested)
                is_repaired = drifts[name]()
                took.append((within(PATIENCE_S, is_repaired), name))
                touched[name.partition(" ")[2]] = time.monotonic()
            if first is None and time.monotonic() - begun > WARM_UP_S:
                first = (*used_by(number), descriptors(number), time.monotonic())
            time.sleep(EVERY_S)
        time.sleep(EVERY_S)
        last = (*used_by(number), descriptors(number), time.monotonic())
        running.of("")
        ends(running)

    assert first
    slowest = sorted(took)
    figures = {
        "drifts": len(took),
        "median_s": round(slowest[len(took) // 2][0], 2),
        "p99": slowest[int(len(took) * 0.99)],
        "MiB": (round(first[0], 1), round(last[0], 1)),
        "descriptors": (first[2], last[2]),
        "cores": round((last[1] - first[1]) / (last[3] - first[3]), 4),
    }
    sys.stdout.write(f"{json.dumps(figures)}\n")
    assert last[0] <= first[0] * (1 + MOST_GROWTH)
    assert last[2] <= first[2] + 2
    assert not running.of("look failed for an unknown reason")
