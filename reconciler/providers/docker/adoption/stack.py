"""Live containers, chosen by the names of projects or their own, as the model of a stack file. Reads only.

A project that Compose or we made is known by its labels, and written as a whole. Containers without a project are
written each as a service of its own name.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from reconciler.core.message.errors import NotThere
from reconciler.core.provider import Adoption, MadeOf
from reconciler.providers.docker.adoption.service import DEFAULT, Live, Names, Written, written
from reconciler.providers.docker.container import endpoints, volumes_from
from reconciler.providers.docker.container.mounts import anonymous_volumes
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.engine.commandline import separator_of
from reconciler.providers.docker.engine.failures import NoReference
from reconciler.providers.docker.engine.ownership import listed_name, standing
from reconciler.providers.docker.kinds import network, volume
from reconciler.providers.docker.table import labels
from reconciler.providers.docker.table.property import Json, dig

_OF_THE_ENGINE: Final = ("bridge", "host", "none")
_UNUSABLE: Final = ("dead", "removing")
_SWARM: Final = "com.docker.swarm.service.name"
_STACK: Final = "com.docker.stack.namespace"


def projects(engine: Engine) -> Sequence[str]:
    """The names of the projects that have containers on the engine."""
    found = (_labels(item).get(labels.PROJECT) for item in engine.get("/containers/json", all=1))
    return sorted({name for name in found if name})


def adopted(engine: Engine, names: Sequence[str], project: str, directory: str) -> Adoption:
    """The stack of a project and of containers without one. Raises NotThere for what there is not, or can't be.

    ``names`` are those of at most one project, and of containers. ``project`` is the name of the stack where only
    containers are named, ``directory`` that of the file.
    """
    listed = [item for item in engine.get("/containers/json", all=1) if not labels.is_one_off(_labels(item))]
    chosen, project = _chosen(listed, names, project)
    return _Stack(engine, project, directory, chosen, listed).adoption()


def _labels(item: Json) -> Mapping[str, str]:
    found: Mapping[str, str] = item.get("Labels") or {}
    return found


def _chosen(listed: Sequence[Json], names: Sequence[str], project: str) -> tuple[Sequence[Json], str]:
    """The chosen containers, and the name of their project."""
    by_project: dict[str, list[Json]] = {}
    for item in listed:
        by_project.setdefault(_labels(item).get(labels.PROJECT, ""), []).append(item)
    # A project of this name comes before a container of this name.
    own = [name for name in names if name in by_project]
    if len(own) > 1:
        raise NotThere(f"{' and '.join(own)} are two projects; adopt each into a directory of its own")
    found = list(by_project[own[0]]) if own else []
    for name in (name for name in names if name not in by_project):
        found.append(_container(listed, name, by_project))
    if not own and project in by_project:
        raise NotThere(f"there is a project `{project}` already; name it, or give another name with -p")
    return found, own[0] if own else project


def _container(listed: Sequence[Json], name: str, by_project: Mapping[str, Any]) -> Json:
    # The start of an id may also be somebody's name, and then the name counts.
    is_id = bool(endpoints.ID.fullmatch(name))
    by_id = next((item for item in listed if is_id and item["Id"].startswith(name)), None)
    found = next((item for item in listed if listed_name(item) == name), by_id)
    if found is None:
        there = sorted({*filter(None, by_project), *(listed_name(item) for item in by_project.get("", ()))})
        known = f"; there are {', '.join(there)}" if there else "; the engine has none"
        raise NotThere(f"there is neither a project nor a container `{name}`{known}")
    marks = _labels(found)
    if labels.PROJECT in marks:
        raise NotThere(f"the container `{name}` belongs to the project `{marks[labels.PROJECT]}`; adopt that project")
    if _SWARM in marks:
        of_stack = f"; adopt the stack `{marks[_STACK]}`" if _STACK in marks else ", which can't be adopted"
        raise NotThere(f"the container `{name}` belongs to the Swarm service `{marks[_SWARM]}`{of_stack}")
    return found


@dataclass
class _Stack:
    """One look at the chosen containers, and at what they use."""

    engine: Engine
    project: str
    directory: str
    chosen: Sequence[Json]
    listed: Sequence[Json]
    remarks: list[str] = field(default_factory=list)

    def adoption(self) -> Adoption:
        groups = self._services()
        networks, volumes = self._networks(groups), self._volumes(groups)
        services, secrets = self._written(groups, self._named(groups, networks, volumes))
        model = {
            "name": self.project,
            "services": services,
            # The default network needs a word in the file only if something about it is special.
            "networks": {key: said for key, said in networks.values() if said or key != DEFAULT},
            "volumes": dict(volumes.values()),
            "secrets": {name: {"file": path} for name, path in secrets.items()},
        }
        return self._adopted({key: value for key, value in model.items() if value}, groups)

    def _adopted(self, model: Mapping[str, Any], groups: Mapping[str, Sequence[Json]]) -> Adoption:
        """The model, with what its containers tell of the files that they were made of."""
        first = {service: group[0] for service, group in groups.items()}
        made_of = [labels.config_files(dig(each, "Config.Labels") or {}) for each in first.values()]
        return Adoption(
            model,
            tuple(dict.fromkeys(self.remarks)),
            next((MadeOf(*each) for each in made_of if each[0]), MadeOf()),
            {
                service: frozenset(posixpath.normpath(mount["Destination"]) for mount in each.get("Mounts") or ())
                for service, each in first.items()
            },
            {service: str(each["Id"]) for service, each in first.items()},
        )

    def _named(
        self,
        groups: Mapping[str, Sequence[Json]],
        networks: Mapping[str, tuple[str, Any]],
        volumes: Mapping[str, tuple[str, Any]],
    ) -> Names:
        return Names(
            self.project,
            self.directory,
            services={each["Id"]: service for service, group in groups.items() for each in group},
            containers={item["Id"]: listed_name(item) for item in self.listed},
            networks={name: key for name, (key, _) in networks.items()},
            volumes={name: key for name, (key, _) in volumes.items()},
            separator=separator_of(self.engine.environment),
        )

    # -------------------------------------------------------------- services

    def _services(self) -> dict[str, list[Json]]:
        """Service → inspect of its containers, the first of them first."""
        groups: dict[str, list[Json]] = {}
        left = self._leftovers()
        for item in self.chosen:
            if item["Id"] in left:
                self.remarks.append(f"{listed_name(item)} was left by an interrupted run, and is left out")
                continue
            inspect = self.engine.get(f"/containers/{item['Id']}/json")
            state = dig(inspect, "State.Status") if inspect else "removing"
            # Such a container has no settings that could be trusted, and would stop the adoption of the others.
            if state in _UNUSABLE:
                self.remarks.append(f"{listed_name(item)} is {state}, and left out; remove it with `docker rm -f`")
            else:
                groups.setdefault(_labels(item).get(labels.SERVICE) or listed_name(item), []).append(inspect)
        return {service: sorted(groups[service], key=_number) for service in sorted(groups)}

    def _leftovers(self) -> frozenset[str]:
        """The ids of containers that an interrupted replacement left beside the one that stands for the service."""
        found = standing([{**item, "Labels": _labels(item)} for item in self.chosen], self.project)
        return frozenset(
            item["Id"] for numbers in found.values() for each in numbers.values() for item in each.leftovers
        )

    def _written(self, groups: Mapping[str, Sequence[Json]], names: Names) -> tuple[dict[str, Any], dict[str, str]]:
        services: dict[str, Any] = {}
        secrets: dict[str, str] = {}
        for service, group in groups.items():
            done = written(self._live(group[0]), service, names)
            # The first container speaks for all of its service; differences of the others are remarks.
            self.remarks += [*done.remarks, *self._replicas(service, group)]
            scale = {"scale": len(group)} if len(group) > 1 else {}
            services[service] = {**done.service, **scale, **self._renamed(service, done, secrets)}
        return services, secrets

    def _renamed(self, service: str, done: Written, secrets: dict[str, str]) -> Json:
        """The secrets of a service, added to those of the stack; two of one name are kept apart."""
        mounted: list[Any] = []
        for name, path in done.secrets.items():
            # Two services may have different files under one name.
            key = name if secrets.setdefault(name, path) == path else f"{service}-{name}"
            secrets.setdefault(key, path)
            mounted.append(name if key == name else {"source": key, "target": name})
        return {"secrets": mounted} if mounted else {}

    def _replicas(self, service: str, group: Sequence[Json]) -> Iterator[str]:
        numbers = [_number(each) for each in group]
        if numbers != list(range(1, len(group) + 1)):
            counted = ", ".join(map(str, numbers))
            yield f"the containers of {service} have the numbers {counted}; apply would count from 1"

    def _live(self, inspect: Json) -> Live:
        image = self.engine.get(f"/images/{inspect['Image']}/json") or {}
        lent = volumes_from.mounts(dig(inspect, "HostConfig.VolumesFrom") or (), self._inspect)
        own = {each.get("Target") for each in dig(inspect, "HostConfig.Mounts") or ()}
        lent = {target: mount for target, mount in lent.items() if target not in own}
        return Live(inspect, image.get("Config") or {}, self._reference(inspect, image), self.engine.own, lent)

    def _inspect(self, name: str) -> Json | None:
        found: Json | None = self.engine.inspected(name)
        return found

    def _reference(self, inspect: Json, image: Json) -> str:
        """The name of a container's image; another one where that name now belongs to another image."""
        reference = str(dig(inspect, "Config.Image"))
        try:
            named = self.engine.get(f"/images/{reference}/json") or {}
        except NoReference:
            named = {}
        # The name moved on to a newer image, so it would recreate another container than the live one.
        if named.get("Id") == inspect["Image"]:
            return reference
        other = next(iter((*(image.get("RepoTags") or ()), *(image.get("RepoDigests") or ()))), str(inspect["Image"]))
        name = str(inspect["Name"]).lstrip("/")
        self.remarks.append(f"{name} was made of {reference}, which now is another image; it is written as {other}")
        return other

    # -------------------------------------------------------------- networks and volumes

    def _networks(self, groups: Mapping[str, Sequence[Json]]) -> dict[str, tuple[str, dict[str, Any]]]:
        """The engine's name → the file's key and what the file says, of the networks that the containers are in."""
        joined = [(each, _endpoints(each)) for group in groups.values() for each in group]
        names = sorted({name for _, found in joined for name in found} - {*_OF_THE_ENGINE})
        # Only in a network with a declared pool may a container ask for an address.
        addressed = {
            name
            for _, own in joined
            for name, endpoint in own.items()
            if any((endpoint.get("IPAMConfig") or {}).get(key) for key in ("IPv4Address", "IPv6Address"))
        }
        mine = {each["Id"] for each, _ in joined}
        found: dict[str, tuple[str, dict[str, Any]]] = {}
        for name in names:
            shown = self.engine.get(f"/networks/{name}") or {"Name": name}
            # With others in it, a network is not this project's alone: it is referred to, and not managed.
            others = {*(shown.get("Containers") or {})} - mine
            key, is_own = self._key(shown, labels.NETWORK, is_shared=bool(others))
            is_there = is_own and "Driver" in shown
            said = network.said(shown, is_addressed=name in addressed) if is_there else {"external": True}
            found[name] = _named(self.project, name, key, said, taken={each for each, _ in found.values()})
        return found

    def _volumes(self, groups: Mapping[str, Sequence[Json]]) -> dict[str, tuple[str, dict[str, Any]]]:
        mine = {each["Id"] for group in groups.values() for each in group}
        used = {name for group in groups.values() for each in group for name in _volumes_of(each)}
        shared = {
            str(mount.get("Name"))
            for item in self.listed
            if item["Id"] not in mine
            for mount in item.get("Mounts") or ()
        }
        found: dict[str, tuple[str, dict[str, Any]]] = {}
        for name in sorted(used):
            shown = self.engine.get(f"/volumes/{name}") or {"Name": name}
            key, is_own = self._key(shown, labels.VOLUME, is_shared=name in shared)
            said = volume.said(shown) if is_own and "Driver" in shown else {"external": True}
            found[name] = _named(self.project, name, key, said, taken={each for each, _ in found.values()})
        return found

    def _key(self, shown: Json, label: str, *, is_shared: bool) -> tuple[str, bool]:
        """The key in the file, and whether it is the stack's own.

        Without labels it is one that somebody made by hand: a project knows it as external, and containers without a
        project have it to themselves unless others use it, too.
        """
        marks = shown.get("Labels") or {}
        if marks.get(labels.PROJECT) == self.project:
            return str(marks.get(label) or shown["Name"]), True
        is_of_nobody = labels.PROJECT not in marks and not is_shared
        in_project = any(_labels(item).get(labels.PROJECT) == self.project for item in self.chosen)
        return str(shown["Name"]), is_of_nobody and not in_project


def _named(
    project: str, name: str, key: str, said: dict[str, Any], *, taken: Iterable[str]
) -> tuple[str, dict[str, Any]]:
    """The key and what stands below it, with the name where the key does not lead to it."""
    key = f"{key}_" if key in taken else key
    return key, said if name == f"{project}_{key}" and "external" not in said else {"name": name, **said}


def _number(inspect: Json) -> int:
    text = str((dig(inspect, "Config.Labels") or {}).get(labels.NUMBER) or "1")
    return int(text) if text.isdecimal() else 1


def _endpoints(inspect: Json) -> Mapping[str, Any]:
    found: Mapping[str, Any] = dig(inspect, "NetworkSettings.Networks") or {}
    return found


def _volumes_of(inspect: Json) -> Iterator[str]:
    """The volumes with a name that a container mounts."""
    unnamed = {*anonymous_volumes(inspect).values()}
    for mount in inspect.get("Mounts") or ():
        if mount["Type"] == "volume" and mount.get("Name") and mount["Name"] not in unnamed:
            yield mount["Name"]
