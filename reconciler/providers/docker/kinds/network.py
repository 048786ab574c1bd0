"""Networks. None of their properties can be changed: all endpoints leave, and a new network takes its name.

Source: Engine API, GET /networks and POST /networks/create.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any, Final

from reconciler.core.difference.kind import Effect, Field, Kind, Output
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import ABSENT, Spec, Value
from reconciler.providers.docker.table import labels
from reconciler.providers.docker.table.names import OF_OTHERS, is_external, verb_of_external
from reconciler.providers.docker.table.property import Json

NAME: Final = "docker.network"


def declared(network: Json) -> dict[str, Value]:
    """The spec of a canonical network; what is left out is the engine's to choose."""
    ipam: Any = network.get("ipam") or {}
    spec: dict[str, Value] = {
        "name": network["name"],
        "driver": network.get("driver") or "bridge",
        "driver_opts": {key: str(value) for key, value in (network.get("driver_opts") or {}).items()},
        "internal": bool(network.get("internal")),
        "attachable": bool(network.get("attachable")),
        "enable_ipv6": bool(network.get("enable_ipv6")),
        **({"enable_ipv4": False} if network.get("enable_ipv4") is False else {}),
        "labels": dict(network.get("labels") or {}),
    }
    # A pool that nobody declared is the engine's choice, and must not be compared.
    if ipam.get("config"):
        spec["ipam"] = _pools(ipam["config"])
    if ipam.get("driver"):
        spec["ipam_driver"] = str(ipam["driver"])
    if ipam.get("options"):
        spec["ipam_options"] = {key: str(value) for key, value in ipam["options"].items()}
    return spec


def read(network: Json) -> dict[str, Value]:
    """The spec of a live network."""
    ipam = network.get("IPAM") or {}
    return {
        "name": network["Name"],
        "driver": network["Driver"],
        "driver_opts": dict(network.get("Options") or {}),
        "internal": bool(network.get("Internal")),
        "attachable": bool(network.get("Attachable")),
        "enable_ipv6": bool(network.get("EnableIPv6")),
        "enable_ipv4": bool(network.get("EnableIPv4", True)),
        "labels": labels.declared_only(network.get("Labels")),
        "ipam": _pools(map(_as_declared, ipam.get("Config") or ())),
        "ipam_driver": ipam.get("Driver") or "default",
        "ipam_options": dict(ipam.get("Options") or {}),
    }


def _as_declared(pool: Json) -> Json:
    return {
        "subnet": pool.get("Subnet"),
        "gateway": pool.get("Gateway"),
        "ip_range": pool.get("IPRange"),
        # Engines differ in the name of these.
        "aux_addresses": pool.get("AuxiliaryAddresses") or pool.get("AuxAddress"),
    }


def said(network: Json, *, is_addressed: bool) -> dict[str, Any]:
    """A live network in the words of a file, without what the engine chose or would choose.

    The engine also shows the pool of addresses that it took by itself. One that looks so is left out, unless the
    network ``is_addressed``: only a declared pool lets a container ask for an address.
    """
    spec: Mapping[str, Any] = read(network)
    pools: dict[str, Any] = {} if not is_addressed and all(map(_is_given, spec["ipam"].items())) else spec["ipam"]
    config = [
        {**({"subnet": subnet} if subnet else {}), **_declared_part(subnet, pool)} for subnet, pool in pools.items()
    ]
    driver = spec["ipam_driver"] if spec["ipam_driver"] != "default" else ""
    ipam = {"driver": driver, "options": spec["ipam_options"], "config": config}
    found = {
        "driver": spec["driver"] if spec["driver"] != "bridge" else "",
        "driver_opts": spec["driver_opts"],
        "internal": spec["internal"],
        "attachable": spec["attachable"],
        "enable_ipv6": spec["enable_ipv6"],
        "ipam": {key: value for key, value in ipam.items() if value},
        "labels": spec["labels"],
    }
    kept = {key: value for key, value in found.items() if value}
    return kept if spec["enable_ipv4"] else {**kept, "enable_ipv4": False}


_GIVEN: Final = (
    *(f"172.{second}.0.0/16" for second in range(17, 32)),
    *(f"192.168.{third}.0/20" for third in range(0, 256, 16)),
)
"""The pools from which an engine takes addresses for a network that declares none; ``ipamutils`` of libnetwork."""


