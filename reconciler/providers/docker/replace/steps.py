"""Changes of all Docker kinds into steps. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from reconciler.core.difference.change import Action, Change
from reconciler.core.plan.plan import Step
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import Value
from reconciler.providers.docker.container import claims
from reconciler.providers.docker.kinds import container, image, network, volume
from reconciler.providers.docker.replace import container as replacement
from reconciler.providers.docker.replace import handover, turns
from reconciler.providers.docker.table import labels, names
from reconciler.providers.docker.table.property import Json
from reconciler.record import replace

PULL_TIMEOUT_S = 1800.0
BUILD_TIMEOUT_S = 3600.0


def steps(changes: Sequence[Change], project: str) -> Sequence[Step]:
    """All steps of one pass; the planner adds the edges between resources."""
    awaited, circles = handover.waits(changes), handover.circles(changes)
    renewed = {c.address for c in changes if c.address.kind == volume.NAME and c.action is Action.REPLACE}
    given_way = handover.giving_way([change for change in changes if change.address.kind == container.NAME])
    giving = {change.address for givers in given_way.values() for change in givers}
    members = _members(changes)
    services: dict[str, list[tuple[Change, Sequence[Step]]]] = {}
    made: list[Step] = []
    for change in changes:
        if change.address.kind != container.NAME:
            own_steps = [*_STEPS[change.address.kind](change, project)]
            created = [step for step in own_steps if step.verb == "network.create"]
            joining = members.get(change.address.name, ())
            made += [*own_steps, *(joined for step in created for joined in _joined(change, step, joining))]
            continue
        # A container with a volume that is made anew has to let go of it, whatever turn its service is at.
        holds_renewed = bool(change.observed and change.observed.after & renewed)
        own = replacement.steps(
            change,
            awaited=change.address in awaited,
            in_circle=change.address in circles,
            holds_renewed=holds_renewed,
            stands_in=given_way.get(change.address, ()),
            gives_way=change.address in giving,
        )
        # Containers that hold renewed volumes are down together, so they take no turns.
        services.setdefault("" if holds_renewed else change.address.path[0], []).append((change, own))
    together = services.pop("", [])
    made += [step for _, steps in together for step in steps]
    in_plan = tuple(_containers(changes))
    in_turn = (step for parts in services.values() for step in turns.in_turn(tuple(_prepared(parts))))
    return [_knowing(step, in_plan) for step in (*made, *in_turn)]


def _members(changes: Sequence[Change]) -> Mapping[str, Sequence[Change]]:
    """The containers that are to be in each network, by its key."""
    found: dict[str, list[Change]] = {}
    for change in changes:
        for key in replacement.networks(change.desired) if change.address.kind == container.NAME else ():
            found.setdefault(key, []).append(change)
    return found


def _containers(changes: Sequence[Change]) -> Iterator[str]:
    """The ids of the containers that are in the plan. Their own labels may not tell: some were taken over."""
    for change in changes:
        if change.address.kind == container.NAME and change.observed and change.observed.owned:
            yield change.observed.id


def _knowing(step: Step, in_plan: Sequence[str]) -> Step:
    """A step that is not to take containers of the plan for those of strangers."""
    args: dict[str, Any] = dict(step.args)
    if step.verb == "network.remove":
        args["disconnects"] = (*args["disconnects"], *in_plan)
    if holds := args.get("holds"):
        args["holds"] = {**holds, "own": (*holds["own"], *in_plan)}
    return replace(step, args=args)


def _prepared(parts: Sequence[tuple[Change, Sequence[Step]]]) -> Iterator[tuple[Change, Sequence[Step]]]:
    """The containers of one service: what is run before the first one comes before all of them."""
    own = (step for change, steps in parts if len(change.address.path) == 1 for step in steps)
    prepared = next((step.id for step in own if step.milestone == names.PREPARED), None)
    for change, (first, *rest) in ((change, steps) for change, steps in parts if steps):
        is_other = len(change.address.path) > 1 and any(step.verb == "container.start" for step in (first, *rest))
        waits = frozenset({prepared}) if prepared and is_other else frozenset[str]()
        yield change, (replace(first, after=first.after | waits), *rest)


def _step(change: Change, verb: str, **args: Value) -> Step:
    return Step(f"{change.address}:{verb}", change.address, verb, args, change.reason)


def _joined(change: Change, created: Step, members: Sequence[Change]) -> Iterator[Step]:
    """Connects running containers as soon as their network is made: nobody finds them by their names until then.

    The next pass connects those that are left out here.
    """
    key = change.address.name
    fixed = {each.address for each in members if claims.addresses({key: replacement.networks(each.desired)[key]})}
    found = {each.address: step for each in members if (step := replacement.joined(each, key))}
    first = frozenset(_id_of(change, address) for address in found if address in fixed)
    for address, step in found.items():
        # The engine might choose the very address that another container is to have, so those with one come first.
        if address in fixed or fixed <= found.keys():
            yield replace(
                step,
                id=_id_of(change, address),
                address=change.address,
                why=f"{address} is connected",
                after=frozenset({created.id}),
                behind=frozenset[str]() if address in fixed else first,
            )


def _id_of(change: Change, user: Address) -> str:
    return f"{change.address}:connect:{user}"


def _network(change: Change, project: str) -> Iterator[Step]:
    """A network's endpoints leave with it."""
    owner = {labels.PROJECT: project, labels.NETWORK: change.address.name}
    users = tuple(bystander.id for bystander in change.observed.bystanders) if change.observed else ()
    removed: dict[str, Value] = {"disconnects": users, "owner": {labels.PROJECT: project}}
    return _plain(change, "network", lambda: network.body(_spec(change), owner), removed)


