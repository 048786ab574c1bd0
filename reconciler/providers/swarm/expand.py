"""The expansion of the canonical stack to what a Swarm holds: networks, configs, secrets, services. Pure.

Volumes are nothing of their own there: a node makes one as the mount of a service says.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final

from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.options import ServiceOptions
from reconciler.core.resource.resource import Origin, Resource, Source
from reconciler.core.resource.units import bytes_of, nanoseconds
from reconciler.core.resource.values import ABSENT, Path, Ref, Value
from reconciler.providers.docker.engine import required_api
from reconciler.providers.docker.engine.required_api import Since
from reconciler.providers.docker.table.names import STARTED
from reconciler.providers.docker.table.property import Json, first, has_part, numbered
from reconciler.providers.swarm.kinds import file, mounts, network, service
from reconciler.providers.swarm.table import labels
from reconciler.vocabulary.compose import FOLDERS

_SECOND: Final = 1_000_000_000
_COMPLETED: Final = "service_completed_successfully"


def _is_no_label(option: str) -> bool:
    return not option.startswith("label")


SINCE: Final[Mapping[tuple[str, ...], Since]] = {
    tuple(path.split(".")): row
    for path, row in {
        "services.*.healthcheck.start_interval": Since((1, 44), "25.0"),
        "services.*.oom_score_adj": Since((1, 46), "27.1"),
        "services.*.security_opt": Since((1, 44), "25.0", lambda each: any(map(_is_no_label, each))),
        "services.*.volumes.*.volume.subpath": Since((1, 45), "26.0"),
    }.items()
}
"""Attributes that an older engine leaves out without a word, and the first version that has each."""


def network_address(key: str) -> Address:
    return Address(network.NAME, (key,))


def service_address(key: str) -> Address:
    return Address(service.NAME, (key,))


def file_address(section: str, key: str) -> Address:
    return Address(file.SECTIONS[section], (key,))


def expand(document: Document) -> Iterator[Resource]:
    """The desired resources of the stack; nothing where no stack is managed."""
    if document.stack is None:
        return
    stack = Stack(document)
    yield from stack.networks()
    yield from stack.files()
    yield from stack.services()


@dataclass(frozen=True)
class Stack:
    """The canonical Compose model, with the questions that expanding asks of it."""

    document: Document

    def section(self, name: str) -> Json:
        return self.document.section(name)

    def origin(self, *path: str | int) -> Origin:
        return self.document.locate(("stack", *path))

    # -------------------------------------------------------------- networks, configs, secrets

    def networks(self) -> Iterator[Resource]:
        for key, item in self.section("networks").items():
            spec = {"name": item["name"]} if item.get("external") else network.declared(item)
            locate = partial(self._source, ("networks", key), network.PATHS)
            yield Resource(network_address(key), spec | {"external": bool(item.get("external"))}, locate=locate)

    def files(self) -> Iterator[Resource]:
        for section in file.SECTIONS:
            for key in self.section(section):
                locate = partial(self._source, (section, key), {})
                yield Resource(file_address(section, key), self._file(section, key), locate=locate)

    def _file(self, section: str, key: str) -> dict[str, Value]:
        """The spec of a config or secret."""
        item = self.section(section)[key]
        spec = {"name": item["name"]} if item.get("external") else file.declared(section, item)
        return spec | {"external": bool(item.get("external"))}

    # -------------------------------------------------------------- services

    def services(self) -> Iterator[Resource]:
        for name, item in self.section("services").items():
            resolved = self._resolved(name, item)
            fields = {
                key: value for key, row in service.ROWS.items() if (value := row.declared(resolved)) is not ABSENT
            }
            spec = {
                **fields,
                "name": f"{self.document.project}_{name}",
                "reference": str(item["image"]),
                "pull_policy": item.get("pull_policy") or "missing",
                "patience_s": _patience(item.get("healthcheck") or {}),
                # Without a declared action the Swarm pauses a failed update, which leaves half of the tasks new.
                "on_failure": (fields.get("update_config") and _said_action(item)) or "rollback",
                "since": required_api.needed(self.document, "services", name, table=SINCE),
            }
            yield Resource(
                service_address(name),
                spec,
                after=dict(self._needs(item)),
                locate=partial(self._source, ("services", name), {key: row.paths for key, row in service.ROWS.items()}),
            )

    def _resolved(self, name: str, item: Json) -> dict[str, Any]:
        """The service with real names and references in place of the file's keys."""
        count = first(item, "scale", "deploy.replicas")
        mode = self._mode(name, item)
        policy = {"restart": item.get("restart") or "no"} if mode in service.JOBS else {}
        return {
            **item,
            **policy,
            "mode": mode,
            "replicas": int(count[1]) if count and mode == service.REPLICATED else ABSENT,
            "networks": dict(self._endpoints(name, item)),
            "volumes": [*map(self._mount, item.get("volumes") or ()), *map(_tmpfs, item.get("tmpfs") or ())],
            **{section: dict(self._mounted(section, item)) for section in file.SECTIONS},
        }

    def _mode(self, name: str, item: Json) -> str:
        """The mode; a service that others await until it has ended is a job, which runs once."""
        said = str((item.get("deploy") or {}).get("mode") or service.REPLICATED)
        is_job = name in self._awaited or bool(ServiceOptions.of(item).job)
        return service.REPLICATED_JOB if is_job and said == service.REPLICATED else said

    @cached_property
    def _awaited(self) -> frozenset[str]:
        """The services that others await until they have ended."""
        return frozenset(
            name
            for each in self.section("services").values()
            for name, need in (each.get("depends_on") or {}).items()
            if need.get("condition") == _COMPLETED
        )

    def _endpoints(self, name: str, item: Json) -> Iterator[tuple[str, Value]]:
        for key, endpoint in (item.get("networks") or {}).items():
            aliases = {name, *((endpoint or {}).get("aliases") or ())}
            options = (endpoint or {}).get("driver_opts") or {}
            yield (
                key,
                {
                    "id": Ref(network_address(key), "id"),
                    "name": self.section("networks")[key]["name"],
                    "aliases": tuple(sorted(aliases)),
                    "driver_opts": {option: str(value) for option, value in options.items()},
                },
            )

    def _mount(self, mount: Json) -> Json:
        """A mount of a named volume with all that a node needs to make the volume."""
        if mount["type"] != "volume" or not mount.get("source"):
            return mount
        item = self.section("volumes")[mount["source"]]
        if item.get("external"):
            return {**mount, "source": item["name"]}
        # The labels tell the nodes' volumes apart from others: a node makes them itself.
        marks = {**(item.get("labels") or {}), **labels.of_stack(self.document.project)}
        return {**mount, "source": item["name"], "made": {**item, "labels": marks}}

    def _mounted(self, section: str, item: Json) -> Iterator[tuple[str, Value]]:
        """Path in the container → config or secret."""
        for each in item.get(section) or ():
            address, called = file_address(section, each["source"]), each.get("target") or each["source"]
            mode = each.get("mode")
            yield (
                posixpath.join(FOLDERS[section], called),
                {
                    "id": Ref(address, "id"),
                    "name": Ref(address, "name"),
                    "uid": str(each.get("uid") or "0"),
                    "gid": str(each.get("gid") or "0"),
                    "mode": mounts.mode_of(None if mode is None else int(str(mode), 8)),
                    "file": called,
                    "wanted": self._file(section, each["source"]),
                },
            )

    def _needs(self, item: Json) -> Iterator[tuple[Address, str]]:
        for key in item.get("networks") or ():
            yield network_address(key), ""
        for section in file.SECTIONS:
            for each in item.get(section) or ():
                yield file_address(section, each["source"]), file.MADE
        for other, need in (item.get("depends_on") or {}).items():
            yield service_address(other), STARTED if need.get("condition") == "service_started" else ""
        for needed in ServiceOptions.of(item).needs:
            yield needed, ""

    # -------------------------------------------------------------- places

    def _source(self, at: tuple[str, str], paths: Mapping[str, Any], path: Path) -> Source | None:
        """The declaration of a field or a part of one, and under () that of the item itself."""
        if not path:
            return Source("", lambda: self.origin(*at))
        field, *rest = path
        where = paths.get(field) or (field,)
        section, key = at
        item = self.section(section)[key]
        found = first(item, *((where,) if isinstance(where, str) else where))
        if not found:
            return None
        declared, value = found
        place = (*at, *declared.split("."))
        return Source(declared, lambda: self.origin(*place, *numbered(value, rest)), has_part(value, rest))


def _said_action(item: Json) -> str:
    """The declared reaction to a failed update; "" where the file says nothing."""
    return str(((item.get("deploy") or {}).get("update_config") or {}).get("failure_action") or "")


def _tmpfs(text: Any) -> Json:
    """A temporary file system in its short form as a mount; checks let no other options through."""
    target, _, options = str(text).partition(":")
    told = dict(option.partition("=")[::2] for option in options.split(",") if option)
    size, mode = told.get("size"), told.get("mode")
    found = {
        **({"size": bytes_of(size)} if size else {}),
        **({"mode": int(mode, 8)} if mode else {}),
    }
    return {"type": "tmpfs", "target": target, "read_only": "ro" in told, "tmpfs": found}


def _patience(check: Json) -> float:
    """Seconds until the Swarm itself must have called a task unhealthy, and some more."""
    span = {key: nanoseconds(check.get(key) or "0s") / _SECOND for key in ("start_period", "interval", "timeout")}
    # One round more than the check has retries, for what the Swarm itself needs.
    rounds = int(check.get("retries") or 3) + 1
    return (
        60.0
        + span["start_period"]
        + (rounds * ((span["interval"] or 30.0) + (span["timeout"] or 30.0)) if check else 0.0)
    )
