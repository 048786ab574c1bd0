"""The whole line, once: observe, diff, plan, gate, execute; and again until nothing is left to do.

``look`` is what ``diff`` shows; ``converge`` is ``apply``; the daemon calls it for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Generator, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from threading import Event as Flag
from typing import Any, Final, TypeAlias, TypeVar

from reconciler.config.yaml.suggest import suggestion
from reconciler.core.difference.cause import Memory, NoMemory
from reconciler.core.difference.change import Change
from reconciler.core.difference.compare import FieldChange
from reconciler.core.difference.kind import Kind
from reconciler.core.execution.left import excluding, leaving
from reconciler.core.execution.report import Event, Report, Standing, What, standing
from reconciler.core.execution.written import Written, restricted, stepless, without
from reconciler.core.message.errors import (
    Conflict,
    Denied,
    ProviderError,
    ReconcileError,
    Refusal,
    Refused,
    Rejected,
    Throttled,
    UnknownAddress,
    Unreachable,
)
from reconciler.core.message.problem import Problem
from reconciler.core.message.secrecy import concealed
from reconciler.core.plan.access import AccessChange
from reconciler.core.plan.attribution import attributed
from reconciler.core.plan.graph import needs_of
from reconciler.core.plan.kept_values import data_of, kept_values
from reconciler.core.plan.plan import Plan, Step, make, with_unread
from reconciler.core.plan.policy import (
    Policy,
    refusals,
    refusals_of_emptied,
    refusals_of_left_data,
    refusals_of_new,
    refusals_of_obstacles,
)
from reconciler.core.provider import (
    AccessSource,
    BystanderSource,
    GlanceSource,
    LeftDataSource,
    ObstacleSource,
    OneOfSeveral,
    Provider,
    Verdict,
)
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Bystander, Health, Observed, Resource
from reconciler.record import Struct, field, replace
from reconciler.render.output.known import KnownSecrets
from reconciler.run.clock import Clock
from reconciler.run.reconciliation.collector import undisturbed
from reconciler.run.reconciliation.reading import IN_TURN, Reads

T = TypeVar("T")

MOST_PASSES: Final = 10
LOOK_AGAIN_S: Final = 0.5
GRACE_S: Final = 20.0
"""How long the answer of something that counts as up already is waited for."""


_Found: TypeAlias = Mapping[str, Sequence[Observed]]
"""The observed resources of each provider, by its name."""

_Unread: TypeAlias = Mapping[str, tuple[Address | None, ReconcileError]]
"""Providers that can't be read: the resource that serves each, if there is one, and the error."""


class _UnreadLater(Exception):
    """A provider failed after it was read, when more was asked of it."""

    def __init__(self, provider: str, error: ReconcileError) -> None:
        super().__init__(provider)
        self.provider, self.error = provider, error


class NotConverging(ReconcileError):
    """Pass after pass finds something to do: a bug of ours, or somebody who works against us."""


def _say_nothing(_note: str) -> None:
    pass


def _do_nothing() -> None:
    pass


def _leave_nothing(_address: Address) -> str:
    return ""


class Look(Struct, frozen=True):
    """The result of one look: the plan, all that is live, and why providers could not be read."""

    plan: Plan
    observed: Mapping[Address, Observed]
    unread: Mapping[str, ReconcileError] = field(default_factory=dict)


