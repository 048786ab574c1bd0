"""The rollout of a service's containers: side by side or not, how many at a time, reaction to a failure.

``deploy.update_config``, with what holds where it says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.units import nanoseconds
from reconciler.core.resource.values import Spec, Value
from reconciler.providers.docker.container import claims
from reconciler.providers.docker.table.names import CONTAINER
from reconciler.providers.docker.table.property import Json

STEADY_S: Final = 5.0
"""How long a successor without a health check has to stay up before its predecessor is removed."""


_SECOND: Final = 1_000_000_000
_ENGINES: Final = (".sock",)  # how the name of what is no data ends
_ITS_OWN: Final = ("mac_address", "link_local_ips")


def declared(service: Json, *, lends: bool, several: bool) -> Value:
    """The settings of a service; others live in the namespaces that it ``lends``, and ``several`` share its data."""
    said = (service.get("deploy") or {}).get("update_config") or {}
    return {
        "order": said.get("order") or "",
        "parallelism": int(said.get("parallelism", 1)),
        "delay_s": _seconds(said.get("delay")),
        "on_failure": said.get("failure_action") or "rollback",
        "hold_s": _seconds(said["monitor"]) if said.get("monitor") else STEADY_S,
        "monitored": bool(said.get("monitor")),
        "lends": lends,
        "several": several,
    }


def _seconds(span: Any) -> float:
    return nanoseconds(span or "0s") / _SECOND


# ------------------------------------------------------------------ one beside the other


def alone(desired: Resource, observed: Observed) -> str:
    """Explains why old and new container can't run at once; empty where they need nothing that only one can have.

    Two that write the same data are one too many, unless there are to be several anyway. And what gives something up
    may have to do so before what it needs can be there.
    """
    rollout: Any = desired.spec["rollout"]
    spec, live = desired.spec, observed.spec
    claimed, given_up = claims.running(spec) & claims.running(live), claims.running(live) - claims.running(spec)
    written = () if rollout["several"] else _written(spec) & _written(live)
    reasons = (
        (rollout["order"] == "stop-first", "`update_config` says `stop-first`"),
        (live.get("state") != "running", "the old one does not run"),
        (spec.get("state") != "running", "it is a job"),
        (rollout["lends"], "other containers live in its namespaces"),
        (claimed, f"only one container can have {_listed(claimed)}"),
        (any(_is_shared_space(str(each.get("network_mode"))) for each in (spec, live)), "it has another's network"),
        (any(key in each for each in _mapping(spec, "networks").values() for key in _ITS_OWN), "its address is fixed"),
        (observed.facts.get("anonymous"), "a volume without a name goes from the old one to the new one"),
        ("volumes_from" in spec, "it has the volumes of another container"),
        (_named(live) - _named(spec), "it gives up a volume, which may be made anew"),
        (given_up and any(need.kind == CONTAINER for need in desired.after), f"it gives up {_listed(given_up)}"),
        (written, f"two would write to {_listed(written)}"),
        ("hostname" in spec and rollout["order"] != "start-first", "it has a hostname of its own"),
    )
    # In the order in which a reader understands them: the first reason is the one that is shown.
    return next((reason for is_so, reason in reasons if is_so), "")


def _listed(things: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, things)))


def _is_shared_space(mode: str) -> bool:
    return mode.partition(":")[0] in ("host", "container")


def _written(spec: Spec) -> frozenset[Value]:
    """The volumes and directories that a container may write to."""
    mounts = _mapping(spec, "volumes").values()
    written = (mount["source"] for mount in mounts if mount["type"] in ("volume", "bind") and not mount["read_only"])
    return frozenset(source for source in written if not str(source).endswith(_ENGINES))


def _named(spec: Spec) -> frozenset[Value]:
    """The volumes of a container. Of those that it no longer has, or that are not known yet, one may be made anew."""
    mounts = _mapping(spec, "volumes").values()
    return frozenset(mount["source"] for mount in mounts if mount["type"] == "volume")


def _mapping(spec: Spec, name: str) -> Mapping[str, Any]:
    found = spec.get(name)
    return found if isinstance(found, Mapping) else {}
