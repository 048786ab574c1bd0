"""The seed stack, brought up as README says, in a copy of the checkout with a name and ports of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.core.resource.values import Secret, Value
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.keycloak.server.client import AdminClient, Settings
from tests.kit.cli import ROOT, Ran, environment
from tests.kit.docker.engine import the_engine

PORTS = ("MLFLOW_PORT", "KEYCLOAK_PORT", "S3_PORT", "S3_CONSOLE_PORT")
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "dist", "tests", ".env", "*.egg-info")
DEMO_LIMIT_S = 45 * 60


@dataclass(frozen=True)
class Seed:
    """The running stack: where it is, and how it is looked at and laid hands on."""

    directory: Path
    project: str
    engine: Engine
    demo: Ran

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings and secrets of .env, as they are now."""
        return settings_of(self.directory)

    def url(self, port: str) -> str:
        return f"http://localhost:{self.settings[port]}"

    def run(self, *arguments: str, timeout: float = 900.0) -> Ran:
        """`reconcile …` as it was installed by the demo."""
        program = self.directory / ".venv/bin/reconcile"
        done = subprocess.run(
            [program, *arguments],
            cwd=self.directory,
            env=environment(PYTHONPATH=""),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def container(self, service: str) -> str:
        return f"{self.project}-{service}-1"

    def inspect(self, service: str) -> Any:
        return self.engine.get(f"/containers/{self.container(service)}/json")

    def identities(self) -> dict[str, tuple[str, str]]:
        """Service → id and start of every container: whether one was touched shows there."""
        mine = {"label": [f"com.docker.compose.project={self.project}"]}
        found = (self.engine.get(f"/containers/{item['Id']}/json") for item in self._containers(mine))
        return {
            item["Config"]["Labels"]["com.docker.compose.service"]: (item["Id"], item["State"]["StartedAt"])
            for item in found
        }

    def _containers(self, filters: Mapping[str, Any]) -> Sequence[Any]:
        found: Sequence[Any] = self.engine.get("/containers/json", all=1, filters=filters)
        return found

    def await_health(self, service: str, timeout_s: float = 240.0) -> None:
        deadline = time.monotonic() + timeout_s
        while self.inspect(service)["State"].get("Health", {}).get("Status") != "healthy":
            assert time.monotonic() < deadline, f"{service} is not healthy: {self.inspect(service)['State']}"
            time.sleep(0.5)

    def admin(self) -> AdminClient:
        """Keycloak's administrator."""
        password = Secret(self.settings["KEYCLOAK_ADMIN_PASSWORD"])
        auth: dict[str, Value] = {"username": self.settings.get("KEYCLOAK_ADMIN", "admin"), "password": password}
        return AdminClient(Settings.of({"url": self.url("KEYCLOAK_PORT"), "auth": auth}))


def free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@contextmanager
def seeded(folder: Path, project: str = "rte2e") -> Iterator[Seed]:
    """`make demo` in a copy; `make demo-down` at the end. RECONCILE_TEST_SEED names a copy that is up already."""
    existing = os.environ.get("RECONCILE_TEST_SEED")
    directory = Path(existing) if existing else copied(folder / "seed", project)
    engine = the_engine()
    try:
        demo = make("demo", directory)
        assert demo.code == 0, demo.out[-4000:] + demo.err[-4000:]
        yield Seed(directory, project_of(directory), engine, demo)
    finally:
        engine.close()
        if not existing:
            make("demo-down", directory)


def project_of(directory: Path) -> str:
    """The project's name in stack.yaml."""
    lines = (directory / "stack.yaml").read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix("name: ") for line in lines if line.startswith("name: "))


def copied(directory: Path, project: str) -> Path:
    """The checkout as a newcomer has it, but for the project's name and the ports."""
    shutil.copytree(ROOT, directory, ignore=LEFT_OUT)
    stack = directory / "stack.yaml"
    text = stack.read_text(encoding="utf-8")
    assert "\nname: mlflow\n" in text
    stack.write_text(text.replace("\nname: mlflow\n", f"\nname: {project}\n"), encoding="utf-8")
    chosen = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    lines = [f"{name}={port}\n" for name, port in chosen.items()]
    (directory / ".env").write_text("".join(lines), encoding="utf-8")
    return directory


def make(target: str, directory: Path) -> Ran:
    done = subprocess.run(
        ["make", target],
        cwd=directory,
        env=environment(DEMO_YES="1", PYTHONPATH=""),
        capture_output=True,
        text=True,
        timeout=DEMO_LIMIT_S,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def settings_of(directory: Path) -> dict[str, str]:
    """The plain NAME=value lines of .env."""
    lines = (directory / ".env").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}
