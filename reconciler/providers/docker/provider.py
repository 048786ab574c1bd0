"""The Docker provider: four verbs over the tables of this folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.diagnosis import Check
from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.kind import Kind
from reconciler.core.history.author import Author
from reconciler.core.login import Evidence, Way
from reconciler.core.message.errors import NotThere, ProviderError, Unreachable
from reconciler.core.message.problem import Problem
from reconciler.core.plan.plan import Step
from reconciler.core.plan.risk import Risk
from reconciler.core.provider import (
    Adoption,
    BuiltImage,
    Command,
    Declaration,
    Done,
    Exit,
    Hint,
    Pending,
    Verdict,
)
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Bystander, Observed, Resource
from reconciler.core.resource.values import ABSENT, UNKNOWN, Path, Value
from reconciler.providers.answers import Note, ignored
from reconciler.providers.docker import expand
from reconciler.providers.docker.container import mounts
from reconciler.providers.docker.container.stops import Stops
from reconciler.providers.docker.engine import ownership, remote
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.engine.commandline import CommandLine, separator_of
from reconciler.providers.docker.engine.rename_lock import Together
from reconciler.providers.docker.engine.unchanged import Unchanged
from reconciler.providers.docker.expand import container_address
from reconciler.providers.docker.kinds import container, image, network, volume
from reconciler.providers.docker.table import labels
from reconciler.providers.docker.table.names import CONTAINER_ACTS, NEXT, PREVIOUS
from reconciler.record import replace

if TYPE_CHECKING:
    from reconciler.providers.docker.engine.attached import Attached

CONTAINER_EVENTS: Final = (*CONTAINER_ACTS, "health_status")
"""Without the three events of each health check's run (exec_create, exec_start, exec_die)."""

OTHER_EVENTS: Final = (
    *("create", "destroy", "connect", "disconnect", "remove"),
    *("tag", "untag", "delete", "pull", "load", "import"),
)

CONTAINERS: Final = "container events"
OTHERS: Final = "events of what containers use"

_STOP_S: Final = 10
"""The time to stop of a container that has none of its own; the engine's default."""

_DF_TYPES: Final = (1, 42)
"""Since this API version the engine can measure volumes alone."""


