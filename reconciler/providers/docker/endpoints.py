"""The networks that a container is connected to, and how."""

from __future__ import annotations

from typing import Any

from reconciler.core.kind import Effect, Field
from reconciler.core.values import ABSENT, Spec, Value
from reconciler.providers.docker import forms
from reconciler.providers.docker.property import Json, Property, dig


def _networks_body(spec: Spec) -> Json:
    """One network goes into the create body (more only since API 1.44); the others are connected before the start."""
    networks: Any = spec.get("networks") or {}
    for endpoint in networks.values():
        return {
            "HostConfig": {"NetworkMode": endpoint["name"]},
            "NetworkingConfig": {"EndpointsConfig": {endpoint["name"]: endpoint_body(endpoint)}},
        }
    return {}


def endpoint_body(endpoint: Json) -> Json:
    """The EndpointConfig of one network: the whole of it, or a reconnect would lose names and addresses."""
    body: dict[str, Any] = {"Aliases": list(endpoint["aliases"])}
    addresses = {"IPv4Address": endpoint.get("ipv4_address"), "IPv6Address": endpoint.get("ipv6_address")}
    if any(addresses.values()):
        body["IPAMConfig"] = {key: value for key, value in addresses.items() if value}
    return body


def _read_networks(inspect: Json) -> Value:
    """By the network's name. The engine adds the short id (API < 1.45) and the hostname to the aliases by itself."""
    own = {inspect["Id"][:12], dig(inspect, "Config.Hostname")}

    def value(name: str, endpoint: Any) -> Value:
        addresses = endpoint.get("IPAMConfig") or {}
        return {
            "name": name,
            "id": endpoint.get("NetworkID") or "",
            "aliases": tuple(sorted(set(endpoint.get("Aliases") or ()) - own)),
            "ipv4_address": addresses.get("IPv4Address") or "",
            "ipv6_address": addresses.get("IPv6Address") or "",
        }

    endpoints = dig(inspect, "NetworkSettings.Networks") or {}
    return {name: value(name, endpoint) for name, endpoint in endpoints.items()}


NETWORKS = Property(
    "networks",
    declared=lambda service: service.get("networks") or ABSENT,
    read=_read_networks,
    write=_networks_body,
    silent=lambda _: ABSENT,
    field=Field(Effect.RECONNECT),
    paths=("networks",),
)


def network_mode(value: Any) -> str:
    """``default`` became ``bridge`` in engine 26.1; the name of a network of one's own says nothing here."""
    text = forms.text(value)
    if text in ("default", "bridge", ""):
        return "bridge"
    return text if text in ("host", "none") or text.partition(":")[0] in ("container", "service") else "networks"
