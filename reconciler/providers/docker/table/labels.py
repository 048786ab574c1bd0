"""The owner of a container, network or volume, written in labels.

The labels of Docker Compose are set, so that ``docker compose ps``, ``logs``, ``exec`` and ``down`` work on what
we made, and read, so that a project that Compose started is ours to look after without a restart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

COMPOSE: Final = "com.docker.compose."
OWN: Final = "reconcile."
STACK: Final = "com.docker.stack."
"""Prefix of the labels of `docker stack deploy`."""

FOREIGN: Final = (COMPOSE, STACK, OWN, "desktop.docker.io/")
"""Prefixes of labels that nobody declares: left out of every comparison."""

PROJECT: Final = f"{COMPOSE}project"
SERVICE: Final = f"{COMPOSE}service"
NUMBER: Final = f"{COMPOSE}container-number"
ONEOFF: Final = f"{COMPOSE}oneoff"
NETWORK: Final = f"{COMPOSE}network"
VOLUME: Final = f"{COMPOSE}volume"
HOOK: Final = f"{COMPOSE}hook"
DEPENDS_ON: Final = f"{COMPOSE}depends_on"
"""On a container: what its service depends on, as ``SERVICE:CONDITION:RESTART``, with commas in between."""

IMAGE_BUILDER: Final = f"{COMPOSE}image.builder"
"""On an image that Compose had built by the engine's classic builder; on others it puts the project and the service."""
OF_WHICH: Final = (PROJECT, SERVICE, NUMBER)
OF_A_HOOK: Final = {HOOK: "pre_start", ONEOFF: "True"}
"""On a container that is run before that of a service, besides those that say of which one."""

LOCK: Final = f"{OWN}lock"
"""On a volume that says that a run is at work on the project."""

INPUTS: Final = f"{OWN}build.inputs"
"""On an image: the hash of everything that its build depends on."""

BEFORE_START: Final = f"{OWN}pre-start"
"""On a container: a digest of the hooks that were run before its first start."""

FILES: Final = f"{OWN}files"
"""On a container: digests of its configs and secrets when it was made; on its mark, of what it was told of later."""

MARK: Final = f"{OWN}mark-of"
"""On a volume that says what a container was told of since it was made, or whose it became: the container's id."""

APART: Final = f"{OWN}apart"
"""On a container that replaces the one of a daemon: a digest of what it is to do."""

_HASH: Final = f"{COMPOSE}config-hash"
_OURS: Final = "reconcile"


def declared_only(labels: Mapping[str, str] | None) -> dict[str, str]:
    """The labels that a file could have asked for."""
    return {key: value for key, value in (labels or {}).items() if not key.startswith(FOREIGN)}


def of_container(
    project: str, service: str, number: int, directory: str, depends_on: Mapping[str, Any]
) -> dict[str, str]:
    """The labels by which Compose knows a container.

    Compose lists only containers that have a ``config-hash``; ours says that it did not make them.
    """
    return {
        PROJECT: project,
        SERVICE: service,
        NUMBER: str(number),
        ONEOFF: "False",
        _HASH: _OURS,
        f"{COMPOSE}project.working_dir": directory,
        **({DEPENDS_ON: ",".join(_dependencies(depends_on))} if depends_on else {}),
    }


def config_files(labels: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """The Compose files, the env files and the directory from which Compose made a container; empty if it did not."""
    files, env_files = (
        tuple(filter(None, labels.get(f"{COMPOSE}project.{name}", "").split(",")))
        for name in ("config_files", "environment_file")
    )
    return files, env_files, labels.get(f"{COMPOSE}project.working_dir", "")


def _dependencies(depends_on: Mapping[str, Any]) -> Iterator[str]:
    for name, need in depends_on.items():
        condition, restart = need.get("condition") or "service_started", bool(need.get("restart"))
        yield f"{name}:{condition}:{str(restart).lower()}"


def services_before(labels: Mapping[str, str] | None) -> tuple[str, ...]:
    """The services that a container's service depends on."""
    entries = (labels or {}).get(DEPENDS_ON, "").split(",")
    return tuple(name for name in (entry.partition(":")[0] for entry in entries) if name)


def is_of_a_hook(labels: Mapping[str, str] | None) -> bool:
    """Returns whether the container only runs before that of a service."""
    return HOOK in (labels or {})


def is_one_off(labels: Mapping[str, str] | None) -> bool:
    """Returns whether the container belongs to no service. Compose marks those of hooks otherwise."""
    return (labels or {}).get(ONEOFF) == "True" or is_of_a_hook(labels)


def is_ours(labels: Mapping[str, str] | None) -> bool:
    """Returns whether we made the container, rather than Compose."""
    return (labels or {}).get(_HASH) == _OURS
