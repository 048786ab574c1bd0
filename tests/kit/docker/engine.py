"""A project of its own on the real engine, removed afterwards whatever happens."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.core.difference.change import Action, Change
from reconciler.core.execution.report import Report
from reconciler.core.message.errors import Denied
from reconciler.core.plan.plan import Plan
from reconciler.core.plan.policy import Policy
from reconciler.providers.docker.engine.client import Engine
from reconciler.run.clock import RealClock
from reconciler.run.reconciliation.once import Look
from reconciler.run.session.session import Session, opened
from reconciler.settings import Settings
from tests.kit.cli import engine_of_program

PROBE = os.environ.get("RECONCILE_TEST_PROBE", "localhost/probe:1")
"""A tiny image with busybox in it."""

READY: Mapping[str, Any] = {"healthcheck": {"test": "true", "interval": "300ms"}}
"""For a service that is up at once; one without a health check is watched for seconds before it counts as up."""


def the_engine() -> Engine:
    return Engine(os.environ)


@dataclass
class Project:
    """A stack file in a folder, and what it makes on the engine."""

    name: str
    directory: Path
    engine: Engine
    model: dict[str, Any] = field(default_factory=dict)
    volumes: bool = True

    def write(self, **sections: Any) -> None:
        """Replace top-level sections of stack.yaml; JSON is YAML."""
        self.model = {**self.model, "name": self.name, **sections}
        (self.directory / "stack.yaml").write_text(json.dumps(self.model, indent=1), encoding="utf-8")

    def service(self, name: str = "web", **attributes: Any) -> None:
        """Replace one service; it does nothing for a long time unless it is told otherwise."""
        usual = {"image": PROBE, "command": ["sleep", "3600"], "init": True}
        services = {**self.model.get("services", {}), name: {**usual, **attributes}}
        self.write(services=services)

    @contextmanager
    def session(self) -> Iterator[Session]:
        settings = Settings(
            self.directory, (self.directory / "stack.yaml",), environment={**os.environ, **engine_of_program()}
        )
        with opened(settings, RealClock()) as session:
            yield session

    def plan(self) -> Plan:
        with self.session() as session:
            return session.reconciler().look().plan

    def differences(self) -> dict[str, Change]:
        """Address → change of everything that is not as declared."""
        return {str(change.address): change for change in self.plan().changes if change.action is not Action.KEEP}

    def fields(self, where: str = "docker.container/web") -> dict[str, tuple[Any, Any]]:
        """Path → (before, after) of one resource's differing fields."""
        change = self.differences().get(where)
        return {".".join(f.path): (f.before, f.after) for f in change.fields} if change else {}

    def apply(self, **allowed: Any) -> Report:
        """Converge; nothing but the report is looked at here."""
        with self.session() as session:
            policy: Policy = session.policy(**{"deletes": True, "most_surplus": 1000, **allowed})
            happened = session.reconciler(policy=policy).converge(_agree)
            return Report(tuple(event for event in happened if not isinstance(event, Look)))

    def settle(self) -> None:
        """Apply, and nothing may be left to do."""
        report = self.apply()
        assert not report.failed, [(event.step.id, event.note) for event in report.failed]
        assert self.differences() == {}

    @property
    def subnet(self) -> str:
        """A pool of addresses of its own."""
        one, two = bytes.fromhex(self.name[-4:])
        return f"10.{128 + one % 96}.{two}.0/24"

    # -------------------------------------------------------------- by hand

    def inspect(self, service: str = "web") -> Any:
        return self.engine.get(f"/containers/{self.container(service)}/json")

    def container(self, service: str = "web") -> str:
        return f"{self.name}-{service}-1"

    def identity(self, service: str = "web") -> tuple[str, str]:
        """The two values that show whether a container was touched."""
        inspect = self.inspect(service)
        return inspect["Id"], inspect["State"]["StartedAt"]

    def hand(self, path: str, body: Mapping[str, Any] | None = None, service: str = "web", **params: Any) -> Any:
        """A POST to a container, as somebody with the Docker CLI would send it."""
        return self.engine.post(f"/containers/{self.container(service)}/{path}", body or {}, **params)

    def remove(self) -> None:
        """Everything that carries the project's label goes, and the volumes without a name that its containers have.

        Those that went along from one container to the next have no label, and do not go with the last one.
        """
        mine = {"label": [f"com.docker.compose.project={self.name}"]}
        containers = self.engine.get("/containers/json", all=1, filters=mine)
        for item in containers:
            self.engine.delete(f"/containers/{item['Id']}", force=1, v=1)
        for mount in (mount for item in containers for mount in item["Mounts"]):
            if len(mount.get("Name") or "") == 64:
                self.engine.delete(f"/volumes/{mount['Name']}")
        for item in self.engine.get("/networks", filters=mine):
            with suppress(Denied):  # an engine that has lost count keeps it until it is restarted (20.10)
                self.engine.delete(f"/networks/{item['Id']}")
        for item in self.engine.get("/volumes", filters=mine).get("Volumes") or ():
            self.engine.delete(f"/volumes/{item['Name']}")
        locks = {"label": [f"reconcile.lock={self.name}"]}
        for item in self.engine.get("/volumes", filters=locks).get("Volumes") or ():
            self.engine.delete(f"/volumes/{item['Name']}")


def _agree(_look: Look) -> None:
    pass


@contextmanager
def a_project(directory: Path, engine: Engine) -> Iterator[Project]:
    project = Project(f"rt{uuid.uuid4().hex[:8]}", directory, engine)
    try:
        yield project
    finally:
        project.remove()
