"""Attributes of the Compose Specification that a Swarm can't carry out, and what else it asks of a stack.

Source: docker/cli ``cli/compose/convert`` and the ServiceSpec of the Engine API 1.41-1.51.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from reconciler.config.compose.checks import contradictions, unsupported
from reconciler.config.compose.checks.checks import Check, Stack, impossible, said
from reconciler.config.compose.checks.unsupported import NotYet
from reconciler.config.yaml.tree import Map, Tree, reached
from reconciler.core.message.problem import UNREADABLE, Problem, Severity
from reconciler.core.resource.options import OPTIONS
from reconciler.pattern import lazy_pattern

KINDS: Final = {
    "services": "swarm.service",
    "networks": "swarm.network",
    "configs": "swarm.config",
    "secrets": "swarm.secret",
}
"""The kinds of a Swarm, by the section of the file that declares them."""

_ONE_HOST: Final = "a service of a Swarm has no such setting"
_SHARED: Final = "tasks share nothing with each other"
_ADDRESSES: Final = "a Swarm gives out addresses by itself; use the names of services"
_HOOKS: Final = "a Swarm runs nothing beside the tasks; write a job, and `depends_on` with its end"


def is_meant(document: Map) -> bool:
    """Returns whether the stack is for a Swarm."""
    return bool(reached(document, (OPTIONS, "engine")) == "swarm")


def _is_refreshed(policy: Tree) -> bool:
    return policy not in ("always", "missing", "never", "if_not_present")


def _has_other_options(mounts: Tree) -> bool:
    return any(set(_options(str(each))) - {"size", "mode", "ro", "rw"} for each in mounts or ())


_OPTION: Final = lazy_pattern(
    r"no-new-privileges([:=](true|1))?|seccomp[:=].+|label[:=](disable|(user|role|type|level):.+)|apparmor[:=]unconfined"
)


def _options(mount: str) -> list[str]:
    return [part.partition("=")[0] for part in mount.partition(":")[2].split(",") if part]


_TABLE: Final[Mapping[str, NotYet]] = {
    "models": NotYet("run the model as a service of its own"),
    "networks.*.enable_ipv4": NotYet("an overlay network always has IPv4", applies=lambda value: value is False),
    "networks.*.x-reconcile": NotYet("write what holds for a network at the top level"),
    "services.*.annotations": NotYet(_ONE_HOST),
    "services.*.blkio_config": NotYet(_ONE_HOST),
    "services.*.build": NotYet("build and push the image first, so that each node can pull it"),
    "services.*.cgroup": NotYet(_ONE_HOST),
    "services.*.cgroup_parent": NotYet(_ONE_HOST),
    "services.*.container_name": NotYet("tasks have names of their own; others find the service by its name"),
    "services.*.cpu_count": NotYet(_ONE_HOST),
    "services.*.cpu_percent": NotYet(_ONE_HOST),
    "services.*.cpu_period": NotYet("write `cpus`"),
    "services.*.cpu_quota": NotYet("write `cpus`"),
    "services.*.cpu_rt_period": NotYet(_ONE_HOST),
    "services.*.cpu_rt_runtime": NotYet(_ONE_HOST),
    "services.*.cpu_shares": NotYet("write `cpus`"),
    "services.*.cpuset": NotYet(_ONE_HOST),
    "services.*.credential_spec": NotYet("it is for Windows containers"),
    "services.*.deploy.resources.reservations.devices": NotYet("write `generic_resources`, as the nodes offer them"),
    "services.*.device_cgroup_rules": NotYet(_ONE_HOST),
    "services.*.devices": NotYet(_ONE_HOST),
    "services.*.domainname": NotYet(_ONE_HOST),
    "services.*.external_links": NotYet("declare the network of the other service as external"),
    "services.*.gpus": NotYet("write `generic_resources`, as the nodes offer them"),
    "services.*.ipc": NotYet(_SHARED),
    "services.*.isolation": NotYet("it is for Windows containers"),
    "services.*.links": NotYet("services of one network find each other by name; write `aliases`"),
    "services.*.mac_address": NotYet(_ADDRESSES),
    "services.*.mem_reservation": NotYet("a Swarm has no soft limit; `deploy.resources.reservations` is for placement"),
    "services.*.mem_swappiness": NotYet(_ONE_HOST),
    "services.*.memswap_limit": NotYet(_ONE_HOST),
    "services.*.models": NotYet("run the model as a service of its own"),
    "services.*.network_mode": NotYet("declare a network, as external where it is there already"),
    "services.*.networks.*.gw_priority": NotYet(_ADDRESSES),
    "services.*.networks.*.interface_name": NotYet(_ADDRESSES),
    "services.*.networks.*.ipv4_address": NotYet(_ADDRESSES),
    "services.*.networks.*.ipv6_address": NotYet(_ADDRESSES),
    "services.*.networks.*.link_local_ips": NotYet(_ADDRESSES),
    "services.*.networks.*.mac_address": NotYet(_ADDRESSES),
    "services.*.oom_kill_disable": NotYet(_ONE_HOST),
    "services.*.pid": NotYet(_SHARED),
    "services.*.platform": NotYet("write a placement constraint on `node.platform.arch`"),
    "services.*.post_start": NotYet(_HOOKS),
    "services.*.pre_start": NotYet(_HOOKS),
    "services.*.pre_stop": NotYet(_HOOKS),
    "services.*.privileged": NotYet("write `cap_add`"),
    "services.*.provider": NotYet("only containers are run"),
    "services.*.pull_policy": NotYet("write always, missing or never", applies=_is_refreshed),
    "services.*.pull_refresh_after": NotYet("write `pull_policy: always`"),
    "services.*.runtime": NotYet(_ONE_HOST),
    "services.*.security_opt": NotYet(
        "of the options `no-new-privileges`, `seccomp`, `label` and `apparmor=unconfined` can be had",
        applies=lambda options: not all(_OPTION.fullmatch(str(each)) for each in options or ()),
    ),
    "services.*.shm_size": NotYet("mount a `tmpfs` of this size at /dev/shm"),
    "services.*.storage_opt": NotYet(_ONE_HOST),
    "services.*.tmpfs": NotYet("of the options only `size` and `mode` can be had", applies=_has_other_options),
    "services.*.use_api_socket": NotYet("mount the socket of the node with `volumes`"),
    "services.*.userns_mode": NotYet(_ONE_HOST),
    "services.*.uts": NotYet(_SHARED),
    "services.*.volumes.*.bind.recursive": NotYet(
        "only `disabled` can be had", applies=lambda value: value not in ("disabled", "enabled")
    ),
    "services.*.volumes.*.type": NotYet(
        "use bind, volume or tmpfs",
        applies=lambda value: isinstance(value, str) and value in ("cluster", "image", "npipe"),
    ),
    "services.*.volumes_from": NotYet(_SHARED),
    "services.*.x-reconcile.environment": NotYet("outputs of other resources can't be used yet"),
    "services.*.x-reconcile.reload": NotYet("a Swarm replaces the tasks of a service whose config has changed"),
    "volumes.*.x-reconcile": NotYet("write what holds for a volume at the top level"),
    "x-reconcile.hooks": NotYet("nothing is run around a change"),
}
PATTERNS: Final = {tuple(path.split(".")): row for path, row in _TABLE.items()}

_OF_NO_EFFECT: Final[Mapping[str, str]] = {
    "services.*.attach": "it says whose output `docker compose up` shows",
    "services.*.depends_on.*.restart": "a Swarm restarts no service for another one",
    "services.*.develop": "only `docker compose watch` watches files",
    "services.*.expose": "services of one network reach all ports of each other",
    "services.*.networks.*.priority": "a Swarm joins networks in an order of its own",
    "services.*.ports.*.app_protocol": "a Swarm hands on what it does not look into",
    "services.*.ports.*.name": "a Swarm knows ports by their numbers",
    "services.*.volumes.*.bind.create_host_path": "a Swarm never makes the folder of a bind",
    "services.*.volumes.*.consistency": "on Linux each mount is consistent",
}
OF_NO_EFFECT: Final = {tuple(path.split(".")): reason for path, reason in _OF_NO_EFFECT.items()}


def problems(document: Map) -> Iterator[Problem]:
    """Every use of what a Swarm can't carry out or what has no effect there, in a document in long form."""
    return unsupported.problems(document, PATTERNS, OF_NO_EFFECT)


