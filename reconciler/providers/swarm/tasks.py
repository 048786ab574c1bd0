"""Tasks, the containers of a service as the Swarm plans them: which serve, and what is wrong with the others. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.providers.docker.table.property import Json, dig

FAILED: Final = ("failed", "rejected")
ENDED: Final = (*FAILED, "complete", "shutdown", "remove", "orphaned")
_RUNNING: Final = "running"


def state(task: Json) -> str:
    return str(dig(task, "Status.State") or "new")


def slot(task: Json) -> str:
    """The place of a task in its service: a number, or the node where each node has one."""
    return str(task.get("Slot") or task.get("NodeID") or task["ID"])


def running(tasks: Iterable[Json]) -> Mapping[str, str]:
    """Slot → id of the task that serves there."""
    return {
        slot(task): str(task["ID"])
        for task in tasks
        if state(task) == _RUNNING and task.get("DesiredState") == _RUNNING
    }


def failures(tasks: Iterable[Json]) -> Sequence[Json]:
    """The tasks that have failed, the newest first."""
    return sorted((task for task in tasks if state(task) in FAILED), key=_since, reverse=True)


def ended(tasks: Iterable[Json]) -> Sequence[Json]:
    """The tasks of a service that has no end which ended all the same, the newest first."""
    return sorted((task for task in tasks if state(task) in (*FAILED, "complete")), key=_since, reverse=True)


def _since(task: Json) -> str:
    return str(dig(task, "Status.Timestamp") or task.get("CreatedAt") or "")


def complete(tasks: Iterable[Json]) -> int:
    """The number of tasks of a job that have ended well."""
    return sum(state(task) == "complete" for task in tasks)


def words(task: Json) -> str:
    """The state of a task, with the Swarm's reason for it."""
    why = dig(task, "Status.Err") or dig(task, "Status.Message") or ""
    code = dig(task, "Status.ContainerStatus.ExitCode")
    exited = f", exit code {code}" if code and str(code) not in why else ""
    return f"{state(task)}: {why}{exited}" if why else f"{state(task)}{exited}"


def trouble(tasks: Iterable[Json]) -> str:
    """The reason why a service lacks tasks, by the task that tells most; "" where none tells."""
    waiting = [task for task in tasks if state(task) not in ENDED and state(task) != _RUNNING]
    found = next((task for task in waiting if dig(task, "Status.Err")), None)
    found = found or next(iter(failures(tasks)), None) or next(iter(waiting), None)
    return words(found) if found else ""


def unplaced(tasks: Iterable[Json]) -> str:
    """The reason for which a task that is to run has no node; "" where each has one."""
    waiting = (task for task in tasks if state(task) == "pending" and task.get("DesiredState") == _RUNNING)
    return next((str(why) for task in waiting if (why := dig(task, "Status.Err"))), "")


def of_service(tasks: Iterable[Json], service_id: str) -> Sequence[Json]:
    return [task for task in tasks if task.get("ServiceID") == service_id]


def absent(nodes: Iterable[Json]) -> Iterator[str]:
    """Says of each node that takes no tasks why it takes none."""
    for node in nodes:
        if why := _unfit(node, ()):
            yield f"node {dig(node, 'Description.Hostname') or node['ID']} {why}"


def unfit(nodes: Iterable[Json], constraints: Any) -> Iterator[str]:
    """Says of each node why it can't have a task with these constraints."""
    for node in nodes:
        if why := _unfit(node, constraints):
            yield f"{dig(node, 'Description.Hostname') or node['ID']}: {why}"


def _unfit(node: Any, constraints: Any) -> str:
    if dig(node, "Status.State") != "ready":
        return f"is {dig(node, 'Status.State')}"
    if dig(node, "Spec.Availability") != "active":
        return f"is {dig(node, 'Spec.Availability')}"
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
