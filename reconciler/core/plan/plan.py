"""Changes, and the ordered graph of steps that settles them in one pass. Asks nobody and touches nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from graphlib import TopologicalSorter
from itertools import product
from typing import Protocol

from reconciler.core.difference.change import Action, Change, diff, differ
from reconciler.core.difference.kind import Kind, Output
from reconciler.core.message.errors import Refusal
from reconciler.core.message.problem import Problem, Severity
from reconciler.core.message.wording import in_use_by
from reconciler.core.plan.access import AccessChange
from reconciler.core.plan.cascade import with_cascades
from reconciler.core.plan.graph import Needs, needs_of, ordered
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Health, Observed, Origin, Resource
from reconciler.core.resource.values import ABSENT, UNKNOWN, Ref, Value, refs, substitute
from reconciler.record import Struct, field, replace


class Step(Struct, frozen=True):
    """One call to one API, safe to repeat.

    ``after`` holds ids of steps. ``milestone`` names how far the resource has come once this step is done,
    for those that need no more. ``covers`` are the addresses that a batch settles besides ``address``.
    ``on_failure`` is the way back, taken in order when this step fails for good. ``takes`` and ``frees`` name what
    only one can have at a time: who gives it up comes first. ``behind`` holds ids of steps that come first whether
    they succeed or not. A step that ``lets_go`` ends the use of what its resource uses: it waits for none of it, and
    what is replaced waits for it. A step begins ``delay_s`` after what comes before it. One with a ``hold_s`` is done
    when it was seen to be, with the same mark, for so long. What it leaves behind where it fails is taken away by what
    it ``clears``, whether there is a way back or not. Nobody who needs the resource waits for a ``trailing`` step: it
    takes away what is left over. ``returns_to`` says what is there once the way back was taken. A ``final`` step
    removes what the way back leads to. ``serves`` says whether the resource serves after this step, where the step
    makes a difference; nothing serves in between.
    """

    id: str
    address: Address
    verb: str
    args: Mapping[str, Value] = field(default_factory=dict)
    why: str = ""
    after: frozenset[str] = frozenset()
    timeout_s: float = 120.0
    milestone: str = ""
    covers: tuple[Address, ...] = ()
    on_failure: tuple[Step, ...] = ()
    takes: frozenset[str] = frozenset()
    frees: frozenset[str] = frozenset()
    behind: frozenset[str] = frozenset()
    lets_go: bool = False
    delay_s: float = 0.0
    hold_s: float = 0.0
    clears: tuple[Step, ...] = ()
    trailing: bool = False
    returns_to: str = ""
    final: bool = False
    serves: bool | None = None


class Plan(Struct, frozen=True):
    """The differences and the work to do; ``changes`` in order of dependency, ``steps`` in order of execution.

    ``access`` says who gains or loses by it, ``obstacles`` what it will fail for, as far as a provider tells,
    ``refusals`` what the policy forbids about it, and ``kept`` which secrets it may not change in what runs.
    ``told`` are the resources whose refusals are reported elsewhere.
    """

    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    access: tuple[AccessChange, ...] = ()
    obstacles: tuple[Problem, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    kept: tuple[Problem, ...] = ()
    told: frozenset[Address] = frozenset()

    @property
    def in_sync(self) -> bool:
        """Nothing to do, now or in a later pass. A wait for something to settle is not a difference."""
        return all(change.action is Action.KEEP for change in self.changes)

    @property
    def is_left(self) -> bool:
        """Returns whether all that differs is left alone: such a run has nothing to do."""
        return all(change.is_left or change.action is Action.KEEP for change in self.changes)

    def without_refusals(self) -> Plan:
        """The same for a reader who gets the refusals by other means, and is shown nothing that they forbid."""
        told = frozenset(refusal.address for refusal in self.refusals if refusal.address)
        return replace(self, refusals=(), told=self.told | told)

    def remarks(self) -> tuple[Problem, ...]:
        """Lists remarks for a reader, besides the changes."""
        refused = {*self.told, *(refusal.address for refusal in self.refusals)}
        taken = (_ended(change) for change in self.changes if change.address not in refused)
        return (
            *self.obstacles,
            *self.kept,
            *(each for each in taken if each),
            *(remark for change in self.changes for remark in _remarks(change)),
        )

    @property
    def unread(self) -> tuple[Change, ...]:
        """The resources of which nothing is known, as they can't be read."""
        return tuple(change for change in self.changes if change.unread and not change.is_left)

    @property
    def missing(self) -> tuple[Change, ...]:
        """The creations that no apply can make."""
        return tuple(change for change in self.changes if change.is_missing)


