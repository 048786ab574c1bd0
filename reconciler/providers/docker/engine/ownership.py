"""The containers of a project: those that carry its labels, and those that it took over.

The labels of a container can't be changed. One that was made by hand becomes the project's by its mark: a volume that
names the container's id and has the labels that the container lacks. Everything that asks for the containers of a
project asks here, so that no command knows fewer of them than another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from reconciler.core.message.errors import Conflict
from reconciler.core.message.wording import listed as in_words
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.table import labels
from reconciler.providers.docker.table.names import NEXT, PREVIOUS, replacement_suffix
from reconciler.providers.docker.table.property import Json, dig
from reconciler.record import Struct

_SWARM: Final = "com.docker.swarm.service.name"
_MOST_NAMES: Final = 4


def of_project(project: str) -> Json:
    """The filter for what carries the labels of a project."""
    return {"label": [f"{labels.PROJECT}={project}"]}


def marks(volumes: Iterable[Json]) -> dict[str, Json]:
    """Id of a container → its mark, of the volumes of a project."""
    marked = (item for item in volumes if labels.MARK in (item.get("Labels") or {}))
    return {item["Labels"][labels.MARK]: item for item in marked}


def taken_over(marks: Mapping[str, Json]) -> list[str]:
    """The ids of the containers that are the project's by a mark."""
    return [container_id for container_id, mark in marks.items() if labels.SERVICE in mark["Labels"]]


def labels_of(own: Mapping[str, str] | None, mark: Json | None) -> dict[str, str]:
    """The labels of a container, with those that its mark has for it."""
    noted: Mapping[str, str] = mark["Labels"] if mark and labels.SERVICE in mark["Labels"] else {}
    return {**(own or {}), **{key: noted[key] for key in labels.OF_WHICH if key in noted}}


def with_labels(inspect: Json, mark: Json | None) -> Json:
    """An inspect with the labels of the container's mark."""
    own = dig(inspect, "Config.Labels")
    return {**inspect, "Config": {**inspect["Config"], "Labels": labels_of(own, mark)}} if mark else inspect


def is_nobodys(own: Mapping[str, str] | None) -> bool:
    """Returns whether a container belongs to no project and no service."""
    return not {labels.PROJECT, _SWARM} & (own or {}).keys()


def called(noun: str, name: str, own: Mapping[str, str] | None) -> str:
    """An object that is not the project's in words, with the project that has it."""
    project = (own or {}).get(labels.PROJECT)
    return f"{noun} {name}{f' of project {project}' if project else ''}"


def listed(engine: Engine, project: str) -> Sequence[Json]:
    """The entries of the engine's list for the containers of a project, each with all its labels."""
    volumes = engine.get("/volumes", filters=of_project(project))["Volumes"] or ()
    known = marks(volumes)
    found: list[Any] = list(engine.get("/containers/json", all=1, filters=of_project(project)))
    # A container that was taken over has no label of the project, as labels can't be added; a mark names it.
    missing = sorted({*taken_over(known)} - {item["Id"] for item in found})
    if missing:
        found += engine.get("/containers/json", all=1, filters={"id": missing})
    return [{**item, "Labels": labels_of(item.get("Labels"), known.get(item["Id"]))} for item in found]


class Standing(Struct, frozen=True):
    """The container that stands for a service under one number, and those that an interrupted run left beside it."""

    item: Json
    leftovers: tuple[Json, ...] = ()

    @property
    def id(self) -> str:
        return str(self.item["Id"])

    def require_startable(self, service: str) -> None:
        """Raises Conflict for a leftover: started beside another, both would write to the same volumes."""
        suffix = replacement_suffix(listed_name(self.item))
        # A successor that was never started may only keep volumes for the container to come.
        is_unused = suffix == NEXT and self.item["State"] == "created"
        if is_unused or (suffix and self.leftovers):
            names = in_words(sorted(map(listed_name, (self.item, *self.leftovers))), _MOST_NAMES)
            reason = f"an interrupted run left {names}, and no container has the name of the service yet"
            raise Conflict(f"service {service} is left as it is: {reason}; `reconcile apply` finishes that run")


def standing(items: Iterable[Json], project: str) -> Mapping[str, Mapping[str, Standing]]:
    """Service → number → the container that stands for it, of ``items`` of the engine's list with their labels.

    It is the one that has the name, else one that runs, else the predecessor: as a pass sees it. Containers of hooks
    and of `docker compose run` stand for nothing.
    """
    groups: dict[str, dict[str, list[Json]]] = {}
    for item in items:
        marks = item["Labels"]
        if not labels.is_one_off(marks):
            numbers = groups.setdefault(marks.get(labels.SERVICE) or listed_name(item), {})
            numbers.setdefault(marks.get(labels.NUMBER) or "1", []).append(item)
    return {
        service: {number: _chosen(group, f"{project}-{service}-{number}") for number, group in numbers.items()}
        for service, numbers in groups.items()
    }


def _chosen(group: Sequence[Json], usual_name: str) -> Standing:
    def rank(item: Json) -> tuple[bool, bool, bool, bool]:
        name = listed_name(item)
        suffix = replacement_suffix(name)
        return not suffix, name == usual_name, item["State"] == "running", suffix == PREVIOUS

    # Of equals the first one counts: the engine lists the newest first.
    chosen = max(group, key=rank)
    return Standing(chosen, tuple(item for item in group if item is not chosen and _is_leftover(item)))


def _is_leftover(item: Json) -> bool:
    return bool(replacement_suffix(listed_name(item)))


def listed_name(item: Json) -> str:
    """The name of a container in the engine's list, which also has those that others link to it by."""
    return str(min(item["Names"], key=len)).lstrip("/")


def forgotten(engine: Engine, project: str) -> Sequence[str]:
    """The names of marks whose containers are gone."""
    volumes = engine.get("/volumes", filters=of_project(project))["Volumes"] or ()
    known = marks(volumes)
    return [mark["Name"] for found, mark in known.items() if engine.get(f"/containers/{found}/json") is None]
