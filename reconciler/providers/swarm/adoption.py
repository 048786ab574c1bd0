"""Live services of a stack as the model of a stack file: all that a Swarm would not give them by itself. Reads only.

A stack that `docker stack deploy` or we made is known by its label, and written as a whole.
"""

from __future__ import annotations

import base64
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from reconciler.core.message.errors import NotThere
from reconciler.core.provider import Adoption
from reconciler.core.resource.options import OPTIONS
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.table.property import Json, dig, merged
from reconciler.providers.swarm.kinds import file, mounts, network, service
from reconciler.providers.swarm.observe import SCOPE
from reconciler.providers.swarm.table import images, labels
from reconciler.vocabulary.compose import FOLDERS

_DEFAULT: Final = "default"


def projects(engine: Engine) -> Sequence[str]:
    """The names of the stacks on the Swarm; none where the engine is no manager of one."""
    if not dig(engine.own, "Swarm.ControlAvailable"):
        return ()
    found = ((each["Spec"].get("Labels") or {}).get(labels.NAMESPACE) for each in engine.get("/services"))
    return sorted({name for name in found if name})


def adopted(engine: Engine, names: Sequence[str]) -> Adoption:
    """The model of a stack. Raises NotThere for what there is not, and for more than one."""
    there = projects(engine)
    if len(names) != 1 or names[0] not in there:
        known = f"there are {', '.join(there)}" if there else "there is none"
        raise NotThere(f"name one stack of the Swarm, and nothing else: {known}")
    return _Stack(engine, names[0]).adoption()


