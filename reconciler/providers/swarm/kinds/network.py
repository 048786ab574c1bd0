"""Networks of a Swarm: those of one engine, with another usual driver and without what the Swarm adds to them.

There is no call that changes a network, not even its labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.core.difference.kind import Kind, Output
from reconciler.core.resource.values import Value
from reconciler.pattern import lazy_pattern
from reconciler.providers.docker.kinds import network
from reconciler.providers.docker.table.property import Json, dig
from reconciler.providers.swarm.table import labels
from reconciler.record import replace

NAME: Final = "swarm.network"
DRIVER: Final = "overlay"
ADDED: Final = "com.docker.network.driver.overlay.vxlanid_list"
"""The option that a Swarm adds to each overlay network."""


def declared(item: Json) -> dict[str, Value]:
    """The spec of a canonical network."""
    return network.declared({**item, "driver": item.get("driver") or DRIVER})


def read(item: Json) -> dict[str, Value]:
    """The spec of a live network."""
    options = {key: value for key, value in (item.get("Options") or {}).items() if key != ADDED}
    return network.read({**item, "Options": options})


def said(item: Json) -> dict[str, Any]:
    """A live network in the words of a file, without what the Swarm added or chose."""
    options = {key: value for key, value in (item.get("Options") or {}).items() if key != ADDED}
    found = network.said({**item, "Options": options}, is_addressed=False)
    pools = [each for each in dig(found, "ipam.config") or () if not _is_chosen(str(each.get("subnet")))]
    ipam = {**found.get("ipam", {}), "config": pools}
    rest = {key: value for key, value in found.items() if key not in ("driver", "ipam")}
    return {
        **({} if item.get("Driver") == DRIVER else {"driver": item.get("Driver")}),
        **rest,
        **({"ipam": {key: value for key, value in ipam.items() if value}} if any(ipam.values()) else {}),
    }


def _is_chosen(subnet: str) -> bool:
    """Returns whether a pool looks like those that a Swarm takes by itself: 10.0.N.0/24."""
    return bool(_CHOSEN.fullmatch(subnet))


_CHOSEN: Final = lazy_pattern(r"10\.0\.\d+\.0/24")


def body(spec: Any, project: str) -> dict[str, Any]:
    """The body of POST /networks/create."""
    return {**network.body(spec, labels.of_stack(project)), "Scope": "swarm"}


KIND: Final[Kind] = replace(network.KIND, name=NAME, outputs={"id": Output(held=True)}, left_in_use=False)
PATHS: Final[Mapping[str, str]] = network.PATHS