class Reconciler(Struct, frozen=True, dict=True):
    """Document and providers of one project, and how they are treated.

    ``only`` restricts everything to these resources and what they need, and what is ``excluded`` is not in the plan.
    ``leaves`` gives the reason for which a resource is left alone, such as a pause; "" for none. ``patience_s`` is how
    long a provider is waited for that is just starting. ``before_change`` is called before each changing request, and
    ``after_failure`` after a step that failed; they raise LockLost where nothing may be done any more. ``memory`` tells
    the causes of differences.
    ``quiet`` is the last look at the same desired resources, if all was as declared: it stands for one that observes
    the same. ``reads`` is the way to the providers. One that ``glances`` asks them only for what may have changed, if
    they know that. ``workers`` is how many steps run side by side, None for the usual number. Where it ``defers``, a
    provider that can't be read, for whatever reason, defers its own resources, and is not waited for. ``given`` are the
    desired resources where they are not those of the document.
    """

    document: Document
    providers: Mapping[str, Provider]
    clock: Clock
    policy: Policy = field(default_factory=Policy)
    only: frozenset[Address] = frozenset()
    patience_s: float = 300.0
    on_wait: Callable[[str], None] = _say_nothing
    before_change: Callable[[], None] = _do_nothing
    after_failure: Callable[[], None] = _do_nothing
    known: KnownSecrets = field(default_factory=KnownSecrets)
    memory: Memory = field(default_factory=NoMemory)
    reads: Reads = IN_TURN
    workers: int | None = None
    defers: bool = False
    excluded: frozenset[Address] = frozenset()
    leaves: Callable[[Address], str] = _leave_nothing
    glances: bool = False
    quiet: Look | None = None
    given: tuple[Resource, ...] | None = None

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """The kinds of all providers, by name."""
        return {name: kind for provider in self.providers.values() for name, kind in provider.kinds.items()}

    def desired(self) -> Sequence[Resource]:
        """Everything that the files ask for, or the targets with what they need. Raises ConfigError.

        The document is expanded once; a Reconciler of another document or with other providers is another one.
        """
        return self._expanded if self.given is None else self.given

    @cached_property
    def _expanded(self) -> Sequence[Resource]:
        with undisturbed():
            everything = [each for provider in self.providers.values() for each in provider.expand(self.document)]
        # The needs of a target may be in another provider, so all of them are expanded first.
        return _closure(everything, self.only, self.providers) if self.only else everything

    def with_desired(self, desired: Sequence[Resource]) -> Reconciler:
        """The same for other resources than those of the document."""
        return replace(self, given=tuple(desired))

    def look(self, desired: Sequence[Resource] | None = None, *, stop: Flag | None = None) -> Look:
        """Observe and plan. Waits for a provider that is starting, until ``stop`` is set; raises Unreachable for one
        that is not."""
        desired = self.desired() if desired is None else desired
        began = self.clock.now()
        found, unread = self._read(desired)
        while True:
            try:
                look = self._look_of(found, unread, desired)
                if look is self.quiet:
                    return look
                # With a change to make there is no wait: that change may be the one that brings the server up.
                is_settled = any(change.acts for change in look.plan.changes) or (stop and stop.is_set())
                awaited = {host: error for host, error in unread.values() if host}
                if not awaited or self.defers or is_settled:
                    return self._completed(look, desired)
            except _UnreadLater as later:
                # Its server failed only when it was asked about the plan. The look goes on without that provider.
                unread = {**unread, later.provider: (self._host(later.provider, desired), later.error)}
                found = {name: part for name, part in found.items() if name != later.provider}
            else:
                self._wait_for(awaited, look.observed, self.clock.now() - began)
                found, unread = self._read(desired)

    def _look_of(self, found: _Found, unread: _Unread, desired: Sequence[Resource]) -> Look:
        with undisturbed():
            everything = (each for part in found.values() for each in part)
            observed = {each.address: each for each in everything if self._is_looked_at(each.address, desired)}
            # The same observation gives the same plan; an equal look is what a quiet daemon sees each time.
            if self.quiet and not unread and observed == self.quiet.observed:
                return self.quiet
            waits = {name: host for name, (host, _) in unread.items()}
            look = self.planned(desired, observed, unread=waits, prunes=self.policy.covering(observed).prunes)
        errors = {name: error for name, (_, error) in unread.items()}
        reasons = {name: " ".join(str(error).split()) for name, error in errors.items()}
        asked = [change.address for change in look.plan.changes if change.address.provider in reasons]
        plan = with_unread(look.plan, reasons, self.memory.applied(asked) if asked else ())
        return replace(look, plan=plan, unread=errors)

    def _completed(self, look: Look, desired: Sequence[Resource]) -> Look:
        """The look with all that is asked for a plan which is shown or carried out."""
        # What is excluded must be gone before refusals are sought: it can't be refused.
        look = replace(look, plan=self._chosen(look.plan))
        plan = replace(
            look.plan, access=self._access(look), obstacles=self._obstacles(look), kept=self._kept(look, desired)
        )
        plan = replace(plan, refusals=self._refusals(plan, look), changes=self._attributed(plan, desired))
        return replace(look, plan=self._concealed(plan, desired, look.observed))

    def _refusals(self, plan: Plan, look: Look) -> tuple[Refusal, ...]:
        """Lists what forbids a plan of this look."""
        return (
            *refusals_of_new(plan, self.document.unmade),
            *refusals_of_emptied(plan, self.policy),
            *refusals_of_left_data(plan, self._left_behind(plan), self.policy),
            *refusals(plan, self.policy.covering(look.observed)),
        )

    def _left_behind(self, plan: Plan) -> Mapping[Address, Sequence[str]]:
        sources = (each for each in self.providers.values() if isinstance(each, LeftDataSource))
        return {address: words for each in sources for address, words in each.left_behind(plan.changes).items()}

    def _chosen(self, plan: Plan) -> Plan:
        """The plan without what is excluded, and with what is left alone marked. Raises UnknownAddress."""
        if self.excluded:
            known = [change.address for change in plan.changes]
            # A name that is excluded by mistake would leave its change in the plan.
            require_known(self.excluded, known)
            plan = excluding(plan, self.excluded)
        return leaving(plan, self.leaves)

    def status(self) -> Sequence[Standing]:
        """Reports the state of every resource, also where a provider can't be read.

        Raises the error of the provider where nothing that is declared can be read.
        """
        look = self._look_in_time() or replace(self, defers=True).look()
        changes = look.plan.changes
        # Nothing at all is known, so a table of unknowns would only hide the error.
        if look.unread and all(change.unread for change in changes):
            raise next(iter(look.unread.values()))
        return [standing(change) for change in changes]

    def _look_in_time(self) -> Look | None:
        """The look once all providers are up, if that is waited for; None where they are not by then."""
        try:
            return self.look() if self.patience_s else None
        except ProviderError:
            return None

    def planned(
        self,
        desired: Sequence[Resource],
        observed: Mapping[Address, Observed],
        *,
        prunes: Callable[[Observed], bool],
        unread: Mapping[str, Address | None] | None = None,
    ) -> Look:
        """The plan of what was read, made once more where a change would hurt what is outside the plan."""
        plan = make(self.providers, desired, observed.values(), unread=unread, prunes=prunes)
        # Asked after a first plan, because only a change can hurt somebody, and most plans are empty.
        hurt = self._bystanders(plan, unread or {})
        if not hurt:
            return Look(plan, observed)
        known = {address: replace(each, bystanders=hurt.get(address, ())) for address, each in observed.items()}
        return Look(make(self.providers, desired, known.values(), unread=unread, prunes=prunes), known)

    def _reported(self, in_vain: Sequence[Change]) -> Iterator[Event]:
        """The failures of changes that were written with success, and differ as before."""
        if in_vain:
            from reconciler.run.reconciliation.invain import reported

            yield from (reported(change, self.providers[change.address.provider]) for change in in_vain)

    def converge(
        self, approve: Callable[[Look], None], *, stop: Flag | None = None, first: Look | None = None
    ) -> Iterator[Event | Look]:
        """Passes until a look finds nothing to do, the first of them by a look that there is already, if it is given;
        yields each look and what happens.

        ``approve`` is called with each look that has steps or refusals, and raises what it does not allow. A pass
        with a failure is the last one, unless the world just moved under it, or the server refused something: then what
        the pass had no steps for is still done. A world that has moved in the same way once more stands still. What was
        written in vain is reported as failed, and left out of what is done.
        """
        desired, written = self.desired(), Written()
        rest: frozenset[Address] | None = None
        moved: frozenset[tuple[str, str]] = frozenset()
        for _ in range(MOST_PASSES):
            look, first = first or self.look(desired, stop=stop), None
            yield look
            if stop and stop.is_set():
                return
            _require_read(look)
            # A write without effect would be planned again in every pass.
            in_vain = written.in_vain(look.plan)
            yield from self._reported(in_vain)
            look = self._gated(look, in_vain, rest)
            if not look.plan.steps and not look.plan.refusals:
                if look.unread and not self.defers:
                    raise next(iter(look.unread.values()))
                return
            # Without the lock this plan would show the work of another run, or what this one left, as drift.
            self.before_change()
            approve(look)
            if look.plan.refusals:
                raise Refused(look.plan.refusals)
            report = yield from self._executed(look.plan, stop)
            written = written.after(look.plan, report)
            if in_vain or (stop and stop.is_set()):
                return
            # The same failure twice: the world is not moving, and another pass would fail alike.
            before, moved = moved, _failures(report)
            if _is_final(report) or moved & before:
                rest = _rest(look.plan, report)
                if not rest:
                    return
        raise NotConverging(
            f"still different after {MOST_PASSES} passes: {_still_different(look.plan)}; "
            "does something else change these resources?"
        )

    def _gated(self, look: Look, in_vain: tuple[Change, ...], rest: frozenset[Address] | None) -> Look:
        """The look without what was written in vain, and with all that forbids the rest of its plan."""
        left = without(look.plan, in_vain)
        # After a refusal of the server, only the changes that the failed pass had no steps for are left.
        left = left if rest is None else restricted(left, rest)
        refused = (*self._refusals(left, look), *refusals_of_obstacles(left))
        return replace(look, plan=replace(left, refusals=refused))

    def _executed(self, plan: Plan, stop: Flag | None) -> Generator[Event, None, Report]:
        """Yields each event of the plan's steps, and returns the report of all."""
        from reconciler.run.reconciliation.execute import WORKERS, execute  # a look executes nothing

        report = Report()
        for event in execute(plan.steps, self.perform, self.clock, stop=stop, workers=self.workers or WORKERS):
            report += [event]
            yield event
        return report

    def perform(self, step: Step) -> Verdict:
        """Hand a step to its provider. Raises LockLost before a change that is no longer permitted."""
        from reconciler.permission import permitted_by  # a look changes nothing

        self.before_change()
        try:
            with permitted_by(self.before_change):
                return self.providers[step.address.provider].perform(step)
        except (Unreachable, Throttled):
            raise
        except ProviderError:
            # The resource may have changed because another run has the lock: then that is the failure.
            self.after_failure()
            raise

    def observed(self, desired: Sequence[Resource]) -> Sequence[Observed]:
        """One read of everything; raises Unreachable where a provider can't be read."""
        return [each for name, provider in self.providers.items() for each in provider.observe(_of(name, desired))]

    # -------------------------------------------------------------- underneath

    def _read(self, desired: Sequence[Resource]) -> tuple[_Found, _Unread]:
        """Collects what all providers observe, and the providers whose server is not up yet."""
        # Without declared resources an engine may still have orphans; a server in one of its containers is left alone.
        calls = {
            name: partial(_observed_by, provider, mine, glances=self.glances)
            for name, provider in self.providers.items()
            if (mine := _of(name, desired)) or not provider.served_by
        }
        found: dict[str, Sequence[Observed]] = {}
        unread: dict[str, tuple[Address | None, ReconcileError]] = {}
        with undisturbed():
            for name, answer in self.reads.all(calls):
                if not isinstance(answer, ReconcileError):
                    found[name] = answer
                    continue
                host = self._host(name, desired)
                # Only a server that a resource of the plan runs may be away, or one of several; any other must answer.
                may_wait = host or isinstance(self.providers[name], OneOfSeveral)
                if not self.defers and not (may_wait and isinstance(answer, Unreachable)):
                    raise answer
                unread[name] = host, answer
        if unread and not found and not self.defers:
            raise next(error for _, error in unread.values())
        return found, unread

    def _attributed(self, plan: Plan, desired: Sequence[Resource]) -> tuple[Change, ...]:
        """The changes of a plan with their causes."""
        return attributed(plan, {resource.address: resource for resource in desired}, self.kinds, self.memory)

    def _host(self, name: str, desired: Sequence[Resource]) -> Address | None:
        """The resource of the plan that serves a provider, if there is one."""
        host = self.providers[name].served_by
        return host if host and host.provider in self.providers and _is_in(host, desired) else None

    def _asked(self, name: str, ask: Callable[[Sequence[Any]], T], about: Sequence[Any]) -> T:
        """Ask more of a provider that was read, about changes or steps of its own."""
        try:
            return self.reads.one(name, partial(ask, about), question=(ask, about))
        except ReconcileError as error:
            if not self.defers:
                # In a look that does not defer, the server is needed, and its silence is the error.
                raise
            raise _UnreadLater(name, error) from error

    def _concealed(self, plan: Plan, desired: Sequence[Resource], observed: Mapping[Address, Observed]) -> Plan:
        """The plan, with the live secrets sealed whose line in the files is gone. The steps stay as they are."""
        self.known.learn_names(name for resource in desired for name in (*resource.address.path, *resource.spec))
        self.known.learn("live", lambda: ((each.spec, each.outputs) for each in observed.values()))
        return replace(plan, changes=tuple(_concealed(change, self.known) for change in plan.changes))

    def _access(self, look: Look) -> tuple[AccessChange, ...]:
        """Lists the users who gain or lose access by the plan."""
        return tuple(
            found
            for name, provider in self.providers.items()
            if isinstance(provider, AccessSource) and name not in look.unread
            for found in self._asked(name, provider.access, _changes_of(name, look.plan))
        )

    def _bystanders(self, plan: Plan, unread: Container[str]) -> Mapping[Address, tuple[Bystander, ...]]:
        """Lists the resources outside the plan that it would hurt."""
        return {
            address: found
            for name, provider in self.providers.items()
            if isinstance(provider, BystanderSource) and name not in unread
            for address, found in self._asked(name, provider.bystanders, _changes_of(name, plan)).items()
        }

    def _obstacles(self, look: Look) -> tuple[Problem, ...]:
        """Lists the reasons for which the plan would fail, each with a place in the files."""
        return tuple(
            found if found.origin.file else _placed(found, look.plan)
            for name, provider in self.providers.items()
            if isinstance(provider, ObstacleSource) and name not in look.unread
            for found in self._asked(name, provider.obstacles, _steps_of(name, look.plan))
        )

    def _kept(self, look: Look, desired: Sequence[Resource]) -> tuple[Problem, ...]:
        """The secrets that what runs may keep, whatever the plan gives to it."""
        if not self.document.secrets:
            return ()
        kinds = {name: kind for provider in self.providers.values() for name, kind in provider.kinds.items()}
        data = {each.address: found for each in desired if (found := data_of(each, kinds))}
        return kept_values(look.plan.changes, self.document.secrets, self.document.rotations, data)

    def _is_looked_at(self, address: Address, desired: Sequence[Resource]) -> bool:
        if self.only:
            return _is_in(address, desired)
        return Address(address.kind, address.path[:1]) not in self.document.idle

    def _wait_for(
        self,
        awaited: Mapping[Address, ReconcileError],
        observed: Mapping[Address, Observed],
        waited_s: float,
    ) -> None:
        """Nothing in the plan will bring it up, so either it comes by itself or it is an error."""
        for host, error in awaited.items():
            status = observed[host].status
            # A server listens a moment after its container is healthy; in a failed container it never will.
            patience_s = {Health.SETTLING: self.patience_s, Health.OK: GRACE_S, Health.FAILED: 0.0}[status.health]
            if waited_s >= patience_s:
                raise Unreachable(f"{error.args[0]} ({host} is {status.note})") from error
            self.on_wait(f"waiting for {host}: {status.note}")
        self.clock.sleep(LOOK_AGAIN_S)


