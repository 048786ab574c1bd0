"""Nodes, the machines of a Swarm: what each is for, and what it lacks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from reconciler.core.provider import Machine
from reconciler.providers.docker.table.property import Json, dig

_MANAGER: Final = "manager"
_READY: Final = "ready"
_REACHABLE: Final = "reachable"
_ACTIVE: Final = "active"
_AVAILABILITY: Final = {"drain": "drained", "pause": "paused"}


def name_of(node: Json) -> str:
    return str(dig(node, "Description.Hostname") or node["ID"])


def is_manager(node: Json) -> bool:
    return bool(dig(node, "Spec.Role") == _MANAGER)


def is_down(node: Json) -> bool:
    return bool(dig(node, "Status.State") != _READY)


def is_lost(node: Json) -> bool:
    """Returns whether it is a manager that the others can't reach."""
    return is_manager(node) and dig(node, "ManagerStatus.Reachability") != _REACHABLE


def idle(node: Json) -> str:
    """The word for a node that is to take no new tasks; "" for one that takes them."""
    availability = str(dig(node, "Spec.Availability") or _ACTIVE)
    return "" if availability == _ACTIVE else _AVAILABILITY.get(availability, availability)


def machines(nodes: Iterable[Json]) -> Sequence[Machine]:
    """The nodes by name, for a person."""
    return sorted((_machine(node) for node in nodes), key=lambda machine: machine.name)


def _machine(node: Json) -> Machine:
    lacks = "; ".join(_lacks(node))
    role = "leader" if dig(node, "ManagerStatus.Leader") else str(dig(node, "Spec.Role") or "worker")
    return Machine(name_of(node), role, lacks or _READY, works=not lacks)


def _lacks(node: Json) -> Iterator[str]:
    if is_down(node):
        message = str(dig(node, "Status.Message") or "")
        state = str(dig(node, "Status.State") or "unknown")
        yield f"{state} ({message})" if message else state
    if is_lost(node):
        yield "not reachable as a manager"
    if why := idle(node):
        yield why


# ------------------------------------------------------------------ reasons for which a node has no tasks


def absent(nodes: Iterable[Json]) -> Iterator[str]:
    """Says of each node that takes no tasks why it takes none."""
    for node in nodes:
        if why := _unfit(node, ()):
            yield f"node {name_of(node)} {why}"


def unfit(nodes: Iterable[Json], constraints: Any) -> Iterator[str]:
    """Says of each node why it can't have a task with these constraints."""
    for node in nodes:
        if why := _unfit(node, constraints):
            yield f"{name_of(node)}: {why}"


def _unfit(node: Json, constraints: Any) -> str:
    if is_down(node):
        return f"is {dig(node, 'Status.State')}"
    if why := idle(node):
        return f"is {why}"
    return next((f"is not {each}" for each in constraints if not _holds(node, str(each))), "")


def _holds(node: Json, constraint: str) -> bool:
    """Returns whether a constraint holds for a node; one that is not known here is taken to hold."""
    is_not = "!=" in constraint
    key, _, wanted = constraint.partition("!=" if is_not else "==")
    value = _attribute(node, key.strip())
    return value is None or (value.lower() == wanted.strip().lower()) is not is_not


def _attribute(node: Json, key: str) -> str | None:
    known = {
        "node.id": node.get("ID"),
        "node.hostname": dig(node, "Description.Hostname"),
        "node.ip": dig(node, "Status.Addr"),
        "node.role": dig(node, "Spec.Role"),
        "node.platform.os": dig(node, "Description.Platform.OS"),
        "node.platform.arch": dig(node, "Description.Platform.Architecture"),
    }
    if key in known:
        return str(known[key] or "")
    for prefix, place in (("node.labels.", "Spec.Labels"), ("engine.labels.", "Description.Engine.Labels")):
        if key.startswith(prefix):
            return str((dig(node, place) or {}).get(key.removeprefix(prefix)) or "")
    return None
