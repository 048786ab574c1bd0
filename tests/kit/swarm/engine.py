"""A stack of its own on a real Swarm of one node, removed afterwards whatever happens."""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.core.difference.change import Action, Change
from reconciler.core.execution.report import Report
from reconciler.core.plan.policy import Policy
from reconciler.providers.answers import Request
from reconciler.providers.docker.engine.client import Engine
from reconciler.run.clock import RealClock
from reconciler.run.reconciliation.once import Look
from reconciler.run.session.session import Session, opened
from reconciler.settings import Settings
from tests.kit.cli import ROOT, Ran, reconcile
from tests.kit.docker.engine import PROBE, READY

GIVEN = os.environ.get("RECONCILE_TEST_SWARM", "")
"""DOCKER_HOST of a manager that is there already, and that tests may do with as they like."""

SLEEPS: Mapping[str, Any] = {"image": PROBE, "command": ["sleep", "3600"], "init": True, **READY}
WITHOUT_ADDRESS: Mapping[str, Any] = {"endpoint_mode": "dnsrr"}
"""A kernel may have no virtual servers, so services have no address of their own."""

QUICK: Mapping[str, Any] = {**WITHOUT_ADDRESS, "update_config": {"monitor": "500ms"}}


@contextmanager
def a_swarm() -> Iterator[str]:
    """The DOCKER_HOST of a manager."""
    if GIVEN:
        yield GIVEN
        return
    script = ROOT / "scripts/engines/one_node.py"
    waits = ["sh", "-c", "echo host=$DOCKER_HOST; cat"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen([script, *waits], text=True, **pipes) as process:
        assert process.stdin
        assert process.stdout
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("host="):
                break
        assert "host=" in "".join(said[-1:]), "".join(said)
        yield said[-1].strip().removeprefix("host=")
        process.stdin.close()  # which ends the script, and the engine with it
        process.wait(60)


@dataclass
class Stack:
    """A stack file in a folder, and what it makes on the Swarm. ``asked`` are the requests of the last session."""

    name: str
    directory: Path
    engine: Engine
    host: str
    model: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def write(self, **sections: Any) -> None:
        """Replace top-level sections of stack.yaml; JSON is YAML."""
        self.model = {"x-reconcile": {"engine": "swarm"}, **self.model, "name": self.name, **sections}
        (self.directory / "stack.yaml").write_text(json.dumps(self.model, indent=1), encoding="utf-8")

    def service(self, name: str = "web", **attributes: Any) -> None:
        """Replace one service; it does nothing for a long time unless it is to do otherwise."""
        services = {**self.model.get("services", {}), name: {**SLEEPS, "deploy": QUICK, **attributes}}
        self.write(services=services)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "DOCKER_HOST": self.host}

    @contextmanager
    def session(self) -> Iterator[Session]:
        self.asked.clear()

        def note(_provider: str, request: Request) -> None:
            self.asked.append(f"{request.method} {request.path}")

        settings = Settings(self.directory, (self.directory / "stack.yaml",), environment=self.environment)
        with opened(settings, RealClock(), note=note) as session:
            yield session

    def differences(self) -> dict[str, Change]:
        """Address → change of everything that is not as declared."""
        with self.session() as session:
            changes = session.reconciler().look().plan.changes
        return {str(change.address): change for change in changes if change.action is not Action.KEEP}

    def apply(self) -> Report:
        """Converge; nothing but the report is looked at here."""

        def agree(_look: Look) -> None:
            pass

        with self.session() as session:
            policy: Policy = session.policy(deletes=True, most_surplus=1000)
            happened = session.reconciler(policy=policy).converge(agree)
            return Report(tuple(event for event in happened if not isinstance(event, Look)))

    def settle(self) -> None:
        """Apply, and nothing may be left to do."""
        report = self.apply()
        assert not report.failed, [(event.step.id, event.note) for event in report.failed]
        assert self.differences() == {}

    def reconcile(self, *arguments: str) -> Ran:
        """The program as a user runs it."""
        return reconcile(*arguments, cwd=self.directory, env={"DOCKER_HOST": self.host})

    # -------------------------------------------------------------- by hand

    def docker(self, *words: str) -> str:
        """The Docker CLI on this Swarm."""
        done = subprocess.run(
            ["docker", "-H", self.host, *words], cwd=self.directory, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def live(self, service: str = "web") -> Any:
        return self.engine.get(f"/services/{self.name}_{service}")

    def tasks(self, service: str = "web") -> set[str]:
        """The ids of the tasks that serve: whether a service was touched shows in them."""
        found = self.engine.get("/tasks", filters={"service": [self.live(service)["ID"]], "desired-state": ["running"]})
        return {each["ID"] for each in found if each["Status"]["State"] == "running"}

    def mine(self, section: str) -> list[str]:
        """The names of all objects of a section that carry the stack's label."""
        label = f"com.docker.stack.namespace={self.name}"
        found = self.engine.get(f"/{section}", filters={"label": [label]})
        return sorted(each.get("Name") or each["Spec"]["Name"] for each in found)

    def remove(self) -> None:
        """Everything that carries the stack's label goes; its networks once the last task has left them."""
        for section in ("services", "configs", "secrets"):
            for name in self.mine(section):
                self.engine.delete(f"/{section}/{name}")
        give_up_at = time.monotonic() + 60
        while names := self.mine("networks"):
            for name in names:
                subprocess.run(["docker", "-H", self.host, "network", "rm", name], capture_output=True, check=False)
            assert time.monotonic() < give_up_at, f"networks {names} are still in use"


@contextmanager
def a_stack(directory: Path, engine: Engine, host: str) -> Iterator[Stack]:
    stack = Stack(f"rt{uuid.uuid4().hex[:8]}", directory, engine, host)
    try:
        yield stack
    finally:
        stack.remove()
