"""The provider of one engine among several, and that of the first one, which speaks for all of them.

Inside, each is the provider of a single engine with a part of the document. Outside, its kinds have its name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final

from reconciler.core.diagnosis import Check, Diagnosis
from reconciler.core.difference.change import Change
from reconciler.core.history.author import Author
from reconciler.core.message.errors import ProviderError, Rejected, Unreachable
from reconciler.core.message.problem import Problem
from reconciler.core.plan.plan import Step
from reconciler.core.plan.risk import Risk
from reconciler.core.provider import BuiltImage, Command, Declaration, Hint, Verdict
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Bystander, Observed, Resource
from reconciler.core.resource.values import Value
from reconciler.providers.answers import Request
from reconciler.providers.docker.engines.marks import Marks
from reconciler.providers.docker.engines.placement import (
    USUAL,
    Placement,
    awaited,
    environment_of,
    needs_across,
    on,
    part_of,
    placement,
)
from reconciler.providers.docker.engines.readdress import Renamed
from reconciler.providers.docker.kinds import container
from reconciler.providers.docker.provider import DockerProvider
from reconciler.record import replace

if TYPE_CHECKING:
    from reconciler.providers.docker.engine.attached import Attached

_LEFT_OUT: Final = "it was away when this run took the lock, and is left alone until the next one"


class Engines:
    """All engines of a document: their providers by name, and the marks of runs on them."""

    def __init__(self, document: Document, where: Placement) -> None:
        self.document, self.where = document, where
        self.providers: dict[str, EngineProvider] = {}

    @cached_property
    def marks(self) -> Marks:
        return Marks({name: _Store(each) for name, each in self.providers.items()})

    def placed(self, document: Document) -> Placement:
        """The placement of this document, or of one that it may become."""
        return self.where if document is self.document else placement(document)

    def elsewhere(self, name: str, inner: Address) -> Sequence[EngineProvider]:
        """The other engines for which a resource of this inner address is declared."""
        return [each for each in self.providers.values() if each.name != name and inner in each.addresses]

    def of_log(self, name: str) -> EngineProvider:
        """The engine of a service, or of the container that has a log of this name."""
        service, _, number = name.rpartition("-")
        services = self.where.services
        # `web-2` is the log of a replica, unless a service has that very name.
        known = name if name in services or not number.isdecimal() else service
        return self.providers[services.get(known, USUAL)]


class _Store:
    """The marks on one engine alone."""

    def __init__(self, provider: EngineProvider) -> None:
        self.lease_noun = provider.lease_noun
        self.put_lease = partial(DockerProvider.put_lease, provider)
        self.leases = partial(DockerProvider.leases, provider)
        self.drop_lease = partial(DockerProvider.drop_lease, provider)
        self.holds_data = partial(DockerProvider.holds_data, provider)


class EngineProvider(DockerProvider):
    """One engine among several, with the services that are placed on it."""

    is_one_of_several = True

    def __init__(
        self,
        engines: Engines,
        name: str,
        environment: Mapping[str, str],
        note: Callable[[Request], None],
    ) -> None:
        reference = engines.where.engines[name]
        super().__init__(engines.document.project, environment_of(environment, reference), note=note)
        self.name, self._engines = name, engines
        self.title = f"the engine {reference}" if reference else "the engine"
        self._out, self._in = Renamed(USUAL, name), Renamed(name, USUAL)
        kinds = (replace(kind, name=on(name, key)) for key, kind in DockerProvider.kinds.items())
        self.kinds = {kind.name: kind for kind in kinds}

    # -------------------------------------------------------------- the four verbs

    def expand(self, document: Document) -> Iterable[Resource]:
        return [self._with_needs(document, each) for each in self._alone(document)]

    def _alone(self, document: Document) -> Iterator[Resource]:
        """The resources of this engine, as if it were the only one."""
        where = self._engines.placed(document)
        return self._expanded(part_of(document, where, self.name), awaited(document, where, self.name))

    def _with_needs(self, document: Document, inner: Resource) -> Resource:
        made = self._out(inner)
        if inner.address.kind != container.NAME:
            return made
        needs = needs_across(document, self._engines.placed(document), inner.address.path[0])
        return replace(made, after={**made.after, **dict(needs)})

    @cached_property
    def addresses(self) -> frozenset[Address]:
        """The inner addresses of all that is declared for this engine."""
        return frozenset(each.address for each in self._alone(self._engines.document))

    def _observed(self, desired: Collection[Resource], *, full: bool) -> Iterable[Observed]:
        self._require_mark()
        found = super()._observed(self._in(tuple(desired)), full=full)
        return tuple(self._out(each) for each in found if not self._is_for_others(each.address))

    def _require_mark(self) -> None:
        if self._engines.marks.is_left_out(self.name):
            raise Unreachable(f"{self.title}: {_LEFT_OUT}")

    def _is_for_others(self, inner: Address) -> bool:
        """Returns whether what is no longer declared here may not be removed, because it is declared elsewhere.

        It is an orphan here if the other engine is there and another one. Raises Rejected for one with two names.
        """
        if inner in self.addresses:
            return False
        # A service of a profile that is off may be declared for any engine, so nothing of it is an orphan.
        if Address(inner.kind, inner.path[:1]) in self._engines.document.idle:
            return True
        return any(not self._is_other_than(each) for each in self._engines.elsewhere(self.name, inner))

    def _is_other_than(self, other: EngineProvider) -> bool:
        try:
            own, its = (str(each.engine.own.get("ID") or "") for each in (self, other))
        except ProviderError:
            return False
        # Two names for one engine: each provider would remove what is the other's.
        if own and own == its:
            raise Rejected(f"{self.title} and {other.title} are one engine; give it one name in `x-reconcile.engine`")
        # An engine without an id tells nothing, and what may be in use elsewhere is not removed.
        return bool(own and its)

    def steps(self, changes: Sequence[Change]) -> Sequence[Step]:
        return self._out(super().steps(self._in(tuple(changes))))

    def perform(self, step: Step) -> Verdict:
        self._require_mark()
        return super().perform(self._in(step))

    # -------------------------------------------------------------- what else is asked about resources

    def bystanders(self, changes: Sequence[Change]) -> Mapping[Address, tuple[Bystander, ...]]:
        return self._out(super().bystanders(self._in(tuple(changes))))

    def left_behind(self, changes: Sequence[Change]) -> Mapping[Address, Sequence[str]]:
        return self._out(super().left_behind(self._in(tuple(changes))))

    def risks(self, document: Document) -> Iterable[Risk]:
        return self._out(tuple(super().risks(part_of(document, self._engines.placed(document), self.name))))

    def obstacles(self, steps: Sequence[Step]) -> Sequence[Problem]:
        return self._out(super().obstacles(self._in(tuple(steps))))

    def authors(self, ids: Mapping[Address, Sequence[str]], *, since: float) -> Mapping[Address, Sequence[Author]]:
        return self._out(super().authors(self._in(ids), since=since))

    def declarations(
        self, document: Document, change: Change, fields: Mapping[str, tuple[Value, Value]]
    ) -> Mapping[str, Sequence[Declaration]]:
        return super().declarations(document, self._in(change), fields)

    def warnings(self, document: Document) -> Iterable[Problem]:
        return super().warnings(part_of(document, self._engines.placed(document), self.name))

    def endpoints(self, document: Document) -> Mapping[str, tuple[str, str]]:
        from reconciler.providers.docker.permissions import endpoints

        return endpoints(part_of(document, self._engines.placed(document), self.name), self._alone(document))

    def images(self, desired: Iterable[Resource]) -> Sequence[BuiltImage]:
        own = tuple(each for each in desired if each.address.provider == self.name)
        return self._out(super().images(self._in(own)))

    def service_address(self, service: str) -> Address:
        return self._engines.where.address(service)

    def home(self) -> str:
        return ""

    def hint_sources(self) -> Mapping[str, Callable[[], Iterator[Hint]]]:
        return {name: partial(self._hinted, source) for name, source in super().hint_sources().items()}

    def _hinted(self, source: Callable[[], Iterator[Hint]]) -> Iterator[Hint]:
        yield from map(self._out, source())

    def checks(self, document: Document) -> Sequence[Check]:
        own = super().checks(part_of(document, self._engines.placed(document), self.name))
        return [self._check(each) for each in own]

    def _check(self, check: Check) -> Check:
        """A check of this engine: a fault of one engine is not that of another."""

        def find() -> Iterable[Diagnosis]:
            return [replace(self._out(each), code=self._code(each.code)) for each in check.find()]

        return Check(self._code(check.code), check.title, find, tuple(map(self._code, check.needs)))

    def _code(self, code: str) -> str:
        return f"{code}{self.name.removeprefix(USUAL)}"


class FirstEngine(EngineProvider):
    """The usual engine, which finds the engine of each service that a command names, and leaves marks on all."""

    def home(self) -> str:
        return DockerProvider.home(self)

    def images(self, desired: Iterable[Resource]) -> Sequence[BuiltImage]:
        wanted = tuple(desired)
        return [image for each in self._all for image in EngineProvider.images(each, wanted)]

    def push(self, image: Resource, names: Sequence[str]) -> Iterator[str]:
        own = self._engines.providers[image.address.provider]
        return DockerProvider.push(own, own._in(image), names)  # noqa: SLF001  # one of its own class

    def log_names(self, services: Collection[str] = ()) -> Sequence[str]:
        named = {each: [name for name in services if self._of(name) is each] for each in self._all}
        asked = [each for each in self._all if named[each] or not services]
        return [name for each in asked for name in DockerProvider.log_names(each, named[each])]

    def logs(self, name: str, *, tail: int | None, follow: bool, timestamps: bool) -> Iterator[str]:
        return DockerProvider.logs(self._of(name), name, tail=tail, follow=follow, timestamps=timestamps)

    def restart(self, name: str, *, timeout_s: int | None) -> None:
        DockerProvider.restart(self._of(name), name, timeout_s=timeout_s)

    def stop(self, name: str) -> bool:
        return DockerProvider.stop(self._of(name), name)

    def begun(self, service: str, number: int | None, command: Command) -> Attached:
        return DockerProvider.begun(self._of(service), service, number, command)

    def begin(self, service: str, number: int | None, command: Command) -> None:
        DockerProvider.begin(self._of(service), service, number, command)

    def finished(self, service: str, command: Command, *, timeout_s: float) -> tuple[int, str]:
        return DockerProvider.finished(self._of(service), service, command, timeout_s=timeout_s)

    def put_lease(self, name: str, mark: Mapping[str, str]) -> None:
        self._engines.marks.put_lease(name, mark)

    def leases(self) -> Mapping[str, Mapping[str, str]]:
        return self._engines.marks.leases()

    def drop_lease(self, name: str) -> None:
        self._engines.marks.drop_lease(name)

    def holds_data(self, name: str) -> bool:
        return self._engines.marks.holds_data(name)

    @property
    def _all(self) -> Sequence[EngineProvider]:
        return tuple(self._engines.providers.values())

    def _of(self, name: str) -> EngineProvider:
        return self._engines.of_log(name)


def connected(
    document: Document, where: Placement, environment: Mapping[str, str], note: Callable[[str, Request], None]
) -> Mapping[str, EngineProvider]:
    """The providers of all engines of a document, the usual one first; nothing is contacted yet."""
    engines = Engines(document, where)
    for name in where.engines:
        made = FirstEngine if name == USUAL else EngineProvider
        engines.providers[name] = made(engines, name, environment, partial(note, name))
    return engines.providers