@dataclass
class _Stack:
    """One look at the services of a stack, and at what they use."""

    engine: Engine
    project: str
    remarks: list[str] = field(default_factory=list)

    def adoption(self) -> Adoption:
        services = {self._key(each["Spec"]["Name"]): self._service(each) for each in self._services}
        networks = {key: self._network(key, each) for key, each in self._used_networks.items()}
        model: dict[str, Any] = {
            "name": self.project,
            OPTIONS: {"engine": "swarm"},
            "services": services,
            # A file without a word about it has the network `default` as well.
            "networks": {key: said for key, said in networks.items() if said or key != _DEFAULT},
            "volumes": dict(self._volumes()),
            **{section: dict(self._files(section)) for section in file.SECTIONS},
        }
        return Adoption({key: value for key, value in model.items() if value}, tuple(dict.fromkeys(self.remarks)))

    def _key(self, name: str) -> str:
        return name.removeprefix(f"{self.project}_")

    # -------------------------------------------------------------- lists

    @cached_property
    def _services(self) -> Sequence[Json]:
        found = self.engine.get("/services")
        own = (each for each in found if labels.is_of_stack(each["Spec"].get("Labels"), self.project))
        return sorted(own, key=lambda each: str(each["Spec"]["Name"]))

    @cached_property
    def _networks(self) -> Mapping[str, Json]:
        return {each["Id"]: each for each in self.engine.get("/networks", filters=SCOPE)}

    @cached_property
    def _used_networks(self) -> Mapping[str, Json]:
        """Key → network, of those that services are in."""
        ids = (each["Target"] for live in self._services for each in dig(live, "Spec.TaskTemplate.Networks") or ())
        found = (self._networks[each] for each in dict.fromkeys(ids) if each in self._networks)
        return {self._key(each["Name"]): each for each in found}

    @cached_property
    def _live_files(self) -> Mapping[str, Mapping[str, Json]]:
        """Section → id → config or secret."""
        return {section: {each["ID"]: each for each in self.engine.get(f"/{section}")} for section in file.SECTIONS}

    def _file_key(self, section: str, identity: str) -> str:
        return file.key_of(self._live_files[section][identity]["Spec"]["Name"], self.project)

    # -------------------------------------------------------------- services

    def _service(self, live: Json) -> dict[str, Any]:
        spec, name = live["Spec"], self._key(live["Spec"]["Name"])
        rows = (row.declaration(row.read(spec)) for row in service.ROWS.values())
        parts = merged(
            {"image": self._image(spec)},
            *rows,
            self._mounts(spec),
            self._joined(name, spec),
            *(self._mounted(section, spec) for section in file.SECTIONS),
        )
        return merged(parts, _restarts(spec)) if service.mode_of(spec) in service.JOBS else parts

    def _image(self, spec: Json) -> str:
        """The image as the file had it, if it is the one that runs; else its name without the digest of the moment."""
        live = str(service.IMAGE.read(spec))
        declared = str((spec.get("Labels") or {}).get(labels.IMAGE) or "")
        # `docker stack deploy` keeps the name of the file in a label, and puts a digest into the image.
        if declared and images.is_same(live, images.familiar(declared)):
            return declared
        name, _, _digest = live.partition("@")
        return name if ":" in name.rpartition("/")[2] else live

    def _joined(self, name: str, spec: Json) -> Json:
        endpoints: Any = service.NETWORKS.read(spec)
        said: dict[str, Json] = {}
        for identity, endpoint in endpoints.items() if isinstance(endpoints, Mapping) else ():
            found = self._networks.get(identity)
            # The service's own name is an alias without being declared.
            aliases = [alias for alias in endpoint["aliases"] if alias != name]
            options = dict(endpoint["driver_opts"])
            part = {**({"aliases": aliases} if aliases else {}), **({"driver_opts": options} if options else {})}
            said[self._key(found["Name"]) if found else identity] = part
        if not said:
            self.remarks.append(f"{name} is in no network, which a file can't say; apply would put it into {_DEFAULT}")
        if said in ({}, {_DEFAULT: {}}):
            return {}
        return {"networks": said if any(said.values()) else list(said)}

    def _mounts(self, spec: Json) -> Json:
        found: Any = service.ROWS["volumes"].read(spec)
        said = [self._mount(target, mount) for target, mount in sorted(found.items())] if found else []
        return {"volumes": said} if said else {}

    def _mount(self, target: str, mount: Json) -> Json:
        said = mounts.said(target, mount)
        if mount["type"] == "volume" and mount.get("source"):
            return {**said, "source": self._key(mount["source"])}
        return said

    def _mounted(self, section: str, spec: Json) -> Json:
        found: Any = service.ROWS[section].read(spec)
        said = [
            self._mounted_file(section, target, each)
            for target, each in sorted(found.items() if isinstance(found, Mapping) else ())
            if each["id"] in self._live_files[section]
        ]
        return {section: said} if said else {}

    def _mounted_file(self, section: str, target: str, each: Json) -> Any:
        key, folder = self._file_key(section, each["id"]), FOLDERS[section]
        is_usual = target == posixpath.join(folder, key)
        # A secret's target is a name below /run/secrets; a config's is a path.
        at = posixpath.relpath(target, folder) if section == "secrets" and target.startswith(f"{folder}/") else target
        usual = {"uid": "0", "gid": "0", "mode": mounts.mode_of(None)}
        owner = {name: each[name] for name, value in usual.items() if each[name] != value}
        return {"source": key, **({} if is_usual else {"target": at}), **owner} if owner or not is_usual else key

    # -------------------------------------------------------------- what services use

    def _network(self, key: str, live: Json) -> Json:
        if not labels.is_of_stack(live.get("Labels"), self.project):
            return {"external": True, "name": live["Name"]}
        named = {} if live["Name"] == f"{self.project}_{key}" else {"name": live["Name"]}
        return {**named, **network.said(live)}

    def _volumes(self) -> Iterator[tuple[str, Json]]:
        """The volumes that mounts name: those with the stack's label are its own."""
        for live in self._services:
            found: Any = service.ROWS["volumes"].read(live["Spec"])
            for mount in found.values() if isinstance(found, Mapping) else ():
                if mount["type"] == "volume" and mount.get("source"):
                    yield self._key(mount["source"]), self._volume(mount)

    def _volume(self, mount: Json) -> Json:
        name, marks = mount["source"], mount.get("labels") or {}
        if not labels.is_of_stack(marks, self.project):
            return {"external": True, "name": name}
        driver, own = mount.get("driver") or {}, labels.declared_only(marks)
        return {
            **({} if name == f"{self.project}_{self._key(name)}" else {"name": name}),
            **({"driver": driver["name"]} if driver.get("name", "local") != "local" else {}),
            **({"driver_opts": dict(driver["options"])} if driver.get("options") else {}),
            **({"labels": own} if own else {}),
        }

    def _files(self, section: str) -> Iterator[tuple[str, Json]]:
        """The configs or secrets that services have."""
        noun = section.removesuffix("s").capitalize()
        used = (
            each[f"{noun}ID"]
            for live in self._services
            for each in dig(live, f"Spec.TaskTemplate.ContainerSpec.{noun}s") or ()
        )
        for identity in dict.fromkeys(used):
            if identity in self._live_files[section]:
                yield self._file_key(section, identity), self._file(section, self._live_files[section][identity])

    def _file(self, section: str, live: Json) -> Json:
        spec = live["Spec"]
        marks = spec.get("Labels") or {}
        content = _text(spec.get("Data")) if section == "configs" else None
        if content is None or not labels.is_of_stack(marks, self.project):
            why = "its content can't be read back" if section == "secrets" else "it is no text, or not of the stack"
            self.remarks.append(f"{section.removesuffix('s')} {spec['Name']} is written as external: {why}")
            return {"external": True, "name": spec["Name"]}
        own, template = labels.declared_only(marks), dig(spec, "Templating.Name")
        return {
            "content": content,
            **({"labels": own} if own else {}),
            **({"template_driver": template} if template else {}),
        }


def _restarts(spec: Json) -> Json:
    """The restart policy of a job, which a file has to say where it is not the one that a job has by itself."""
    row = service.ROWS["restart_policy"]
    policy: Any = row.read(spec)
    if policy == {**row.load(None), "condition": "none"}:  # type: ignore[dict-item]
        return {"deploy": {"restart_policy": {}}}
    return {"deploy": {"restart_policy": {key: value for key, value in policy.items() if value not in ("0s", 0)}}}


def _text(data: Any) -> str | None:
    # Data that is no UTF-8 can't stand in a file, and an empty `content` would be refused there.
    try:
        return base64.b64decode(data or "").decode() or None
    except UnicodeDecodeError:
        return None
