"""What the Compose Specification knows and we don't carry out yet: an error where it is used, never ignored.

The one place that says so. Whoever carries one of them out takes its row away, here and in docs/compose.md; a test
compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from reconciler.config.tree import Map, Place, Tree, TreePath, placed
from reconciler.core.problem import Problem

_SWARM: Final = "it is for a cluster"
_WINDOWS: Final = "it is for Windows containers"


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
    "secrets.*.external": NotYet(_SWARM, applies=bool),
    "secrets.*.labels": NotYet(_SWARM),
    "secrets.*.template_driver": NotYet(_SWARM),
    "models": NotYet("run the model as a service of its own"),
    "services.*.attach": NotYet("it says whose output `up` shows, and there is no such output"),
    "services.*.build.additional_contexts": NotYet("only one context can be built from"),
    "services.*.build.cache_to": NotYet("no cache is exported"),
    "services.*.build.entitlements": NotYet("the builder gets no more rights"),
    "services.*.build.isolation": NotYet(_WINDOWS),
    "services.*.build.no_cache_filter": NotYet("use `no_cache` for the whole image"),
    "services.*.build.platforms": NotYet("images are built for one platform, the `platform` of the service"),
    "services.*.build.privileged": NotYet("the builder gets no more rights"),
    "services.*.build.provenance": NotYet("no attestations are made"),
    "services.*.build.sbom": NotYet("no attestations are made"),
    "services.*.build.secrets": NotYet("no secrets can be handed to a build"),
    "services.*.build.ssh": NotYet("no SSH agent can be handed to a build"),
    "services.*.build.ulimits": NotYet("limits of a build are not set"),
    "services.*.cpu_count": NotYet(_WINDOWS),
    "services.*.cpu_percent": NotYet(_WINDOWS),
    "services.*.credential_spec": NotYet(_WINDOWS),
    "services.*.depends_on.*.restart": NotYet("a container is not started again with what it needs", applies=bool),
    "services.*.deploy.endpoint_mode": NotYet(_SWARM),
    "services.*.deploy.labels": NotYet(_SWARM + "; write `labels` of the service"),
    "services.*.deploy.mode": NotYet("one engine has `replicated` services alone", applies=_other_than("replicated")),
    "services.*.deploy.placement": NotYet(_SWARM),
    "services.*.deploy.resources.reservations.generic_resources": NotYet(_SWARM),
    "services.*.deploy.restart_policy.delay": NotYet("the engine waits 100 ms, and twice as long each time"),
    "services.*.deploy.restart_policy.window": NotYet("the engine counts a start as a success after 10 s"),
    "services.*.deploy.rollback_config": NotYet("what does not become healthy is rolled back as it is"),
    "services.*.deploy.update_config.max_failure_ratio": NotYet("the first failure counts", applies=_more_than_none),
    "services.*.develop": NotYet("files are not watched for rebuilding"),
    "services.*.external_links": NotYet("join the other container's network with `networks`"),
    "services.*.isolation": NotYet(_WINDOWS),
    "services.*.links": NotYet("services of one network find each other by name; write `depends_on` for the order"),
    "services.*.mac_address": NotYet("write it under `networks.NAME.mac_address`"),
    "services.*.models": NotYet("run the model as a service of its own"),
    "services.*.post_start": NotYet("nothing is run in a container after its start"),
    "services.*.pre_start": NotYet("write it as a service, and `service_completed_successfully` under `depends_on`"),
    "services.*.pre_stop": NotYet("nothing is run in a container before its stop"),
    "services.*.provider": NotYet("only containers are run"),
    "services.*.use_api_socket": NotYet("mount /var/run/docker.sock with `volumes` if you must"),
    "services.*.volumes.*.bind": NotYet(
        "with `selinux` neither `create_host_path: false` nor `recursive` can be asked for", applies=_relabels_and_more
    ),
    "services.*.volumes.*.image": NotYet("images can't be mounted"),
    "services.*.volumes.*.type": NotYet("use bind, volume or tmpfs", applies=_any_of("cluster", "npipe", "image")),
    "services.*.volumes_from": NotYet("name the volumes themselves under `volumes`"),
    "networks.*.x-reconcile": NotYet("write what holds for a network at the top level"),
    "services.*.x-reconcile.environment": NotYet("outputs of other resources can't be used yet"),
    "volumes.*.x-reconcile": NotYet("write what holds for a volume at the top level"),
    "x-reconcile.hooks": NotYet("nothing is run around a change"),
}
PATTERNS: Final[Mapping[tuple[str, ...], NotYet]] = {tuple(path.split(".")): row for path, row in _TABLE.items()}


def not_yet(path: TreePath, reason: str) -> str:
    """What to say of something that is understood, but not carried out."""
    return f"`{path[-1]}` is not supported yet: {reason}"


def problems(document: Map) -> Iterator[Problem]:
    """Every use of what is not carried out yet, in a document in long form."""
    for pattern, row in PATTERNS.items():
        for path, value, place in matches(document, pattern):
            if place and row.applies(value):
                yield place.problem(not_yet(path, row.reason))


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
