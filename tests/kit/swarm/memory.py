"""A Swarm in memory: as much of a manager's API as the provider uses, with the refusals that it has to live with."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from reconciler.config import Sources, load
from reconciler.core.difference.change import Action, Change
from reconciler.core.execution.report import Event, Report
from reconciler.core.message.errors import Conflict, Rejected
from reconciler.core.plan.policy import Policy
from reconciler.core.resource.document import Document
from reconciler.core.resource.values import revealed
from reconciler.providers.swarm.provider import SwarmProvider
from reconciler.run.reconciliation.once import Look, Reconciler
from tests.kit.clock import TurnedClock

PROJECT = "shop"
ALLOWED = Policy.of(SwarmProvider.kinds.values(), deletes=True, most_surplus=1000)
MODES = ("Replicated", "Global", "ReplicatedJob", "GlobalJob")


def a_node(identity: str, hostname: str, **status: Any) -> dict[str, Any]:
    """A node that is a manager, or a worker with ``role="worker"``; ``status`` is what it lacks."""
    role = status.pop("role", "manager")
    reached = {"ManagerStatus": {"Reachability": status.pop("reachability", "reachable"), "Leader": identity == "n1"}}
    return {
        "ID": identity,
        "Spec": {"Availability": status.pop("availability", "active"), "Role": role},
        "Status": {"State": "ready", **status},
        "Description": {"Hostname": hostname},
        **(reached if role == "manager" else {}),
    }


def _works(_spec: Any) -> bool:
    return True


class MemorySwarm:
    """A manager on a ``node``, with ``others`` beside it; ``places`` has the node of the tasks of a slot.

    Of the tasks of a specification ``works`` says whether they come up, ``fits`` whether they find a node, and ``ends``
    whether they end well.
    """

    def __init__(self, api: tuple[int, int] = (1, 51)) -> None:
        self.api_version = api
        self.location = SimpleNamespace(url="unix:///memory", tls=None, socket=None)
        self.environment: dict[str, str] = {}
        self.objects: dict[str, dict[str, Any]] = {"services": {}, "networks": {}, "configs": {}, "secrets": {}}
        self.registry: dict[str, str] = {}
        self.works: Callable[[Any], bool] = _works
        self.fits: Callable[[Any], bool] = _works
        self.ends: Callable[[Any], bool] = lambda spec: "ReplicatedJob" in spec["Mode"]
        self.node = a_node("n1", "one")
        self.others: list[dict[str, Any]] = []
        self.own: dict[str, Any] = {
            "Swarm": {"NodeID": "n1", "LocalNodeState": "active", "ControlAvailable": True},
        }
        self.places: dict[int, str] = {}
        self.calls: list[str] = []
        self.asked: list[str] = []
        self.before_call: Callable[[str], None] = lambda _call: None
        self.after_call: Callable[[str], None] = lambda _call: None
        self._numbers = count(1)
        self._lock = threading.RLock()

    def copied(self) -> MemorySwarm:
        """Another Swarm with the same objects."""
        made = MemorySwarm(self.api_version)
        made.objects, made._numbers = copy.deepcopy(self.objects), copy.copy(self._numbers)
        return made

    # -------------------------------------------------------------- the API

    def get(self, path: str, **params: Any) -> Any:
        with self._lock:
            return self._got(path, params)

    def _got(self, path: str, params: Mapping[str, Any]) -> Any:
        self.asked.append(path)
        _, section, *rest = path.split("/")
        if section == "tasks":
            return [task for each in self.objects["services"].values() for task in self._tasks(each)]
        if section == "nodes":
            return [self.node, *self.others]
        if section == "info":
            return self.own
        if rest:
            return copy.deepcopy(self._found(section, rest[0]))
        wanted = (params.get("filters") or {}).get("label", ())
        marks = [each.partition("=")[::2] for each in wanted]
        shown = (self._shown(section, each) for each in self.objects[section].values())
        return [copy.deepcopy(each) for each in shown if all(_labels(each).get(key) == value for key, value in marks)]

    def post(self, path: str, body: Any = None, *, image: str = "", **params: Any) -> Any:  # noqa: ARG002
        call = f"POST {path}"
        self.before_call(call)
        self.calls.append(call)
        _, section, name, *rest = path.split("/")
        sent = json.loads(json.dumps(revealed(body)))
        with self._lock:
            if rest:
                self._update(section, name, sent, params)
            answer = None if rest else self._create(section, sent)
        self.after_call(call)
        return answer

    def delete(self, path: str, **_params: Any) -> None:
        call = f"DELETE {path}"
        self.before_call(call)
        self.calls.append(call)
        _, section, name = path.split("/")
        with self._lock:
            if found := self._found(section, name):
                self._require_unused(section, found)
                del self.objects[section][_id(found)]
        self.after_call(call)

    def digest_in_registry(self, reference: str) -> str:
        if reference not in self.registry:
            raise Rejected("no such registry")
        return self.registry[reference]

    def cluster_logs(self, _path: str, **_params: Any) -> Iterator[bytes]:
        yield b"oh no\n"

    def attached(self, container: str, body: Mapping[str, Any], **_options: Any) -> tuple[str, list[str]]:
        """Stands for a command under way: the container, and the command's words."""
        return container, list(body["Cmd"])

    def understood(self) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        pass

    # -------------------------------------------------------------- underneath

    def service(self, name: str) -> Any:
        """A live service, to be changed by hand."""
        return self._found("services", f"{PROJECT}_{name}")

    def names(self, section: str) -> list[str]:
        return sorted(_name(each) for each in self.objects[section].values())

    def _found(self, section: str, name: str) -> Any:
        return next((each for each in self.objects[section].values() if name in (_id(each), _name(each))), None)

    def _create(self, section: str, body: Any) -> Any:
        if self._found(section, body["Name"]):
            raise Conflict(f"the name {body['Name']} is taken (409)")
        number = next(self._numbers)
        made = {"Version": {"Index": number}, "CreatedAt": f"2026-01-01T00:00:{number:05d}Z"}
        if section == "networks":
            asked = body.get("IPAM") or {}
            pools = asked if asked.get("Config") else {**asked, "Config": [{"Subnet": "10.0.1.0/24"}]}
            added = {"Scope": "swarm", "EnableIPv4": True, "IPAM": pools}
            options = {**(body.get("Options") or {}), _VXLAN: "4097"}
            self.objects[section][f"id{number}"] = {**made, **body, **added, "Id": f"id{number}", "Options": options}
        else:
            spec = self._resolved(body) if section == "services" else body
            self.objects[section][f"id{number}"] = {**made, "ID": f"id{number}", "Spec": spec}
        return {"ID": f"id{number}"}

    def _resolved(self, body: Any) -> Any:
        """The specification as a manager keeps it: networks by id, and files that there are."""
        spec = copy.deepcopy(body)
        for each in spec["TaskTemplate"].get("Networks") or ():
            found = self._found("networks", each["Target"])
            if found is None:
                raise Rejected(f"network {each['Target']} not found")
            each["Target"] = found["Id"]
        for noun, section in (("Config", "configs"), ("Secret", "secrets")):
            for each in spec["TaskTemplate"]["ContainerSpec"].get(f"{noun}s") or ():
                found = self.objects[section].get(each[f"{noun}ID"])
                if found is None or found["Spec"]["Name"] != each[f"{noun}Name"]:
                    raise Rejected(f"{noun} {each[f'{noun}Name']} not found")
        return spec

    def _update(self, section: str, name: str, body: Any, params: Mapping[str, Any]) -> None:
        found = self._found(section, name)
        if found["Version"]["Index"] != params["version"]:
            raise Rejected("rpc error: code = Unknown desc = update out of sequence")
        if section != "services":
            kept = {**found["Spec"], "Labels": None}
            if kept != {**body, "Labels": None}:
                raise Rejected("only updates to Labels are allowed")
            found["Spec"] = body
        else:
            self._update_service(found, body, is_back=params.get("rollback") == "previous")
        found["Version"] = {"Index": next(self._numbers)}

    def _update_service(self, found: Any, body: Any, *, is_back: bool) -> None:
        spec = found.pop("PreviousSpec") if is_back else self._resolved(body)
        if set(spec["Mode"]) != set(found["Spec"]["Mode"]):
            raise Rejected("service mode change is not allowed")
        before, found["Spec"] = found["Spec"], spec
        found["PreviousSpec"] = before
        found["UpdateStatus"] = {"State": "rollback_completed" if is_back else "completed"}
        action = (spec.get("UpdateConfig") or {}).get("FailureAction") or "pause"
        if not is_back and not self.works(spec):
            found["UpdateStatus"] = {"State": "paused", "Message": "update paused"}
            if action == "rollback":
                found["Spec"], found["PreviousSpec"] = before, None
                found["UpdateStatus"] = {"State": "rollback_completed", "Message": "rollback completed"}

    def _require_unused(self, section: str, found: Any) -> None:
        noun = section.removesuffix("s").capitalize()
        for service in self.objects["services"].values():
            task = service["Spec"]["TaskTemplate"]
            used = [each["Target"] for each in task.get("Networks") or ()]
            used += [each.get(f"{noun}ID") for each in task["ContainerSpec"].get(f"{noun}s") or ()]
            if _id(found) in used:
                raise Rejected(f"{section} {_name(found)} is in use by service {service['Spec']['Name']}")

    def _count(self, service: Any) -> int:
        replicated = service["Spec"]["Mode"].get("Replicated")
        return int((replicated or {}).get("Replicas") or 1) if replicated is not None else 1

    def _shown(self, section: str, each: Any) -> Any:
        if section != "services":
            return each
        up = sum(task["Status"]["State"] == "running" for task in self._tasks(each))
        done = sum(task["Status"]["State"] == "complete" for task in self._tasks(each))
        status = {"RunningTasks": up, "DesiredTasks": self._count(each), "CompletedTasks": done}
        return {**each, "ServiceStatus": status}

    def _tasks(self, service: Any) -> Iterator[dict[str, Any]]:
        spec = service["Spec"]
        for slot in range(1, self._count(service) + 1):
            state = {"State": "complete" if self.ends(spec) else "running", "Timestamp": "2"}
            if not self.fits(spec):
                state = {"State": "pending", "Err": "no suitable node (scheduling constraints not satisfied on 1 node)"}
            elif not self.works(spec):
                state = {"State": "failed", "Err": "task: non-zero exit (3)", "Timestamp": "1"}
            for number in range(3 if state["State"] in ("failed", "complete") else 1):
                task = f"{service['ID']}-{slot}-{number}"
                yield {"ID": task, "ServiceID": service["ID"], "Slot": slot, "NodeID": self.places.get(slot, "n1"),
                       "DesiredState": "running",
                       "Status": {**state, "ContainerStatus": {"ContainerID": f"container of {task}"}}}  # fmt: skip


