"""A small Docker engine in memory: the requests that the provider makes, answered as an engine of API 1.41 does.

It is spoken to by the real client, whose library is left out, or over HTTP. A container's command decides its fate:
``exit N`` ends at once, ``sick`` is never healthy, ``nothing`` can't be started, all else runs.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import re
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from reconciler.config import Sources, load
from reconciler.core.execution.report import Event, Report
from reconciler.core.message.errors import Conflict
from reconciler.core.plan.policy import Policy
from reconciler.core.resource.document import Document
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.engine.listeners import Listener, Sockets
from reconciler.providers.docker.engine.location import USUAL, Location
from reconciler.providers.docker.provider import DockerProvider
from reconciler.run.reconciliation.once import Look, Reconciler
from tests.kit.clock import TurnedClock
from tests.kit.serving import in_background

PROJECT = "p"
HEALTHY_AFTER_S = 1.0
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
ALLOWED = Policy.of(DockerProvider.kinds.values(), deletes=True, most_surplus=1000)

_HOST_DEFAULTS: Mapping[str, Any] = {
    "NetworkMode": "default",
    "RestartPolicy": {"Name": "", "MaximumRetryCount": 0},
    "PortBindings": {},
    "Memory": 0,
    "MemorySwap": 0,
    "MemorySwappiness": None,
    "NanoCpus": 0,
    "PidsLimit": None,
    "ShmSize": 64 << 20,
    "IpcMode": "private",
    "CgroupnsMode": "host",
    "Runtime": "runc",
    "OomScoreAdj": 0,
    "Init": None,
    "LogConfig": {"Type": "json-file", "Config": {}},
}


class Killed(BaseException):
    """A kill as it looks from inside: nothing gets to clean up."""


class Refusal(Exception):  # an answer, not an error of ours
    """The error with which the engine refuses."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Answer:
    """The answer of the library's ``request``, as far as the client looks at it."""

    status_code: int
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    def json(self) -> Any:
        return json.loads(self.content)


