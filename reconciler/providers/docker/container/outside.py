"""Containers outside the project that a service names: in its namespaces, its links, or as the source of volumes.

The file has a name, a short id or an id, and the engine keeps the id. What is not there, or does not run, is reported
before anything is stopped for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Resource
from reconciler.core.resource.values import Value
from reconciler.providers.docker.container import restarts
from reconciler.providers.docker.table.property import Json, dig
from reconciler.vocabulary.compose import CONTAINER

NAMESPACES: Final = ("network_mode", "ipc", "pid")


def references(document: Document, name: str, service: Json, own: Mapping[str, str]) -> Iterator[dict[str, Value]]:
    """The containers that a service names, apart from those of the project's ``own`` services.

    Each with its place, and whether the container is attached to it, which it can only be while the other one runs.
    """
    for path, container, is_attached in _named(service):
        if container not in own:
            origin = document.locate(("stack", "services", name, *path))
            yield {"container": container, "at": str(origin), "path": str(path[0]), "is_attached": is_attached}


def _named(service: Json) -> Iterator[tuple[tuple[str | int, ...], str, bool]]:
    for key in NAMESPACES:
        mode = str(service.get(key) or "")
        if mode.startswith(CONTAINER):
            yield (key,), mode.removeprefix(CONTAINER), True
    for index, source in enumerate(map(str, service.get("volumes_from") or ())):
        if source.startswith(CONTAINER):
            yield ("volumes_from", index), source.removeprefix(CONTAINER).partition(":")[0], False
    # On the default bridge the engine refuses a link to a container that does not run.
    is_on_bridge = service.get("network_mode") in BRIDGE
    for index, link in enumerate(map(str, service.get("external_links") or () if is_on_bridge else ())):
        yield ("external_links", index), link.partition(":")[0], True


BRIDGE: Final = ("bridge", "default")
"""The network modes of the engine's own bridge, on which only links give names."""


def facts(found: Mapping[str, Json | None]) -> dict[str, Value]:
    """Reference → id and times of the containers that are there."""
    return {name: {"id": inspect["Id"], **restarts.outputs(inspect)} for name, inspect in found.items() if inspect}


def lost(desired: Resource | None, found: Mapping[str, Any]) -> str:
    """Says which container it is still attached to that is up no more: nothing reaches it there, though it runs."""
    wanted: Any = desired.spec.get("outside", ()) if desired else ()
    gone = (
        each["container"]
        for each in wanted
        if each["is_attached"] and not found.get(each["container"], {}).get(restarts.STARTED)
    )
    name = next(gone, "")
    return f"attached to the container `{name}`, which does not run; start that one" if name else ""


def lacks(wanted: Any, inspected: Callable[[str], Json | None]) -> Iterator[tuple[str, str]]:
    """Finds named containers that can't be used, with the reason."""
    for each in wanted:
        container, found = each["container"], inspected(each["container"])
        if not found:
            yield (
                each["at"],
                f"`{each['path']}` names the container `{container}`, which does not exist; create it first",
            )
        elif each["is_attached"] and dig(found, "State.Status") not in restarts.UP:
            state = dig(found, "State.Status")
            yield each["at"], f"`{each['path']}` names the container `{container}`, which is {state}; start it first"
