"""The canonical model as tables: each attribute, and the form it has in the model.

The schema says what a user may write, this says what becomes of it; a test holds the two together. An attribute of a
service has a row here only if its form in the schema does not say what becomes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.config.compose.model.attributes import by_form, forms
from reconciler.config.compose.model.shapes import (
    Always,
    Field,
    Given,
    agents,
    by_name,
    byte_count,
    byte_size,
    command,
    device_count,
    each,
    file_mode,
    flag,
    health_test,
    host_list,
    integer,
    mapping,
    processors,
    ratio,
    record,
    repeated,
    same,
    some_time,
    text,
    time_span,
    variables,
)
from reconciler.config.yaml.tree import Map

Fields = Mapping[str, Field]

ULIMIT: Final[Fields] = {"soft": Given(integer), "hard": Given(integer)}


def _ulimit(value: object) -> object:
    return record(ULIMIT)(value) if isinstance(value, dict) else integer(value)


FILE_MOUNT: Final[Fields] = {
    "source": text,
    "target": text,
    "uid": text,
    "gid": text,
    "mode": Given(file_mode),
}
BUILD: Final[Fields] = {
    "additional_contexts": mapping,
    "context": text,
    "dockerfile": text,
    "dockerfile_inline": text,
    "args": variables,
    "labels": mapping,
    "cache_from": each(text),
    "cache_to": each(text),
    "entitlements": each(text),
    "isolation": text,
    "no_cache": flag,
    "no_cache_filter": each(text),
    "platforms": each(text),
    "privileged": flag,
    "provenance": text,
    "pull": flag,
    "extra_hosts": host_list,
    "network": text,
    "sbom": text,
    "secrets": each(record(FILE_MOUNT)),
    "ssh": agents,
    "target": text,
    "shm_size": byte_size,
    "tags": each(text),
    "ulimits": by_name(_ulimit),
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
    "driver_opts": mapping,
    "gw_priority": integer,
    "interface_name": text,
    "link_local_ips": each(text),
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
    "image": Given(record({"subpath": text})),
}
DEVICE: Final[Fields] = {"source": text, "target": text, "permissions": text}
LOGGING: Final[Fields] = {"driver": text, "options": mapping}
LIMITS: Final[Fields] = {"cpus": processors, "memory": byte_size, "pids": integer}
DEVICE_REQUEST: Final[Fields] = {
    "capabilities": each(text),
    "driver": text,
    "count": device_count,
    "device_ids": each(text),
    "options": mapping,
}
GENERIC_RESOURCE: Final[Fields] = {"discrete_resource_spec": Given(record({"kind": text, "value": Given(integer)}))}
RESERVATIONS: Final[Fields] = {
    "cpus": processors,
    "memory": byte_size,
    "devices": each(record(DEVICE_REQUEST)),
    "generic_resources": each(record(GENERIC_RESOURCE)),
}
RESOURCES: Final[Fields] = {"limits": Given(record(LIMITS)), "reservations": Given(record(RESERVATIONS))}
RESTART_POLICY: Final[Fields] = {
    "condition": text,
    "delay": Given(time_span),
    "max_attempts": Given(integer),
    "window": Given(time_span),
}
ROLLOUT: Final[Fields] = {
    "parallelism": Given(integer),
    "delay": some_time,
    "failure_action": text,
    "monitor": some_time,
    "max_failure_ratio": ratio,
    "order": text,
}
PLACEMENT: Final[Fields] = {
    "constraints": each(text),
    "preferences": each(record({"spread": text})),
    "max_replicas_per_node": integer,
}
DEPLOY: Final[Fields] = {
    "mode": text,
    "endpoint_mode": text,
    "labels": mapping,
    "update_config": Given(record(ROLLOUT)),
    "rollback_config": Given(record(ROLLOUT)),
    "replicas": Given(integer),
    "resources": Always(record(RESOURCES), Map),
    "restart_policy": Given(record(RESTART_POLICY)),
    "placement": Always(record(PLACEMENT), Map),
}
BLKIO_LIMIT: Final[Fields] = {"Path": Always(text, str), "Rate": Always(byte_count, lambda: "0")}
BLKIO_WEIGHT: Final[Fields] = {"Path": Always(text, str), "Weight": Always(integer, int)}
BLKIO: Final[Fields] = {
    "weight": integer,
    "weight_device": each(record(BLKIO_WEIGHT)),
    "device_read_bps": each(record(BLKIO_LIMIT)),
    "device_read_iops": each(record(BLKIO_LIMIT)),
    "device_write_bps": each(record(BLKIO_LIMIT)),
    "device_write_iops": each(record(BLKIO_LIMIT)),
}
HOOK: Final[Fields] = {
    "command": Always(command),
    "user": text,
    "privileged": flag,
    "working_dir": text,
    "environment": variables,
}
WATCH: Final[Fields] = {
    "path": text,
    "action": text,
    "target": text,
    "exec": Always(record(HOOK), lambda: Map({"command": None})),
    "include": each(text),
    "ignore": each(text),
    "initial_sync": flag,
}
ENV_FILE: Final[Fields] = {"path": text, "required": Given(same), "format": text}
_BY_FORM: Final[Fields] = {
    "string": text,
    "boolean": flag,
    "integer": integer,
    "texts": each(text),
    "texts_or_numbers": each(text),
    "text_or_texts": each(text),
    "text_list": each(text),
    "command": Always(command),
    "mapping": mapping,
    "duration": Given(time_span),
    "size": byte_size,
    "hosts": host_list,
    "ulimits": by_name(_ulimit),
}
"""The field of an attribute of a service by its form in the schema."""

_CONTAINER: Final[Fields] = {
    "blkio_config": Given(record(BLKIO)),
    "configs": each(record(FILE_MOUNT)),
    "cpu_percent": processors,
    "cpu_period": integer,
    "cpu_quota": integer,
    "cpu_rt_period": integer,
    "cpu_rt_runtime": integer,
    "cpu_shares": integer,
    "cpus": processors,
    "credential_spec": Given(record({"config": text, "file": text, "registry": text})),
    "devices": each(record(DEVICE)),
    "env_file": each(record(ENV_FILE)),
    "environment": variables,
    "gpus": each(record(DEVICE_REQUEST)),
    "init": Given(flag),
    "logging": Given(record(LOGGING)),
    "mem_reservation": byte_size,
    "mem_swappiness": byte_size,
    "models": by_name(record({"endpoint_var": text, "model_var": text})),
    "networks": by_name(record(ATTACHMENT)),
    "pids_limit": integer,
    "secrets": each(record(FILE_MOUNT)),
    "storage_opt": mapping,
    "volumes": each(record(MOUNT)),
}
READ_BEFORE: Final = frozenset({"version", "include", "services.*.extends"})
"""Attributes that have become something else, or nothing, by the time the model is made."""


def fields(definition: str, rows: Fields) -> Fields:
    """The field of each attribute that a definition of the schema has: its row, else the field of its form."""
    found = {**by_form(definition, _BY_FORM), **rows}
    lacking = [name for name in forms(definition) if name not in found and f"services.*.{name}" not in READ_BEFORE]
    if lacking:
        raise LookupError(f"the schema does not say what becomes of {', '.join(lacking)}; add rows to {__name__}")
    return found


PRE_START: Final = fields("container", _CONTAINER)
"""A container that is run before the start of a service."""

CONTAINER: Final[Fields] = {name: field for name, field in PRE_START.items() if name in forms("service")}
"""What a service is as one container; those that run before its start have it too."""

SERVICE: Final = fields(
    "service",
    {
        **_CONTAINER,
        "attach": Given(flag),
        "build": Given(record(BUILD)),
        "depends_on": by_name(record(DEPENDENCY)),
        "deploy": Given(record(DEPLOY)),
        "develop": Given(record({"watch": each(record(WATCH))})),
        "healthcheck": Given(record(HEALTHCHECK)),
        "ports": each(record(PORT)),
        "post_start": each(record(HOOK)),
        "pre_start": each(record(PRE_START)),
        "pre_stop": each(record(HOOK)),
        "provider": Given(record({"type": text, "options": repeated})),
        "scale": Given(integer),
    },
)
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
FILE: Final[Fields] = {
    "name": text,
    "file": text,
    "environment": text,
    "content": text,
    "external": flag,
    "labels": mapping,
    "driver": text,
    "driver_opts": mapping,
    "template_driver": text,
}
MODEL: Final[Fields] = {"name": text, "model": text, "context_size": integer, "runtime_flags": each(text)}
STACK: Final[Fields] = {
    "name": text,
    "services": Always(by_name(record(SERVICE)), Map),
    "networks": by_name(record(NETWORK)),
    "volumes": by_name(record(VOLUME)),
    "secrets": by_name(record(FILE)),
    "configs": by_name(record(FILE)),
    "models": by_name(record(MODEL)),
}