def _volume(change: Change, project: str) -> Iterator[Step]:
    owner = {labels.PROJECT: project, labels.VOLUME: change.address.name}
    return _plain(change, "volume", lambda: volume.body(_spec(change), owner))


def _plain(
    change: Change, noun: str, body: Callable[[], Json], removed: Mapping[str, Value] = MappingProxyType({})
) -> Iterator[Step]:
    """The steps of resources that are only made and removed whole; ``removed`` is needed for the removal."""
    if change.action is Action.CREATE and _is_external(change):
        yield _missing(change)
        return
    is_made, is_removed = change.action is not Action.DELETE, change.action is not Action.CREATE
    if change.acts:
        yield from replacement.chained(
            # Only a creation can need a newer engine; a removal works with any.
            replacement.required(change) if is_made else (),
            [_step(change, f"{noun}.remove", **{noun: _live_id(change)}, **removed)] if is_removed else (),
            [_step(change, f"{noun}.create", body=body())] if is_made else (),
        )


def _image(change: Change, _project: str) -> Iterator[Step]:
    spec = _spec(change)
    match change.action:
        # Only another name: nothing has to be built for that.
        case Action.UPDATE if {field.path[0] for field in change.fields} == {"tags"}:
            yield _step(change, "image.tag", reference=spec["ref"], tags=image.names(spec["build"]))
        case Action.CREATE | Action.UPDATE if image.is_built(spec):
            needs = spec.get("needs", ())
            step = _step(change, "image.build", reference=spec["ref"], build=spec["build"], needs=needs)
            yield replace(step, timeout_s=BUILD_TIMEOUT_S)
        # `never` pulls nothing, so the missing image is an error with the line that says so.
        case Action.CREATE if spec["pull_policy"] == "never":
            yield _step(change, "image.missing", reference=spec["ref"], at=_place(change))
        case Action.CREATE | Action.UPDATE:
            is_dated = spec.get("refresh_s") is not None
            step = _step(change, "image.pull", reference=spec["ref"], platform=spec["platform"], is_dated=is_dated)
            yield replace(step, timeout_s=PULL_TIMEOUT_S)
        case _:
            return


_STEPS = {network.NAME: _network, volume.NAME: _volume, image.NAME: _image}


def _missing(change: Change) -> Step:
    return _step(change, "external.missing", name=_spec(change)["name"], at=_place(change))


def _place(change: Change) -> str:
    """The place where a resource is declared."""
    return str((change.desired.origin if change.desired else None) or "")


def _is_external(change: Change) -> bool:
    return bool(_spec(change).get("external"))


def _spec(change: Change) -> Mapping[str, Any]:
    return change.desired.spec if change.desired else {}


def _live_id(change: Change) -> str:
    assert change.observed
    return change.observed.id
