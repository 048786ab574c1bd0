"""A change on the engine in memory, killed at each moment of each request, and what the next run makes of it.

A program that is killed leaves the engine as it is at that very instant, whatever its threads are about to do. So one
undisturbed run is recorded, with a copy of the engine at each moment, and a next run begins at each copy that differs.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from reconciler.core.message.errors import ReconcileError
from reconciler.record import Struct
from tests.kit.docker.memory import PROJECT, MemoryEngine
from tests.kit.docker.scenarios import STRANGER, Scenario


class State(Struct, frozen=True):
    """An engine as it was at one or more moments.

    There are three for each request: it was not sent, it was carried out and not answered, it was answered.
    """

    engine: bytes
    moments: list[str]


def distinct(states: Iterable[State]) -> list[State]:
    """The states of which no two differ in ids and times alone."""
    found: dict[str, State] = {}
    for state in states:
        engine = MemoryEngine.restored(state.engine)
        ready = [health_of(engine, each) for each in engine.containers.values()]
        found.setdefault(_LOCK.sub("lock", repr((normal(engine), ready, len(engine.executed)))), state)
    return list(found.values())


_LOCK = re.compile(f"(?<=reconcile-lock-{PROJECT}-)[0-9a-f]+")


def health_of(engine: MemoryEngine, container: Mapping[str, Any]) -> Any:
    return engine.inspect(container["Id"])["State"].get("Health")


class Recorded(Struct, frozen=True):
    """An undisturbed run: the engine's states in between, and at its end."""

    states: tuple[State, ...]
    end: bytes
    actions: int
    left: list[str]
    down: int
    unfound: int

    @property
    def points(self) -> int:
        return sum(len(state.moments) for state in self.states)


def recorded(scenario: Scenario) -> Recorded:
    """Run the change, and keep the engine at each moment."""
    engine = MemoryEngine.restored(scenario.begun)
    states: dict[bytes, State] = {}
    last, before, names = scenario.begun, serving(engine), found_names(engine)

    def watch(moment: str, call: str) -> None:
        nonlocal last
        if moment == "done" and not call.startswith("GET"):
            last = engine.saved()
        state = states.setdefault(last, State(last, []))
        named = ("before",) if moment == "asked" else ("during", "after")
        state.moments.extend(f"{each} request {len(engine.calls)}, {call}" for each in named)

    engine.watch = watch
    report, looks = scenario.run(engine)
    assert bool(report.failed) == scenario.fails, [event.note for event in report.failed]
    engine.watch = lambda _moment, _call: None
    left = scenario.left(engine)
    assert bool(left) == scenario.fails, left
    down = _moments_without(before & serving(engine), states.values(), serving)
    unfound = _moments_without(names & found_names(engine), states.values(), found_names)
    return Recorded(tuple(states.values()), engine.saved(), actions_of(looks), left, down, unfound)


def _moments_without(
    wanted: frozenset[str], states: Iterable[State], look: Callable[[MemoryEngine], frozenset[str]]
) -> int:
    """The number of moments in which something that is there before and after the change is missing."""
    return sum(len(each.moments) for each in states if wanted - look(MemoryEngine.restored(each.engine)))


def problems(scenario: Scenario, run: Recorded, state: State, *, more: int) -> Iterator[str]:
    """The faults after a kill in this state and one more run, which may have so many actions ``more``."""
    engine = after_the_kill(state.engine)
    killed = f"killed {state.moments[0]}, and at {len(state.moments) - 1} other moments: "
    try:
        report, looks = scenario.run(engine)
    except ReconcileError as error:
        yield f"{killed}the next run ends with {error}"
        return
    if bool(report.failed) != scenario.fails:
        yield f"{killed}the next run fails: {[event.note for event in report.failed]}"
    if actions_of(looks) > run.actions + more:
        yield f"{killed}the next run has {actions_of(looks)} actions, an undisturbed one {run.actions}"
    yield from (f"{killed}{each}" for each in problems_at_the_end(scenario, run, engine))


def problems_at_the_end(scenario: Scenario, run: Recorded, engine: MemoryEngine) -> Iterator[str]:
    """The differences between what disturbed runs have made of an engine, and what an undisturbed one has."""
    if (left := scenario.left(engine)) != run.left:
        yield f"still to do: {left}"
    begun, end = MemoryEngine.restored(scenario.begun), MemoryEngine.restored(run.end)
    if foreign(engine) != foreign(begun):
        yield "what is a stranger's was touched"
    had, has, may_have = kept(begun), kept(engine), kept(end)
    if lost := [name for name in had if had[name] == may_have.get(name) != has.get(name)]:
        yield f"lost: {lost}"
    yield from differences(normal(engine), normal(end))


