"""Containers: the table of properties, and what the engine makes of a desired one.

Source of the paths: the Engine API 1.41-1.51, GET /containers/{id}/json and POST /containers/create. Where the
file is silent the value is the image's, else the engine's default; the engine's own merge of the two is
``merge`` in its daemon/commit.go.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any, Final

from reconciler.core.difference.cause import Cause
from reconciler.core.difference.kind import Effect, Field, Kind
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.units import bytes_of, nanoseconds
from reconciler.core.resource.values import ABSENT, UNKNOWN, Spec, Value
from reconciler.providers.docker.container import files, one_shot, outside, pre_start, restarts, rollout, volumes_from
from reconciler.providers.docker.container.devices import DEVICES, REQUESTS, THROTTLES
from reconciler.providers.docker.container.endpoints import LINKS, NETWORKS, is_network, network_mode
from reconciler.providers.docker.container.healthcheck import HEALTHCHECK
from reconciler.providers.docker.container.mounts import TMPFS, VOLUMES
from reconciler.providers.docker.container.ports import EXPOSE, PORTS
from reconciler.providers.docker.container.volumes_from import VOLUMES_FROM
from reconciler.providers.docker.table import forms, labels, names
from reconciler.providers.docker.table.property import Json, Property, dig, merged, nest, row
from reconciler.vocabulary import compose

NAME: Final = names.CONTAINER
FINISHED: Final = one_shot.FINISHED
RUNNING: Final = "running"


def _where_set(cost: Effect, unset: Effect) -> Any:
    def effect(_before: Value, after: Value) -> Effect:
        return cost if after not in (0, "", ABSENT, None) else unset

    return effect


# Zero means "leave as it is" to POST /update. -1 takes away the quota and the limit of processes, inside and in what
# inspect shows, also after a restart. Not so the others: memory, cpus and cpuset refuse it, or go on being shown; where
# the kernel has cgroup v2, -1 as mem_reservation would keep all memory of the container from being reclaimed.
LIMIT: Final = _where_set(Effect.LIVE, Effect.REPLACE)

_SHARED_MEMORY: Final = 64 << 20
"""The engine's own ``shm_size``, unless its configuration has another one, which no request shows."""


# ------------------------------------------------------------------ rows that need more than a path


def _declared_environment(service: Json) -> Value:
    return dict(service.get("environment") or {}) or ABSENT


ENVIRONMENT = Property(
    "environment",
    declared=_declared_environment,
    read=lambda inspect: forms.variables(dig(inspect, "Config.Env")),
    write=lambda spec: {"Env": forms.environment(spec.get("environment") or {})},
    silent=lambda image: forms.variables(image.get("Env")),
    merge=lambda declared, image, _: {**forms.variables(image.get("Env")), **declared},
    paths=("environment",),
)

LABELS = Property(
    "labels",
    declared=lambda service: forms.text_map(service.get("labels")) or ABSENT,
    read=lambda inspect: forms.text_map(labels.declared_only(dig(inspect, "Config.Labels"))),
    write=lambda spec: {"Labels": spec.get("labels") or {}},
    silent=lambda image: forms.text_map(labels.declared_only(image.get("Labels"))),
    merge=lambda declared, image, _: {**forms.text_map(labels.declared_only(image.get("Labels"))), **declared},
    paths=("labels",),
)


def _hostname(inspect: Json) -> str:
    """The hostname; the engine's default is the first twelve characters of the id."""
    name = forms.text(dig(inspect, "Config.Hostname"))
    return "" if name == inspect["Id"][:12] else name


def _process(name: str, key: str) -> Property:
    """Command and entrypoint, which the engine merges with the image's as a pair; see :func:`expect`."""
    return row(name, at=f"Config.{key}", parse=forms.texts, load=forms.texts, dump=list, silent=())


def _state(inspect: Json) -> str:
    status = dig(inspect, "State.Status")
    return f"exited ({dig(inspect, 'State.ExitCode')})" if status == "exited" else str(status)