def _remark(change: Change, message: str) -> Problem:
    origin = change.desired.origin if change.desired and change.desired.origin else Origin("")
    return Problem(message, origin, Severity.WARNING, address=change.address)


def _ended(change: Change) -> Problem | None:
    """A remark on what somebody else made and this plan removes. Where that is refused, the refusal names it."""
    live = change.observed
    if live is None or live.owned or not live.called or change.intended not in (Action.REPLACE, Action.DELETE):
        return None
    return _remark(change, f"was not made by this project: {live.called} is removed")


def _remarks(change: Change) -> Iterator[Problem]:
    remark = partial(_remark, change)
    used_by = in_use_by(change.observed.bystanders) if change.observed else ""
    if used_by and change.action is not Action.KEEP:
        yield remark(f"is {used_by}")
    # The plan shows a change itself. The remarks below are about resources that stay as they are.
    if change.action is not Action.KEEP or change.observed is None:
        return
    if change.is_takeover:
        yield remark("is as declared, and nobody's so far: `apply` takes it over as it is")
    if change.of_others:
        yield remark(f"was not made by this project: it is used as it is, and left by `down`; {change.of_others}")
    if change.desired is None:
        yield remark(f"is not declared, and left alone{f': {used_by}' if used_by else ''}")
    if change.desired and change.observed.status.health is Health.FAILED:
        yield remark(f"is as declared, but {change.observed.status.note}")
    for note in change.fields:
        yield remark(f"{differ(['.'.join(note.path)])}, which can't be changed and does no harm")


class Planner(Protocol):
    """The pure half of a provider: its tables, and changes into steps."""

    @property
    def kinds(self) -> Mapping[str, Kind]: ...

    def steps(self, changes: Sequence[Change]) -> Sequence[Step]: ...


def _nothing(_orphan: Observed) -> bool:
    return False


def make(
    planners: Mapping[str, Planner],
    desired: Iterable[Resource],
    observed: Iterable[Observed],
    *,
    unread: Mapping[str, Address | None] | None = None,
    prunes: Callable[[Observed], bool] = _nothing,
) -> Plan:
    """The plan of one pass.

    ``unread`` are the providers that can't be read yet, each with the resource it waits for, if there is one.
    ``prunes`` says whether an owned resource that is no longer declared is to be deleted. Raises ConfigError on cycles.
    """
    wanted = {resource.address: resource for resource in desired}
    live = {resource.address: resource for resource in observed}
    kinds = {name: kind for planner in planners.values() for name, kind in planner.kinds.items()}
    needs = needs_of(wanted, kinds)
    differences = _Differences(kinds, wanted, live, needs, unread or {})
    # In the order of needs, because a value that others refer to is known only once its own change is.
    for address in ordered(wanted, needs):
        differences.add(address)
    changes = differences.changes
    # A user that waits holds up the resource that it uses: against the order of needs, so in a round of its own.
    held_up = _held_up(kinds, changes)
    changes |= held_up
    changes |= _with_it(wanted, changes, held_up.keys())
    users = _users(changes)
    # An orphan that such a user still needs is deleted by a later pass.
    for address in _orphans(kinds, live.keys() - wanted.keys()):
        waits = tuple(user for user in users.get(address, ()) if _is_deferred(changes[user]))
        changes[address] = _orphan(kinds[address.kind], live[address], waits, prune=prunes(live[address]))
    # After the orphans, since their deletion takes others along.
    changes = with_cascades(kinds, changes)
    return Plan(tuple(changes.values()), _linked(_steps(planners, changes), changes, needs))


