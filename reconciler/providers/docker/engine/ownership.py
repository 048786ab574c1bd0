"""The containers of a project: those that carry its labels, and those that it took over.

The labels of a container can't be changed. One that was made by hand becomes the project's by its mark: a volume that
names the container's id and has the labels that the container lacks. Everything that asks for the containers of a
project asks here, so that no command knows fewer of them than another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.table import labels
from reconciler.providers.docker.table.property import Json, dig

_SWARM: Final = "com.docker.swarm.service.name"


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


def forgotten(engine: Engine, project: str) -> Sequence[str]:
    """The names of marks whose containers are gone."""
    volumes = engine.get("/volumes", filters=of_project(project))["Volumes"] or ()
    known = marks(volumes)
    return [mark["Name"] for found, mark in known.items() if engine.get(f"/containers/{found}/json") is None]
