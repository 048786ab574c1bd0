"""Changes of all Swarm kinds into steps. Pure.

The Swarm does the rolling: a service is one update and a wait until its tasks are new. The way back is the Swarm's too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.core.difference.change import Action, Change
from reconciler.core.plan.plan import Step
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Health
from reconciler.core.resource.units import nanoseconds
from reconciler.core.resource.values import Value
from reconciler.providers.docker.table.names import STARTED
from reconciler.providers.swarm.kinds import file, network, service

_GONE_WITHIN_S: Final = 120.0
_SECOND: Final = 1_000_000_000
_PLACED_WITHIN_S: Final = 30.0
"""A node that suits a task rarely comes by itself, and the Swarm itself waits for ever."""

_JOB_TIMEOUT_S: Final = 600.0
_STEADY_S: Final = 5.0
"""The time for which tasks of a new service without a health check must stay up; an update is watched by the Swarm."""

_NOUNS: Final = {file.CONFIG: "configs", file.SECRET: "secrets"}


def steps(changes: Sequence[Change], project: str) -> Sequence[Step]:
    """All steps of one pass; the planner adds the edges between resources."""
    renewed = {each.address for each in changes if each.address.kind == network.NAME and each.action is Action.REPLACE}
    awaited = _awaited(changes)
    of_services: dict[Address, list[Step]] = {}
    for change in changes:
        if change.address.kind == service.NAME:
            # Tasks can't leave a network that is made anew, so their services are removed first and made again.
            is_anew = bool(change.observed and change.observed.after & renewed)
            own = _service(change, project, is_anew=is_anew, is_awaited=change.address in awaited)
            of_services[change.address] = list(own)
    made = [step for own in of_services.values() for step in own]
    for change in changes:
        if change.address.kind == network.NAME:
            made += _network(change, project)
        elif change.address.kind in _NOUNS:
            # What a service still uses can't be removed, so old objects go after the services have moved.
            users = (each for each in changes if change.address in _used(each))
            behind = frozenset(step.id for user in users for step in of_services.get(user.address, ()))
            made += _file(change, project, behind)
    return made


def _used(change: Change) -> frozenset[Address]:
    """The resources that a service uses before or after a change."""
    live = change.observed.after if change.observed else frozenset[Address]()
    return live | frozenset(change.desired.after if change.desired else ())


def _awaited(changes: Sequence[Change]) -> set[Address]:
    """Kept services that are not up yet, or not all new, and that somebody who acts waits for.

    An old config or secret is kept for as long as a service may have to go back to it.
    """
    acting = [change.desired for change in changes if change.acts and change.desired]
    needed = {need for resource in acting for need, milestone in resource.after.items() if not milestone}
    files = {change.address for change in changes if change.acts and change.address.kind in _NOUNS}
    return {
        change.address
        for change in changes
        if change.action is Action.KEEP
        and (change.address in needed or files & _used(change))
        and change.observed
        and change.observed.status.health is not Health.OK
    }


def _step(change: Change, verb: str, /, **more: Any) -> Step:
    args = more.pop("args", {})
    return Step(f"{change.address}:{verb}", change.address, verb, args, change.reason, **more)


def _spec(change: Change) -> Mapping[str, Any]:
    return change.desired.spec if change.desired else {}


def _live_id(change: Change) -> str:
    assert change.observed
    return change.observed.id


# ------------------------------------------------------------------ networks, configs, secrets


def _missing(change: Change) -> Step:
    origin = change.desired.origin if change.desired else None
    return _step(change, "external.missing", args={"name": _spec(change)["name"], "at": str(origin or "")})


def _network(change: Change, project: str) -> Iterator[Step]:
    if change.action is Action.CREATE and _spec(change).get("external"):
        yield _missing(change)
        return
    removal = (
        _step(change, "network.remove", args={"network": _live_id(change)}, timeout_s=_GONE_WITHIN_S)
        if (change.action in (Action.DELETE, Action.REPLACE))
        else None
    )
    if removal:
        yield removal
    if change.action in (Action.CREATE, Action.REPLACE):
        after = frozenset({removal.id}) if removal else frozenset[str]()
        yield _step(change, "network.create", args={"body": network.body(_spec(change), project)}, after=after)


def _file(change: Change, project: str, users: frozenset[str]) -> Iterator[Step]:
    """A new object comes before the services that move to it, and old ones go after the last of these has moved."""
    section, spec = _NOUNS[change.address.kind], _spec(change)
    if change.action is Action.CREATE and spec.get("external"):
        yield _missing(change)
        return
    args: dict[str, Value] = {"section": section, "project": project, "spec": spec}
    first: Step | None = None
    old: tuple[str, ...] = ()
    match change.action:
        case Action.CREATE | Action.REPLACE:
            is_fresh = change.action is Action.REPLACE
            first = _step(change, "file.create", args={**args, "is_fresh": is_fresh}, milestone=file.MADE)
            old = (_live_id(change), *_leftovers(change)) if is_fresh else ()
        case Action.UPDATE:
            if any(field.path[0] == "labels" for field in change.fields):
                live = {"id": _live_id(change), "digest": _content(change)}
                first = _step(change, "file.update", args={**args, **live}, milestone=file.MADE)
            old = _leftovers(change)
        case Action.DELETE:
            old = (_live_id(change), *_leftovers(change))
    if first:
        yield first
    if old:
        yield _old_removed(change, old, users | (frozenset({first.id}) if first else frozenset()))


def _old_removed(change: Change, ids: Sequence[str], after: frozenset[str]) -> Step:
    args: dict[str, Value] = {"section": _NOUNS[change.address.kind], "ids": tuple(ids)}
    is_last = change.action is not Action.DELETE
    return _step(change, "file.remove", args=args, after=after, trailing=is_last, timeout_s=_GONE_WITHIN_S)


def _leftovers(change: Change) -> tuple[str, ...]:
    found: Any = change.observed.facts.get("leftovers", ()) if change.observed else ()
    return tuple(found)


def _content(change: Change) -> Value:
    assert change.observed
    return change.observed.spec["content"]


# ------------------------------------------------------------------ services


def _service(change: Change, project: str, *, is_anew: bool, is_awaited: bool) -> Iterator[Step]:
    if change.action is Action.DELETE:
        yield _removal(change)
    elif change.acts:
        # First: an older manager leaves out what it does not know, and a removal could not be taken back.
        needs = _spec(change)["since"]
        first = [_step(change, "engine.require", args={"needs": needs})] if needs else []
        is_new = change.observed is None or is_anew or service.is_made_anew(change.fields)
        if is_new and change.observed:
            first.append(_removal(change, after=frozenset(step.id for step in first)))
        yield from first
        made = _made(change, project, is_new=is_new, after=frozenset(step.id for step in first[-1:]))
        yield made
        yield from _waits(change, made, is_new=is_new)
    elif is_awaited:
        yield from _waits(change, None, is_new=False)


def _made(change: Change, project: str, *, is_new: bool, after: frozenset[str]) -> Step:
    """The step that makes or changes a service."""
    values, about = _values(change), _about(change, project)
    if is_new:
        args = {**about, "fields": values}
        return _step(change, "service.create", args=args, after=after, milestone=STARTED)
    changed = {field.path[0] for field in change.fields}
    seen: Value = change.observed.facts["spec"] if change.observed else {}
    args = {**about, "fields": {name: value for name, value in values.items() if name in changed}, "seen": seen}
    return _step(change, "service.update", args=args, after=after, milestone=STARTED)


def _removal(change: Change, after: frozenset[str] = frozenset()) -> Step:
    """Its tasks leave networks and configs only when they have ended, so their end is awaited."""
    grace: Any = change.observed.spec.get("stop_grace_period", "10s") if change.observed else "10s"
    return _step(
        change,
        "service.remove",
        args={"service": _live_id(change)},
        after=after,
        lets_go=change.action is not Action.DELETE,
        timeout_s=_GONE_WITHIN_S + nanoseconds(grace) / _SECOND,
    )


def _about(change: Change, project: str) -> dict[str, Value]:
    spec = _spec(change)
    return {key: spec[key] for key in ("name", "reference", "pull_policy")} | {"project": project}


def _values(change: Change) -> dict[str, Value]:
    """The fields of a service as they are to be; those that the file leaves out as a Swarm has them by itself."""
    assert change.desired
    if change.observed is None:
        return {name: change.desired.spec[name] for name in service.ROWS if name in change.desired.spec}
    expected = service.expect(change.desired, change.observed)
    if service.is_made_anew(change.fields):
        return {name: value for name, value in expected.items() if name in change.desired.spec}
    return dict(expected)


def _waits(change: Change, before: Step | None, *, is_new: bool) -> Iterator[Step]:
    """Waits until the tasks have a node, which takes no time or for ever, and then until all of them are new and up."""
    spec = _spec(change)
    is_job = str(spec.get("mode")) in service.JOBS
    args: dict[str, Value] = {"service": spec["name"], "is_job": is_job, "constraints": spec.get("constraints") or ()}
    # A rollback goes back to the spec before; a new service and a job have none.
    is_back = before is not None and not is_new and not is_job and spec["on_failure"] == "rollback"
    back = _step(change, "service.rollback", args={"service": spec["name"]}) if is_back else None
    way_back: dict[str, Any] = {"on_failure": (back,), "returns_to": "its tasks as before"} if back else {}
    after = frozenset({before.id}) if before else frozenset[str]()
    placed = _step(change, "service.place", args=args, after=after, timeout_s=_PLACED_WITHIN_S, **way_back)
    yield placed
    # Without a health check a task counts as up as soon as it runs, so it is watched for a while.
    is_watched = is_new and not is_job and "healthcheck" not in spec
    yield _step(
        change,
        "service.wait",
        args=args,
        after=frozenset({placed.id}),
        timeout_s=_JOB_TIMEOUT_S if is_job else _limit_s(spec),
        hold_s=_STEADY_S if is_watched else 0.0,
        serves=True,
        **way_back,
    )


def _limit_s(spec: Mapping[str, Any]) -> float:
    """Seconds for all tasks of a service, some at a time."""
    rollout: Mapping[str, Any] = spec.get("update_config") or {}
    count = int(spec.get("replicas") or 1)
    batches = -(-count // int(rollout.get("parallelism") or count))
    each_s = spec["patience_s"] + _seconds(rollout.get("delay") or "0s") + _seconds(rollout.get("monitor") or "5s")
    return float(batches * each_s)


def _seconds(span: Any) -> float:
    return nanoseconds(span) / _SECOND
