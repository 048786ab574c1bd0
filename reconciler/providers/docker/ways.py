"""The way from inside a container to the published ports of the engine's machine, whose `localhost` is another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.core.login import Way
from reconciler.core.resource.document import Document
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.table.property import Json, dig

_TCP: Final = "tcp"


def ways(engine: Engine, container: str, document: Document) -> Mapping[int, Way] | None:
    """The way to each port; None if this process reaches them as the machine itself does. Raises ProviderError."""
    own = engine.inspected(container) if container else None
    mode = str(dig(own, "HostConfig.NetworkMode") or "") if own else "host"
    if mode.startswith("container:"):
        return ways(engine, mode.partition(":")[2], document)
    if own is None or mode == "host":
        return None
    networks = (dig(own, "NetworkSettings.Networks") or {}).keys()
    declared = {port: Way() for port in _declared(document)}
    running = engine.get("/containers/json")
    found = {port: _way(each, inner, networks) for each in running for port, inner in _published(each)}
    return {**declared, **found}


def _declared(document: Document) -> Iterator[int]:
    """The ports that services publish by a fixed number: without a running container nothing answers there."""
    for service in document.section("services").values():
        for each in service.get("ports") or ():
            published = str(each.get("published") or "")
            if published.isdecimal():
                yield int(published)


def _published(listed: Json) -> Iterator[tuple[int, int]]:
    """The pairs of published and inner ports of a container in the engine's list."""
    for each in listed.get("Ports") or ():
        if each.get("PublicPort") and each.get("Type") == _TCP:
            yield int(each["PublicPort"]), int(each["PrivatePort"])


def _way(listed: Json, port: int, networks: Any) -> Way:
    endpoints = dig(listed, "NetworkSettings.Networks") or {}
    shared = (endpoints[name].get("IPAddress") for name in sorted(endpoints) if name in networks)
    address = next(filter(None, shared), "")
    if address:
        return Way(address, port)
    return Way(hidden=f"it shares no network with the container {str(listed['Names'][0]).lstrip('/')}")
