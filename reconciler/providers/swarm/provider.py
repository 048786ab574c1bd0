"""The Swarm provider: four verbs over the tables of this folder, by way of a manager's engine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from reconciler.core.difference.change import Change
from reconciler.core.difference.kind import Kind
from reconciler.core.message.errors import Conflict, Rejected, Unreachable
from reconciler.core.message.problem import Problem
from reconciler.core.plan.plan import Step
from reconciler.core.provider import Done, Hint, Verdict
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Observed, Resource
from reconciler.providers.answers import Note, ignored
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.engine.obstacles import obstacles
from reconciler.providers.swarm.expand import expand, service_address
from reconciler.providers.swarm.kinds import file, network, service
from reconciler.providers.swarm.observe import Reader
from reconciler.providers.swarm.perform import LACKS, VERBS, force_update
from reconciler.providers.swarm.steps import steps
from reconciler.providers.swarm.table import labels

_LONGEST_NAME: Final = 64
_IN_COMMON: Final = ("/version", "/info", "/events", "/networks", "/distribution/")
"""The requests that a Swarm and an engine have in common."""

_EVENTS: Final = ("service", "network", "config", "secret", "node")


class SwarmProvider:
    """Services, networks, configs and secrets of one stack on one Swarm."""

    name = "swarm"
    title = "the Swarm"
    kinds: Mapping[str, Kind] = {kind.name: kind for kind in (network.KIND, *file.KINDS.values(), service.KIND)}
    served_by: Address | None = None

    def __init__(self, project: str, environment: Mapping[str, str], *, note: Note = ignored) -> None:
        self.engine = Engine(environment, note=note)
        self._project = project

    @property
    def server(self) -> str:
        try:
            return self.engine.location.url
        except Unreachable:  # which is reported when the engine is first spoken to
            return ""

    def expand(self, document: Document) -> Iterable[Resource]:
        return expand(document)

    def observe(self, desired: Collection[Resource]) -> Iterable[Observed]:
        with self.engine.understood():
            return tuple(Reader(self.engine, self._project, desired).read())

    def steps(self, changes: Sequence[Change]) -> Sequence[Step]:
        return steps(changes, self._project)

    def obstacles(self, steps: Sequence[Step]) -> Sequence[Problem]:
        return obstacles(self.engine, steps, LACKS)

    def perform(self, step: Step) -> Verdict:
        with self.engine.understood():
            return VERBS[step.verb](self.engine, step.args) or Done()

    def endpoints(self, document: Document) -> Mapping[str, tuple[str, str]]:
        """A Swarm is asked for its own objects, and for what it has in common with an engine."""
        from reconciler.providers.docker.engine.endpoints import Use, needed

        found = needed(tuple(Use)) if document.stack else ()
        own = (each for each in found if each.use is Use.SWARM or each.path.startswith(_IN_COMMON))
        return {str(each): (f"{each.use.value}: {each.reason}", each.pattern) for each in own}

    def close(self) -> None:
        self.engine.close()

    # -------------------------------------------------------------- logs and events

    def log_names(self, services: Collection[str] = ()) -> Sequence[str]:
        return tuple(services) or tuple(self._services())

    def logs(self, name: str, *, tail: int | None, follow: bool, timestamps: bool) -> Iterator[str]:
        rest = b""
        path, lines = f"/services/{self._id(name)}", "all" if tail is None else tail
        for piece in self.engine.cluster_logs(path, tail=lines, follow=follow, timestamps=timestamps):  # type: ignore[arg-type]
            *whole, rest = (rest + piece).split(b"\n")
            yield from (line.decode(errors="replace").rstrip("\r") for line in whole)
        if rest:
            yield rest.decode(errors="replace")

    def restart(self, name: str, *, timeout_s: int | None) -> None:
        """Has the Swarm replace all tasks, as its own update does it; a task has the time to stop of its service."""
        if timeout_s is not None:
            raise Rejected("a Swarm gives a task the time of `stop_grace_period`, and no other; leave the option out")
        with self.engine.understood():
            force_update(self.engine, self._id(name))

    def attached(self, document: Document) -> Mapping[str, Collection[str]]:  # noqa: ARG002 (a Swarm shares none)
        return {}

    def _id(self, name: str) -> str:
        """The id of a service."""
        ids = self._services()
        if name not in ids:
            raise Conflict(f"there is no service {name}; `reconcile status` shows what there is")
        return ids[name]

    def _services(self) -> Mapping[str, str]:
        """Service → id."""
        with self.engine.understood():
            found = self.engine.get("/services", filters={"label": [f"{labels.NAMESPACE}={self._project}"]})
            return {each["Spec"]["Name"].removeprefix(f"{self._project}_"): each["ID"] for each in found}

    def hint_sources(self) -> Mapping[str, Callable[[], Iterator[Hint]]]:
        return {"Swarm events": self._hints}

    def _hints(self) -> Iterator[Hint]:
        """The events of this stack, and those of nodes, which concern each stack. Leases come and go without a word."""
        with self.engine.events({"type": list(_EVENTS), "scope": ["swarm"]}) as events:
            for event in events:
                name = str(((event.get("Actor") or {}).get("Attributes") or {}).get("name") or "")
                key = name.removeprefix(f"{self._project}_")
                if event.get("Type") == "node" or key != name:
                    words = f"{event.get('Type')} {name}: {event.get('Action')}"
                    yield Hint(words, service_address(key) if event.get("Type") == "service" else None)

    # -------------------------------------------------------------- leases

    # Leases are configs: they are in the Swarm, where all managers see them, and appear all at once.

    def put_lease(self, name: str, mark: Mapping[str, str]) -> None:
        own = {**mark, labels.LEASE: name, labels.LOCK: self._project}
        self.engine.post("/configs/create", {"Name": _name_of_lease(name), "Labels": own, "Data": _NO_DATA})

    def leases(self) -> Mapping[str, Mapping[str, str]]:
        with self.engine.understood():
            found = self.engine.get("/configs", filters={"label": [f"{labels.LOCK}={self._project}"]})
            marks = (dict(each["Spec"].get("Labels") or {}) for each in found)
            return {each[labels.LEASE]: each for each in marks if labels.LEASE in each}

    def drop_lease(self, name: str) -> None:
        self.engine.delete(f"/configs/{_name_of_lease(name)}")

    def holds_data(self, name: str) -> bool:
        """Nobody keeps data in a config of such a name: it can't be changed once it is made."""
        found = self.engine.get(f"/configs/{_name_of_lease(name)}")
        return bool(found) and found["Spec"].get("Data") != _NO_DATA


_NO_DATA: Final = "LQ=="
"""A hyphen: a config must not be empty."""


def _name_of_lease(name: str) -> str:
    """A name that a config can have."""
    return name if len(name) <= _LONGEST_NAME else f"reconcile-{hashlib.sha256(name.encode()).hexdigest()[:48]}"