def _state_effect(before: Value, after: Value) -> Effect:
    # A dead container could not be removed whole; the engine starts it no more.
    if before == "dead":
        return Effect.REPLACE
    return Effect.RUN if after == FINISHED else Effect.START


STATE = Property(
    "state",
    declared=lambda service: service["state"],
    read=_state,
    write=lambda _: {},
    silent=lambda _: ABSENT,
    field=Field(_state_effect),
)


def _image_effect(before: Value, after: Value) -> Effect:
    """The effect of another image: the id counts, the name by which it was asked for does not, be that an id or not."""
    # An image that is built or pulled in this pass has no id yet, and counts as another one.
    is_id = after is UNKNOWN or (str(before).startswith("sha256:") and str(after).startswith("sha256:"))
    return Effect.REPLACE if is_id else Effect.NOTE


IMAGE = Property(
    "image",
    declared=lambda service: service["image"],
    read=lambda inspect: {"ref": dig(inspect, "Config.Image"), "id": inspect["Image"]},
    write=lambda spec: {"Image": spec["image"]["ref"]},  # type: ignore[index, call-overload]
    silent=lambda _: ABSENT,
    field=Field(_image_effect),
    paths=("image", "build"),
)

SECURITY = Property(
    "security_opt",
    declared=lambda service: forms.security(service.get("security_opt")) or ABSENT,
    read=lambda inspect: forms.security(dig(inspect, "HostConfig.SecurityOpt")),
    write=lambda spec: nest("HostConfig.SecurityOpt", list(spec.get("security_opt") or ())),  # type: ignore[arg-type]
    silent=lambda _: (),
    field=Field(Effect.REPLACE, normalise=forms.shown_security),
    paths=("security_opt",),
)

_MASKED: Final = ("MaskedPaths", "ReadonlyPaths")
SYSTEM_PATHS = Property(
    "systempaths",
    declared=lambda service: "unconfined" if forms.SYSTEM_PATHS in (service.get("security_opt") or ()) else ABSENT,
    read=lambda inspect: "unconfined" if all(dig(inspect, f"HostConfig.{key}") == [] for key in _MASKED) else "",
    said=lambda value: {"security_opt": [forms.SYSTEM_PATHS]} if value else {},
    write=lambda spec: {"HostConfig": {key: [] for key in _MASKED}} if spec.get("systempaths") else {},
    silent=lambda _: "",
    paths=("security_opt",),
)