def _placed(problem: Problem, plan: Plan) -> Problem:
    """The problem at the place where its resource is declared."""
    origins = (each.desired.origin for each in plan.changes if each.desired and each.address == problem.address)
    return replace(problem, origin=next(origins, None) or problem.origin)


def _concealed(change: Change, known: KnownSecrets) -> Change:
    """The change with each value sealed that holds a secret; what is new was sealed when it was read."""
    if not change.fields or change.observed is None:
        return change
    return replace(change, fields=tuple(_concealed_field(field, known) for field in change.fields))


def _concealed_field(each: FieldChange, known: KnownSecrets) -> FieldChange:
    before, after = (concealed(each.path, value, known.__contains__) for value in (each.before, each.after))
    return replace(each, before=before, after=after)


def _observed_by(provider: Provider, desired: Sequence[Resource], *, glances: bool) -> Sequence[Observed]:
    if glances and isinstance(provider, GlanceSource):
        return tuple(provider.glance(desired))
    return tuple(provider.observe(desired))


def _steps_of(provider: str, plan: Plan) -> Sequence[Step]:
    return [step for step in plan.steps if step.address.provider == provider]


def _of(provider: str, desired: Iterable[Resource]) -> Sequence[Resource]:
    return [resource for resource in desired if resource.address.provider == provider]


