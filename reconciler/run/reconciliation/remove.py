"""Taking a whole project away, as one plan of deletions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import Event as Flag

from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.kind import Kind
from reconciler.core.execution.report import Event
from reconciler.core.message.errors import Refused
from reconciler.core.message.wording import in_use_by
from reconciler.core.plan.plan import Plan
from reconciler.core.plan.policy import refusals
from reconciler.core.provider import Provider, RemnantSource
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Observed
from reconciler.record import replace
from reconciler.run.reconciliation.execute import execute
from reconciler.run.reconciliation.once import Look, Reconciler


def kinds_to_remove(kinds: Iterable[Kind], *, volumes: bool) -> frozenset[str]:
    """The names of the kinds that end with their project; with ``volumes`` also of those that keep data."""
    return frozenset(kind.name for kind in kinds if kind.goes_down and (volumes or not kind.keeps_data))


def left_in_use(plan: Plan) -> Iterator[str]:
    """A line for each resource that stays because something outside the project uses it."""
    for change in _kept(plan):
        if change.observed and change.observed.bystanders:
            yield f"{change.address} is left, as it is {in_use_by(change.observed.bystanders)}"


def left_to_others(plan: Plan) -> Iterator[str]:
    """A line for each resource that stays because somebody else made it."""
    for change in _kept(plan):
        if change.observed and not change.observed.owned:
            # Something without an owner may be taken over first, and then it goes with the project.
            takes = "; if it is as declared, `reconcile apply` takes it over" if change.observed.claimable else ""
            yield f"{change.address} is left, as it was not made by this project{takes}"


def kept_data(plan: Plan, kinds: Mapping[str, Kind]) -> Sequence[Address]:
    """The project's resources with data in them that stay; nobody removes what others have made."""
    kept = (change for change in _kept(plan) if kinds[change.address.kind].keeps_data)
    return [change.address for change in kept if change.observed and change.observed.owned]


def _kept(plan: Plan) -> Iterator[Change]:
    return (change for change in plan.changes if change.action is Action.KEEP)


def clear(providers: Iterable[Provider]) -> None:
    """Removes the notes that the program kept beside resources that are gone."""
    for provider in providers:
        if isinstance(provider, RemnantSource):
            provider.clear()


def removal(reconciler: Reconciler, kinds: frozenset[str], *, stop: Flag | None = None) -> Iterator[Event | Look]:
    """Delete everything of these kinds that is the project's; what is declared as external is not.

    A network or volume that others use is left, too. Raises Refused for what is protected, and where others would be
    hurt.
    """
    providers = {name: each for name, each in reconciler.providers.items() if kinds & each.kinds.keys()}
    concerned = replace(reconciler, providers=providers)
    desired = concerned.desired()
    external = {resource.address for resource in desired if resource.spec.get("external")}

    def goes(live: Observed) -> bool:
        is_meant = live.owned and live.address.kind in kinds
        return is_meant and not reconciler.policy.leaves(live)

    # Images stay, so nobody asks what they are built from: the context may be gone.
    of_kinds = [resource for resource in desired if concerned.kinds[resource.address.kind].goes_down]
    found = (each for each in concerned.observed(of_kinds) if each.address not in external)
    observed = {each.address: each for each in found}
    look = concerned.planned((), observed, prunes=goes)
    refused = refusals(look.plan, replace(reconciler.policy, deletes=True, may_lose=frozenset(observed)))
    yield replace(look, plan=replace(look.plan, refusals=refused))
    if refused:
        raise Refused(refused)
    yield from execute(look.plan.steps, concerned.perform, reconciler.clock, stop=stop)