def with_unread(plan: Plan, reasons: Mapping[str, str], seen: Container[Address] = ()) -> Plan:
    """The plan with the reason at each resource of which nothing is known; ``reasons`` are those of the providers.

    A server that is gone may come back with all that was ``seen`` in it before, so none of that is a creation.
    """
    changes = (
        replace(change, unread=reasons[change.address.provider], later=None, reason="")
        if change.address.provider in reasons and (change.later is None or change.address in seen)
        else change
        for change in plan.changes
    )
    return replace(plan, changes=tuple(changes)) if reasons else plan


def _orphans(kinds: Mapping[str, Kind], addresses: Iterable[Address]) -> Sequence[Address]:
    """The addresses in the order of their kinds, then of their names."""
    # Several threads read what is live, so it arrives in any order; a plan must not differ from one look to the next.
    order = {name: number for number, name in enumerate(kinds)}
    return sorted(addresses, key=lambda address: (order[address.kind], address))


def _held_up(kinds: Mapping[str, Kind], changes: Mapping[Address, Change]) -> dict[Address, Change]:
    """Finds changes that can't be made in this pass: a user of the resource waits before letting it go."""
    users = _users(changes)
    waiting = {address: [user for user in users.get(address, ()) if _is_deferred(changes[user])] for address in changes}
    return {
        address: _deferred(change, tuple(waiting[address]))
        for address, change in changes.items()
        if change.action is Action.REPLACE
        and waiting[address]
        and any(rule.held for rule in kinds[address.kind].outputs.values())
    }


def _with_it(
    wanted: Mapping[Address, Resource], changes: Mapping[Address, Change], held_up: Collection[Address]
) -> dict[Address, Change]:
    """Adds users of something held up; else they would be replaced now, and once more with it."""
    found: dict[Address, Change] = {}
    for address, resource in wanted.items() if held_up else ():
        waits = dict.fromkeys(ref.address for ref in refs(resource.spec) if ref.address in held_up)
        if waits and changes[address].acts:
            found[address] = _deferred(changes[address], tuple(waits))
    return found


def _is_deferred(change: Change) -> bool:
    return change.action is Action.DEFERRED


class _Differences:
    """The changes of a pass, added in order of dependency: a later one may wait for an earlier one."""

    def __init__(
        self,
        kinds: Mapping[str, Kind],
        wanted: Mapping[Address, Resource],
        live: Mapping[Address, Observed],
        needs: Needs,
        unread: Mapping[str, Address | None],
    ) -> None:
        self._kinds, self._wanted, self._live, self._needs, self._unread = kinds, wanted, live, needs, unread
        self.changes: dict[Address, Change] = {}

    def add(self, address: Address) -> None:
        self.changes[address] = self._change(self._wanted[address])

    def _change(self, resource: Resource) -> Change:
        address = resource.address
        if address.provider in self._unread:
            host = self._unread[address.provider]
            # A server that does not exist yet has nothing; of any other it is not known what is there.
            later = Action.CREATE if host and host not in self._live else None
            unread = Change(
                address, Action.DEFERRED, reason=later.value if later else "", desired=resource, later=later
            )
            return replace(unread, waits_for=(host,)) if host else unread
        kind, live = self._kinds[address.kind], self._live.get(address)
        if live and live.unread:
            return Change(address, Action.DEFERRED, desired=resource, unread=live.unread)
        resolved, missing = self._resolved(resource)
        change = diff(kind, resolved, live)
        # A field that can be set later does not hold up a creation; that of a live resource may differ, so it does.
        waits = tuple(
            ref
            for ref in dict.fromkeys(missing)
            if not self._rule(ref).held and (live or not _is_late(ref, resource, kind))
        )
        return _deferred(change, waits or (self._deferred_needs(address) if change.acts else ()))

    def _resolved(self, resource: Resource) -> tuple[Resource, Sequence[Ref]]:
        # Most resources refer to nothing, and stay the same object.
        if next(refs(resource.spec), None) is None:
            return resource, ()
        missing: list[Ref] = []

        def lookup(ref: Ref) -> Value:
            producer, change = self._wanted.get(ref.address), self.changes.get(ref.address)
            value = output(ref, self._rule(ref), producer, change)
            if value is UNKNOWN:
                missing.append(ref)
            return value

        spec = {name: substitute(value, lookup) for name, value in resource.spec.items()}
        return replace(resource, spec=spec), missing

    def _rule(self, ref: Ref) -> Output:
        return self._kinds[ref.address.kind].outputs[ref.output]

    def _deferred_needs(self, address: Address) -> tuple[Address, ...]:
        return tuple(
            need
            for need in self._needs[address]
            if need in self.changes and self.changes[need].action is Action.DEFERRED
        )


