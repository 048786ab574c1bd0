"""Tasks, the containers of a service as the Swarm plans them: which serve, and what is wrong with the others. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from reconciler.providers.docker.table.property import Json, dig

FAILED: Final = ("failed", "rejected")
ENDED: Final = (*FAILED, "complete", "shutdown", "remove", "orphaned")
_RUNNING: Final = "running"


def state(task: Json) -> str:
    return str(dig(task, "Status.State") or "new")


def slot(task: Json) -> str:
    """The place of a task in its service: a number, or the node where each node has one."""
    return str(task.get("Slot") or task.get("NodeID") or task["ID"])


def serves(task: Json) -> bool:
    """Returns whether a task runs, and is to go on."""
    return state(task) == _RUNNING and task.get("DesiredState") == _RUNNING


def running(tasks: Iterable[Json]) -> Mapping[str, str]:
    """Slot → id of the task that serves there."""
    return {slot(task): str(task["ID"]) for task in tasks if serves(task)}


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
