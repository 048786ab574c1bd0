"""Random requests to an engine, and their answers without ids, times and words: the engine in memory and a real one are
asked the same."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reconciler.record import Struct

CONTAINERS, NETWORKS, VOLUMES = ("a", "b", "c"), ("x", "y"), ("v", "w")


class Call(Struct, frozen=True):
    """A request; ``body`` is None where it has none."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    params: Mapping[str, Any] = {}

    def __str__(self) -> str:
        return f"{self.method} {self.path} {json.dumps(dict(self.params))} {json.dumps(self.body)}"


def calls(chance: random.Random, prefix: str, image: str) -> Iterator[Call]:
    """Requests without an end. All names begin with the prefix; some of them are of nothing that is there."""

    def named(names: tuple[str, ...]) -> str:
        return f"{prefix}-{chance.choice(names)}"

    def container(method: str, verb: str, body: Mapping[str, Any] | None = None, **params: Any) -> Call:
        return Call(method, f"/containers/{named(CONTAINERS)}{verb}", body, params)

    def made() -> Call:
        mode = chance.choice([*(f"{prefix}-{name}" for name in NETWORKS), "bridge", "none"])
        mounts = [
            {"Type": "volume", "Target": "/more"},
            {"Type": "volume", "Source": named(VOLUMES), "Target": "/data"},
        ]
        policy = {"Name": chance.choice(["no", "always", "unless-stopped"]), "MaximumRetryCount": 0}
        host = {"NetworkMode": mode, "Mounts": mounts[: chance.randint(0, 2)], "RestartPolicy": policy}
        body = {"Image": image, "Cmd": ["sleep", "3600"], "Labels": {"of": prefix}, "HostConfig": host}
        return Call("POST", "/containers/create", body, {"name": named(CONTAINERS)})

    def endpoint(verb: str) -> Call:
        body: dict[str, Any] = {"Container": named(CONTAINERS)}
        body |= {"Force": True} if verb == "disconnect" else {"EndpointConfig": {"Aliases": ["one"]}}
        return Call("POST", f"/networks/{named(NETWORKS)}/{verb}", body)

    def network() -> Call:
        body = {"Name": named(NETWORKS), "CheckDuplicate": True, "Labels": {"of": prefix}, "Internal": True}
        return Call("POST", "/networks/create", body)

    kinds: Mapping[Callable[[], Call], int] = {
        made: 6,
        network: 3,
        lambda: Call("POST", "/volumes/create", {"Name": named(VOLUMES), "Labels": {"of": prefix}}): 2,
        lambda: container("POST", "/start", {}): 6,
        lambda: container("POST", "/stop", {}, t=0): 2,
        lambda: container("POST", "/restart", {}, t=0): 1,
        lambda: container("POST", "/kill", {}, signal="KILL"): 1,
        lambda: container("POST", "/pause", {}): 2,
        lambda: container("POST", "/unpause", {}): 2,
        lambda: container("POST", "/rename", {}, name=named(CONTAINERS)): 2,
        lambda: container("POST", "/update", {"RestartPolicy": {"Name": "always"}}): 1,
        lambda: container("POST", "/exec", {"Cmd": ["true"]}): 1,
        lambda: container("DELETE", "", force=chance.randint(0, 1), v=chance.randint(0, 1)): 3,
        lambda: container("GET", "/json"): 6,
        lambda: Call("GET", "/containers/json", None, {"all": 1, "filters": {"label": [f"of={prefix}"]}}): 3,
        lambda: endpoint("connect"): 4,
        lambda: endpoint("disconnect"): 3,
        lambda: Call("GET", f"/networks/{named(NETWORKS)}"): 3,
        lambda: Call("DELETE", f"/networks/{named(NETWORKS)}"): 2,
        lambda: Call("GET", f"/volumes/{named(VOLUMES)}"): 2,
        lambda: Call("GET", "/volumes", None, {"filters": {"label": [f"of={prefix}"]}}): 2,
        lambda: Call("DELETE", f"/volumes/{named(VOLUMES)}"): 2,
    }
    while True:
        yield chance.choices(list(kinds), list(kinds.values()))[0]()


def answered(api: Any, url: str, call: Call) -> tuple[int, Any]:
    """The status of the answer, and its body without what differs from engine to engine."""
    filters = {"filters": json.dumps(call.params["filters"])} if "filters" in call.params else {}
    sent = (
        {"data": json.dumps(call.body), "headers": {"Content-Type": "application/json"}}
        if call.body is not None
        else {}
    )
    answer = api.request(call.method, f"{url}{call.path}", params={**call.params, **filters}, **sent)
    found: Any = json.loads(answer.content) if answer.content.strip() else None
    if answer.status_code >= 400:
        return answer.status_code, sorted(found)
    asked = f"{call.method} {call.path}"
    shape = next((shape for start, shape in _SHAPES.items() if asked.startswith(start)), _keys)
    return answer.status_code, None if found is None else shape(found)


def _keys(found: Any) -> Any:
    return sorted(found)


def _container(found: Any) -> Any:
    host, state = found["HostConfig"], found["State"]
    return {
        "name": found["Name"],
        "state": {key: state[key] for key in ("Status", "Running", "Paused")},
        "host": {key: host[key] for key in ("NetworkMode", "RestartPolicy")},
        "networks": _aliases(found),
        "mounts": _mounts(found),
        "labels": found["Config"]["Labels"].get("of"),  # an image may have more
    }


def _aliases(found: Any) -> Any:
    networks = found["NetworkSettings"]["Networks"]
    return {name: sorted(set(each["Aliases"] or ()) - {found["Id"][:12]}) for name, each in networks.items()}


def _mounts(found: Any) -> Any:
    return sorted(
        (each["Type"], each["Destination"], len(each["Name"]) == 64 or each["Name"]) for each in found["Mounts"]
    )


def _containers(found: Any) -> Any:
    return sorted(
        [each["Names"], each["State"], each["Labels"].get("of"), sorted(each["NetworkSettings"]["Networks"])]
        for each in found
    )


def _network(found: Any) -> Any:
    kept = {key: found[key] for key in ("Name", "Driver", "Internal", "Labels")}
    return {**kept, "containers": len(found["Containers"])}


def _volume(found: Any) -> Any:
    return [found["Name"], found["Driver"], found["Labels"] or {}, found["Options"] or {}]


_SHAPES: Mapping[str, Callable[[Any], Any]] = {
    "GET /containers/json": _containers,
    "GET /containers/": _container,
    "GET /networks/": _network,
    "GET /volumes/": _volume,
    "GET /volumes": lambda found: sorted(map(_volume, found["Volumes"] or ())),
    "POST /volumes/create": _volume,
    "POST /containers/create": lambda found: sorted({*found, "Warnings"}),
    "POST /networks/create": lambda found: sorted({*found, "Warning"}),
    "POST /containers/": lambda found: sorted(set(found) - {"Warnings"}),
}