def output(ref: Ref, rule: Output, producer: Resource | None, change: Change | None) -> Value:
    """The value of a reference: the declared one, else the observed one, else UNKNOWN."""
    # A replacement ends this value, and nobody may be planned with one that is about to end.
    if rule.held and change and change.action is Action.REPLACE:
        return UNKNOWN
    if producer and rule.declared_by:
        declared = producer.spec.get(rule.declared_by, ABSENT)
        if declared is not ABSENT and not isinstance(declared, Ref):
            return declared
    if change is None or change.observed is None or change.action in (Action.REPLACE, Action.DEFERRED):
        return UNKNOWN
    # Some changes in place make the live value worthless, so the server has to be asked again after them.
    if any(field.path[0] in rule.stale_on or rule.stale_when(field.before, field.effect) for field in change.fields):
        return UNKNOWN
    return change.observed.outputs.get(ref.output, UNKNOWN)


def _is_late(ref: Ref, resource: Resource, kind: Kind) -> bool:
    return all(name in kind.late for name, value in resource.spec.items() if ref in tuple(refs(value)))


def _deferred(change: Change, waits_for: tuple[Address | Ref, ...]) -> Change:
    if not waits_for:
        return change
    # The action that is put off is kept: the policy judges it now, and the reader sees it.
    later = None if change.action is Action.KEEP else change.action
    return replace(
        change, action=Action.DEFERRED, waits_for=waits_for, later=later, reason=later.value if later else ""
    )


def _orphan(kind: Kind, orphan: Observed, waits: tuple[Address, ...], *, prune: bool) -> Change:
    """It stays as long as somebody uses it who is to do without it only in a later pass."""
    if prune:
        return _deferred(diff(kind, None, orphan), waits)
    return Change(orphan.address, Action.KEEP, reason="not declared", observed=orphan)


# ------------------------------------------------------------------ steps


def _steps(planners: Mapping[str, Planner], changes: Mapping[Address, Change]) -> Sequence[Step]:
    return [
        step
        for name, planner in planners.items()
        for step in planner.steps([change for change in changes.values() if change.address.provider == name])
    ]


def _linked(steps: Sequence[Step], changes: Mapping[Address, Change], needs: Needs) -> tuple[Step, ...]:
    """The steps with the edges between resources added, in topological order."""
    of: dict[Address, list[Step]] = {}
    for step in steps:
        for address in (step.address, *step.covers):
            of.setdefault(address, []).append(step)
    exits = _Exits(of, needs)
    users = _users(changes)
    after: dict[str, set[str]] = {}
    for step in steps:
        before = after[step.id] = set(step.after)
        for address in (step.address, *step.covers):
            if before & {other.id for other in of[address] if not other.lets_go}:
                continue  # not where the work on this resource begins
            # A step that lets go only ends a use, so nothing that it uses has to be there first.
            if not step.lets_go:
                for need, milestone in needs.get(address, {}).items():
                    before |= exits(need, milestone)
            for user in _users_of(address, changes, users):
                before |= _leaving(of.get(user, ()), changes.get(address))
        # A batch may cover both a resource and its need, and must not wait for itself.
        before -= {step.id}
    behind = _handed_over(steps, after)
    _end_in_order(changes, of, after, behind)
    by_id = {
        step.id: replace(step, after=frozenset(after[step.id]), behind=frozenset(behind[step.id])) for step in steps
    }
    order = TopologicalSorter[str](dict.fromkeys(after, ()))  # all nodes first: sets come in any order
    for step in by_id.values():
        order.add(step.id, *step.after, *step.behind)
    return tuple(by_id[step_id] for step_id in order.static_order())


