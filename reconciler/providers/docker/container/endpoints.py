"""The networks that a container is connected to, and how."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from reconciler.core.difference.kind import Effect, Field
from reconciler.core.resource.values import ABSENT, Spec, Value
from reconciler.pattern import lazy_pattern
from reconciler.providers.docker.table import forms
from reconciler.providers.docker.table.forms import given
from reconciler.providers.docker.table.property import Json, Property, dig, nest, plain_of

INTERFACE: Final = "com.docker.network.endpoint.ifname"
"""The option of a connection that names the interface inside."""

ID: Final = lazy_pattern(r"[0-9a-f]{12,64}")
"""The id of a network, or the beginning of one."""

_MAC: Final = lazy_pattern(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")


def _networks_body(spec: Spec) -> Json:
    """One network goes into the create body (more only since API 1.44); the others are connected before the start."""
    networks: Any = spec.get("networks") or {}
    for endpoint in networks.values():
        # Before API 1.44 the MAC address is the container's, and that of an endpoint is not heard.
        mac = {"MacAddress": endpoint["mac_address"]} if endpoint.get("mac_address") else {}
        return {
            **mac,
            "HostConfig": {"NetworkMode": endpoint["name"]},
            "NetworkingConfig": {"EndpointsConfig": {endpoint["name"]: endpoint_body(endpoint)}},
        }
    return {}


def endpoint_body(endpoint: Json) -> Json:
    """The EndpointConfig of one network: the whole of it, or a reconnect would lose names and addresses."""
    addresses = {
        "IPv4Address": endpoint.get("ipv4_address"),
        "IPv6Address": endpoint.get("ipv6_address"),
        "LinkLocalIPs": list(endpoint.get("link_local_ips") or ()),
    }
    parts = {
        "IPAMConfig": {key: value for key, value in addresses.items() if value},
        "MacAddress": endpoint.get("mac_address"),
        "DriverOpts": dict(endpoint.get("driver_opts") or {}),
        "GwPriority": endpoint.get("gw_priority"),
    }
    links = {"Links": list(endpoint["links"])} if endpoint.get("links") else {}
    return {"Aliases": list(endpoint["aliases"]), **links, **{key: value for key, value in parts.items() if value}}


def declared(endpoint: Json) -> dict[str, Value]:
    """The declared part of an endpoint besides its names and addresses; undeclared keys are left out."""
    options = forms.text_map(endpoint.get("driver_opts"))
    options |= {INTERFACE: endpoint["interface_name"]} if endpoint.get("interface_name") else {}
    return given(
        mac_address=str(endpoint.get("mac_address") or "").lower(),
        links=forms.text_set(endpoint.get("links")),
        link_local_ips=forms.text_set(endpoint.get("link_local_ips")),
        driver_opts=options,
        gw_priority=int(endpoint.get("gw_priority") or 0),
    )


def _read_networks(inspect: Json) -> Value:
    """Reads endpoints by network name. The engine adds the short id (API < 1.45) and the hostname to the aliases."""
    own = {inspect["Id"][:12], dig(inspect, "Config.Hostname")}
    first = dig(inspect, "HostConfig.NetworkMode")

    def value(name: str, endpoint: Any) -> Value:
        addresses = endpoint.get("IPAMConfig") or {}
        return {
            "name": name,
            "id": endpoint.get("NetworkID") or "",
            "aliases": tuple(sorted(set(endpoint.get("Aliases") or ()) - own)),
            # IPAMConfig has the addresses that were asked for; those beside it are the engine's choice.
            "ipv4_address": addresses.get("IPv4Address") or "",
            "ipv6_address": addresses.get("IPv6Address") or "",
            **given(
                mac_address=endpoint.get("MacAddress") or (name == first and dig(inspect, "Config.MacAddress")) or "",
                links=forms.text_set(endpoint.get("Links")),
                link_local_ips=forms.text_set(addresses.get("LinkLocalIPs")),
                driver_opts=forms.text_map(endpoint.get("DriverOpts")),
                gw_priority=endpoint.get("GwPriority") or 0,
            ),
        }

    return {name: value(name, endpoint) for name, endpoint in joined(inspect).items()}


def joined(inspect: Json) -> Json:
    """Network → endpoint of a container.

    A network that a running container could not join stays among the engine's, without an id; nothing is connected.
    """
    found: Json = dig(inspect, "NetworkSettings.Networks") or {}
    runs = dig(inspect, "State.Status") == "running"
    return {name: endpoint for name, endpoint in found.items() if endpoint.get("NetworkID") or not runs}


def _with_macs(declared: Any, _image: Json, observed: Any) -> Value:
    """The engine makes a MAC address up where the file is silent, and shows none of a stopped container."""
    return {key: _with_mac(endpoint, _of(observed, key)) for key, endpoint in declared.items()}


def _with_mac(endpoint: Json, live: Json) -> Json:
    if not live or ("mac_address" in endpoint and "mac_address" in live):
        return endpoint
    rest = {key: value for key, value in endpoint.items() if key != "mac_address"}
    return rest | given(mac_address=live.get("mac_address", ""))


def _of(observed: Any, key: str) -> Json:
    """The live endpoint; nothing where there is none, and all of the declared one is to be seen."""
    live: Json = observed.get(key) or {} if isinstance(observed, Mapping) else {}
    return live


def _effect(before: Value, after: Value) -> Effect:
    """Before API 1.44 a reconnect does not set a MAC address."""
    is_mac = any(isinstance(value, str) and _MAC.fullmatch(value) for value in (before, after))
    return Effect.REPLACE if is_mac else Effect.RECONNECT


def named(body: Json, name_of: Callable[[str], str]) -> Json:
    """A create body with names in place of ids: an engine (20.10) starts a container only once by a short id."""
    mode = str(body["HostConfig"].get("NetworkMode") or "")
    if not ID.fullmatch(mode):
        return body
    name = name_of(mode)
    joined = (dig(body, "NetworkingConfig.EndpointsConfig") or {}).items()
    renamed = {name if key == mode else key: endpoint for key, endpoint in joined}
    config = {"NetworkingConfig": {"EndpointsConfig": renamed}} if renamed else {}
    return {**body, **config, "HostConfig": {**body["HostConfig"], "NetworkMode": name}}


def _links(entries: Any) -> tuple[str, ...]:
    """``/container:/own name/alias``, as the engine shows them."""
    pairs = (str(entry).partition(":") for entry in entries or ())
    return forms.text_set(f"{name.lstrip('/')}:{alias.rpartition('/')[2]}" for name, _, alias in pairs)


def renamed(links: Any, names: Mapping[str, str]) -> tuple[str, ...]:
    """Links with other names of the containers that they lead to."""
    pairs = (str(link).partition(":") for link in links)
    return forms.text_set(f"{names.get(name, name)}:{alias}" for name, _, alias in pairs)


LINKS = Property(
    "links",
    declared=lambda service: tuple(service.get("links_on_bridge") or ()) or ABSENT,
    read=lambda inspect: _links(dig(inspect, "HostConfig.Links")),
    write=lambda spec: nest("HostConfig.Links", list(spec["links"])) if "links" in spec else {},  # type: ignore[arg-type]
    silent=lambda _: (),
    paths=("links", "external_links"),
)
"""The links of a container on the default bridge; elsewhere they are settings of the connection."""


def said(endpoint: Json, implied: Collection[str]) -> dict[str, Any]:
    """An endpoint as a file has it, without the ``implied`` names and without what the engine made up."""
    options = dict(endpoint.get("driver_opts") or {})
    interface = options.pop(INTERFACE, "")
    return given(
        aliases=[alias for alias in endpoint["aliases"] if alias not in implied],
        ipv4_address=endpoint["ipv4_address"],
        ipv6_address=endpoint["ipv6_address"],
        link_local_ips=list(endpoint.get("link_local_ips") or ()),
        driver_opts=plain_of(options),
        interface_name=interface,
        gw_priority=endpoint.get("gw_priority"),
    )


NETWORKS = Property(
    "networks",
    declared=lambda service: service.get("networks") or ABSENT,
    read=_read_networks,
    write=_networks_body,
    silent=lambda _: ABSENT,
    merge=_with_macs,
    field=Field(_effect),
    paths=("networks",),
)


def network_mode(value: Any) -> str:
    """``default`` became ``bridge`` in engine 26.1; it may also be the name or id of a network."""
    text = forms.text(value)
    return "bridge" if text in ("default", "bridge", "") else text


def is_network(mode: Any) -> bool:
    """Returns whether a network mode is the name or id of a network that somebody made."""
    text = str(mode)
    return text not in ("bridge", "host", "none") and text.partition(":")[0] not in ("container", "service")
