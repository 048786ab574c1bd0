"""Networks of a Swarm: those of one engine, with another usual driver and without what the Swarm adds to them.

There is no call that changes a network, not even its labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.core.difference.kind import Kind, Output
from reconciler.core.resource.values import Value
from reconciler.providers.docker.kinds import network
from reconciler.providers.docker.table.property import Json
from reconciler.providers.swarm.table import labels
from reconciler.record import replace

NAME: Final = "swarm.network"
_DRIVER: Final = "overlay"
_ADDED: Final = "com.docker.network.driver.overlay.vxlanid_list"
"""The option that a Swarm adds to each overlay network."""


def declared(item: Json) -> dict[str, Value]:
    """The spec of a canonical network."""
    return network.declared({**item, "driver": item.get("driver") or _DRIVER})


def read(item: Json) -> dict[str, Value]:
    """The spec of a live network."""
    options = {key: value for key, value in (item.get("Options") or {}).items() if key != _ADDED}
    return network.read({**item, "Options": options})


def body(spec: Any, project: str) -> dict[str, Any]:
    """The body of POST /networks/create."""
    return {**network.body(spec, labels.of_stack(project)), "Scope": "swarm"}


KIND: Final[Kind] = replace(network.KIND, name=NAME, outputs={"id": Output(held=True)}, left_in_use=False)
PATHS: Final[Mapping[str, str]] = network.PATHS