_NAME: Final = lazy_pattern(r"[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*")
_LONGEST_NAME: Final = 63
_LARGEST: Final = {"configs": 1000 * 1024, "secrets": 500 * 1024}


def names_of_services(stack: Stack) -> Iterator[Problem]:
    """Checks that a Swarm takes the names of services, which begin with that of the project."""
    for name, _ in stack.each():
        whole, place = f"{stack.around.project}_{name}", stack.place("services", name)
        if len(whole) > _LONGEST_NAME:
            yield from said(
                place, f"services.{name}: `{whole}` is longer than the {_LONGEST_NAME} letters there can be"
            )
        elif not _NAME.fullmatch(whole):
            message = f"services.{name}: a Swarm takes no service named `{whole}`; use letters, digits, - and _"
            yield from said(place, message)


def files_of_a_size(stack: Stack) -> Iterator[Problem]:
    """Checks that the file of a config or secret is one, is not empty, and is no larger than a Swarm takes."""
    for section, largest in _LARGEST.items():
        for key, item in stack.section(section).items():
            path = item.get("file") if isinstance(item, Map) else None
            if path and (why := _why_not_held(Path(path), largest)):
                message = f"{section}.{key}.file {why}; a Swarm can't hold it"
                yield from impossible(stack.place(section, key, "file"), message, code=UNREADABLE)


