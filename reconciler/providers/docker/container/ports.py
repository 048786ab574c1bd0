"""Published and exposed ports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.core.resource.values import ABSENT, Spec, Value
from reconciler.providers.docker.table.property import Json, Property, dig
from reconciler.vocabulary.compose import ANY_ADDRESS


def _port_key(port: Any) -> str:
    return f"{port['target']}/{port.get('protocol') or 'tcp'}"


def _bound(address: Any, port: Any) -> str:
    """``address:port`` with nothing for any address and for a port of the engine's choice."""
    any_port = ("", "0")
    address, port = str(address or ""), str(port or "")
    return f"{'' if address in ANY_ADDRESS else address}:{'' if port in any_port else port}"


def _declared_ports(service: Json) -> Value:
    ports: dict[str, list[str]] = {}
    for port in service.get("ports") or ():
        ports.setdefault(_port_key(port), []).append(_bound(port.get("host_ip"), port.get("published")))
    return {key: tuple(sorted(bound)) for key, bound in ports.items()} or ABSENT


def _read_ports(inspect: Json) -> Value:
    """Out of HostConfig: NetworkSettings.Ports is null while a container is stopped (Terraform provider #211)."""
    bindings = dig(inspect, "HostConfig.PortBindings") or {}
    return {
        key if "/" in key else f"{key}/tcp": tuple(
            sorted({_bound(binding.get("HostIp"), binding.get("HostPort")) for binding in bound_to or ()})
        )
        for key, bound_to in bindings.items()
    }


def _ports_body(spec: Spec) -> Json:
    ports: Any = spec.get("ports") or {}

    def bindings(bound: Sequence[str]) -> list[Json]:
        pairs = (text.rpartition(":") for text in bound)
        return [{"HostIp": address, "HostPort": port} for address, _, port in pairs]

    return {
        "ExposedPorts": {key: {} for key in ports},
        "HostConfig": {"PortBindings": {key: bindings(bound) for key, bound in ports.items()}},
    }


def _said_ports(ports: Any) -> Json:
    """Ports in their short form."""
    said = [_said_port(key, bound) for key, several in ports.items() for bound in several or (":",)]
    return {"ports": said} if said else {}


def _said_port(key: str, bound: str) -> str:
    """``ADDRESS:PUBLISHED:TARGET/PROTOCOL``, without what is usual."""
    address, _, published = bound.rpartition(":")
    target = key.removesuffix("/tcp")
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{published}:{target}" if host else f"{published}:{target}" if published else target


def fixed(ports: Any) -> Iterator[tuple[str, str, str]]:
    """Key, address ("" for any) and number of each host port that is not the engine's choice."""
    for key, bindings in (ports or {}).items():
        for address, _, published in (str(binding).rpartition(":") for binding in bindings):
            if published.isdecimal():
                yield key, address, published


PORTS = Property(
    "ports",
    declared=_declared_ports,
    read=_read_ports,
    write=_ports_body,
    silent=lambda _: {},
    paths=("ports",),
    said=_said_ports,
)


def _exposed(values: Any) -> set[str]:
    """Each port on its own, as Compose sends a range."""
    return {port for value in values or () for port in _each(str(value))}


def _each(text: str) -> Iterator[str]:
    ports, _, protocol = text.partition("/")
    first, _, last = ports.partition("-")
    suffix = f"/{(protocol or 'tcp').lower()}"
    if not (first.isdecimal() and (last or first).isdecimal()):
        yield f"{ports}{suffix}"  # whatever somebody else made of it
        return
    yield from (f"{port}{suffix}" for port in range(int(first), int(last or first) + 1))


def _declared_expose(service: Json) -> Value:
    ports = {_port_key(port) for port in service.get("ports") or ()}
    return tuple(sorted(_exposed(service.get("expose")) | ports)) or ABSENT


EXPOSE = Property(
    "expose",
    declared=_declared_expose,
    read=lambda inspect: tuple(sorted(_exposed(dig(inspect, "Config.ExposedPorts")))),
    write=lambda spec: {"ExposedPorts": {key: {} for key in _exposed(spec.get("expose"))}},
    silent=lambda image: tuple(sorted(_exposed(image.get("ExposedPorts")))),
    merge=lambda declared, image, _: tuple(sorted({*declared, *_exposed(image.get("ExposedPorts"))})),
    paths=("expose",),
)