class DockerProvider:
    """Containers, networks, volumes and images of one project on one engine.

    The modules that plan and carry out changes are imported by the first change: most looks find none.
    """

    name = "docker"
    title = "the engine"
    kinds: Mapping[str, Kind] = {kind.name: kind for kind in (network.KIND, volume.KIND, image.KIND, container.KIND)}
    served_by: Address | None = None
    tells_every_s = 1.0
    """How often a pull or a build says how far it is."""

    def __init__(self, project: str, environment: Mapping[str, str], *, note: Note = ignored) -> None:
        self.engine = Engine(environment, note=note)
        self._project = project
        self._brief: Engine | None = None
        self._streams: dict[str, tuple[Generator[Pending, None, None], int]] = {}
        self.unchanged = Unchanged((CONTAINERS, OTHERS))
        self._stops = Stops()
        self._together = Together()
        self._known: frozenset[str] = frozenset()
        self._taken_over: frozenset[str] = frozenset()
        self._exit_codes: dict[str, int] = {}
        self._home: str | None = None

    def expand(self, document: Document) -> Iterable[Resource]:
        return self._expanded(document)

    def _expanded(self, document: Document, awaited: Collection[tuple[str, str | None]] = ()) -> Iterator[Resource]:
        return expand.expand(document, is_elsewhere=self._is_elsewhere, client=self._command_line, awaited=awaited)

    def declarations(
        self, document: Document, change: Change, fields: Mapping[str, tuple[Value, Value]]
    ) -> Mapping[str, Sequence[Declaration]]:
        from reconciler.providers.docker.adoption.declaration import declarations

        return declarations(document, change, fields)

    def credentials(self) -> Iterable[Value]:
        return self.engine.credentials

    def given(self) -> Iterable[tuple[str, Mapping[str, Value]]]:
        engines = filter(None, (self.engine, self._brief))
        return (each for engine in engines for each in engine.given.taken())

    def warnings(self, document: Document) -> Iterable[Problem]:
        if self._is_elsewhere:
            return remote.warnings(document)
        found = tuple(remote.dangling_links(document))
        # In a container a bind is a path of the engine's machine, where links lead elsewhere.
        return () if found and self.home() else found

    def left_behind(self, changes: Sequence[Change]) -> Mapping[Address, Sequence[str]]:
        if all(change.action is Action.KEEP for change in changes):
            return {}
        from reconciler.providers.docker.replace.left_behind import left_behind

        return left_behind(changes)

    def risks(self, document: Document) -> Iterable[Risk]:
        from reconciler.providers.docker.container.risks import ELSEWHERE, Machine, risks
        from reconciler.providers.docker.engine.devices import real_path

        if self._is_elsewhere:
            return risks(document, container.NAME, ELSEWHERE)
        socket = self.server.removeprefix("unix://") if self.server.startswith("unix://") else ""
        return risks(document, container.NAME, Machine(real_path, socket))

    def home(self) -> str:
        from reconciler.providers.docker import residence

        self._home = residence.own_container(self.engine.environment) if self._home is None else self._home
        return self._home

    def ways(self, document: Document) -> Mapping[int, Way] | None:
        from reconciler.providers.docker.ways import ways

        with self.engine.understood():
            return ways(self.engine, self.home(), document)

    def run_apart(self, arguments: Sequence[str], purpose: str) -> str:
        from reconciler.providers.docker import residence

        with self.engine.understood():
            return residence.run_apart(self.engine, self.home(), arguments, purpose)

    def clear_away(self) -> None:
        from reconciler.providers.docker import residence

        with self.engine.understood():
            residence.clear_away(self.engine, self.home())

    def endpoints(self, document: Document) -> Mapping[str, tuple[str, str]]:
        from reconciler.providers.docker.permissions import endpoints

        return endpoints(document, self.expand(document))

    @property
    def _command_line(self) -> CommandLine:
        try:
            return CommandLine.of(self.engine.environment, self.engine.location.url)
        except Unreachable:  # which is reported when the engine is first spoken to
            return CommandLine(separator=separator_of(self.engine.environment))

    @property
    def server(self) -> str:
        try:
            return self.engine.location.url
        except Unreachable:  # which is reported when the engine is first spoken to
            return ""

    @property
    def _is_elsewhere(self) -> bool:
        try:
            return self.engine.location.is_elsewhere
        except Unreachable:  # which is told when the engine is first spoken to
            return False

    def observe(self, desired: Collection[Resource]) -> Iterable[Observed]:
        return self._observed(desired, full=True)

    def glance(self, desired: Collection[Resource]) -> Iterable[Observed]:
        return self._observed(desired, full=False)

    def _observed(self, desired: Collection[Resource], *, full: bool) -> Iterable[Observed]:
        from reconciler.providers.docker.observe import Reader

        with self.engine.understood(), self.unchanged.look(full=full):
            found = tuple(Reader(self.engine, self.unchanged, self._project, desired, self._stops).read())
        everything: Iterable[Resource | Observed] = (*desired, *found)
        # Events name a container or an image by name or id, so both are known.
        self._known = frozenset(name for each in everything for name in _names_of(each))
        self._taken_over = frozenset(each.id for each in found if each.facts.get("is_taken_over"))
        self._exit_codes = {each: code for each, code in self._exit_codes.items() if each in self._known}
        return found

    def steps(self, changes: Sequence[Change]) -> Sequence[Step]:
        if all(change.action is Action.KEEP and not change.is_takeover for change in changes):
            return ()
        from reconciler.providers.docker.replace.steps import steps

        return steps(changes, self._project)

    def bystanders(self, changes: Sequence[Change]) -> Mapping[Address, tuple[Bystander, ...]]:
        if all(change.action is Action.KEEP for change in changes):
            return {}
        from reconciler.providers.docker.bystanders import bystanders

        with self.engine.understood():
            return bystanders(self.engine, changes)

    def authors(self, ids: Mapping[Address, Sequence[str]], *, since: float) -> Mapping[Address, Sequence[Author]]:
        from reconciler.providers.docker.authors import authors

        with self.engine.understood():
            return authors(self.engine, ids, since)

    def obstacles(self, steps: Sequence[Step]) -> Sequence[Problem]:
        if not steps:
            return ()
        from reconciler.providers.docker.engine.obstacles import obstacles
        from reconciler.providers.docker.perform import LACKS

        return obstacles(self.engine, steps, LACKS)

    def perform(self, step: Step) -> Verdict:
        try:
            return self._performed(step)
        finally:
            self.unchanged.forget()  # the event of it comes later than a look that follows at once

    def _performed(self, step: Step) -> Verdict:
        from reconciler.providers.docker.perform import STREAMS, VERBS

        with self.engine.understood():
            if step.verb in STREAMS:
                return self._went_on(step)
            # A rename excludes other calls; see `rename_lock`.
            with self._beside(step.verb):
                done = VERBS[step.verb](self.engine, step.args)
            return done or Done()

    def _beside(self, verb: str) -> AbstractContextManager[None]:
        from reconciler.providers.docker.perform import IN_NETWORKS

        if verb == "container.rename":
            return self._together.alone()
        return self._together.with_others() if verb in IN_NETWORKS else nullcontext()

    def _went_on(self, step: Step) -> Verdict:
        """Let a stream run on for a while, and say how far it is. One that failed is begun anew the next time.

        A milestone is said at once: the next line may take minutes, as the command of a build does.
        """
        from reconciler.providers.docker.perform import STREAMS

        # A stream waits between two calls; the executor keeps the clock and the deadline.
        kept = self._streams.pop(step.id, None)
        stream, milestone = kept or (STREAMS[step.verb](self.engine, step.args), 0)
        end = monotonic() + self.tells_every_s
        for pending in stream:
            if pending.milestone != milestone or monotonic() >= end:
                self._streams[step.id] = stream, pending.milestone
                return pending
        return Done()

    def close(self) -> None:
        for stream, _ in self._streams.values():
            stream.close()
        for engine in filter(None, (self.engine, self._brief)):
            engine.close()

    def images(self, desired: Iterable[Resource]) -> Sequence[BuiltImage]:
        return [
            BuiltImage(each, *image.users_and_names(each.spec))
            for each in desired
            if each.address.kind == image.NAME and image.is_built(each.spec)
        ]

    def push(self, image: Resource, names: Sequence[str]) -> Iterator[str]:
        from reconciler.providers.docker.build import buildx
        from reconciler.providers.docker.perform import published, pushing, require_builder

        build: Any = image.spec["build"]
        # An image with several platforms or attestations is pushed by the builder, since the engine can't hold it.
        if names and buildx.is_published(build):
            require_builder(self.engine, build, image.spec.get("needs", ()))
            yield from pushing(names[0], published(self.engine, build, names))
        else:
            for name in names:
                yield from pushing(name, self.engine.push(name))

    # -------------------------------------------------------------- adoption

    def projects(self) -> Sequence[str]:
        from reconciler.providers.docker.adoption import stack

        with self.engine.understood():
            return stack.projects(self.engine)

    def adopted(self, names: Sequence[str], *, project: str, directory: str) -> Adoption:
        from reconciler.providers.docker.adoption import stack  # only here: a look has no use for it

        with self.engine.understood():
            return stack.adopted(self.engine, names, project, directory)

    def file_in(self, container: str, path: str) -> bytes | None:
        with self.engine.understood():
            return self.engine.file(container, path)

    # -------------------------------------------------------------- logs and events

    def service_address(self, service: str) -> Address:
        return container_address(service)

    def log_names(self, services: Collection[str] = ()) -> Sequence[str]:
        with self.engine.understood():
            found = self._containers()
        return tuple(name for service in services or found for name in found.get(service) or (service,))

    def logs(self, name: str, *, tail: int | None, follow: bool, timestamps: bool) -> Iterator[str]:
        container_id = self._container(name).id
        rest = b""
        pieces = self.engine.logs(
            container_id, tail="all" if tail is None else tail, follow=follow, timestamps=timestamps
        )
        for piece in pieces:
            # The engine cuts its pieces anywhere, also within a line or a character.
            *lines, rest = (rest + piece).split(b"\n")
            yield from (line.decode(errors="replace").rstrip("\r") for line in lines)
        if rest:
            yield rest.decode(errors="replace")

    def restart(self, name: str, *, timeout_s: int | None) -> None:
        path = f"/containers/{self._startable(name)}"
        with self.engine.understood():
            own = self.engine.get(f"{path}/json")["Config"].get("StopTimeout")
            grace_s = next(each for each in (timeout_s, own, _STOP_S) if each is not None)
            self.engine.post(f"{path}/restart", t=grace_s)

    def attached(self, document: Document) -> Mapping[str, Collection[str]]:
        return expand.attached(document, self._command_line)

    def stop(self, name: str) -> bool:
        path = f"/containers/{self._startable(name)}"
        with self.engine.understood():
            found = self.engine.get(f"{path}/json")
            if found["State"].get("Running"):
                # The stop answers when the container has ended, so its own patience goes along.
                self.engine.post(f"{path}/stop", t=found["Config"].get("StopTimeout") or _STOP_S)
            return bool(found["State"].get("Running"))

    def begun(self, service: str, number: int | None, command: Command) -> Attached:
        from reconciler.providers.docker.engine import commands

        with self.engine.understood():
            return commands.begun(self.engine, self._running(service, number), command)

    def begin(self, service: str, number: int | None, command: Command) -> None:
        from reconciler.providers.docker.engine import commands

        with self.engine.understood():
            commands.begin(self.engine, self._running(service, number), command)

    def finished(self, service: str, command: Command, *, timeout_s: float) -> tuple[int, str]:
        from reconciler.providers.docker.engine import commands

        with self.engine.understood():
            return commands.finished(self.engine, self._running(service, None), command, timeout_s=timeout_s)

    def _running(self, service: str, number: int | None) -> str:
        """The id of a service's container with this number, or with its lowest one."""
        names = self._containers().get(service)
        if names is None:  # the name of one container, as `logs` has it
            return self._container(service).id
        wanted = f"{service}-{number}"
        name = next(iter(names)) if number is None or (number == 1 and len(names) == 1) else wanted
        if name not in names:
            raise NotThere(f"service {service} has no container {number}; it has {len(names)}")
        return names[name].id

    def _startable(self, name: str) -> str:
        """The id of a container that may be started again. Raises Conflict for leftovers of an interrupted run."""
        found = self._container(name)
        found.require_startable(name)
        return found.id

    def _container(self, name: str) -> ownership.Standing:
        """The container that has a log of this name."""
        with self.engine.understood():
            known = {each: found for names in self._containers().values() for each, found in names.items()}
        if name not in known:
            raise NotThere(f"service {name} has no container; `reconcile status` shows what there is")
        return known[name]

    def _containers(self) -> Mapping[str, Mapping[str, ownership.Standing]]:
        """Service → name → its containers; where there are several, each goes by its number as well."""
        numbered = ownership.standing(ownership.listed(self.engine, self._project), self._project)
        # A service with one container goes by its plain name, as nobody counts to one.
        return {
            service: {
                service if len(found) == 1 else f"{service}-{number}": found[number]
                for number in sorted(found, key=_count)
            }
            for service, found in numbered.items()
        }

    def hint_sources(self) -> Mapping[str, Callable[[], Iterator[Hint]]]:
        return {CONTAINERS: self._container_hints, OTHERS: self._other_hints}

    def _events(self, stream: str, filters: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The events of a stream, each once it is known what they may have changed."""
        with self.engine.events(filters) as events, self.unchanged.followed(stream):
            for event in events:
                self.unchanged.happened(event)
                yield event

    def _container_hints(self) -> Iterator[Hint]:
        """The engine leaves out the containers of other projects: their labels are in the event."""
        mine = ownership.of_project(self._project)
        filters = {"type": ["container"], **mine, "event": list(CONTAINER_EVENTS)}
        for event in self._events(CONTAINERS, filters):
            actor = event.get("Actor") or {}
            marks = actor.get("Attributes") or {}
            if labels.is_one_off(marks) and not labels.is_of_a_hook(marks):
                continue
            # Signals and stops are remembered: with them the end that follows is a person's act, and no crash.
            self._stops.happened(event)
            if event.get("Action") == "die":
                self._exit_codes[str(actor.get("ID"))] = int(marks.get("exitCode") or 0)
            service = marks.get(labels.SERVICE)
            yield Hint(_words(event), container_address(service, marks.get(labels.NUMBER) or "1") if service else None)

    def _other_hints(self) -> Iterator[Hint]:
        """The engine has no labels in these events, nor have containers that were taken over: those about other
        projects' objects are left out here."""
        types, verbs = ["network", "volume", "image", "container"], dict.fromkeys((*OTHER_EVENTS, *CONTAINER_EVENTS))
        for event in self._events(OTHERS, {"type": types, "event": list(verbs)}):
            is_of_container = event.get("Type") == "container"
            if self._is_of_taken_over(event) if is_of_container else self._is_ours(event):
                yield Hint(_words(event))

    def _is_of_taken_over(self, event: Mapping[str, Any]) -> bool:
        return str((event.get("Actor") or {}).get("ID")) in self._taken_over

    def _is_ours(self, event: Mapping[str, Any]) -> bool:
        actor = event.get("Actor") or {}
        attributes = actor.get("Attributes") or {}
        named = {str(actor.get("ID", "")), str(attributes.get("name", "")), str(attributes.get("container", ""))}
        return not self._known.isdisjoint(named - {""})

    def last_exit(self, live: Observed) -> Exit | None:
        with self.engine.understood():
            inspect = self.engine.get(f"/containers/{live.id}/json")
            if inspect is None or inspect["State"]["Status"] == "paused":
                return None
            # While it runs again, inspect has no exit code of the run before; the event had it.
            is_up = inspect["State"]["Running"]
            code = self._exit_codes.get(live.id) if is_up else inspect["State"]["ExitCode"]
            from reconciler.providers.docker.perform import last_lines

            try:
                return Exit(code, tuple(last_lines(self.engine, inspect)))
            except ProviderError:  # a log driver that can't be read
                return Exit(code)

    def content(self, desired: Resource, live: Observed, path: Path) -> Value:
        """The content of a config or secret that was copied into a container."""
        if path[0] != "mounted":
            return UNKNOWN
        mounted: Any = desired.spec["mounted"]
        content = self.engine.file(live.id, mounted[int(path[1])]["target"])
        return ABSENT if content is None else content.decode(errors="replace")

    def left_beside(self, live: Observed) -> Mapping[str, Observed]:
        """The predecessor or the successor of a container, where a replacement was interrupted."""
        leftovers: Any = live.facts.get("leftovers") or {}
        found = {name: self.engine.get(f"/containers/{leftovers[name]}/json") for name in leftovers}
        # Containers of hooks are left as well. They have variables of their own.
        return {
            name: replace(live, id=each["Id"], spec={key: row.read(each) for key, row in container.PROPERTIES.items()})
            for name, each in found.items()
            if each and name.endswith((PREVIOUS, NEXT))
        }

    def data_outside(self, desired: Resource) -> Sequence[str]:
        """Host folders that are not empty, and are mounted where the image keeps its data."""
        # Other binds are sources and settings, which are there before the first start of anything.
        volumes: Any = desired.spec.get("volumes") or {}
        binds = {} if self._is_elsewhere else mounts.written_binds(volumes)
        if not binds:
            return ()
        image: Any = desired.spec["image"]
        found = self.engine.get(f"/images/{image['ref']}/json") or {}
        kept = mounts.image_volumes(found.get("Config") or {})
        return [source for at, source in binds.items() if mounts.is_below(at, kept) and mounts.has_something(source)]

    # -------------------------------------------------------------- causes of trouble

    def checks(self, document: Document) -> Sequence[Check]:
        from reconciler.providers.docker.diagnose import checks
        from reconciler.providers.docker.engine.checks import LIMITS

        self._brief = self._brief or Engine(self.engine.environment, limits=LIMITS)
        return checks(self._brief, document, is_inside=bool(self.home()))

    def login_checks(self, document: Document, evidence: Evidence) -> Sequence[Check]:  # noqa: ARG002 (none of its own)
        return ()

    # -------------------------------------------------------------- leases

    # Leases are volumes: they need no image, outlive a restart of the engine, and appear all at once.
    lease_noun = "volume"

    def put_lease(self, name: str, mark: Mapping[str, str]) -> None:
        self.engine.post("/volumes/create", {"Name": name, "Labels": {**mark, labels.LOCK: self._project}})

    def leases(self) -> Mapping[str, Mapping[str, str]]:
        with self.engine.understood():
            found = self.engine.get("/volumes", filters={"label": [f"{labels.LOCK}={self._project}"]})
            volumes = [item for item in found["Volumes"] or () if not item.get("Options")]
            return {item["Name"]: dict(item["Labels"]) for item in volumes}

    def drop_lease(self, name: str) -> None:
        self.engine.delete(f"/volumes/{name}")

    @contextmanager
    def lease_events(self) -> Iterator[Iterator[tuple[str, bool]]]:
        """The engine has no labels in these events: those of all volumes are among them."""
        with (
            self.engine.understood(),
            self.engine.events({"type": ["volume"], "event": ["create", "destroy"]}) as found,
        ):
            yield ((str((event.get("Actor") or {}).get("ID")), event.get("Action") == "destroy") for event in found)

    def clear(self) -> Sequence[str]:
        """Removes the marks of containers that are gone."""
        with self.engine.understood():
            names = ownership.forgotten(self.engine, self._project)
            for name in names:
                self.engine.delete(f"/volumes/{name}")
            return names

    def holds_data(self, name: str) -> bool:
        """Asked only before others' marks are removed by hand: the engine measures all volumes, which takes a while."""
        measured = self.engine.get("/system/df", **({"type": "volume"} if self.engine.api_version >= _DF_TYPES else {}))
        usage = next((item["UsageData"] for item in measured.get("Volumes") or () if item["Name"] == name), None) or {}
        return any(usage.get(key, 0) > 0 for key in ("Size", "RefCount"))


def _count(number: str) -> int:
    return int(number) if number.isdecimal() else 0


def _words(event: Mapping[str, Any]) -> str:
    actor = event.get("Actor") or {}
    name = (actor.get("Attributes") or {}).get("name") or str(actor.get("ID", ""))[:12]
    return f"{event.get('Type')} {name}: {event.get('Action')}"


def _names_of(each: Resource | Observed) -> Iterator[str]:
    """The names and ids under which an event may speak of a resource."""
    if isinstance(each, Observed):
        yield each.id
    yield str(each.spec.get("name", ""))
    if each.address.kind == image.NAME:
        yield each.address.name
