"""Attributes of the Compose Specification that we don't support yet: an error where they are used, never ignored.

The one place that says so, and which of it means nothing to an engine: a warning. Whoever carries one of them out takes
its row away, here and in docs/compose.md; tests compare the two, and both with the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar

from reconciler.config.compose.model.model import CONTAINER
from reconciler.config.yaml.patterns import matches, not_yet
from reconciler.config.yaml.tree import Map, Tree
from reconciler.core.message.problem import UNSUPPORTED, Problem, Severity
from reconciler.record import Struct

_SWARM: Final = "it is for a cluster"
_JOBS: Final = ("replicated-job", "global-job")
_WINDOWS: Final = "it is for Windows containers"
_OF_A_HOOK: Final = "of other services it has what the service itself has"
_MOUNTED_BY_THE_DOCKERFILE: Final = "write it in the Dockerfile, in `RUN --mount=type=secret,…`"


class NotYet(Struct, frozen=True):
    """The reason why something can't be used, and its replacement, if there is one."""

    reason: str
    applies: Callable[[Tree], bool] = lambda _value: True


def _any_of(*words: str) -> Callable[[Tree], bool]:
    return lambda value: isinstance(value, str) and value.startswith(words)


def _of_services(sources: Tree) -> bool:
    return isinstance(sources, list) and any(not str(source).startswith("container:") for source in sources)


def _more_than_none(ratio: Tree) -> bool:
    return bool(ratio) and float(ratio) > 0


def _relabels_and_more(bind: Tree) -> bool:
    """The engine relabels in the old form of a bind only, which knows nothing of the rest."""
    if not isinstance(bind, dict) or "selinux" not in bind:
        return False
    return bind.get("create_host_path") is False or bind.get("recursive") not in (None, "enabled")


_TABLE: Final[Mapping[str, NotYet]] = {
    "configs.*.external": NotYet(_SWARM, applies=bool),
    "configs.*.template_driver": NotYet(_SWARM),
    "secrets.*.driver": NotYet(_SWARM),
    "secrets.*.driver_opts": NotYet(_SWARM),
    "secrets.*.external": NotYet(_SWARM, applies=bool),
    "secrets.*.template_driver": NotYet(_SWARM),
    "models": NotYet("run the model as a service of its own"),
    "services.*.build.isolation": NotYet(_WINDOWS),
    "services.*.build.secrets.*.gid": NotYet(_MOUNTED_BY_THE_DOCKERFILE),
    "services.*.build.secrets.*.mode": NotYet(_MOUNTED_BY_THE_DOCKERFILE),
    "services.*.build.secrets.*.uid": NotYet(_MOUNTED_BY_THE_DOCKERFILE),
    "services.*.cpu_count": NotYet(_WINDOWS),
    "services.*.cpu_percent": NotYet(_WINDOWS),
    "services.*.credential_spec": NotYet(_WINDOWS),
    "services.*.deploy.mode": NotYet("write it as a service with `x-reconcile.job`", applies=_any_of(*_JOBS)),
    "services.*.deploy.resources.reservations.generic_resources": NotYet(_SWARM),
    "services.*.deploy.restart_policy.delay": NotYet("the engine waits 100 ms, and twice as long each time"),
    "services.*.deploy.restart_policy.window": NotYet("the engine counts a start as a success after 10 s"),
    "services.*.deploy.rollback_config": NotYet("all that was replaced is taken back at once"),
    "services.*.deploy.update_config.max_failure_ratio": NotYet("the first failure counts", applies=_more_than_none),
    "services.*.isolation": NotYet(_WINDOWS),
    "services.*.models": NotYet("run the model as a service of its own"),
    "services.*.pre_start.*.ipc": NotYet(_OF_A_HOOK, applies=_any_of("service:")),
    "services.*.pre_start.*.network_mode": NotYet(_OF_A_HOOK, applies=_any_of("service:")),
    "services.*.pre_start.*.pid": NotYet(_OF_A_HOOK, applies=_any_of("service:")),
    "services.*.pre_start.*.volumes_from": NotYet(_OF_A_HOOK, applies=_of_services),
    "services.*.provider": NotYet("only containers are run"),
    "services.*.use_api_socket": NotYet(
        "it copies credentials into the container, where they get old; mount /var/run/docker.sock with `volumes`"
    ),
    "services.*.volumes.*.bind": NotYet(
        "with `selinux` neither `create_host_path: false` nor `recursive` can be asked for", applies=_relabels_and_more
    ),
    "services.*.volumes.*.type": NotYet("use bind, volume, image or tmpfs", applies=_any_of("cluster", "npipe")),
    "networks.*.x-reconcile": NotYet("write what holds for a network at the top level"),
    "services.*.x-reconcile.environment": NotYet("outputs of other resources can't be used yet"),
    "volumes.*.x-reconcile": NotYet("write what holds for a volume at the top level"),
    "x-reconcile.hooks": NotYet("nothing is run around a change"),
}
_Row = TypeVar("_Row")


def _patterns(table: Mapping[str, _Row]) -> Mapping[tuple[str, ...], _Row]:
    """Patterns for a service's container, repeated for the containers that run before it."""
    rows = {tuple(path.split(".")): row for path, row in table.items()}
    of_containers = {path: row for path, row in rows.items() if path[0] == "services" and path[2] in CONTAINER}
    return rows | {(*path[:2], "pre_start", "*", *path[2:]): row for path, row in of_containers.items()}


PATTERNS: Final = _patterns(_TABLE)

_OF_NO_EFFECT: Final[Mapping[str, str]] = {
    "configs.*.labels": "only a cluster keeps it as something of its own",
    "configs.*.name": "only a cluster knows it by a name of its own",
    "secrets.*.labels": "only a cluster keeps it as something of its own",
    "secrets.*.name": "only a cluster knows it by a name of its own",
    "services.*.attach": "it says whose output `docker compose up` shows",
    "services.*.deploy.endpoint_mode": "only a cluster has addresses for whole services",
    "services.*.deploy.labels": "only services of a cluster have them; write `labels` of the service",
    "services.*.deploy.placement": "there is one engine to be on",
    "services.*.deploy.resources.reservations.cpus": "it chooses a machine of a cluster; write `cpu_shares`",
    "services.*.develop": "only `docker compose watch` watches files",
    "services.*.ports.*.app_protocol": "an engine hands on what it does not look into",
    "services.*.ports.*.mode": "without a cluster each port is one of this host",
    "services.*.ports.*.name": "an engine knows ports by their numbers",
    "services.*.volumes.*.consistency": "on Linux each mount is consistent",
}
OF_NO_EFFECT: Final = _patterns(_OF_NO_EFFECT)


def problems(
    document: Map,
    unsupported: Mapping[tuple[str, ...], NotYet] = PATTERNS,
    without_effect: Mapping[tuple[str, ...], str] = OF_NO_EFFECT,
) -> Iterator[Problem]:
    """Every use of what is not carried out yet or has no effect, in a document in long form."""
    for pattern, row in unsupported.items():
        for path, value, place in matches(document, pattern):
            # An attribute without a place is a default, which nobody wrote.
            if place and row.applies(value):
                yield place.problem(not_yet(path, row.reason), code=UNSUPPORTED)
    for pattern, reason in without_effect.items():
        for path, _, place in matches(document, pattern):
            if place:
                said = f"`{path[-1]}` has no effect: {reason}"
                yield place.problem(said, severity=Severity.WARNING, code=UNSUPPORTED)
