"""The whole line, once: observe, diff, plan, gate, execute; and again until nothing is left to do.

``look`` is what ``diff`` shows; ``converge`` is ``apply``; the daemon calls it for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Event as Flag
from typing import Final

from reconciler.core.access import AccessChange
from reconciler.core.address import Address
from reconciler.core.attribution import attributed
from reconciler.core.cause import Memory, NoMemory
from reconciler.core.change import Change
from reconciler.core.compare import FieldChange
from reconciler.core.document import Document
from reconciler.core.errors import Conflict, ReconcileError, Refused, Rejected, Unreachable, unforeseen
from reconciler.core.graph import needs_of
from reconciler.core.plan import Plan, Step, make
from reconciler.core.policy import Policy, refusals
from reconciler.core.problem import Problem
from reconciler.core.provider import AccessSource, BystanderSource, ObstacleSource, Provider, Verdict
from reconciler.core.report import Event, Report, Standing, What, standing
from reconciler.core.resource import Bystander, Health, Observed, Resource
from reconciler.core.secrecy import concealed
from reconciler.core.written import Written, restricted, stepless, without
from reconciler.render.known import KnownSecrets
from reconciler.run.clock import Clock
from reconciler.run.collector import undisturbed
from reconciler.run.execute import execute
from reconciler.run.invain import reported

MOST_PASSES: Final = 10
LOOK_AGAIN_S: Final = 0.5
GRACE_S: Final = 20.0
"""How long the answer of something that counts as up already is waited for."""


class NotConverging(ReconcileError):
    """Pass after pass finds something to do: a bug of ours, or somebody who works against us."""


def _say_nothing(_note: str) -> None:
    pass


def _do_nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Look:
    """The result of one look: the plan, and all that is live."""

    plan: Plan
    observed: Mapping[Address, Observed]


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Document and providers of one project, and how they are treated.

    ``only`` restricts everything to these resources and what they need. ``patience_s`` is how long a provider
    is waited for that is just starting. ``before_step`` raises ProviderError where nothing may be done any more.
    ``memory`` tells the causes of differences.
    """

    document: Document
    providers: Mapping[str, Provider]
    clock: Clock
    policy: Policy = field(default_factory=Policy)
    only: frozenset[Address] = frozenset()
    patience_s: float = 300.0
    on_wait: Callable[[str], None] = _say_nothing
    before_step: Callable[[], None] = _do_nothing
    known: KnownSecrets = field(default_factory=KnownSecrets)
    memory: Memory = field(default_factory=NoMemory)
    _expanded: list[Sequence[Resource]] = field(default_factory=list, init=False, repr=False, compare=False)

    def desired(self) -> Sequence[Resource]:
        """Everything that the files ask for, or the targets with what they need. Raises ConfigError.

        The document is expanded once; a Reconciler of another document or with other providers is another one.
        """
        if not self._expanded:
            with undisturbed():
                everything = [each for provider in self.providers.values() for each in provider.expand(self.document)]
            self._expanded.append(_closure(everything, self.only, self.providers) if self.only else everything)
        return self._expanded[0]

    def look(self, desired: Sequence[Resource] | None = None, *, stop: Flag | None = None) -> Look:
        """Observe and plan. Waits for a provider that is starting, until ``stop`` is set; raises Unreachable for one
        that is not."""
        desired = self.desired() if desired is None else desired
        began = self.clock.now()
        while True:
            with undisturbed():
                found, unread = self._observed(desired)
                observed = {each.address: each for each in found if self._is_looked_at(each.address, desired)}
                waits = {name: host for name, (host, _) in unread.items()}
                policy = self.policy.covering(observed)
                look = self.planned(desired, observed, unread=waits, prunes=policy.prunes)
            if not unread or any(change.acts for change in look.plan.changes) or (stop and stop.is_set()):
                plan = replace(look.plan, access=self._access(look.plan), obstacles=self._obstacles(look.plan))
                plan = replace(plan, refusals=refusals(plan, policy), changes=self._attributed(plan, desired))
                return replace(look, plan=self._concealed(plan, desired, observed))
            self._wait_for(unread, observed, self.clock.now() - began)

    def status(self) -> Sequence[Standing]:
        """Reports the state of every resource."""
        return [standing(change) for change in self.look().plan.changes]

    def planned(
        self,
        desired: Sequence[Resource],
        observed: Mapping[Address, Observed],
        *,
        prunes: Callable[[Observed], bool],
        unread: Mapping[str, Address] | None = None,
    ) -> Look:
        """The plan of what was read, made once more where a change would hurt what is outside the plan."""
        plan = make(self.providers, desired, observed.values(), unread=unread, prunes=prunes)
        hurt = self._bystanders(plan)
        if not hurt:
            return Look(plan, observed)
        known = {address: replace(each, bystanders=hurt.get(address, ())) for address, each in observed.items()}
        return Look(make(self.providers, desired, known.values(), unread=unread, prunes=prunes), known)

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
            in_vain = written.in_vain(look.plan)
            yield from (reported(change, self.providers[change.address.provider]) for change in in_vain)
            left = without(look.plan, in_vain)
            left = left if rest is None else restricted(left, rest)
            policy = self.policy.covering(look.observed)
            look = replace(look, plan=replace(left, refusals=refusals(left, policy)))
            if not look.plan.steps and not look.plan.refusals:
                return
            approve(look)
            if look.plan.refusals:
                raise Refused(look.plan.refusals)
            report = Report()
            for event in execute(look.plan.steps, self.perform, self.clock, stop=stop):
                report += [event]
                yield event
            written = written.after(look.plan, report)
            if in_vain or (stop and stop.is_set()):
                return
            before, moved = moved, _failures(report)
            if _is_final(report) or moved & before:
                rest = _rest(look.plan, report)
                if not rest:
                    return
        raise NotConverging(
            f"still different after {MOST_PASSES} passes: {_still_different(look.plan)}; "
            "does something else change these resources?"
        )

    def perform(self, step: Step) -> Verdict:
        """Hand a step to its provider."""
        self.before_step()
        return self.providers[step.address.provider].perform(step)

    def observed(self, desired: Sequence[Resource]) -> Sequence[Observed]:
        """One read of everything; raises Unreachable where a provider can't be read."""
        return [each for name, provider in self.providers.items() for each in provider.observe(_of(name, desired))]

    # -------------------------------------------------------------- underneath

    def _observed(self, desired: Sequence[Resource]) -> tuple[list[Observed], dict[str, tuple[Address, Unreachable]]]:
        """Collects what all providers observe, and the providers whose server is not up yet."""
        found: list[Observed] = []
        unread: dict[str, tuple[Address, Unreachable]] = {}
        for name, provider in self.providers.items():
            mine = _of(name, desired)
            if not mine and provider.served_by:
                continue
            try:
                found += provider.observe(mine)
            except Unreachable as error:
                host = provider.served_by
                if host is None or host.provider not in self.providers or not _is_in(host, desired):
                    raise
                unread[name] = host, error
            except ReconcileError:
                raise
            except Exception as error:
                raise unforeseen(error, doing=f"read {name}") from error
        return found, unread

    def _attributed(self, plan: Plan, desired: Sequence[Resource]) -> tuple[Change, ...]:
        """The changes of a plan with their causes."""
        kinds = {name: kind for provider in self.providers.values() for name, kind in provider.kinds.items()}
        return attributed(plan, {resource.address: resource for resource in desired}, kinds, self.memory)

    def _concealed(self, plan: Plan, desired: Sequence[Resource], observed: Mapping[Address, Observed]) -> Plan:
        """The plan, with the live secrets sealed whose line in the files is gone. The steps stay as they are."""
        self.known.learn_names(name for resource in desired for name in (*resource.address.path, *resource.spec))
        self.known.learn("live", lambda: ((each.spec, each.outputs) for each in observed.values()))
        return replace(plan, changes=tuple(_concealed(change, self.known) for change in plan.changes))

    def _access(self, plan: Plan) -> tuple[AccessChange, ...]:
        """Lists the users who gain or lose access by the plan."""
        return tuple(
            found
            for name, provider in self.providers.items()
            if isinstance(provider, AccessSource)
            for found in provider.access(_changes_of(name, plan))
        )

    def _bystanders(self, plan: Plan) -> Mapping[Address, tuple[Bystander, ...]]:
        """Lists the resources outside the plan that it would hurt."""
        return {
            address: found
            for name, provider in self.providers.items()
            if isinstance(provider, BystanderSource)
            for address, found in provider.bystanders(_changes_of(name, plan)).items()
        }

    def _obstacles(self, plan: Plan) -> tuple[Problem, ...]:
        """Lists the reasons for which the plan would fail, each with a place in the files."""
        return tuple(
            found if found.origin.file else _placed(found, plan)
            for name, provider in self.providers.items()
            if isinstance(provider, ObstacleSource)
            for found in provider.obstacles([step for step in plan.steps if step.address.provider == name])
        )

    def _is_looked_at(self, address: Address, desired: Sequence[Resource]) -> bool:
        if self.only:
            return _is_in(address, desired)
        return Address(address.kind, address.path[:1]) not in self.document.idle

    def _wait_for(
        self,
        unread: Mapping[str, tuple[Address, Unreachable]],
        observed: Mapping[Address, Observed],
        waited_s: float,
    ) -> None:
        """Nothing in the plan will bring it up, so either it comes by itself or it is an error."""
        for host, error in unread.values():
            status = observed[host].status
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
    unknown = sorted(map(str, targets - resources.keys()))
    if unknown:
        raise ReconcileError(f"{unknown[0]} is not declared; `reconcile status` lists the addresses there are")
    kinds = {name: kind for provider in providers.values() for name, kind in provider.kinds.items()}
    needs = needs_of(resources, kinds)
    wanted: set[Address] = set()
    frontier = set(targets)
    while frontier:
        wanted |= frontier
        frontier = {need for address in frontier for need in needs[address]} - wanted
    return [resource for resource in everything if resource.address in wanted]


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