def _users_of(
    address: Address, changes: Mapping[Address, Change], users: Mapping[Address, Sequence[Address]]
) -> Iterator[Address]:
    """Lists the users of a resource, and the remaining users of what goes along with it."""
    yield from users.get(address, ())
    for used in changes[address].along if address in changes else ():
        yield from (user for user in users.get(used, ()) if changes[user].action is not Action.DELETE)


def _leaving(steps: Sequence[Step], used: Change | None) -> set[str]:
    """Lists the steps of a user that must come before those of the resource it uses."""
    action = used.action if used else Action.KEEP
    return {step.id for step in steps if action is Action.DELETE or (action is Action.REPLACE and step.lets_go)}


def _handed_over(steps: Sequence[Step], after: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Lists for each step those that free what it takes, except where that would close a circle.

    If one of them fails, whoever was to take it finds out by itself, and takes its way back.
    """
    behind: dict[str, set[str]] = {step.id: set(step.behind) for step in steps}
    takers: dict[str, list[int]] = {}
    for number, step in enumerate(steps):
        for taken in step.takes:
            takers.setdefault(taken, []).append(number)
    for giver in steps:
        # In the order of the steps: of two that would close a circle the first one counts.
        for number in sorted({number for freed in giver.frees for number in takers.get(freed, ())}):
            taker = steps[number]
            # One container may give up a port and take it again, which is its own affair.
            if giver.address != taker.address and not _waits_for((after, behind), giver.id, taker.id):
                behind[taker.id].add(giver.id)
    return behind


def _end_in_order(
    changes: Mapping[Address, Change],
    of: Mapping[Address, Sequence[Step]],
    after: Mapping[str, set[str]],
    behind: dict[str, set[str]],
) -> None:
    """Adds to each deletion those of what depends on it, except where that would close a circle.

    What is live may depend on each other in a circle: its parts are of different files. A failed deletion holds up
    nobody.
    """
    for change in changes.values():
        needed = change.observed.outlived_by if change.observed and change.action is Action.DELETE else ()
        own = of.get(change.address, ())
        # The last steps of the one that ends earlier come before the first ones of the one that outlives it.
        last = {step.id for step in own} - set().union(*(step.after for step in own))
        for need in sorted(needed):
            if need in changes and changes[need].action is Action.DELETE:
                first = {step.id for step in of.get(need, ()) if not step.after}
                for earlier, later in product(sorted(last), sorted(first)):
                    if not _waits_for((after, behind), earlier, later):
                        behind[later].add(earlier)


def _waits_for(edges: Sequence[Mapping[str, set[str]]], later: str, earlier: str) -> bool:
    """Returns whether the one comes after the other, over however many; a step comes after itself."""
    frontier, seen = {later}, set[str]()
    while frontier:
        seen |= frontier
        frontier = set().union(*(before[step_id] for before in edges for step_id in frontier)) - seen
    return earlier in seen


def _users(changes: Mapping[Address, Change]) -> Mapping[Address, list[Address]]:
    """Lists the users of a live resource: they let go before it is deleted."""
    users: dict[Address, list[Address]] = {}
    for change in changes.values():
        for used in _used(change):
            users.setdefault(used, []).append(change.address)
    return users


def _used(change: Change) -> frozenset[Address]:
    if change.observed is None:
        return frozenset()
    return change.observed.after | (change.observed.names if change.action is Action.UPDATE else frozenset())


class _Exits:
    """The steps after which a resource has come as far as somebody needs."""

    def __init__(self, of: Mapping[Address, Sequence[Step]], needs: Needs) -> None:
        self._of, self._needs = of, needs

    def __call__(self, address: Address, milestone: str) -> frozenset[str]:
        steps = [step for step in self._of.get(address, ()) if not step.trailing]
        # Without steps of its own it is as it should be, but what it needs may still have to come first.
        if not steps:
            return frozenset().union(*(self(need, m) for need, m in self._needs.get(address, {}).items()))
        reached = {step.id for step in steps if milestone and step.milestone == milestone}
        # Without the milestone, or where no step reaches it, the last steps are what is waited for.
        inner = frozenset().union(*(step.after for step in steps))
        return frozenset(reached or {step.id for step in steps if step.id not in inner})