def _is_given(item: tuple[str, Mapping[str, Any]]) -> bool:
    """Returns whether a pool is one that the engine takes by itself, with its first address as the gateway."""
    subnet, pool = item
    is_local = subnet.startswith("fd") and subnet.endswith("/64")  # those of IPv6 are made up
    return (subnet in _GIVEN or is_local) and not _declared_part(subnet, pool)


def _declared_part(subnet: str, pool: Mapping[str, Any]) -> dict[str, Any]:
    """A pool without the gateway that the engine chooses, which is the first address; newer engines show it."""
    first = str(next(ip_network(subnet, strict=False).hosts(), "")) if subnet else ""
    return {key: value for key, value in pool.items() if key != "gateway" or value != first}


def _pools(pools: Any) -> dict[str, Value]:
    return {
        str(pool.get("subnet") or ""): {key: value for key, value in pool.items() if value and key != "subnet"}
        for pool in pools
    }


PATHS: Final[Mapping[str, str]] = {
    "ipam": "ipam.config",
    "ipam_driver": "ipam.driver",
    "ipam_options": "ipam.options",
}
"""The places of fields that a file declares under another name."""


def expect(desired: Resource, observed: Observed) -> Spec:
    """The expected address pool has only the declared keys: the engine picks the gateway.

    It also picks a pool of the other family where only one of IPv4 and IPv6 is declared.
    """
    usual: dict[str, Value] = {} if desired.spec.get("external") else {"enable_ipv4": True}
    spec = usual | dict(desired.spec)
    declared_pools, live = spec.get("ipam", ABSENT), observed.spec.get("ipam")
    if isinstance(declared_pools, Mapping) and isinstance(live, Mapping):
        families = {_family(subnet) for subnet in declared_pools}
        # The gateway and the pool of the other family are the engine's choice, and expected as they are.
        spec["ipam"] = {subnet: p for subnet, p in live.items() if _family(subnet) not in families} | {
            subnet: {**_as_map(live.get(subnet)), **_as_map(p)} for subnet, p in declared_pools.items()
        }
    return spec


def _family(subnet: str) -> int:
    return 6 if ":" in subnet else 4


def _as_map(value: Value) -> Mapping[str, Value]:
    return value if isinstance(value, Mapping) else {}


KIND: Final = Kind(
    NAME,
    fields={
        "name": Field(Effect.REPLACE),
        "driver": Field(Effect.REPLACE),
        "driver_opts": Field(Effect.REPLACE),
        "internal": Field(Effect.REPLACE),
        "attachable": Field(Effect.REPLACE),
        "enable_ipv6": Field(Effect.REPLACE),
        "enable_ipv4": Field(Effect.REPLACE),
        "ipam": Field(Effect.REPLACE),
        "ipam_driver": Field(Effect.REPLACE),
        "ipam_options": Field(Effect.REPLACE),
        "labels": Field(Effect.NOTE),
    },
    outputs={"id": Output()},
    expect=expect,
    verb=verb_of_external,
    is_never_made=is_external,
    of_others=OF_OTHERS,
    section="networks",
    prunable=True,
    left_in_use=True,
    goes_down=True,
)


def body(spec: Any, owner: Mapping[str, str]) -> dict[str, Any]:
    """The body of POST /networks/create."""
    keys = {"subnet": "Subnet", "gateway": "Gateway", "ip_range": "IPRange", "aux_addresses": "AuxiliaryAddresses"}
    pools = [
        {keys[key]: value for key, value in ({"subnet": subnet} | dict(pool)).items() if value}
        for subnet, pool in spec.get("ipam", {}).items()
    ]
    return {
        # Before API 1.44 an engine makes a second network of the same name without this.
        "Name": spec["name"],
        "CheckDuplicate": True,
        "Driver": spec["driver"],
        "Options": dict(spec["driver_opts"]),
        "Internal": spec["internal"],
        "Attachable": spec["attachable"],
        "EnableIPv6": spec["enable_ipv6"],
        **({"EnableIPv4": False} if "enable_ipv4" in spec else {}),
        "Labels": {**spec["labels"], **owner},
        **_ipam_body(spec, pools),
    }


def _ipam_body(spec: Any, pools: list[dict[str, Any]]) -> dict[str, Any]:
    """Nothing where the file says nothing: the engine then takes a pool of its own."""
    if not any(spec.get(key) for key in ("ipam", "ipam_driver", "ipam_options")):
        return {}
    options = {"Options": dict(spec["ipam_options"])} if spec.get("ipam_options") else {}
    return {"IPAM": {"Driver": spec.get("ipam_driver", "default"), **options, "Config": pools}}