def _identity(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _nothing(_number: int, _call: str) -> None:
    pass


def _unwatched(_moment: str, _call: str) -> None:
    pass


# ------------------------------------------------------------------ the engine


@dataclass
class MemoryEngine:
    """The engine. ``before`` and ``after`` are called around each write with its number and text; they may raise.

    ``watch`` is called around each request with a moment, "asked" or "done", and its text.
    """

    clock: TurnedClock = field(default_factory=TurnedClock)
    before: Callable[[int, str], None] = _nothing
    after: Callable[[int, str], None] = _nothing
    watch: Callable[[str, str], None] = _unwatched
    api: str = "1.41"
    base_url: str = ""
    calls: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    own: dict[str, Any] = field(default_factory=dict)
    location: Location = field(default_factory=lambda: Location(USUAL))
    programs: dict[tuple[int, str], Sequence[Listener]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    pull_lines: list[str] = field(default_factory=list)
    registry: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    images: dict[str, Any] = field(default_factory=dict)
    networks: dict[str, Any] = field(default_factory=dict)
    volumes: dict[str, Any] = field(default_factory=dict)
    contents: dict[str, int] = field(default_factory=dict)
    containers: dict[str, Any] = field(default_factory=dict)
    restarted: list[tuple[str, int]] = field(default_factory=list)
    executed: list[tuple[str, list[str]]] = field(default_factory=list)
    hooks: dict[str, list[Any]] = field(default_factory=lambda: {"response": []})
    _made: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        for name in ("bridge", "host", "none"):
            self.networks[name] = self._network({"Name": name, "Driver": "null" if name == "none" else name})

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if not call.startswith("GET")]

    @property
    def names(self) -> list[str]:
        return sorted(each["Name"].lstrip("/") for each in self.containers.values())

    def image(self, reference: str, **config: Any) -> str:
        """Put an image there, or another one behind the same name; its id."""
        identity = f"sha256:{_identity(reference, config)}"
        self.images[reference] = {"Id": identity, "Config": {"Env": ["PATH=/bin"], "Cmd": ["serve"], **config}}
        self.images[identity] = self.images[reference]
        return identity

    def saved(self) -> bytes:
        """All that outlives the program that speaks to the engine."""
        with self._lock:
            return pickle.dumps([getattr(self, name) for name in _KEPT] + [self.clock.time])

    @classmethod
    def restored(cls, saved: bytes) -> MemoryEngine:
        """An engine as one was when it was saved."""
        engine = cls()
        *values, engine.clock.time = pickle.loads(saved)  # its own
        for name, value in zip(_KEPT, values, strict=True):
            setattr(engine, name, value)
        return engine

    # -------------------------------------------------------------- what the library offers

    def request(self, method: str, url: str, *, params: Mapping[str, Any], data: Any = "{}", **_rest: Any) -> Answer:
        path = re.sub(r"^/v[0-9.]+", "", url)
        with self._lock:
            try:
                body = data if method == "PUT" else json.loads(data)
                found = self._noted(f"{method} {path}", lambda: self._answer(method, path, body, params))
            except Refusal as refusal:
                return Answer(refusal.status, json.dumps({"message": str(refusal)}).encode())
            if isinstance(found, bytes):
                return Answer(200, found)
            if found is _NOT_MODIFIED:
                return Answer(304, b"")
            status = next(
                (code for pattern, code in _STATUSES.items() if re.fullmatch(pattern, f"{method} {path}")), 200
            )
            return Answer(status, b"" if found is None else json.dumps(found).encode())

    def pull(self, repository: str, tag: str, **_rest: Any) -> Iterator[Mapping[str, Any]]:
        reference = f"{repository}:{tag}"

        def pulled() -> None:
            if reference in self.registry:
                self.image(reference, **self.registry[reference])
                self.images[reference]["RepoDigests"] = [f"{repository}@{self._digest(reference)}"]

        with self._lock:
            self._noted(f"PULL {reference}", pulled)
        yield from ({"status": line} for line in self.pull_lines)
        if reference not in self.registry:
            yield {"error": f"manifest for {reference} not found"}

    def inspect_distribution(self, reference: str, **_rest: Any) -> Any:
        with self._lock:
            self.calls.append(f"GET /distribution/{reference}")
        if reference not in self.registry:
            raise Conflict(f"manifest unknown: {reference}")
        return {"Descriptor": {"digest": self._digest(reference)}}

    def _digest(self, reference: str) -> str:
        return f"sha256:{_identity(self.registry[reference])}"

    def build(self, *, tag: str, labels: Mapping[str, str], **_rest: Any) -> Iterator[Mapping[str, Any]]:
        with self._lock:
            self._noted(f"BUILD {tag}", lambda: self.image(tag, Labels=dict(labels)))
        yield {"stream": "built\n"}

    def logs(self, container: str, **_rest: Any) -> Iterator[bytes]:
        yield f"last words of {self._container(container)['Name'].lstrip('/')}\n".encode()

    def get_logs(self, container: str, **_: Any) -> bytes:
        (line,) = self.logs(container)
        return b"\1\0\0\0" + len(line).to_bytes(4, "big") + line

    def get_usage(self, **_: Any) -> Any:
        return {"Volumes": [{**each, "UsageData": {"RefCount": 0, "Size": 0}} for each in self.volumes.values()]}

    def list_events(self, **_: Any) -> bytes:
        return b""

    def close(self) -> None:
        pass

    # -------------------------------------------------------------- which request is which

    def _noted(self, call: str, act: Callable[[], Any]) -> Any:
        self.watch("asked", call)
        if call.startswith("GET"):
            self.calls.append(call)
            found = act()
        else:
            number = len(self.writes) + 1
            self.before(number, call)
            self.calls.append(call)
            found = act()
            self.after(number, call)
        self.watch("done", call)
        return found

    def _answer(self, method: str, path: str, body: Any, params: Mapping[str, Any]) -> Any:
        if method == "POST":
            self.bodies.append(body)
        for pattern, answer in _ROUTES.items():
            if match := re.fullmatch(pattern, f"{method} {path}"):
                given = {} if method in ("GET", "DELETE") else {"body": body}
                return getattr(self, answer)(*match.groups(), **given, params=params)
        raise AssertionError(f"nobody asks for {method} {path}")

    def version(self, **_: Any) -> Any:
        return {"ApiVersion": self.api}

    def info(self, **_: Any) -> Any:
        return self.own

    # -------------------------------------------------------------- networks

    def _network(self, body: Mapping[str, Any]) -> dict[str, Any]:
        self._made += 1
        pool = f"172.{17 + self._made % 15}.0"
        ipam = {"Driver": "default", "Config": [{"Subnet": f"{pool}.0/16", "Gateway": f"{pool}.1"}]}
        usual = {"Driver": "bridge", "Options": {}, "Internal": False, "Attachable": False, "EnableIPv6": False}
        return {**usual, "Labels": {}, "IPAM": ipam, **body, "Id": _identity("network", self._made)}

    def _find_network(self, name: str) -> Any:
        for network in self.networks.values():
            if name in (network["Id"], network["Name"]):
                return network
        raise Refusal(404, f"network {name} not found")

    def list_networks(self, **_: Any) -> Any:
        return list(self.networks.values())

    def get_network(self, name: str, **_: Any) -> Any:
        network = self._find_network(name)
        return {**network, "Containers": {each["Id"]: {} for each in self._attached(network)}}

    def create_network(self, *, body: Any, **_: Any) -> Any:
        if any(network["Name"] == body["Name"] for network in self.networks.values()):
            raise Refusal(409, f"network with name {body['Name']} already exists")
        network = self._network(body)
        self.networks[network["Id"]] = network
        return {"Id": network["Id"]}

    def delete_network(self, name: str, **_: Any) -> None:
        network = self._find_network(name)
        if self._attached(network):
            raise Refusal(403, f"error while removing network: network {name} has active endpoints")
        self.networks = {key: each for key, each in self.networks.items() if each is not network}

    def _attached(self, network: Any) -> list[Any]:
        """The running containers: a stopped container does not keep a network."""
        return [
            each
            for each in self.containers.values()
            if each["State"]["Running"]
            and any(point["NetworkID"] == network["Id"] for point in each["NetworkSettings"]["Networks"].values())
        ]

    def connect(self, name: str, *, body: Any, **_: Any) -> None:
        """A container that does not run is connected also to what is not there, and shows it when it is started."""
        container = self._container(body["Container"])
        endpoints = container["NetworkSettings"]["Networks"]
        try:
            network = self._find_network(name)
        except Refusal:
            if container["State"]["Running"]:
                raise
            endpoints[name] = _endpoint(body.get("EndpointConfig") or {})
            return
        if container["HostConfig"]["NetworkMode"] == "none":
            raise Refusal(400, "container cannot be connected to multiple networks with one of them in private mode")
        if network["Name"] in endpoints:
            if container["State"]["Running"]:
                raise Refusal(403, f"endpoint with name {container['Name']} already exists in network {name}")
            return  # whatever is asked for now
        endpoints[network["Name"]] = _endpoint(body.get("EndpointConfig") or {})
        if container["State"]["Running"]:
            self._join(container)

    def disconnect(self, name: str, *, body: Any, **_: Any) -> None:
        """Disconnects a container; by force also where the network is gone."""
        container, key = self._container(body["Container"]), name
        try:
            key = self._find_network(name)["Name"]
        except Refusal:
            if not body.get("Force"):
                raise
        if container["NetworkSettings"]["Networks"].pop(key, None) is None:
            raise Refusal(500, f"container {container['Id']} is not connected to network {name}")

    def _join(self, container: Any) -> None:
        """A network is known by its name until a container first runs in it, then by its id."""
        for name, endpoint in container["NetworkSettings"]["Networks"].items():
            network = self._find_network(endpoint["NetworkID"] or name)
            endpoint["NetworkID"] = network["Id"]
            if name not in ("bridge", "host", "none"):
                endpoint["Aliases"] = [*dict.fromkeys([*(endpoint["Aliases"] or ()), container["Id"][:12]])]

    # -------------------------------------------------------------- volumes and images

    def list_volumes(self, *, params: Mapping[str, Any]) -> Any:
        return {"Volumes": [each for each in self.volumes.values() if _carries(each["Labels"], params)]}

    def get_volume(self, name: str, **_: Any) -> Any:
        if name not in self.volumes:
            raise Refusal(404, f"no such volume: {name}")
        return self.volumes[name]

    def create_volume(self, *, body: Any, **_: Any) -> Any:
        """Returns an existing volume as it is, whatever was asked for."""
        self._made += 1
        name = body.get("Name") or _identity("volume", self._made)
        made = {"Name": name, "Driver": body.get("Driver") or "local", "Labels": body.get("Labels") or {}}
        self.contents.setdefault(name, self._made)
        return self.volumes.setdefault(name, {**made, "Options": body.get("DriverOpts") or {}})

    def delete_volume(self, name: str, **_: Any) -> None:
        self.get_volume(name)
        if any(mount.get("Name") == name for each in self.containers.values() for mount in each["Mounts"]):
            raise Refusal(409, f"remove {name}: volume is in use")
        del self.volumes[name], self.contents[name]

    def _image(self, name: str) -> Any:
        if name not in self.images:
            raise Refusal(404, f"No such image: {name}")
        return self.images[name]

    def get_image(self, name: str, **_: Any) -> Any:
        found = self._image(name)
        tags = [tag for tag, image in self.images.items() if image is found and not tag.startswith("sha256:")]
        return {**found, "RepoTags": tags}

    def tag_image(self, name: str, *, params: Mapping[str, Any], **_: Any) -> None:
        self.images[f"{params['repo']}:{params['tag']}"] = self._image(name)
        self._image(name)["Metadata"] = {"LastTagTime": datetime.now(UTC).isoformat()}

    # -------------------------------------------------------------- containers

    def _container(self, name: str) -> Any:
        for container in self.containers.values():
            if name in (container["Id"], container["Name"].lstrip("/")):
                return container
        # As an engine does: what is no name is the beginning of an id.
        found = [each for each in self.containers.values() if each["Id"].startswith(name)]
        if len(found) > 1:
            raise Refusal(400, f"Multiple IDs found with provided prefix: {name}")
        if not found:
            raise Refusal(404, f"No such container: {name}")
        return found[0]

    def _require_free(self, name: str) -> None:
        if name in self.names:
            raise Refusal(409, f'Conflict. The container name "/{name}" is already in use')

    def list_containers(self, *, params: Mapping[str, Any]) -> Any:
        filters = json.loads(params.get("filters") or "{}")
        patterns, ports = filters.get("name") or [""], set(filters.get("publish") or ())
        return [
            {
                "Id": each["Id"],
                "Names": [each["Name"]],
                "Labels": each["Config"]["Labels"],
                "State": each["State"]["Status"],
                "Image": each["Config"]["Image"],
                "Mounts": each["Mounts"],
                "NetworkSettings": each["NetworkSettings"],
            }
            for each in self.containers.values()
            if _carries(each["Config"]["Labels"], params) and any(re.search(p, each["Name"]) for p in patterns)
            if not filters.get("id") or each["Id"] in filters["id"]
            if not ports or (each["State"]["Running"] and ports & _host_ports(each))
        ]

    def inspect(self, name: str, **_: Any) -> Any:
        container = self._container(name)
        up_s = self.clock.now() - container["since"]
        began = (_EPOCH + timedelta(seconds=container["since"])).isoformat()
        began = "0001-01-01T00:00:00Z" if container["State"]["Status"] == "created" else began
        state = {**container["State"], "StartedAt": began}
        test = (container["Config"].get("Healthcheck") or {}).get("Test") or ["NONE"]
        if state["Running"] and test != ["NONE"]:
            health = "healthy" if up_s >= HEALTHY_AFTER_S else "starting"
            missed = container.get("unpaused", -HEALTHY_AFTER_S) + HEALTHY_AFTER_S > self.clock.now()
            is_sick = missed or (health == "healthy" and _process(container)[:1] == ["sick"])
            log = [{"ExitCode": 1, "Output": "no such page\n"}] if is_sick else []
            state["Health"] = {"Status": "unhealthy" if is_sick else health, "Log": log}
        return {**container, "State": state}

    def create_container(self, *, body: Any, params: Mapping[str, Any]) -> Any:
        self._made += 1
        identity = _identity("container", self._made)
        name = params.get("name") or f"unnamed{self._made}"
        self._require_free(name)
        image = self._image(body["Image"])
        host = {**_HOST_DEFAULTS, **(body.get("HostConfig") or {})}
        if host["Memory"] and not host["MemorySwap"]:
            host["MemorySwap"] = 2 * host["Memory"]
        config = _completed(body, image["Config"])
        config["Hostname"] = config.get("Hostname") or ("the-host" if host["NetworkMode"] == "host" else identity[:12])
        kind, _, target = host["NetworkMode"].partition(":")
        wanted = (body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {
            "bridge" if kind == "default" else kind: {}
        }
        if kind == "container":
            host["NetworkMode"], wanted = f"container:{self._container(target)['Id']}", {}
        self.containers[identity] = {
            "Id": identity,
            "Name": f"/{name}",
            "Created": (_EPOCH + timedelta(seconds=self.clock.now())).isoformat(),
            "Image": image["Id"],
            "Config": config,
            "HostConfig": host,
            "Mounts": list(self._mounted(host, config)),
            "NetworkSettings": {"Networks": {key: _endpoint(endpoint) for key, endpoint in wanted.items()}},
            "State": {"Status": "created", "Running": False, "Paused": False, "ExitCode": 0},
            "RestartCount": 0,
            "since": 0.0,
        }
        return {"Id": identity, "Warnings": self.warnings}

    def _mounted(self, host: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        for bind in host.get("Binds") or ():
            source, target, options = (*bind.split(":"), "rw")[:3]
            chosen = [option for option in options.split(",") if option.endswith(("private", "shared", "slave"))]
            common = {"Type": "bind", "Source": source, "Destination": target, "RW": "ro" not in options.split(",")}
            yield {**common, "Propagation": (chosen or ["rprivate"])[0]}
        typed = {mount["Target"]: mount for mount in host.get("Mounts") or ()}
        unnamed = {target: {"Type": "volume"} for target in config.get("Volumes") or () if target not in typed}
        for target, mount in {**typed, **unnamed}.items():
            common = {"Type": mount["Type"], "Destination": target, "RW": not mount.get("ReadOnly")}
            if mount["Type"] == "volume":
                yield {**common, "Name": self.create_volume(body={"Name": mount.get("Source")})["Name"]}
            elif mount["Type"] == "image":
                yield {**common, "Name": mount["Source"], "RW": False}
            else:
                propagation = (mount.get("BindOptions") or {}).get("Propagation") or "rprivate"
                yield {**common, "Source": mount.get("Source") or "", "Propagation": propagation}

    def start(self, name: str, **_: Any) -> object:
        container = self._container(name)
        state, process = container["State"], _process(container)
        if state["Paused"]:
            raise Refusal(409, "cannot start a paused container, try unpause instead")
        if state["Running"]:
            return _NOT_MODIFIED
        self._join(container)
        self._require_ports(container)
        kind, _, target = container["HostConfig"]["NetworkMode"].partition(":")
        if kind == "container":  # whose network is shared, its hostname is shared, too
            container["Config"]["Hostname"] = self._container(target)["Config"]["Hostname"]
        if process[:1] == ["nothing"]:
            raise Refusal(400, 'exec: "nothing": executable file not found in $PATH')
        ended = process[:1] == ["exit"]
        code = int(process[1]) if ended else 0
        state.update(Status="exited" if ended else "running", Running=not ended, ExitCode=code)
        container["since"] = self.clock.now()
        return None

    def _require_ports(self, container: Any) -> None:
        taken = {port for each in self.containers.values() if each["State"]["Running"] for port in _host_ports(each)}
        for port in sorted(_host_ports(container) & taken):
            raise Refusal(500, f"Bind for 0.0.0.0:{port} failed: port is already allocated")

    def stop(self, name: str, **_: Any) -> object:
        state = self._container(name)["State"]
        if not state["Running"]:
            return _NOT_MODIFIED
        state.update(Status="exited", Running=False, Paused=False, ExitCode=143)
        return None

    def _running(self, name: str) -> Any:
        """A container that runs, paused or not."""
        container = self._container(name)
        if not container["State"]["Running"]:
            raise Refusal(409, f"Container {name} is not running")
        return container

    def restart(self, name: str, *, params: Mapping[str, Any], **_: Any) -> None:
        self.restarted.append((self._container(name)["Name"].lstrip("/"), params["t"]))
        self.stop(name)
        try:
            self.start(name)
        except Refusal as refusal:
            raise Refusal(500, f"Cannot restart container {name}: {refusal}") from refusal

    def make_exec(self, name: str, *, body: Any, **_: Any) -> Any:
        if self._running(name)["State"]["Paused"]:
            raise Refusal(409, f"Container {name} is paused, unpause the container before exec")
        self.executed.append((self._container(name)["Name"].lstrip("/"), body["Cmd"]))
        return {"Id": str(len(self.executed) - 1)}

    def start_exec(self, _number: str, **_: Any) -> None:
        """Ends at once, without output."""

    def get_exec(self, number: str, **_: Any) -> Any:
        command = self.executed[int(number)][1]
        return {"ExitCode": int(command[1]) if command[0] == "exit" else 0}

    def pause(self, name: str, **_: Any) -> None:
        state = self._running(name)["State"]
        if state["Paused"]:
            raise Refusal(409, f"Container {name} is already paused")
        state.update(Status="paused", Paused=True)

    def unpause(self, name: str, **_: Any) -> None:
        """Its health checks failed meanwhile, and it counts as unhealthy until the next one."""
        container = self._container(name)
        if not container["State"]["Paused"]:
            raise Refusal(500, f"Container {name} is not paused")
        container["State"].update(Status="running", Paused=False)
        container["unpaused"] = self.clock.now()

    def rename(self, name: str, *, params: Mapping[str, Any], **_: Any) -> None:
        container = self._container(name)
        if container["Name"] == f"/{params['name']}":
            raise Refusal(400, "Renaming a container with the same name as its current name")
        self._require_free(params["name"])
        container["Name"] = f"/{params['name']}"

    def unpack(self, name: str, *, body: bytes, **_: Any) -> None:
        """Keeps a copied file as text, with the rights and owner of the file."""
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            for info in tar:
                content = tar.extractfile(info)
                assert content
                text = f"{content.read().decode()} {info.mode:o} {info.uid}:{info.gid}"
                self._container(name).setdefault("copied", {})[f"/{info.name}"] = text

    def kill(self, name: str, *, params: Mapping[str, Any], **_: Any) -> None:
        container = self._running(name)
        container.setdefault("signals", []).append(params["signal"])
        if params["signal"] == "KILL":
            container["State"].update(Status="exited", Running=False, Paused=False, ExitCode=137)

    def update(self, name: str, *, body: Any, **_: Any) -> Any:
        """Zero and "" mean: leave it."""
        host = self._container(name)["HostConfig"]
        if body.get("Memory", 0) > (body.get("MemorySwap") or host["MemorySwap"] or body.get("Memory", 0)) > 0:
            raise Refusal(409, "Memory limit should be smaller than already set memoryswap limit")
        policy = body.get("RestartPolicy") or {}
        host.update({key: value for key, value in body.items() if value and key != "RestartPolicy"})
        host.update({"RestartPolicy": {"MaximumRetryCount": 0, **policy}} if policy.get("Name") else {})
        return {"Warnings": self.warnings}

    def delete_container(self, name: str, *, params: Mapping[str, Any]) -> None:
        container = self._container(name)
        if container["State"]["Running"] and not params.get("force"):
            raise Refusal(409, "You cannot remove a running container")
        del self.containers[container["Id"]]
        named = {mount.get("Source") for mount in container["HostConfig"].get("Mounts") or ()}
        for mount in container["Mounts"] if params.get("v") else ():
            if mount["Type"] == "volume" and mount["Name"] not in named:
                with suppress(Refusal):  # another container has it
                    self.delete_volume(mount["Name"])


_KEPT = (
    *("api", "own", "registry", "images", "networks", "volumes", "contents", "containers", "executed", "restarted"),
    "_made",
)
"""The attributes that ``saved`` keeps."""

_ROUTES: Mapping[str, str] = {
    r"GET /version": "version",
    r"GET /info": "info",
    r"GET /events": "list_events",
    r"GET /networks": "list_networks",
    r"POST /networks/create": "create_network",
    r"POST /networks/([^/]+)/connect": "connect",
    r"POST /networks/([^/]+)/disconnect": "disconnect",
    r"GET /networks/([^/]+)": "get_network",
    r"DELETE /networks/([^/]+)": "delete_network",
    r"GET /volumes": "list_volumes",
    r"POST /volumes/create": "create_volume",
    r"GET /volumes/([^/]+)": "get_volume",
    r"DELETE /volumes/([^/]+)": "delete_volume",
    r"GET /images/(.+)/json": "get_image",
    r"POST /images/(.+)/tag": "tag_image",
    r"GET /containers/json": "list_containers",
    r"POST /containers/create": "create_container",
    r"GET /containers/([^/]+)/json": "inspect",
    r"POST /containers/([^/]+)/start": "start",
    r"PUT /containers/([^/]+)/archive": "unpack",
    r"GET /containers/([^/]+)/logs": "get_logs",
    r"GET /system/df": "get_usage",
    r"POST /containers/([^/]+)/kill": "kill",
    r"POST /containers/([^/]+)/stop": "stop",
    r"POST /containers/([^/]+)/restart": "restart",
    r"POST /containers/([^/]+)/pause": "pause",
    r"POST /containers/([^/]+)/exec": "make_exec",
    r"POST /exec/([^/]+)/start": "start_exec",
    r"GET /exec/([^/]+)/json": "get_exec",
    r"POST /containers/([^/]+)/unpause": "unpause",
    r"POST /containers/([^/]+)/rename": "rename",
    r"POST /containers/([^/]+)/update": "update",
    r"DELETE /containers/([^/]+)": "delete_container",
}


_NOT_MODIFIED = object()
_STATUSES: Mapping[str, int] = {
    r"POST /(networks|volumes|containers)/create": 201,
    r"POST /containers/[^/]+/exec": 201,
    r"POST /images/.+/tag": 201,
    r"POST /containers/[^/]+/(start|stop|restart|kill|pause|unpause|rename)": 204,
    r"DELETE /(networks|volumes|containers)/[^/]+": 204,
}
"""The status of each request that succeeds, if it is not 200."""


def _carries(labels: Mapping[str, str], params: Mapping[str, Any]) -> bool:
    wanted = json.loads(params.get("filters") or "{}").get("label") or ()
    return all(f"{key}={labels.get(key)}" == pair for pair in wanted for key in [pair.partition("=")[0]])


def _endpoint(config: Mapping[str, Any]) -> dict[str, Any]:
    return {"IPAMConfig": None, "Aliases": None, **config, "NetworkID": ""}


def _process(container: Any) -> list[str]:
    config = container["Config"]
    return [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]


def _host_ports(container: Any) -> set[str]:
    bound = container["HostConfig"]["PortBindings"].values()
    return {each["HostPort"] for bindings in bound for each in bindings if each["HostPort"]}


def _completed(body: Mapping[str, Any], image: Mapping[str, Any]) -> dict[str, Any]:
    """A container's config with what the image puts in; after ``merge`` of the engine's daemon/commit.go."""
    config = {key: value for key, value in body.items() if key not in ("HostConfig", "NetworkingConfig")}
    for key in ("User", "WorkingDir", "StopSignal"):
        config[key] = config.get(key) or image.get(key) or ""
    for key in ("ExposedPorts", "Volumes", "Labels"):
        config[key] = {**(image.get(key) or {}), **(config.get(key) or {})}
    known = {entry.partition("=")[0] for entry in config.get("Env") or ()}
    inherited = [entry for entry in image.get("Env") or () if entry.partition("=")[0] not in known]
    config["Env"] = [*(config.get("Env") or ()), *inherited]
    if not config.get("Entrypoint"):
        config["Cmd"] = config.get("Cmd") or image.get("Cmd")
        config["Entrypoint"] = image.get("Entrypoint") if config.get("Entrypoint") is None else None
    check, usual = config.get("Healthcheck") or {}, image.get("Healthcheck") or {}
    if check.get("Test") != ["NONE"]:
        check = {key: check.get(key) or usual.get(key) for key in {*check, *usual}}
    config["Healthcheck"] = check or None
    config.setdefault("Tty", False)
    return config


# ------------------------------------------------------------------ speaking to it


class Line(Engine):
    """The real client, at the other end of which is the engine in memory."""

    def __init__(self, engine: MemoryEngine) -> None:
        super().__init__({})
        self._version, self._engine, self._location = engine.api, engine, engine.location

    def _api(self) -> Any:
        return self._engine

    def programs_at(self, port: int, protocol: str, _sockets: Sockets | None = None) -> Sequence[Listener]:
        """The programs that a test says there are beside the containers."""
        return self._engine.programs.get((port, protocol), ())

    def _direct(self) -> None:
        """There is no connection."""


def a_provider(engine: MemoryEngine, project: str = PROJECT) -> DockerProvider:
    provider = DockerProvider(project, {})
    provider.engine = Line(engine)
    return provider


def a_stack(text: str, directory: Path, **variables: str) -> Document:
    """The document of a stack file, beside which there is a Dockerfile."""
    (directory / "Dockerfile").touch()
    file = directory / "stack.yaml"
    file.write_text(text, encoding="utf-8")
    return load(Sources(directory=directory, stack_files=(file,), environment=variables, project=PROJECT)).document


def a_reconciler(document: Document, engine: MemoryEngine, policy: Policy = ALLOWED) -> Reconciler:
    return Reconciler(document, {"docker": a_provider(engine)}, engine.clock, policy)


def apply(document: Document, engine: MemoryEngine, policy: Policy = ALLOWED) -> Report:
    """Converge."""

    def agree(_look: Look) -> None:
        pass

    happened = a_reconciler(document, engine, policy).converge(agree)
    return Report(tuple(event for event in happened if isinstance(event, Event)))


@contextmanager
def served(engine: MemoryEngine) -> Iterator[str]:
    """The engine behind HTTP; yields what DOCKER_HOST is to be."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer in one piece: in two, the second waits for the first to be acknowledged

        def answer(self) -> None:
            url = urlsplit(self.path)
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}"
            answer = engine.request(self.command, url.path, params=dict(parse_qsl(url.query)), data=data.decode())
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)
            self.wfile.flush()

        do_GET = do_POST = do_DELETE = answer  # noqa: N815  # the names that the library looks for

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with in_background(server):
        yield f"tcp://127.0.0.1:{server.server_port}"
