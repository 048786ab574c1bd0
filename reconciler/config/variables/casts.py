"""Texts that stand where Compose wants a number or a boolean: a variable always gives a text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from reconciler.config.yaml.scalars import Scalar
from reconciler.pattern import lazy_pattern

Cast = Callable[[str], Scalar]

_INTEGER: Final = lazy_pattern(r"[+-]?[0-9]{1,19}")
_TRUE: Final = frozenset({"true", "y", "yes", "on"})
_FALSE: Final = frozenset({"false", "n", "no", "off"})


class NotCastable(ValueError):
    """The text is not what is ``wanted``."""

    def __init__(self, wanted: str) -> None:
        super().__init__(wanted)
        self.wanted = wanted


def boolean(text: str) -> bool:
    word = text.lower()
    if word not in _TRUE | _FALSE:
        raise NotCastable("true or false")
    return word in _TRUE


def is_old_boolean(text: str) -> bool:
    """Returns whether this is a boolean of YAML 1.1 only, such as ``yes``."""
    return text.lower() in (_TRUE | _FALSE) - {"true", "false"}


def integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise NotCastable("a whole number")
    return int(text)


def number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text or text != text.strip():
        raise NotCastable("a number")
    return value


_BY_PATH: Final[Mapping[Cast, str]] = {
    integer: """
        services.*.cpu_count services.*.cpu_period services.*.cpu_quota services.*.cpu_rt_period
        services.*.cpu_rt_runtime services.*.cpu_shares services.*.deploy.replicas
        services.*.deploy.update_config.parallelism services.*.deploy.rollback_config.parallelism
        services.*.deploy.restart_policy.max_attempts services.*.deploy.placement.max_replicas_per_node
        services.*.healthcheck.retries services.*.oom_score_adj services.*.pids_limit services.*.ports.*.target
        services.*.scale services.*.ulimits.* services.*.ulimits.*.hard services.*.ulimits.*.soft
    """,
    number: """
        services.*.cpu_percent services.*.cpus services.*.deploy.update_config.max_failure_ratio
        services.*.deploy.rollback_config.max_failure_ratio
    """,
    boolean: """
        services.*.init services.*.depends_on.*.required services.*.depends_on.*.restart
        services.*.healthcheck.disable services.*.oom_kill_disable services.*.privileged services.*.read_only
        services.*.stdin_open services.*.tty services.*.volumes.*.read_only services.*.volumes.*.volume.nocopy
        networks.*.external networks.*.internal networks.*.attachable networks.*.enable_ipv4
        networks.*.enable_ipv6 volumes.*.external secrets.*.external configs.*.external
    """,
}

Casts = Mapping[str, "Casts | Cast"]
"""Casts by the keys that lead to them; "*" is any key or item, "" the value itself where keys may follow too."""


def _tree() -> Casts:
    root: dict[str, object] = {}
    for cast, paths in _BY_PATH.items():
        for path in paths.split():
            node: dict[str, object] = root
            for key in path.split("."):
                node = node.setdefault(key, {})  # type: ignore[assignment]
            node[""] = cast
    return root  # type: ignore[return-value]


STACK_CASTS: Final = _tree()
NO_CASTS: Final[Casts] = {}