PROPERTIES: Final[Mapping[str, Property]] = {
    each.name: each
    for each in (
        STATE,
        row(
            "container_name",
            at="Name",
            load=lambda name: str(name).lstrip("/"),
            dump=lambda _: None,
            effect=Effect.LIVE,
        ),
        IMAGE,
        _process("entrypoint", "Entrypoint"),
        _process("command", "Cmd"),
        ENVIRONMENT,
        LABELS,
        row("annotations", at="HostConfig.Annotations", parse=forms.text_map, load=forms.text_map, silent={}),
        row("user", at="Config.User", parse=forms.text, load=forms.text, silent="", image="User"),
        row(
            "working_dir",
            at="Config.WorkingDir",
            parse=posixpath.normpath,
            load=forms.text,
            silent="",
            image="WorkingDir",
        ),
        Property(
            "hostname",
            declared=lambda service: service.get("hostname") or ABSENT,
            read=_hostname,
            write=lambda spec: {"Hostname": spec["hostname"]} if "hostname" in spec else {},
            silent=lambda _: "",
            paths=("hostname",),
        ),
        row("domainname", at="Config.Domainname", parse=forms.text, load=forms.text, silent=""),
        row("stop_signal", at="Config.StopSignal", parse=forms.text, load=forms.text, silent="", image="StopSignal"),
        row(
            "stop_grace_period",
            at="Config.StopTimeout",
            parse=lambda value: nanoseconds(value) // 1_000_000_000,
            load=forms.whole_seconds,
            silent=10,
            unit="seconds",
            said=lambda value: f"{value}s",
        ),
        HEALTHCHECK,
        PORTS,
        EXPOSE,
        VOLUMES,
        VOLUMES_FROM,
        TMPFS,
        NETWORKS,
        LINKS,
        row("network_mode", at="HostConfig.NetworkMode", parse=network_mode, load=network_mode),
        row(
            "deploy.restart_policy",
            "restart",
            name="restart",
            at="HostConfig.RestartPolicy",
            parse=forms.declared_restart,
            load=forms.restart,
            dump=forms.restart_body,
            silent="no",
            effect=Effect.LIVE,
            live=("RestartPolicy",),
        ),
        row(
            "mem_limit",
            "deploy.resources.limits.memory",
            at="HostConfig.Memory",
            parse=bytes_of,
            load=forms.positive,
            silent=0,
            effect=LIMIT,
            unit="bytes",
            said=forms.said_size,
            live=("Memory", "MemorySwap"),
        ),
        row(
            "memswap_limit",
            at="HostConfig.MemorySwap",
            parse=bytes_of,
            load=int,
            effect=LIMIT,
            unit="bytes",
            said=forms.said_size,
            live=("Memory", "MemorySwap"),
        ),
        row(
            "mem_reservation",
            "deploy.resources.reservations.memory",
            at="HostConfig.MemoryReservation",
            parse=bytes_of,
            load=forms.positive,
            silent=0,
            effect=LIMIT,
            unit="bytes",
            said=forms.said_size,
            live=("MemoryReservation",),
        ),
        row(
            "cpus",
            "deploy.resources.limits.cpus",
            at="HostConfig.NanoCpus",
            parse=forms.cpus,
            load=lambda value: forms.cpus(value) / 1e9,
            dump=lambda value: round(value * 1e9),
            silent=0.0,
            effect=LIMIT,
            live=("NanoCpus",),
        ),
        row(
            "cpu_shares",
            at="HostConfig.CpuShares",
            parse=int,
            load=forms.positive,
            silent=0,
            effect=LIMIT,
            live=("CpuShares",),
        ),
        row(
            "cpu_period",
            at="HostConfig.CpuPeriod",
            parse=lambda value: nanoseconds(value) // 1000 if "s" in str(value) else int(value),
            load=forms.positive,
            silent=0,
            effect=LIMIT,
            live=("CpuPeriod",),
        ),
        row(
            "cpu_quota",
            at="HostConfig.CpuQuota",
            parse=lambda value: nanoseconds(value) // 1000 if "s" in str(value) else int(value),
            load=forms.positive,
            silent=0,
            effect=Effect.LIVE,
            live=("CpuQuota",),
            lifted=-1,
        ),
        row(
            "cpu_rt_period",
            at="HostConfig.CpuRealtimePeriod",
            parse=int,
            load=forms.positive,
            silent=0,
            effect=LIMIT,
            live=("CpuRealtimePeriod",),
        ),
        row(
            "cpu_rt_runtime",
            at="HostConfig.CpuRealtimeRuntime",
            parse=int,
            load=forms.positive,
            silent=0,
            effect=LIMIT,
            live=("CpuRealtimeRuntime",),
        ),
        row(
            "blkio_config.weight",
            at="HostConfig.BlkioWeight",
            parse=int,
            load=forms.positive,
            silent=0,
            effect=LIMIT,
            live=("BlkioWeight",),
        ),
        *THROTTLES,
        row("cpuset", at="HostConfig.CpusetCpus", load=forms.text, silent="", effect=LIMIT, live=("CpusetCpus",)),
        row(
            "pids_limit",
            "deploy.resources.limits.pids",
            at="HostConfig.PidsLimit",
            parse=forms.positive,
            load=forms.positive,
            silent=0,
            effect=Effect.LIVE,
            live=("PidsLimit",),
            lifted=-1,
        ),
        row(
            "mem_swappiness",
            at="HostConfig.MemorySwappiness",
            parse=int,
            load=lambda value: -1 if value is None else int(value),
            silent=-1,
        ),
        row("oom_kill_disable", at="HostConfig.OomKillDisable", parse=bool, load=bool, silent=False),
        row("oom_score_adj", at="HostConfig.OomScoreAdj", parse=int, load=int, silent=0),
        row("init", at="HostConfig.Init", parse=bool, load=bool, silent=False),
        row("read_only", at="HostConfig.ReadonlyRootfs", parse=bool, load=bool, silent=False),
        row("privileged", at="HostConfig.Privileged", parse=bool, load=bool, silent=False),
        row("tty", at="Config.Tty", parse=bool, load=bool, silent=False),
        row("stdin_open", at="Config.OpenStdin", parse=bool, load=bool, silent=False),
        row("cap_add", at="HostConfig.CapAdd", parse=forms.capabilities, load=forms.capabilities, dump=list, silent=()),
        row(
            "cap_drop", at="HostConfig.CapDrop", parse=forms.capabilities, load=forms.capabilities, dump=list, silent=()
        ),
        SECURITY,
        SYSTEM_PATHS,
        row("group_add", at="HostConfig.GroupAdd", parse=forms.text_set, load=forms.text_set, dump=list, silent=()),
        DEVICES,
        row(
            "device_cgroup_rules",
            at="HostConfig.DeviceCgroupRules",
            parse=forms.text_set,
            load=forms.text_set,
            dump=list,
            silent=(),
        ),
        REQUESTS,
        row("storage_opt", at="HostConfig.StorageOpt", parse=forms.text_map, load=forms.text_map, silent={}),
        row("sysctls", at="HostConfig.Sysctls", parse=forms.text_map, load=forms.text_map, silent={}),
        Property(
            "ulimits",  # the engine adds those of its own configuration, so only declared names are compared
            declared=lambda service: forms.ulimits(service.get("ulimits")) or ABSENT,
            read=lambda inspect: forms.ulimits(dig(inspect, "HostConfig.Ulimits")),
            write=lambda spec: nest("HostConfig.Ulimits", forms.ulimit_bodies(spec.get("ulimits") or {})),  # type: ignore[arg-type]
            silent=lambda _: ABSENT,
            merge=lambda declared, _, observed: {**(observed if isinstance(observed, Mapping) else {}), **declared},
            paths=("ulimits",),
            said=lambda limits: {"ulimits": forms.said_ulimits(limits)} if limits else {},
        ),
        row(
            "shm_size",
            at="HostConfig.ShmSize",
            parse=bytes_of,
            load=int,
            unit="bytes",
            said=forms.said_size,
            usual=lambda _: (_SHARED_MEMORY,),
        ),
        row("ipc", at="HostConfig.IpcMode", parse=forms.text, load=forms.text, usual=lambda _: ("private",)),
        row("pid", at="HostConfig.PidMode", parse=forms.text, load=forms.text, silent=""),
        row("uts", at="HostConfig.UTSMode", parse=forms.text, load=forms.text, silent=""),
        row("userns_mode", at="HostConfig.UsernsMode", parse=forms.text, load=forms.text, silent=""),
        row(
            "cgroup",
            at="HostConfig.CgroupnsMode",
            parse=forms.text,
            load=forms.text,
            usual=lambda info: ("private" if str(info.get("CgroupVersion")) == "2" else "host",),
        ),
        row("cgroup_parent", at="HostConfig.CgroupParent", parse=forms.text, load=forms.text, silent=""),
        row(
            "runtime",
            at="HostConfig.Runtime",
            parse=forms.text,
            load=forms.text,
            usual=lambda info: (str(info.get("DefaultRuntime") or "runc"),),
        ),
        row("dns", at="HostConfig.Dns", parse=forms.texts, load=forms.texts, dump=list, silent=()),
        row("dns_search", at="HostConfig.DnsSearch", parse=forms.texts, load=forms.texts, dump=list, silent=()),
        row("dns_opt", at="HostConfig.DnsOptions", parse=forms.texts, load=forms.texts, dump=list, silent=()),
        row("extra_hosts", at="HostConfig.ExtraHosts", parse=forms.hosts, load=forms.hosts, dump=list, silent=()),
        row(
            "logging.driver",
            at="HostConfig.LogConfig.Type",
            load=forms.text,
            usual=lambda info: (str(info.get("LoggingDriver") or "json-file"),),
        ),
        row("logging.options", at="HostConfig.LogConfig.Config", parse=forms.text_map, load=forms.text_map),
    )
}

