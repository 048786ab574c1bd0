"""The Swarm provider: four verbs over the tables of this folder, by way of a manager's engine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from reconciler.core.diagnosis import Check
from reconciler.core.difference.change import Change
from reconciler.core.difference.kind import Kind
from reconciler.core.login import Evidence
from reconciler.core.message.errors import NotThere, Rejected, Unreachable
from reconciler.core.message.problem import Problem
from reconciler.core.plan.plan import Step
from reconciler.core.plan.risk import Risk
from reconciler.core.provider import Adoption, Command, Declaration, Done, Exit, Hint, Machine, Verdict
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import Value
from reconciler.providers.answers import Note, ignored
from reconciler.providers.docker.engine import commands
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.engine.obstacles import obstacles
from reconciler.providers.docker.table.property import dig
from reconciler.providers.swarm import inside, nodes, tasks
from reconciler.providers.swarm.expand import expand, service_address
from reconciler.providers.swarm.kinds import file, network, service
from reconciler.providers.swarm.observe import Reader
from reconciler.providers.swarm.perform import LACKS, VERBS, force_update, last_lines
from reconciler.providers.swarm.steps import steps
from reconciler.providers.swarm.table import labels

if TYPE_CHECKING:
    from reconciler.providers.docker.engine.attached import Attached

_LONGEST_NAME: Final = 64
_IN_COMMON: Final = (
    "/version",
    "/info",
    "/events",
    "/networks",
    "/distribution/",
    "/exec/",
    "/containers/{container}/exec",
)
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
        self._brief: Engine | None = None

    @property
    def server(self) -> str:
        try:
            return self.engine.location.url
        except Unreachable:  # which is reported when the engine is first spoken to
            return ""

    def credentials(self) -> Iterable[Value]:
        return self.engine.credentials

    def given(self) -> Iterable[tuple[str, Mapping[str, Value]]]:
        engines = filter(None, (self.engine, self._brief))
        return (each for engine in engines for each in engine.given.taken())

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

    def risks(self, document: Document) -> Iterable[Risk]:
        from reconciler.providers.docker.container.risks import risks

        return risks(document, service.NAME)

    def endpoints(self, document: Document) -> Mapping[str, tuple[str, str]]:
        """A Swarm is asked for its own objects, and for what it has in common with an engine."""
        from reconciler.providers.docker.engine.endpoints import Use, needed

        found = needed(tuple(Use)) if document.stack else ()
        own = (each for each in found if each.use is Use.SWARM or each.path.startswith(_IN_COMMON))
        return {str(each): (f"{each.use.value}: {each.reason}", each.pattern) for each in own}

    def close(self) -> None:
        for engine in filter(None, (self.engine, self._brief)):
            engine.close()

    def service_address(self, service: str) -> Address:
        return service_address(service)

    def machines(self) -> Sequence[Machine]:
        with self.engine.understood():
            return nodes.machines(self.engine.get("/nodes"))

    def declarations(
        self, document: Document, change: Change, fields: Mapping[str, tuple[Value, Value]]
    ) -> Mapping[str, Sequence[Declaration]]:
        from reconciler.providers.swarm.declaration import declarations

        return declarations(document, change, fields)

    # -------------------------------------------------------------- adoption

    def projects(self) -> Sequence[str]:
        from reconciler.providers.swarm import adoption

        with self.engine.understood():
            return adoption.projects(self.engine)

    def adopted(self, names: Sequence[str], *, project: str, directory: str) -> Adoption:  # noqa: ARG002 (has its own)
        from reconciler.providers.swarm import adoption

        with self.engine.understood():
            return adoption.adopted(self.engine, names)

    def file_in(self, container: str, path: str) -> bytes | None:  # noqa: ARG002 (a Swarm shows all files itself)
        return None

    # -------------------------------------------------------------- causes of trouble

    def checks(self, document: Document) -> Sequence[Check]:
        from reconciler.providers.docker.engine.checks import LIMITS
        from reconciler.providers.swarm.diagnose import checks

        # An engine that hangs must not hold up the doctor for as long as it may hold up a change.
        self._brief = self._brief or Engine(self.engine.environment, limits=LIMITS)
        return checks(self._brief, document)

    def login_checks(self, document: Document, evidence: Evidence) -> Sequence[Check]:  # noqa: ARG002 (none of its own)
        return ()

    def last_exit(self, live: Observed) -> Exit | None:
        with self.engine.understood():
            own = tasks.of_service(self.engine.get("/tasks", filters={"service": [live.id]}), live.id)
            ended = next(iter(tasks.ended(own)), None)
            if ended is None:
                return None
            # None for a task that never had a container, as where its image is missing.
            code = dig(ended, "Status.ContainerStatus.ExitCode")
            return Exit(code, tuple(last_lines(self.engine, str(ended["ID"]))))

    # -------------------------------------------------------------- commands

    def begun(self, service: str, number: int | None, command: Command) -> Attached:
        with self.engine.understood():
            return commands.begun(self.engine, self._container(service, number), command)

    def begin(self, service: str, number: int | None, command: Command) -> None:
        with self.engine.understood():
            commands.begin(self.engine, self._container(service, number), command)

    def finished(self, service: str, command: Command, *, timeout_s: float) -> tuple[int, str]:
        with self.engine.understood():
            return commands.finished(self.engine, self._container(service, None), command, timeout_s=timeout_s)

    def _container(self, service: str, number: int | None) -> str:
        return inside.container(self.engine, service, self._id(service), number)

    # -------------------------------------------------------------- logs and events

    def log_names(self, services: Collection[str] = ()) -> Sequence[str]:
        return tuple(services) or tuple(self._services())

    def logs(self, name: str, *, tail: int | None, follow: bool, timestamps: bool) -> Iterator[str]:
        rest = b""
        path, lines = f"/services/{self._id(name)}", "all" if tail is None else tail
        for piece in self.engine.cluster_logs(path, tail=lines, follow=follow, timestamps=timestamps):  # type: ignore[arg-type]
            # A piece ends where the network cut it, in a line or in a character.
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
            raise NotThere(f"there is no service {name}; `reconcile status` shows what there is")
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
                # The filter of the engine knows labels of containers only, so names are looked at here. Leases have
                # no such prefix.
                if event.get("Type") == "node" or key != name:
                    words = f"{event.get('Type')} {name}: {event.get('Action')}"
                    yield Hint(words, service_address(key) if event.get("Type") == "service" else None)

    # -------------------------------------------------------------- leases

    # Leases are configs: they are in the Swarm, where all managers see them, and appear all at once.
    lease_noun = "config"

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