_VXLAN = "com.docker.network.driver.overlay.vxlanid_list"


def _id(each: Any) -> str:
    return str(each.get("ID") or each.get("Id"))


def _name(each: Any) -> str:
    return str(each.get("Name") or each["Spec"]["Name"])


def _labels(each: Any) -> Mapping[str, str]:
    found: Mapping[str, str] = (each.get("Spec") or each).get("Labels") or {}
    return found


# ------------------------------------------------------------------ a stack on it


def a_stack(text: str, directory: Path, **variables: str) -> Document:
    """The document of a stack file for a Swarm."""
    file = directory / "stack.yaml"
    file.write_text(f"x-reconcile: {{engine: swarm}}\n{text}", encoding="utf-8")
    return load(Sources(directory=directory, stack_files=(file,), environment=variables, project=PROJECT)).document


def a_provider(swarm: MemorySwarm) -> SwarmProvider:
    provider = SwarmProvider(PROJECT, {})
    provider.engine = swarm  # type: ignore[assignment]  # stands in for a client
    return provider


def a_reconciler(document: Document, swarm: MemorySwarm, policy: Policy = ALLOWED) -> Reconciler:
    return Reconciler(document, {"swarm": a_provider(swarm)}, TurnedClock(), policy)


def differences(document: Document, swarm: MemorySwarm) -> dict[str, Change]:
    """Address → change of everything that is not as declared."""
    changes = a_reconciler(document, swarm).look().plan.changes
    return {str(change.address): change for change in changes if change.action is not Action.KEEP}


def apply(document: Document, swarm: MemorySwarm, policy: Policy = ALLOWED) -> Report:
    """Converge."""

    def agree(_look: Look) -> None:
        pass

    happened = a_reconciler(document, swarm, policy).converge(agree)
    return Report(tuple(event for event in happened if isinstance(event, Event)))


def settled(document: Document, swarm: MemorySwarm) -> None:
    """Apply; nothing may fail, and nothing may be left to do."""
    report = apply(document, swarm)
    assert not report.failed, [(event.step.id, event.note) for event in report.failed]
    assert differences(document, swarm) == {}