LIVE: Final = frozenset(name for name, each in PROPERTIES.items() if each.live)
"""The properties that POST /containers/{id}/update takes."""

WITHOUT_ANOTHER: Final = frozenset({"networks", *(path for name in LIVE for path in PROPERTIES[name].paths)})
"""The attributes of a service that can be changed without another container."""


# ------------------------------------------------------------------ what the engine makes of it


def expect(desired: Resource, observed: Observed) -> Spec:
    """The fields that inspect must show: the desired ones, completed by the image and the engine's defaults."""
    # The image decides about all that the file leaves open, so its settings are part of the expectation.
    image: Any = observed.facts["image"]
    spec = {
        name: value
        for name, each in PROPERTIES.items()
        if (value := each.expected(desired.spec, image, observed.spec.get(name, ABSENT))) is not ABSENT
    }
    return {
        **spec,
        **_process_of(desired.spec, image),
        **_derived(desired.spec, spec, observed.spec),
        **_scored(observed),
        **volumes_from.expect(desired.spec, spec, observed),
        **_files(desired.spec, observed),
        "leftovers": (),
        "pre_start": _started_after(observed),
        "depends_on": restarts.expect(desired, observed),
        **_done(desired.spec, spec, observed.spec),
    }


def _done(desired: Spec, expected: Spec, observed: Spec) -> Spec:
    """A container that has done its job doesn't do it again for another one: what it shared is of the past."""
    if not is_done(desired, observed):
        return {}
    shared = [key for key in outside.NAMESPACES if str(expected.get(key)).startswith(compose.CONTAINER)]
    kept = [key for key in shared if str(observed.get(key)).startswith(compose.CONTAINER)]
    return {key: observed[key] for key in ("state", "depends_on", *kept)}


