"""Checks of a Swarm and of a stack's services: the rows that `doctor` carries out. They only read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from reconciler.core.diagnosis import Check, Row, Suspect
from reconciler.core.resource.document import Document
from reconciler.providers.docker.engine import checks as checks_of_engine
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.table.property import Json, dig
from reconciler.providers.swarm import nodes, tasks
from reconciler.providers.swarm.expand import service_address
from reconciler.providers.swarm.kinds import service
from reconciler.providers.swarm.observe import ENDED_BADLY
from reconciler.providers.swarm.perform import last_lines
from reconciler.providers.swarm.table import labels


@dataclass
class Site:
    """A Swarm with the services of a stack, read as far as a check asks."""

    engine: Engine
    project: str
    document: Document
    now: Callable[[], float] = time.time

    @cached_property
    def nodes(self) -> Sequence[Json]:
        return list(self.engine.get("/nodes"))

    @cached_property
    def declared(self) -> Mapping[str, Any]:
        return self.document.section("services")

    @cached_property
    def services(self) -> Mapping[str, Json]:
        """Service → its live specification and state, of those that are there."""
        found = {each["Spec"]["Name"]: each for each in self.engine.get("/services", status="true")}
        names = {name: f"{self.project}_{name}" for name in self.declared}
        return {
            name: found[live]
            for name, live in names.items()
            if live in found and labels.is_of_stack(found[live]["Spec"].get("Labels"), self.project)
        }

    @cached_property
    def _tasks(self) -> Sequence[Json]:
        return list(self.engine.get("/tasks"))

    def tasks(self, live: Json) -> Sequence[Json]:
        return tasks.of_service(self._tasks, live["ID"])

    def suspect(self, name: str, at: str = "", /, **facts: object) -> Suspect:
        """A service as a finding names it; ``at`` is the field to blame."""
        origin = self.document.locate(("stack", "services", name))
        return Suspect(f"service {name}", {"service": name, **facts}, service_address(name), at, origin)


# ------------------------------------------------------------------ the Swarm and its nodes


_NOT_MANAGING: Final = {
    "inactive": ("it is in no Swarm", "docker swarm init   # or set DOCKER_HOST to a manager"),
    "active": ("it is a worker, which can't be asked", "set DOCKER_HOST to a manager of the Swarm"),
    "locked": ("its Swarm is locked", "docker swarm unlock"),
}
"""State of an engine in a Swarm → the words for it, and the remedy."""


def _no_manager(site: Site) -> Iterator[Suspect]:
    about = site.engine.own.get("Swarm")
    if not isinstance(about, Mapping) or about.get("ControlAvailable"):
        return
    state, error = about.get("LocalNodeState") or "inactive", about.get("Error") or ""
    unknown = (f"its part of the Swarm is {state}", "docker info   # says more of it")
    said, remedy = _NOT_MANAGING.get(str(state), unknown)
    yield Suspect("the engine", {"words": f"{said}: {error}" if error else said, "remedy": remedy})


def _down(site: Site) -> Iterator[Suspect]:
    for node in filter(nodes.is_down, site.nodes):
        name = nodes.name_of(node)
        state, message = (str(dig(node, f"Status.{key}") or "") for key in ("State", "Message"))
        yield Suspect(f"node {name}", {"node": name, "state": f"{state} ({message})" if message else state})


def _lost_managers(site: Site) -> Iterator[Suspect]:
    managers = [node for node in site.nodes if nodes.is_manager(node)]
    lost = [node for node in managers if nodes.is_lost(node)]
    spare = len(managers) - len(lost) - (len(managers) // 2 + 1)
    for node in lost:
        name = nodes.name_of(node)
        left = f"{len(managers) - len(lost)} of {len(managers)} managers are left"
        more = f"the Swarm bears the loss of {spare} more" if spare else "with one more lost nothing can be changed"
        yield Suspect(f"node {name}", {"node": name, "words": f"{left}, and {more}"})


# ------------------------------------------------------------------ the services


def _missing(site: Site) -> Iterator[Suspect]:
    yield from (site.suspect(name) for name in site.declared if name not in site.services)


def _paused(site: Site) -> Iterator[Suspect]:
    for name, live in site.services.items():
        state, message = (str(dig(live, f"UpdateStatus.{key}") or "") for key in ("State", "Message"))
        if state in ENDED_BADLY:
            yield site.suspect(name, state=state.replace("_", " "), words=message)


def _homeless(site: Site) -> Iterator[Suspect]:
    """Lists services with a task that finds no node."""
    for name, live in site.services.items():
        if why := tasks.unplaced(site.tasks(live)):
            constraints = dig(live, "Spec.TaskTemplate.Placement.Constraints") or ()
            unfit = "; ".join(nodes.unfit(site.nodes, constraints))
            yield site.suspect(name, words=f"{why}; {unfit}" if unfit else why)


def _short(site: Site) -> Iterator[Suspect]:
    """Lists services whose tasks have a node and do not stay up."""
    for name, live in site.services.items():
        counts, own = live.get("ServiceStatus") or {}, site.tasks(live)
        # The manager leaves out counts that are 0.
        up, wanted = counts.get("RunningTasks") or 0, counts.get("DesiredTasks") or 0
        failed = next(iter(tasks.failures(own)), None)
        if service.mode_of(live["Spec"]) in service.JOBS or up >= wanted or tasks.unplaced(own) or not failed:
            continue
        lines = " | ".join(line.strip() for line in last_lines(site.engine, str(failed["ID"])) if line.strip())
        words = f"{up} of {wanted} tasks run; the last one {tasks.words(failed)}"
        yield site.suspect(name, words=f"{words}; its last lines: {lines}" if lines else words)


def _failed_jobs(site: Site) -> Iterator[Suspect]:
    for name, live in site.services.items():
        counts = live.get("ServiceStatus") or {}
        failed = next(iter(tasks.failures(site.tasks(live))), None)
        is_job = service.mode_of(live["Spec"]) in service.JOBS
        # A job that is tried again, or has ended well after a failure, is no finding.
        if is_job and failed and not counts.get("CompletedTasks") and not counts.get("RunningTasks"):
            yield site.suspect(name, words=tasks.words(failed))


# ------------------------------------------------------------------ the table

_ENGINE: Final = (*checks_of_engine.CODES, "swarm-manager")

ROWS: Final[tuple[Row[Site], ...]] = (
    *checks_of_engine.ROWS,
    Row(
        "swarm-manager",
        "the engine is a manager of a Swarm",
        "{words}",
        "{remedy}",
        _no_manager,
        checks_of_engine.CODES,
    ),
    Row(
        "node-down",
        "all nodes are up",
        "it is {state}; its tasks run elsewhere, as far as they can",
        "start the engine of {node}, or `docker node rm --force {node}`",
        _down,
        _ENGINE,
    ),
    Row(
        "manager-lost",
        "all managers reach each other",
        "the other managers do not reach it; {words}",
        "start the engine of {node}, or `docker node demote {node}`",
        _lost_managers,
        _ENGINE,
    ),
    Row("service-missing", "each service is there", "it is not there", "reconcile apply", _missing, _ENGINE),
    Row(
        "update-paused",
        "no update is paused",
        "its update is {state}: {words}",
        "reconcile logs --tail 50 {service}   # then mend the file and `reconcile apply`",
        _paused,
        _ENGINE,
    ),
    Row(
        "task-without-node",
        "each task has a node",
        "a task finds no node: {words}",
        "change `deploy.placement` or `deploy.resources` of {service}, or the nodes",
        _homeless,
        _ENGINE,
    ),
    Row(
        "service-crashing",
        "the tasks of each service stay up",
        "{words}",
        "reconcile logs --tail 50 {service}",
        _short,
        _ENGINE,
        is_symptom=True,
    ),
    Row(
        "job-failed",
        "each job has ended well",
        "its last task {words}",
        "reconcile logs --tail 50 {service}",
        _failed_jobs,
        _ENGINE,
    ),
)


def checks(engine: Engine, document: Document) -> Sequence[Check]:
    """The checks of a Swarm; each asks for what it needs, and each list is read once."""
    site = Site(engine, document.project, document)
    return [row.check(site) for row in ROWS]
