"""How the containers of a service are replaced: one beside the other or not, how many at a time, and what if one fails.

``deploy.update_config``, with what holds where it says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from reconciler.core.change import Action, Change
from reconciler.core.kind import Effect
from reconciler.core.plan import Step
from reconciler.core.resource import Observed, Resource
from reconciler.core.units import nanoseconds
from reconciler.core.values import Spec, Value
from reconciler.providers.docker import claims
from reconciler.providers.docker.property import Json

STEADY_S: Final = 5.0
"""How long a successor without a health check has to stay up before its predecessor is removed."""

LAST_WORD: Final = "remove:predecessor"
"""How the id of the step ends that takes a predecessor away."""

_SECOND: Final = 1_000_000_000
_CONTAINER: Final = "docker.container"
_ENGINES: Final = (".sock",)  # how the name of what is no data ends
_ITS_OWN: Final = ("mac_address", "link_local_ips")


def declared(service: Json, *, lends: bool, several: bool) -> Value:
    """The settings of a service; others live in the namespaces that it ``lends``, and ``several`` share its data."""
    said = (service.get("deploy") or {}).get("update_config") or {}
    return {
        "order": said.get("order") or "",
        "parallelism": int(said.get("parallelism", 1)),
        "delay_s": _seconds(said.get("delay")),
        "on_failure": said.get("failure_action") or "rollback",
        "hold_s": _seconds(said["monitor"]) if said.get("monitor") else STEADY_S,
        "monitored": bool(said.get("monitor")),
        "lends": lends,
        "several": several,
    }


def _seconds(span: Any) -> float:
    return nanoseconds(span or "0s") / _SECOND


# ------------------------------------------------------------------ one beside the other


def overlaps(desired: Resource, observed: Observed) -> bool:
    """Whether the successor may be started while its predecessor runs: where they need nothing that only one can have.

    Two that write the same data are one too many, unless there are to be several anyway. And what gives something up
    may have to do so before what it needs can be there.
    """
    rollout: Any = desired.spec["rollout"]
    spec, live = desired.spec, observed.spec
    if rollout["order"] == "stop-first" or live.get("state") != "running" or spec.get("state") != "running":
        return False
    return not (
        rollout["lends"]
        or claims.running(spec) & claims.running(live)
        or any(_is_shared_space(str(each.get("network_mode"))) for each in (spec, live))
        or any(key in endpoint for endpoint in _mapping(spec, "networks").values() for key in _ITS_OWN)
        or observed.facts.get("anonymous")
        or "volumes_from" in spec
        or _named(live) - _named(spec)
        or (claims.running(live) - claims.running(spec) and any(need.kind == _CONTAINER for need in desired.after))
        or (not rollout["several"] and _written(spec) & _written(live))
        or ("hostname" in spec and rollout["order"] != "start-first")
    )


def _is_shared_space(mode: str) -> bool:
    return mode.partition(":")[0] in ("host", "container")


def _written(spec: Spec) -> frozenset[Value]:
    """The volumes and directories that a container may write to."""
    mounts = _mapping(spec, "volumes").values()
    written = (mount["source"] for mount in mounts if mount["type"] in ("volume", "bind") and not mount["read_only"])
    return frozenset(source for source in written if not str(source).endswith(_ENGINES))


def _named(spec: Spec) -> frozenset[Value]:
    """The volumes of a container. Of those that it no longer has, or that are not known yet, one may be made anew."""
    mounts = _mapping(spec, "volumes").values()
    return frozenset(mount["source"] for mount in mounts if mount["type"] == "volume")


def _mapping(spec: Spec, name: str) -> Mapping[str, Any]:
    found = spec.get(name)
    return found if isinstance(found, Mapping) else {}


# ------------------------------------------------------------------ one after the other


def in_turn(parts: Sequence[tuple[Change, Sequence[Step]]]) -> Iterator[Step]:
    """The steps of one service's containers, so many containers at a time as may be out of service.

    Where one that fails takes the others back with it, predecessors are kept, stopped, until all are through.
    """
    taking = [(change, steps) for change, steps in parts if steps and _takes_turns(change, steps)]
    turns = [steps for _, steps in taking]
    if len(turns) > 1 and _setting(taking[0][0], "on_failure") == "rollback":
        turns = _all_or_none(turns, at_once=_setting(taking[0][0], "parallelism") or len(turns))
    first = {steps[0].id: number for number, steps in enumerate(turns)}
    replaced = {step.id: step for steps in turns for step in steps}
    for change, steps in parts:
        for step in (replaced.get(step.id, step) for step in steps):
            number = first.get(step.id)
            before = [_settled(each) for each in turns[:number]]
            yield step if number is None else _at_its_turn(step, change, before)


def _all_or_none(turns: Sequence[Sequence[Step]], *, at_once: int) -> list[Sequence[Step]]:
    """Who fails takes back who came before, and who is at work beside; the way back of who did not begin is none."""
    ends = frozenset(_settled(steps).id for steps in turns)
    backs = [next((step.on_failure for step in reversed(steps) if step.on_failure), ()) for steps in turns]

    def bound(step: Step, number: int) -> Step:
        if _is_last_word(step):
            return replace(step, after=step.after | ends)
        if not step.on_failure:
            return step
        others = [back for other, back in enumerate(backs[: number + at_once]) if other != number]
        return replace(step, on_failure=(*step.on_failure, *(step for back in reversed(others) for step in back)))

    return [[bound(step, number) for step in steps] for number, steps in enumerate(turns)]


def _is_last_word(step: Step) -> bool:
    """After it there is no predecessor to go back to."""
    return step.id.endswith(f":{LAST_WORD}")


def _settled(steps: Sequence[Step]) -> Step:
    """The step after which a container is as it should be."""
    return next(step for step in reversed(steps) if not _is_last_word(step))


def _setting(change: Change, name: str) -> Any:
    rollout: Any = change.desired.spec["rollout"] if change.desired else {}
    return rollout.get(name)


def _takes_turns(change: Change, steps: Sequence[Step]) -> bool:
    """Whether it is out of service meanwhile, or an interrupted run left a predecessor to go back to."""
    is_out = change.action in (Action.UPDATE, Action.REPLACE) and change.effect >= Effect.RECONNECT
    return is_out or any(map(_is_last_word, steps))


def _at_its_turn(step: Step, change: Change, before: Sequence[Step]) -> Step:
    at_once, delay_s = _setting(change, "parallelism") or len(before) + 1, _setting(change, "delay_s")
    if len(before) < at_once:
        return step
    last = frozenset({before[-at_once].id})
    if _setting(change, "on_failure") == "continue":
        return replace(step, behind=step.behind | last, delay_s=delay_s)
    return replace(step, after=step.after | last, delay_s=delay_s)