def is_done(desired: Spec, observed: Spec) -> bool:
    """Returns whether a job or a one-shot service has ended with exit code 0."""
    may_end = is_job(desired) or one_shot.may_end(desired, observed.get("expose"))
    return may_end and observed.get("state") == FINISHED


def _scored(observed: Observed) -> Spec:
    """A score that the engine has raised stays: it can't make a lower one, and not to know would have no end."""
    return {"oom_score_adj": observed.spec["oom_score_adj"]} if observed.facts.get("score_is_raised") else {}


def _started_after(observed: Observed) -> Value:
    now, ours = observed.facts.get("pre_start", ""), bool(observed.facts.get("ours"))
    return pre_start.expect(now, observed.spec.get("pre_start", ""), ours=ours)


def _files(desired: Spec, observed: Observed) -> Spec:
    mounted: Any = desired.get("mounted", ())
    known = {name: observed.spec.get(name, {}) for name in files.FIELDS}
    return files.expect(mounted, observed.facts.get("files", {}), known, ours=bool(observed.facts.get("ours")))


def _process_of(desired: Spec, image: Json) -> Spec:
    """Entrypoint and command: an entrypoint of one's own drops the image's command."""
    command, entrypoint = desired.get("command") or (), desired.get("entrypoint", ABSENT)
    if entrypoint is not ABSENT and entrypoint:
        return {"entrypoint": entrypoint, "command": command}
    inherited = () if entrypoint is not ABSENT else forms.texts(image.get("Entrypoint"))
    return {"entrypoint": inherited, "command": command or forms.texts(image.get("Cmd"))}


