"""Things that only one container can have at a time, by name: host ports, addresses in a network, its name.

The planner lets who gives one up come before who takes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.core.resource.values import Spec


def name(container_name: object) -> frozenset[str]:
    """The claim on a container's name."""
    return frozenset({f"name {container_name}"})


def running(spec: Spec) -> frozenset[str]:
    """The claims of a container with this spec while it runs."""
    networks: Any = spec.get("networks") or {}
    return frozenset({*_ports(spec), *addresses(networks)})


def addresses(networks: Mapping[str, Any]) -> frozenset[str]:
    """The claims of endpoints, under the keys of their networks."""
    return frozenset(
        f"address {endpoint[key]} in {network}"
        for network, endpoint in networks.items()
        for key in ("ipv4_address", "ipv6_address")
        if endpoint.get(key)
    )


def any_address(networks: Mapping[str, Any], *, fixed: bool) -> frozenset[str]:
    """Lists the networks with a fixed address, or those from which the engine chooses one.

    Who asks for an address of the engine's choice takes it, and who has a fixed one frees it: the engine might else
    choose the very address that another is to have.
    """
    return frozenset(
        f"any address in {network}"
        for network, endpoint in networks.items()
        if fixed is bool(endpoint.get("ipv4_address") or endpoint.get("ipv6_address"))
    )


def _ports(spec: Spec) -> Iterator[str]:
    """Whatever address they are bound to on the host: one for any address stands in the way of all others."""
    ports: Any = spec.get("ports") or {}
    for key, bindings in ports.items():
        published = (binding.rpartition(":")[2] for binding in bindings)
        yield from (f"port {port}/{key.partition('/')[2]}" for port in published if port)
