"""What the Compose Specification knows and we don't carry out yet: an error where it is used, never ignored.

The one place that says so, and which of it means nothing to an engine: a warning. Whoever carries one of them out takes
its row away, here and in docs/compose.md; tests compare the two, and both with the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from reconciler.config.tree import Map, Place, Tree, TreePath, placed
from reconciler.core.problem import Problem, Severity

_SWARM: Final = "it is for a cluster"
_WINDOWS: Final = "it is for Windows containers"
_MOUNTED_BY_THE_DOCKERFILE: Final = "write it in the Dockerfile, in `RUN --mount=type=secret,…`"


@dataclass(frozen=True, slots=True)
class NotYet:
    """Why something can't be used, and what to write instead where there is something."""

    reason: str
    applies: Callable[[Tree], bool] = lambda _value: True


def _any_of(*words: str) -> Callable[[Tree], bool]:
    return lambda value: isinstance(value, str) and value.startswith(words)


def _other_than(word: str) -> Callable[[Tree], bool]:
    return lambda value: value != word


def _more_than_none(ratio: Tree) -> bool:
    return bool(ratio) and float(ratio) > 0


def _relabels_and_more(bind: Tree) -> bool:
    """The engine relabels in the old form of a bind only, which knows nothing of the rest."""
    if not isinstance(bind, dict) or "selinux" not in bind:
        return False
    return bind.get("create_host_path") is False or bind.get("recursive") not in (None, "enabled")


_TABLE: Final[Mapping[str, NotYet]] = {
    "configs.*.external": NotYet(_SWARM, applies=bool),
    "configs.*.labels": NotYet(_SWARM),
    "configs.*.template_driver": NotYet(_SWARM),
    "secrets.*.driver": NotYet(_SWARM),
    "secrets.*.driver_opts": NotYet(_SWARM),
    "secrets.*.external": NotYet(_SWARM, applies=bool),
    "secrets.*.labels": NotYet(_SWARM),
    "secrets.*.template_driver": NotYet(_SWARM),
    "models": NotYet("run the model as a service of its own"),
    "services.*.attach": NotYet("it says whose output `up` shows, and there is no such output"),
    "services.*.build.isolation": NotYet(_WINDOWS),
    "services.*.build.secrets.*.gid": NotYet(_MOUNTED_BY_THE_DOCKERFILE),
    "services.*.build.secrets.*.mode": NotYet(_MOUNTED_BY_THE_DOCKERFILE),
    "services.*.build.secrets.*.uid": NotYet(_MOUNTED_BY_THE_DOCKERFILE),
    "services.*.cpu_count": NotYet(_WINDOWS),
    "services.*.cpu_percent": NotYet(_WINDOWS),
    "services.*.credential_spec": NotYet(_WINDOWS),
    "services.*.deploy.endpoint_mode": NotYet(_SWARM),
    "services.*.deploy.labels": NotYet(_SWARM + "; write `labels` of the service"),
    "services.*.deploy.mode": NotYet("one engine has `replicated` services alone", applies=_other_than("replicated")),
    "services.*.deploy.placement": NotYet(_SWARM),
    "services.*.deploy.resources.reservations.cpus": NotYet(_SWARM + "; write `cpu_shares` of the service"),
    "services.*.deploy.resources.reservations.generic_resources": NotYet(_SWARM),
    "services.*.deploy.restart_policy.delay": NotYet("the engine waits 100 ms, and twice as long each time"),
    "services.*.deploy.restart_policy.window": NotYet("the engine counts a start as a success after 10 s"),
    "services.*.deploy.rollback_config": NotYet("what does not become healthy is rolled back as it is"),
    "services.*.deploy.update_config.max_failure_ratio": NotYet("the first failure counts", applies=_more_than_none),
    "services.*.develop": NotYet("files are not watched for rebuilding"),
    "services.*.isolation": NotYet(_WINDOWS),
    "services.*.models": NotYet("run the model as a service of its own"),
    "services.*.pre_start": NotYet("write it as a service, and `service_completed_successfully` under `depends_on`"),
    "services.*.provider": NotYet("only containers are run"),
    "services.*.use_api_socket": NotYet("mount /var/run/docker.sock with `volumes` if you must"),
    "services.*.volumes.*.bind": NotYet(
        "with `selinux` neither `create_host_path: false` nor `recursive` can be asked for", applies=_relabels_and_more
    ),
    "services.*.volumes.*.type": NotYet("use bind, volume, image or tmpfs", applies=_any_of("cluster", "npipe")),
    "networks.*.x-reconcile": NotYet("write what holds for a network at the top level"),
    "services.*.x-reconcile.environment": NotYet("outputs of other resources can't be used yet"),
    "volumes.*.x-reconcile": NotYet("write what holds for a volume at the top level"),
    "x-reconcile.hooks": NotYet("nothing is run around a change"),
}
PATTERNS: Final[Mapping[tuple[str, ...], NotYet]] = {tuple(path.split(".")): row for path, row in _TABLE.items()}

_OF_NO_EFFECT: Final[Mapping[str, str]] = {
    "configs.*.name": "only a cluster knows it by a name of its own",
    "secrets.*.name": "only a cluster knows it by a name of its own",
    "services.*.ports.*.app_protocol": "an engine hands on what it does not look into",
    "services.*.ports.*.mode": "without a cluster each port is one of this host",
    "services.*.ports.*.name": "an engine knows ports by their numbers",
    "services.*.volumes.*.consistency": "on Linux each mount is consistent",
}
OF_NO_EFFECT: Final = {tuple(path.split(".")): reason for path, reason in _OF_NO_EFFECT.items()}


def not_yet(path: TreePath, reason: str) -> str:
    """What to say of something that is understood, but not carried out."""
    return f"`{path[-1]}` is not supported yet: {reason}"


def problems(document: Map) -> Iterator[Problem]:
    """Every use of what is not carried out yet or has no effect, in a document in long form."""
    for pattern, row in PATTERNS.items():
        for path, value, place in matches(document, pattern):
            if place and row.applies(value):
                yield place.problem(not_yet(path, row.reason))
    for pattern, reason in OF_NO_EFFECT.items():
        for path, _, place in matches(document, pattern):
            if place:
                yield place.problem(f"`{path[-1]}` has no effect: {reason}", severity=Severity.WARNING)


def matches(
    tree: Tree, pattern: tuple[str, ...], path: TreePath = (), place: Place | None = None
) -> Iterator[tuple[TreePath, Tree, Place | None]]:
    """Path, value and place of all that a pattern leads to; "*" is any key or item."""
    if not pattern:
        yield path, tree, place
        return
    key, rest = pattern[0], pattern[1:]
    for each in _keys(tree, key):
        yield from matches(tree[each], rest, (*path, each), placed(tree, each))


def _keys(tree: Tree, key: str) -> Iterator[str | int]:
    if isinstance(tree, dict):
        yield from tree if key == "*" else (key,) if key in tree else ()
    elif isinstance(tree, list) and key == "*":
        yield from range(len(tree))
