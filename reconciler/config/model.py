"""The canonical model as tables: each attribute that is carried out, and the form it has in the model.

The schema says what a user may write, this says what becomes of it; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.config.shapes import (
    Always,
    Field,
    Given,
    by_name,
    byte_size,
    command,
    each,
    flag,
    health_test,
    host_list,
    integer,
    mapping,
    processors,
    record,
    text,
    time_span,
    variables,
)
from reconciler.config.tree import Map

Fields = Mapping[str, Field]

ULIMIT: Final[Fields] = {"soft": Given(integer), "hard": Given(integer)}


def _ulimit(value: object) -> object:
    return record(ULIMIT)(value) if isinstance(value, dict) else integer(value)


BUILD: Final[Fields] = {
    "context": text,
    "dockerfile": text,
    "dockerfile_inline": text,
    "args": variables,
    "labels": mapping,
    "cache_from": each(text),
    "no_cache": flag,
    "pull": flag,
    "extra_hosts": host_list,
    "network": text,
    "target": text,
    "shm_size": byte_size,
    "tags": each(text),
}
HEALTHCHECK: Final[Fields] = {
    "test": health_test,
    "timeout": Given(time_span),
    "interval": Given(time_span),
    "retries": Given(integer),
    "start_period": Given(time_span),
    "start_interval": Given(time_span),
    "disable": flag,
}
DEPENDENCY: Final[Fields] = {"condition": text, "restart": flag, "required": Always(flag, lambda: True)}
ATTACHMENT: Final[Fields] = {
    "aliases": each(text),
    "ipv4_address": text,
    "ipv6_address": text,
    "mac_address": text,
    "priority": integer,
}
PORT: Final[Fields] = {
    "name": text,
    "mode": text,
    "host_ip": text,
    "target": integer,
    "published": text,
    "protocol": text,
    "app_protocol": text,
}
BIND: Final[Fields] = {"propagation": text, "create_host_path": Given(flag), "recursive": text, "selinux": text}
VOLUME_OPTIONS: Final[Fields] = {"labels": mapping, "nocopy": flag, "subpath": text}
TMPFS: Final[Fields] = {"size": byte_size, "mode": integer}
MOUNT: Final[Fields] = {
    "type": text,
    "source": text,
    "target": text,
    "read_only": flag,
    "consistency": text,
    "bind": Given(record(BIND)),
    "volume": Given(record(VOLUME_OPTIONS)),
    "tmpfs": Given(record(TMPFS)),
}
DEVICE: Final[Fields] = {"source": text, "target": text, "permissions": text}
LOGGING: Final[Fields] = {"driver": text, "options": mapping}
LIMITS: Final[Fields] = {"cpus": processors, "memory": byte_size, "pids": integer}
RESERVATIONS: Final[Fields] = {"cpus": processors, "memory": byte_size}
RESOURCES: Final[Fields] = {"limits": Given(record(LIMITS)), "reservations": Given(record(RESERVATIONS))}
RESTART_POLICY: Final[Fields] = {
    "condition": text,
    "delay": Given(time_span),
    "max_attempts": Given(integer),
    "window": Given(time_span),
}
DEPLOY: Final[Fields] = {
    "replicas": Given(integer),
    "resources": Always(record(RESOURCES), Map),
    "restart_policy": Given(record(RESTART_POLICY)),
    "placement": Always(record({}), Map),
}
SERVICE: Final[Fields] = {
    "annotations": mapping,
    "build": Given(record(BUILD)),
    "cap_add": each(text),
    "cap_drop": each(text),
    "cgroup_parent": text,
    "command": Always(command),
    "container_name": text,
    "cpu_period": integer,
    "cpu_quota": integer,
    "cpu_shares": integer,
    "cpus": processors,
    "cpuset": text,
    "depends_on": by_name(record(DEPENDENCY)),
    "deploy": Given(record(DEPLOY)),
    "devices": each(record(DEVICE)),
    "dns": each(text),
    "dns_opt": each(text),
    "dns_search": each(text),
    "domainname": text,
    "entrypoint": Always(command),
    "environment": variables,
    "expose": each(text),
    "extra_hosts": host_list,
    "group_add": each(text),
    "healthcheck": Given(record(HEALTHCHECK)),
    "hostname": text,
    "image": text,
    "init": Given(flag),
    "ipc": text,
    "labels": mapping,
    "logging": Given(record(LOGGING)),
    "mem_limit": byte_size,
    "mem_reservation": byte_size,
    "mem_swappiness": byte_size,
    "memswap_limit": byte_size,
    "network_mode": text,
    "networks": by_name(record(ATTACHMENT)),
    "oom_kill_disable": flag,
    "oom_score_adj": integer,
    "pid": text,
    "pids_limit": integer,
    "platform": text,
    "ports": each(record(PORT)),
    "privileged": flag,
    "profiles": each(text),
    "pull_policy": text,
    "read_only": flag,
    "restart": text,
    "runtime": text,
    "scale": Given(integer),
    "security_opt": each(text),
    "shm_size": byte_size,
    "stdin_open": flag,
    "stop_grace_period": Given(time_span),
    "stop_signal": text,
    "sysctls": mapping,
    "tmpfs": each(text),
    "tty": flag,
    "ulimits": by_name(_ulimit),
    "user": text,
    "userns_mode": text,
    "uts": text,
    "volumes": each(record(MOUNT)),
    "working_dir": text,
}
POOL: Final[Fields] = {"subnet": text, "gateway": text, "ip_range": text, "aux_addresses": mapping}
IPAM: Final[Fields] = {"driver": text, "config": each(record(POOL)), "options": mapping}
NETWORK: Final[Fields] = {
    "name": text,
    "driver": text,
    "driver_opts": mapping,
    "ipam": Always(record(IPAM), Map),
    "external": flag,
    "internal": flag,
    "attachable": flag,
    "labels": mapping,
    "enable_ipv4": Given(flag),
    "enable_ipv6": Given(flag),
}
VOLUME: Final[Fields] = {"name": text, "driver": text, "driver_opts": mapping, "external": flag, "labels": mapping}
STACK: Final[Fields] = {
    "name": text,
    "services": Always(by_name(record(SERVICE)), Map),
    "networks": by_name(record(NETWORK)),
    "volumes": by_name(record(VOLUME)),
}
READ_BEFORE: Final = frozenset({"version", "env_file"})
"""Attributes that have become something else, or nothing, by the time the model is made."""
