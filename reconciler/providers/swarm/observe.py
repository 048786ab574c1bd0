"""Reads what there is of a stack: a list for each kind, which holds all there is to know of each object.

Tasks are read only where a service lacks some, and a registry is asked only for images that are to be the newest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from reconciler.core.message.errors import Conflict, Denied, Rejected
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Health, Observed, Resource, Status
from reconciler.core.resource.values import ABSENT, Spec, Value
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.table.property import Json, dig
from reconciler.providers.swarm import nodes, tasks
from reconciler.providers.swarm.expand import file_address, network_address, service_address
from reconciler.providers.swarm.kinds import file, network, service
from reconciler.providers.swarm.table import labels

SCOPE: Final = {"scope": ["swarm"]}
UNDER_WAY: Final = {"updating": "an update is under way", "rollback_started": "an update is taken back"}
ENDED_BADLY: Final = ("paused", "rollback_paused")
"""States of an update that stay until somebody acts."""


class Reader:
    """One look at the Swarm, for a stack and its desired resources."""

    def __init__(self, engine: Engine, project: str, desired: Collection[Resource]) -> None:
        self._engine, self._project = engine, project
        self._desired = {resource.address: resource for resource in desired}

    def read(self) -> Iterator[Observed]:
        yield from self._networks()
        for section in file.SECTIONS:
            yield from self._files(section)
        for each in self._live_services:
            address = self._address(each["Spec"]["Name"], each["Spec"].get("Labels"), service.NAME, service_address)
            if address:
                yield self._service(address, each)

    # -------------------------------------------------------------- lists

    @cached_property
    def _live_services(self) -> Sequence[Json]:
        return list(self._engine.get("/services", status="true"))

    @cached_property
    def _live_networks(self) -> Sequence[Json]:
        """The networks that services can be in: those of the Swarm, and those that each node has."""
        return list(self._engine.get("/networks", filters=SCOPE))

    @cached_property
    def _live_files(self) -> Mapping[str, Sequence[Json]]:
        return {section: list(self._engine.get(f"/{section}")) for section in file.SECTIONS}

    @cached_property
    def _live_tasks(self) -> Sequence[Json]:
        return list(self._engine.get("/tasks"))

    @cached_property
    def _absent_nodes(self) -> Sequence[str]:
        """The nodes that take no tasks, with the reasons."""
        return tuple(nodes.absent(self._engine.get("/nodes")))

    def _address(self, name: str, marks: Any, kind: str, made: Any) -> Address | None:
        """The address of a live object; one without our label under a desired name stands for that resource."""
        named = next((each for each, wanted in self._desired.items() if _is_called(wanted, kind, name)), None)
        if named or not labels.is_of_stack(marks, self._project):
            return named
        found: Address = made(name.removeprefix(f"{self._project}_"))
        return found

    # -------------------------------------------------------------- networks, configs, secrets

    def _networks(self) -> Iterator[Observed]:
        for each in self._live_networks:
            address = self._address(each["Name"], each.get("Labels"), network.NAME, network_address)
            if address:
                yield Observed(
                    address,
                    each["Id"],
                    network.read(each),
                    owned=labels.is_of_stack(each.get("Labels"), self._project),
                    outputs={"id": each["Id"]},
                )

    def _files(self, section: str) -> Iterator[Observed]:
        groups: dict[Address, list[Json]] = {}
        for each in self._live_files[section]:
            if address := self._file_address(section, each):
                groups.setdefault(address, []).append(each)
        for address, group in groups.items():
            yield self._file(section, address, group)

    def _file_address(self, section: str, live: Json) -> Address | None:
        name, marks = live["Spec"]["Name"], live["Spec"].get("Labels") or {}
        # Leases of runs are configs, too, and no part of any stack.
        if labels.LEASE in marks:
            return None
        # An external object has no mark of the project; only its declared name leads to it.
        if not labels.is_of_stack(marks, self._project):
            return next(
                (each for each, wanted in self._desired.items() if _is_called(wanted, file.SECTIONS[section], name)),
                None,
            )
        own = (each for each in self._desired.values() if each.address.kind == file.SECTIONS[section])
        # A rotated object has a name with a suffix, so the declared names are compared first.
        named = next((each.address for each in own if file.is_named(name, str(each.spec["name"]))), None)
        return named or file_address(section, file.key_of(name, self._project))

    def _file(self, section: str, address: Address, group: Sequence[Json]) -> Observed:
        """The object that is meant, and beside it those that a rotation has left."""
        wanted = self._desired.get(address)
        spec: Spec = wanted.spec if wanted and not wanted.spec.get("external") else {}
        name, source = str(spec.get("name") or address.name), spec.get("source")
        now = file.digest_now(name, source) if source else ABSENT
        # Somebody else's with the declared name stands for the resource only where there is none of ours.
        ours = [each for each in group if labels.is_of_stack(each["Spec"].get("Labels"), self._project)]
        rated = sorted(ours or group, key=lambda each: str(each["CreatedAt"]), reverse=True)
        found = [(each, file.read(section, name, each, source)) for each in rated]
        # The meant one has the present content; after an interrupted rotation it need not be the newest.
        is_meant = ((each, read) for each, read in found if read["name"] == name and read["content"] == now)
        live, read = next(is_meant, None) or next((pair for pair in found if pair[1]["name"] == name), found[0])
        others = [each for each in rated if each is not live and not self._is_used_outside(section, each)]
        return Observed(
            address,
            live["ID"],
            {**read, "leftovers": tuple(sorted(each["Spec"]["Name"] for each in others))},
            owned=labels.is_of_stack(live["Spec"].get("Labels"), self._project),
            outputs={"id": live["ID"], "name": live["Spec"]["Name"]},
            facts={"now": now, "leftovers": tuple(each["ID"] for each in others)},
        )

    def _is_used_outside(self, section: str, live: Json) -> bool:
        """Returns whether a service of another stack has it, so that it can't be removed."""
        noun = section.removesuffix("s").capitalize()
        others = (
            each for each in self._live_services if not labels.is_of_stack(each["Spec"].get("Labels"), self._project)
        )
        return any(live["ID"] in _ids(each, f"{noun}s", f"{noun}ID") for each in others)

    # -------------------------------------------------------------- services

    def _service(self, address: Address, live: Json) -> Observed:
        own = live["Spec"]
        spec = {name: row.read(own) for name, row in service.ROWS.items()}
        spec["networks"] = self._by_key(spec["networks"])
        return Observed(
            address,
            live["ID"],
            spec,
            owned=labels.is_of_stack(own.get("Labels"), self._project),
            status=self._status(live),
            facts={"spec": own, "newest": self._newest(address), "update": dig(live, "UpdateStatus.State") or ""},
            after=frozenset(self._uses(spec, own)),
        )

    def _by_key(self, endpoints: Value) -> Value:
        """Endpoints under the keys of the file, by the ids of their networks."""
        by_id = {each["Id"]: each for each in self._live_networks}
        if not isinstance(endpoints, Mapping):
            return endpoints
        found: dict[str, Value] = {}
        for network_id, endpoint in endpoints.items():
            live = by_id.get(network_id)
            assert isinstance(endpoint, Mapping)
            found[self._key(live) if live else network_id] = {**endpoint, "name": live["Name"] if live else network_id}
        return found

    def _key(self, live: Json) -> str:
        address = self._address(live["Name"], live.get("Labels"), network.NAME, network_address)
        return address.name if address else str(live["Name"])

    def _uses(self, spec: Mapping[str, Any], own: Json) -> Iterator[Address]:
        for key in spec["networks"] if isinstance(spec["networks"], Mapping) else ():
            yield network_address(key)
        for section in file.SECTIONS:
            noun = section.removesuffix("s").capitalize()
            for each in self._live_files[section]:
                if each["ID"] in _ids({"Spec": own}, f"{noun}s", f"{noun}ID") and (
                    address := self._file_address(section, each)
                ):
                    yield address

    def _newest(self, address: Address) -> str:
        """The digest of the newest image of this name, for a service that is to have it; "" for one that is not."""
        wanted = self._desired.get(address)
        if not wanted or wanted.spec["pull_policy"] != "always":
            return ""
        try:
            return self._engine.digest_in_registry(str(wanted.spec["reference"]))
        except (Rejected, Conflict, Denied):  # the image in use stays in use
            return ""

    def _status(self, live: Json) -> Status:
        counts = live.get("ServiceStatus") or {}
        update, message = (dig(live, f"UpdateStatus.{key}") or "" for key in ("State", "Message"))
        if service.mode_of(live["Spec"]) in service.JOBS:
            return self._status_of_job(live, counts)
        up, wanted = counts.get("RunningTasks") or 0, counts.get("DesiredTasks") or 0
        ended_badly = f"its update is {update.replace('_', ' ')}: {message}" if update in ENDED_BADLY else ""
        if up >= wanted and not ended_badly and update not in UNDER_WAY:
            return Status(Health.OK, f"{up} of {wanted} tasks running")
        own = tasks.of_service(self._live_tasks, live["ID"])
        why = tasks.trouble(own)
        # Tasks that fail, or that no node takes, do not get better by waiting.
        is_stuck = bool(ended_badly or tasks.failures(own) or "no suitable node" in why)
        absent = self._absent_nodes if up < wanted else ()
        said = (f"{up} of {wanted} tasks running", ended_badly, UNDER_WAY.get(update, ""), why, *absent)
        return Status(Health.FAILED if is_stuck else Health.SETTLING, "; ".join(filter(None, said)))

    def _status_of_job(self, live: Json, counts: Json) -> Status:
        done, wanted = counts.get("CompletedTasks") or 0, counts.get("DesiredTasks") or 0
        if counts.get("RunningTasks") or 0:
            return Status(Health.SETTLING, "job is running")
        why = tasks.trouble(tasks.of_service(self._live_tasks, live["ID"])) if not done else ""
        failed = Status(Health.FAILED, f"job has not ended well; {why}")
        return failed if why and done < max(wanted, 1) else Status(Health.OK, "done")


def _is_called(wanted: Resource, kind: str, name: str) -> bool:
    return wanted.address.kind == kind and wanted.spec.get("name") == name


def _ids(live: Json, key: str, id_key: str) -> frozenset[str]:
    """The ids of the configs or secrets that a service has."""
    return frozenset(str(each[id_key]) for each in dig(live, f"Spec.TaskTemplate.ContainerSpec.{key}") or ())