def differences(found: Any, wanted: Any, at: str = "") -> Iterator[str]:
    """A line for each place in which two worlds differ."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        for key in sorted({*found, *wanted}):
            yield from differences(found.get(key), wanted.get(key), f"{at}.{key}" if at else key)
    elif found != wanted:
        yield f"{at} is {found}, after an undisturbed run {wanted}"


def actions_of(looks: Any) -> int:
    return sum(change.acts for look in looks for change in look.plan.changes)


@cache
def ended_process() -> str:
    """The number of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
        return str(process.pid)


def after_the_kill(saved: bytes) -> MemoryEngine:
    """The engine as a next run finds it: whoever left marks of locks is dead."""
    engine = MemoryEngine.restored(saved)
    for volume in engine.volumes.values():
        if "reconcile.lock.pid" in volume["Labels"]:
            volume["Labels"] |= {"reconcile.lock.pid": ended_process()}
    return engine


def serving(engine: MemoryEngine) -> frozenset[str]:
    """The services of the project that have a running container."""
    marks = (each["Config"]["Labels"] for each in engine.containers.values() if each["State"]["Status"] == "running")
    return frozenset(
        mark[f"{_COMPOSE}service"]
        for mark in marks
        if mark.get(f"{_COMPOSE}project") == PROJECT and mark.get(f"{_COMPOSE}oneoff") != "True"
    )


_COMPOSE = "com.docker.compose."


def found_names(engine: MemoryEngine) -> frozenset[str]:
    """The names, each with its network, under which running containers of the project find each other."""
    networks = {each["Id"] for each in engine.networks.values()}
    return frozenset(
        f"{alias} in {name}"
        for each in engine.containers.values()
        if each["State"]["Status"] == "running" and each["Config"]["Labels"].get(f"{_COMPOSE}project") == PROJECT
        for name, endpoint in each["NetworkSettings"]["Networks"].items()
        for alias in set(endpoint["Aliases"] or ()) - {each["Id"][:12]}
        if endpoint["NetworkID"] in networks
    )


# ------------------------------------------------------------------ worlds, compared


def foreign(engine: MemoryEngine) -> Mapping[str, Any]:
    """All that is the stranger's, down to the ids."""
    everything = [*engine.containers.values(), *engine.networks.values(), *engine.volumes.values()]
    found = {each["Name"]: each for each in everything if STRANGER in each["Name"]}
    return {**found, "contents": {name: each for name, each in engine.contents.items() if STRANGER in name}}


def kept(engine: MemoryEngine) -> Mapping[str, int]:
    """The data there are: those of volumes with a name, and of those that only a container's path leads to."""
    found = {name: content for name, content in engine.contents.items() if len(name) != _ANONYMOUS}
    found = {name: content for name, content in found.items() if not name.startswith("reconcile-")}
    for each in engine.containers.values():
        for mount in each["Mounts"]:
            if mount["Type"] == "volume" and len(mount["Name"]) == _ANONYMOUS:
                found[f"{each['Name']}:{mount['Destination']}"] = engine.contents[mount["Name"]]
    return found


_ANONYMOUS = 64


def normal(engine: MemoryEngine) -> Mapping[str, Any]:
    """The engine without ids, addresses and times: two that are equal here serve in the same way."""
    networks = {each["Id"]: each["Name"] for each in engine.networks.values()}
    names = {each["Id"]: each["Name"] for each in engine.containers.values()}
    return {
        "containers": {
            each["Name"]: dict(_normal_container(each, networks, names)) for each in engine.containers.values()
        },
        "networks": {
            each["Name"]: {key: value for key, value in each.items() if key not in ("Id", "IPAM")}
            for each in engine.networks.values()
        },
        "volumes": {
            name: {key: names.get(value, value) for key, value in each["Labels"].items()}
            for name, each in engine.volumes.items()
            if len(name) != _ANONYMOUS
        },
        "unnamed": sum(len(name) == _ANONYMOUS for name in engine.volumes),
    }


def _normal_container(
    container: Mapping[str, Any], networks: Mapping[str, str], names: Mapping[str, str]
) -> Iterator[tuple[str, Any]]:
    short = container["Id"][:12]
    mode, _, other = container["HostConfig"]["NetworkMode"].partition(":")
    yield "host", {**container["HostConfig"], "NetworkMode": f"{mode}:{names.get(other, '')}"} | {"Mounts": None}
    yield "config", {key: value for key, value in container["Config"].items() if key != "Hostname"}
    yield (
        "mounts",
        [
            {**mount, "Name": len(mount["Name"]) == _ANONYMOUS or mount["Name"]} if "Name" in mount else mount
            for mount in container["Mounts"]
        ],
    )
    yield "image", container["Image"]
    yield "state", container["State"]["Status"]
    yield "copied", container.get("copied")
    yield (
        "networks",
        {
            name: {
                "aliases": sorted(set(endpoint["Aliases"] or ()) - {short}),
                "is_there": not endpoint["NetworkID"] or networks.get(endpoint["NetworkID"]) == name,
            }
            for name, endpoint in container["NetworkSettings"]["Networks"].items()
        },
    )