def _why_not_held(path: Path, largest: int) -> str:
    try:
        if path.is_dir():
            return "is a folder"
        size = path.stat().st_size
    except OSError:
        return ""  # which is reported elsewhere, or when it is made
    return "is empty" if not size else f"has {size} bytes, and there can be {largest - 1}" if size >= largest else ""


def ports_that_can_be_had(stack: Stack) -> Iterator[Problem]:
    """Checks that a Swarm can publish the ports. In their short form the parts have no places of their own."""
    for name, service in stack.each():
        is_dnsrr = reached(service, ("deploy", "endpoint_mode")) == "dnsrr"
        for index, port in enumerate(service.get("ports") or ()):
            if why := _why_not_published(port, is_dnsrr=is_dnsrr):
                yield from said(stack.place("services", name, "ports", index), f"services.{name}.ports[{index}]: {why}")


def _why_not_published(port: Map, *, is_dnsrr: bool) -> str:
    if port.get("host_ip"):
        return f"a Swarm listens on all addresses of a node, and not on `{port['host_ip']}` alone; take the address out"
    if "-" in str(port.get("published") or ""):
        return "a Swarm publishes one port, and chooses none out of a range; write one"
    if is_dnsrr and port.get("mode") != "host":
        return "a service with `endpoint_mode: dnsrr` has no address to publish it at; write `mode: host`"
    return ""


def ports_of_one_at_a_time(stack: Stack) -> Iterator[Problem]:
    """Warns of a new task that needs a port of a node while the old one has it: it needs another node."""
    for name, service in stack.each():
        path = ("deploy", "update_config", "order")
        ports = [port for port in service.get("ports") or () if port.get("mode") == "host" and port.get("published")]
        if reached(service, path) == "start-first" and ports:
            message = f"services.{name}: with `order: start-first` a new task needs a node on which no task has port"
            yield from said(
                stack.place("services", name, *path),
                f"{message} {ports[0]['published']}; on a single node an update fails",
                Severity.WARNING,
                at_value=True,
            )


def binds_that_can_be_had(stack: Stack) -> Iterator[Problem]:
    """Checks that no bind is to be relabelled, which a short form can ask for as well."""
    for name, service in stack.each():
        for index, item in enumerate(service.get("volumes") or ()):
            if reached(item, ("bind", "selinux")):
                message = f"services.{name}.volumes[{index}]: a Swarm relabels nothing for SELinux; do so on each node"
                yield from said(stack.place("services", name, "volumes", index), message)


def jobs_as_they_are(stack: Stack) -> Iterator[Problem]:
    """Checks that a job has nothing that a Swarm refuses to one."""
    awaited = {
        other
        for _, service in stack.each()
        for other, edge in (service.get("depends_on") or {}).items()
        if edge.get("condition") == "service_completed_successfully"
    }
    for name, service in stack.each():
        deploy, own = service.get("deploy") or {}, service.get(OPTIONS) or {}
        is_job = str(deploy.get("mode") or "").endswith("-job") or bool(own.get("job")) or name in awaited
        for key in ("update_config", "rollback_config", "replicas") if is_job else ():
            if deploy.get(key) is not None:
                message = f"services.{name} is a job, which runs once and has no `{key}`; take it out"
                yield from said(stack.place("services", name, "deploy", key), message)


_ELSEWHERE: Final = frozenset(
    {
        contradictions.something_for_each,
        contradictions.two_at_a_time,
        contradictions.files_that_can_be_copied,
    }
)
"""Checks of what one engine can't have twice, or does by itself where a Swarm does otherwise."""

OURS: Final[tuple[Check, ...]] = (
    *(check for check in contradictions.OURS if check not in _ELSEWHERE),
    names_of_services,
    files_of_a_size,
    ports_that_can_be_had,
    ports_of_one_at_a_time,
    binds_that_can_be_had,
    jobs_as_they_are,
)
"""Errors where the stack is to be carried out by a Swarm."""
