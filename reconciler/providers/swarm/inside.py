"""The container of a task in which a command can be run: an engine runs commands on its own node alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.core.message.errors import Conflict, NotThere
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.table.property import Json, dig
from reconciler.providers.swarm import nodes, tasks


def container(engine: Engine, service: str, service_id: str, number: int | None) -> str:
    """The id of the container of a service's first running task on this node, or of the task with a number.

    Raises NotThere where there is no such task on this node, Conflict where none runs.
    """
    own = tasks.of_service(engine.get("/tasks", filters={"service": [service_id]}), service_id)
    if number is not None:
        own = [task for task in own if task.get("Slot") == number]
        if not own:
            raise NotThere(f"service {service} has no task {number}")
    up = sorted((task for task in own if tasks.serves(task)), key=lambda task: int(task.get("Slot") or 0))
    if not up:
        which = f"task {number} of service {service}" if number else f"a task of service {service}"
        raise Conflict(f"{which} has to run for this: {tasks.trouble(own) or 'none does'}")
    here = str(dig(engine.own, "Swarm.NodeID") or "")
    found = next((task for task in up if task.get("NodeID") == here), None)
    if found is None:
        raise NotThere(_elsewhere(engine, up, here))
    return str(dig(found, "Status.ContainerStatus.ContainerID"))


def _elsewhere(engine: Engine, up: Sequence[Json], here: str) -> str:
    known = {str(node["ID"]): nodes.name_of(node) for node in engine.get("/nodes")}
    places = ", ".join(_places(up, known))
    return (
        f"a command can only be run on the node that the connection leads to, which is {known.get(here, here)}; "
        f"it runs on {places}: set DOCKER_HOST to the engine there"
    )


def _places(up: Iterable[Json], known: dict[str, str]) -> Sequence[str]:
    ids = dict.fromkeys(str(task.get("NodeID")) for task in up)
    return [known.get(each, each) for each in ids]
