"""Settings that a rootless engine accepts and silently drops. Pure.

Without cgroups (before cgroup v2, or without systemd) it shows the limits of a container and sets none. A score for
being killed first it can only raise: it puts the least one that it can in the place of a lower one, and shows that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from reconciler.providers.docker.table.property import Json

_LIMITS: Final = {
    "BlkioDeviceReadBps": "blkio_config.device_read_bps",
    "BlkioDeviceReadIOps": "blkio_config.device_read_iops",
    "BlkioDeviceWriteBps": "blkio_config.device_write_bps",
    "BlkioDeviceWriteIOps": "blkio_config.device_write_iops",
    "BlkioWeight": "blkio_config.weight",
    "BlkioWeightDevice": "blkio_config.weight_device",
    "CpuPeriod": "cpu_period",
    "CpuQuota": "cpu_quota",
    "CpuRealtimePeriod": "cpu_rt_period",
    "CpuRealtimeRuntime": "cpu_rt_runtime",
    "CpuShares": "cpu_shares",
    "CpusetCpus": "cpuset",
    "Memory": "mem_limit",
    "MemoryReservation": "mem_reservation",
    "MemorySwap": "memswap_limit",
    "MemorySwappiness": "mem_swappiness",
    "NanoCpus": "cpus",
    "OomKillDisable": "oom_kill_disable",
    "PidsLimit": "pids_limit",
}
"""Limits in the engine's words, and in the file's."""

_NONE: Final[tuple[Any, ...]] = (None, 0, -1, "", [], ())


def is_rootless(engine: Json) -> bool:
    """Reads from the engine's information (GET /info) whether it is rootless."""
    return "name=rootless" in (engine.get("SecurityOptions") or ())


def asks_for_limits(host: Any) -> bool:
    """Returns whether this HostConfig, or body of an update, has limits that depend on the engine."""
    return any(host.get(key) not in _NONE for key in _LIMITS) or int(host.get("OomScoreAdj") or 0) < 0


def refusals(host: Any, engine: Json) -> Iterator[str]:
    """Lists the limits that would not be kept."""
    if not is_rootless(engine):
        return
    limits = sorted(name for key, name in _LIMITS.items() if host.get(key) not in _NONE)
    if limits and engine.get("CgroupDriver") == "none":
        yield (
            f"the engine is rootless and has no cgroups, so it would not keep {', '.join(limits)}; "
            "boot its machine with cgroup v2 and systemd, or take the limits out"
        )
    if int(host.get("OomScoreAdj") or 0) < 0:
        yield "the engine is rootless, and can't lower oom_score_adj; take it out"
