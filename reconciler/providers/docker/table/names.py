"""Names that planning and reading share: milestones of a start, and suffixes of containers in a replacement."""

from __future__ import annotations

from typing import Final

from reconciler.core.resource.resource import Resource

STARTED: Final = "started"
"""The milestone of a container that has been started, whether it is ready or not."""

PREPARED: Final = "prepared"
"""The milestone of a container before whose start all has been run that is to be."""

NEXT: Final = ".next"
PREVIOUS: Final = ".prev"
"""What a replacement appends to the names of the container to come and of the one before; see ``replace``."""


def replacement_suffix(name: str) -> str:
    """The suffix that a replacement appended to the name of a container; "" if there is none."""
    return next((suffix for suffix in (NEXT, PREVIOUS) if name.endswith(suffix)), "")


CONTAINER: Final = "docker.container"
"""The kind of container; its table stands above this floor."""

CONTAINER_ACTS: Final = (
    *("create", "start", "restart", "die", "oom", "stop", "kill", "pause", "unpause", "rename", "update", "destroy"),
)
"""The engine's events that change a container."""

OF_OTHERS: Final = "declare it with `external: true` if that is meant"
"""The advice for a network, a volume or the like that is declared as the project's and that somebody else has made."""


def verb_of_external(desired: Resource) -> str:
    """The words for an external network or volume that is missing: nobody is going to create it."""
    return "missing, declared as external" if is_external(desired) else ""


def is_external(desired: Resource) -> bool:
    """Returns whether a network or volume is somebody else's, so that it has to be there already."""
    return bool(desired.spec.get("external"))