def _changes_of(provider: str, plan: Plan) -> Sequence[Change]:
    return [change for change in plan.changes if change.address.provider == provider]


def _is_in(address: Address, desired: Iterable[Resource]) -> bool:
    return any(resource.address == address for resource in desired)


def _closure(
    everything: Sequence[Resource], targets: frozenset[Address], providers: Mapping[str, Provider]
) -> Sequence[Resource]:
    """The targets and all that they need, in the order of the files."""
    resources = {resource.address: resource for resource in everything}
    require_known(targets, resources)
    kinds = {name: kind for provider in providers.values() for name, kind in provider.kinds.items()}
    needs = needs_of(resources, kinds)
    wanted: set[Address] = set()
    frontier = set(targets)
    while frontier:
        wanted |= frontier
        frontier = {need for address in frontier for need in needs[address]} - wanted
    return [resource for resource in everything if resource.address in wanted]


def require_known(addresses: Collection[Address], known: Iterable[Address]) -> None:
    """Raise UnknownAddress for an address that there is not, with the nearest one that there is."""
    names = [*map(str, known)]
    unknown = sorted(set(map(str, addresses)).difference(names))
    if unknown:
        near = suggestion(unknown[0], names)
        raise UnknownAddress(f"there is no {unknown[0]}{near or '; `reconcile status` lists the addresses there are'}")


def _require_read(look: Look) -> None:
    """Raise Denied where the account does not see a resource, though its provider answers: it can't be written."""
    for change in look.plan.unread:
        if change.address.provider not in look.unread:
            raise Denied(f"can't be read: {change.unread}", address=change.address)


def _still_different(plan: Plan) -> str:
    acting = (change for change in plan.changes if change.acts)
    return ", ".join(f"{change.address} ({change.reason})" for change in acting)


def _rest(plan: Plan, report: Report) -> frozenset[Address]:
    """The changes that a failed pass did not come to, where each failure was a refusal: the server is well."""
    is_refused = all(isinstance(event.error, Rejected | Conflict) for event in report.failed)
    return stepless(plan) if is_refused else frozenset()


def _failures(report: Report) -> frozenset[tuple[str, str]]:
    """The failed steps of a pass, each with its reason."""
    return frozenset((event.step.id, event.note) for event in report.failed)


def _is_final(report: Report) -> bool:
    return any(not isinstance(event.error, Conflict) for event in report.of(What.FAILED))