def _derived(desired: Spec, expected: Spec, observed: Spec) -> Spec:
    """Fields that follow from others."""
    derived: dict[str, Value] = {}
    options: Any = expected["security_opt"]
    if not forms.selinux(options):
        # The engine adds some by itself where SELinux is on, and for privileged containers.
        derived["security_opt"] = forms.text_set((*options, *forms.selinux(observed.get("security_opt"))))
    if "memswap_limit" not in desired:
        memory: Any = expected["mem_limit"]
        usual = (2 * memory, -1) if memory else (0, -1)  # -1 where the kernel does not count swap
        now = observed.get("memswap_limit")
        derived["memswap_limit"] = now if now in usual else usual[0]
    if "networks" in desired:
        mode = observed.get("network_mode")  # the name of whichever network it was made in
        derived["network_mode"] = mode if is_network(mode) else "networks"
        derived["networks"] = _with_own_name(desired, expected["networks"], observed)
    elif "hostname" not in desired and str(desired.get("network_mode")).partition(":")[0] in ("host", "container"):
        derived["hostname"] = observed.get("hostname", "")  # that of the machine, or of the other container
    now = observed.get("state")
    if (desired["state"], now) in {(FINISHED, RUNNING), (FINISHED, "restarting"), (RUNNING, "restarting")}:
        derived["state"] = now  # under way; the status says how it fares
    return derived


def _with_own_name(desired: Spec, networks: Any, observed: Spec) -> Value:
    """Endpoints whose container need not have its own name as an alias: the engine resolves that one by itself.

    Compose asks for it nevertheless, and ``docker run`` does not.
    """
    name, live = desired.get("container_name"), observed.get("networks")
    # With another name to come, the alias decides whether the old one is still found.
    if name != observed.get("container_name") or not isinstance(live, Mapping):
        return networks  # type: ignore[no-any-return]

    def resolved(key: str, endpoint: Json) -> Json:
        shown: Any = live.get(key) or {}
        left = tuple(alias for alias in endpoint["aliases"] if alias != name)
        return {**endpoint, "aliases": left} if shown.get("aliases") == left else endpoint

    return {key: resolved(key, endpoint) for key, endpoint in networks.items()}


def is_job(spec: Spec) -> bool:
    """Returns whether the container is to finish rather than to stay."""
    return spec.get("state") == FINISHED


KIND: Final = Kind(
    NAME,
    fields={name: each.field for name, each in PROPERTIES.items()}
    | {
        **files.FIELDS,
        "leftovers": Field(Effect.LIVE, drift=Cause.INTERRUPTED),
        "pre_start": pre_start.FIELD,
        "depends_on": restarts.FIELD,
    },
    outputs=restarts.OUTPUTS,
    expect=expect,
    late=frozenset({"image", "networks"}),
    alone=rollout.alone,
    is_up=lambda observed: observed.spec.get("state") in (*restarts.UP, "restarting"),
    singular=frozenset({"dns", "tmpfs"}),
    section="containers",
    prunable=True,
    goes_down=True,
    needed=True,
)


def body(spec: Spec) -> dict[str, Any]:
    """The body of POST /containers/create for a desired spec."""
    parts = merged(*(each.write(spec) for each in PROPERTIES.values()))
    config = parts.pop("Config", {})
    return {**config, **{key: value for key, value in parts.items() if value is not None}}


def live_body(fields: Mapping[str, Value]) -> dict[str, Any]:
    """The body of POST /containers/{id}/update for fields, name → value, that change in place."""
    parts = merged(*(_live_part(PROPERTIES[name], fields) for name in fields))
    host: dict[str, Any] = parts.get("HostConfig", {})
    return host


def _live_part(each: Property, fields: Mapping[str, Value]) -> Json:
    return each.lifted if each.lifted and is_lifted(each.name, fields[each.name]) else each.write(fields)


def is_lifted(name: str, value: Value) -> bool:
    """Returns whether a limit is taken away, and the engine has a word for that."""
    return PROPERTIES[name].lifted is not None and not value
