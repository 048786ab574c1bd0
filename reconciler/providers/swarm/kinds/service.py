"""Services: the table of the ServiceSpec, and what a Swarm makes of a service that the file leaves partly open.

Source of the paths: the Engine API 1.41-1.51, GET /services and POST /services/create. The defaults are those of
swarmkit's ``api/defaults`` and of the Docker CLI, as far as these say the same.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from reconciler.core.difference.kind import Effect, Field, Kind
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.units import bytes_of, duration, nanoseconds
from reconciler.core.resource.values import ABSENT, UNKNOWN, Secret, Spec, Value
from reconciler.providers.docker.container.healthcheck import HEALTHCHECK
from reconciler.providers.docker.table import forms
from reconciler.providers.docker.table.property import Json, dig, nest
from reconciler.providers.swarm.kinds import mounts, privileges
from reconciler.providers.swarm.table import images, labels
from reconciler.providers.swarm.table.row import NEW_TASKS, Row, patched, row

NAME: Final = "swarm.service"
_CONTAINER: Final = "TaskTemplate.ContainerSpec"
_LIMITS: Final = "TaskTemplate.Resources.Limits"
_RESERVATIONS: Final = "TaskTemplate.Resources.Reservations"
_PLACEMENT: Final = "TaskTemplate.Placement"


# ------------------------------------------------------------------ mode and number

REPLICATED: Final = "replicated"
REPLICATED_JOB: Final = "replicated-job"
GLOBAL_JOB: Final = "global-job"
JOBS: Final = (REPLICATED_JOB, GLOBAL_JOB)
_MODES: Final = {
    REPLICATED: "Replicated",
    "global": "Global",
    REPLICATED_JOB: "ReplicatedJob",
    GLOBAL_JOB: "GlobalJob",
}
_MODE_OF: Final = {key: mode for mode, key in _MODES.items()}


def _mode(part: Any) -> Value:
    return next((_MODE_OF[key] for key in part or {} if key in _MODE_OF), REPLICATED)


def mode_of(spec: Json) -> str:
    """The mode of a live ServiceSpec."""
    return str(_mode(spec.get("Mode")))


MODE: Final = Row(
    "mode",
    "Mode",
    lambda service: service["mode"],
    _mode,
    lambda mode: {_MODES[mode]: {}},
    silent=REPLICATED,
    attribute="deploy.mode",
)
REPLICAS: Final = Row(
    "replicas",
    "Mode",
    lambda service: service["replicas"],
    lambda part: _replicas(part or {}),
    lambda count: {"Replicated": {"Replicas": count}},
    field=Field(Effect.LIVE),
    paths=("scale", "deploy.replicas"),
    attribute="deploy.replicas",
)


def _replicas(part: Json) -> Value:
    """The number of tasks; a service whose mode has no number has none."""
    if "Replicated" not in part:
        return ABSENT
    count = (part["Replicated"] or {}).get("Replicas")
    return 1 if count is None else int(count)


# ------------------------------------------------------------------ rows that need more than a path


def _reference(service: Json) -> Value:
    return images.familiar(str(service["image"]))


IMAGE: Final = Row(
    "image",
    f"{_CONTAINER}.Image",
    _reference,
    lambda name: images.familiar(name or ""),
    lambda name: name,
    field=Field(NEW_TASKS, equal=lambda live, wanted: images.is_same(str(live), str(wanted))),
    paths=("image",),
    said=None,
)


def _labels(name: str, at: str, effect: Effect) -> Row:
    return row(
        name,
        at=at,
        parse=forms.text_map,
        load=lambda marks: forms.text_map(labels.declared_only(marks)),
        effect=effect,
        silent={},
        kept=labels.undeclared,
    )


INIT: Final = Row(
    "init",
    f"{_CONTAINER}.Init",
    lambda service: ABSENT if service.get("init") is None else bool(service["init"]),
    lambda value: ABSENT if value is None else bool(value),
    lambda value: value,
    paths=("init",),
)

HEALTH: Final = Row(
    "healthcheck",
    f"{_CONTAINER}.Healthcheck",
    lambda service: HEALTHCHECK.declared(service) or {},
    lambda check: HEALTHCHECK.read(nest("Config.Healthcheck", check)),
    lambda value: HEALTHCHECK.write({"healthcheck": value})["Healthcheck"],
    silent={},
    paths=("healthcheck",),
    said=lambda value: HEALTHCHECK.declaration(value)["healthcheck"],
)


def _hosts(entries: Any) -> Value:
    """``ADDRESS NAME…`` of the Swarm as ``NAME:ADDRESS`` of the file; of several names only the first one counts."""
    pairs = (str(entry).split() for entry in entries or ())
    return forms.hosts([f"{names[0]}:{address}" for address, *names in pairs if names])


def _host_entries(hosts: Any) -> list[Value]:
    # The Swarm writes lines of /etc/hosts, the file has `NAME:ADDRESS`.
    def entry(text: str) -> str:
        name, _, address = text.partition(":")
        return f"{address} {name}"

    return [host.derive(entry) if isinstance(host, Secret) else entry(host) for host in hosts]


def _capability_names(names: Any) -> list[str]:
    return [name if name == "ALL" else f"CAP_{name}" for name in names]


def _ports(ports: Any) -> Value:
    """Container port → its host ports, each with the way in which it is published."""
    found: dict[str, list[str]] = {}
    for port in ports or ():
        key = f"{port['TargetPort']}/{port.get('Protocol') or 'tcp'}"
        # One text for both, so that several ways to publish one port can be sorted and compared.
        published = f"{port.get('PublishedPort') or ''} {port.get('PublishMode') or 'ingress'}"
        found.setdefault(key, []).append(published.strip())
    return {key: tuple(sorted(several)) for key, several in found.items()}


def _declared_ports(ports: Any) -> Value:
    return _ports(
        {
            "TargetPort": port["target"],
            "Protocol": port.get("protocol"),
            "PublishedPort": port.get("published"),
            "PublishMode": port.get("mode"),
        }
        for port in ports
    )


def _port_entries(ports: Any) -> list[Json]:
    entries: list[Json] = []
    for key, several in ports.items():
        target, _, protocol = key.partition("/")
        for published in several:
            number, _, mode = published.rpartition(" ")
            entry = {"Protocol": protocol, "TargetPort": int(target), "PublishMode": mode}
            entries.append({**entry, **({"PublishedPort": int(number)} if number else {})})
    return entries


def _said_ports(ports: Any) -> list[Json]:
    """Ports in their long form: the short one does not say how they are published."""
    return [
        {
            "target": entry["TargetPort"],
            **({"published": str(entry["PublishedPort"])} if "PublishedPort" in entry else {}),
            "protocol": entry["Protocol"],
            "mode": entry["PublishMode"],
        }
        for entry in _port_entries(ports)
    ]


def _without_name(networks: Value) -> Value:
    """Endpoints without the network's name, which is only there to find it by."""
    return mounts.picked(networks, ("id", "aliases", "driver_opts"))


def _network_entries(networks: Any) -> list[Json]:
    entries: list[Json] = []
    for each in sorted(networks.values(), key=lambda endpoint: str(endpoint["name"])):
        target = each["id"] if isinstance(each["id"], str) else each["name"]  # a name is as good, and known before
        options = {"DriverOpts": dict(each["driver_opts"])} if each.get("driver_opts") else {}
        aliases = {"Aliases": list(each["aliases"])} if each["aliases"] else {}
        entries.append({"Target": target, **aliases, **options})
    return entries


def _endpoints(entries: Any) -> Value:
    """Id of the network → endpoint; who reads all networks knows their names."""
    return {
        each["Target"]: {
            "id": each["Target"],
            "name": "",
            "aliases": tuple(sorted(each.get("Aliases") or ())),
            "driver_opts": dict(each.get("DriverOpts") or {}),
        }
        for each in entries or ()
    }


NETWORKS: Final = row(
    "networks",
    at="TaskTemplate.Networks",
    load=_endpoints,
    dump=_network_entries,
    silent={},
    normalise=_without_name,
    said=None,
)


_Settings: TypeAlias = tuple[tuple[str, str, Any], ...]
"""Settings of a policy: the file's word, the Swarm's key, and the usual value; a span is a text."""

_RESTART: Final[_Settings] = (
    ("condition", "Condition", "any"),
    ("delay", "Delay", "5s"),
    ("max_attempts", "MaxAttempts", 0),
    ("window", "Window", "0s"),
)
_ROLLOUT: Final[_Settings] = (
    ("parallelism", "Parallelism", 1),
    ("delay", "Delay", "0s"),
    ("failure_action", "FailureAction", "pause"),
    ("monitor", "Monitor", "5s"),
    ("max_failure_ratio", "MaxFailureRatio", 0),
    ("order", "Order", "stop-first"),
)
_SPANS: Final = ("delay", "monitor", "window")


def _policy(name: str, at: str, settings: _Settings, effect: Effect, *paths: str, find: Any = None) -> Row:
    """A row that is a group of settings; one that the file leaves out has its usual value."""

    def declared(service: Json) -> Value:
        # An empty policy says no more than none: the row's usual settings stand for both.
        said = find(service) if find else dig(service, paths[0])
        if not said:
            return ABSENT
        return {word: _said(word, said.get(word), usual) for word, _, usual in settings}

    def load(part: Any) -> Value:
        return {word: _shown(word, (part or {}).get(key), usual) for word, key, usual in settings}

    def dump(value: Any) -> Json:
        return {key: nanoseconds(value[word]) if word in _SPANS else value[word] for word, key, _ in settings}

    def said(value: Any) -> Json:
        """The settings that are not the usual ones; one of them stands for a policy that has only these."""
        own = {word: value[word] for word, _, usual in settings if value[word] != usual}
        return own or {settings[0][0]: value[settings[0][0]]}

    return Row(name, at, declared, load, dump, load(None), Field(effect), paths, said=said)


def _said(word: str, value: Any, usual: Any) -> Value:
    """A setting of the file, in the form in which it is compared."""
    if value is None:
        return usual  # type: ignore[no-any-return]
    return duration(nanoseconds(value)) if word in _SPANS else value if isinstance(usual, str) else type(usual)(value)


def _shown(word: str, value: Any, usual: Any) -> Value:
    """A setting of a live policy; null or an empty text is the usual one."""
    if value in (None, ""):
        return usual  # type: ignore[no-any-return]
    found: Value = duration(value) if word in _SPANS else value
    return found


def restart_policy(service: Json) -> Any:
    """The restart policy of a service in the words of ``deploy``; None where it has none.

    ``restart: "no"`` is meant: `docker stack deploy` takes it for nothing, and restarts such a service for ever.
    """
    said = dig(service, "deploy.restart_policy")
    if said is not None or not service.get("restart"):
        return said
    return forms.said_restart_policy("always" if service["restart"] == "unless-stopped" else service["restart"])


START_FIRST: Final = "start-first"


# ------------------------------------------------------------------ the table

ROWS: Final[Mapping[str, Row]] = {
    each.name: each
    for each in (
        MODE,
        REPLICAS,
        IMAGE,
        row("entrypoint", at=f"{_CONTAINER}.Command", parse=forms.texts, load=forms.texts, dump=list),
        row("command", at=f"{_CONTAINER}.Args", parse=forms.texts, load=forms.texts, dump=list),
        row("environment", at=f"{_CONTAINER}.Env", parse=dict, load=forms.variables, dump=forms.environment, silent={}),
        _labels("labels", f"{_CONTAINER}.Labels", NEW_TASKS),
        _labels("deploy.labels", "Labels", Effect.LIVE),
        row("user", at=f"{_CONTAINER}.User", parse=forms.text, load=forms.text),
        row("working_dir", at=f"{_CONTAINER}.Dir", parse=posixpath.normpath, load=forms.text),
        row("hostname", at=f"{_CONTAINER}.Hostname", parse=forms.text, load=forms.text),
        row("read_only", at=f"{_CONTAINER}.ReadOnly", parse=bool, load=bool),
        row("tty", at=f"{_CONTAINER}.TTY", parse=bool, load=bool),
        row("stdin_open", at=f"{_CONTAINER}.OpenStdin", parse=bool, load=bool),
        INIT,
        row("stop_signal", at=f"{_CONTAINER}.StopSignal", parse=forms.text, load=forms.text),
        row(
            "stop_grace_period",
            at=f"{_CONTAINER}.StopGracePeriod",
            parse=lambda span: duration(nanoseconds(span)),
            load=duration,
            dump=nanoseconds,
            silent="10s",
        ),
        row("group_add", at=f"{_CONTAINER}.Groups", parse=forms.text_set, load=forms.text_set, dump=list),
        HEALTH,
        row(
            "cap_add",
            at=f"{_CONTAINER}.CapabilityAdd",
            parse=forms.capabilities,
            load=forms.capabilities,
            dump=_capability_names,
        ),
        row(
            "cap_drop",
            at=f"{_CONTAINER}.CapabilityDrop",
            parse=forms.capabilities,
            load=forms.capabilities,
            dump=_capability_names,
        ),
        row("sysctls", at=f"{_CONTAINER}.Sysctls", parse=forms.text_map, load=forms.text_map, silent={}),
        row(
            "ulimits",
            at=f"{_CONTAINER}.Ulimits",
            parse=forms.ulimits,
            load=forms.ulimits,
            dump=forms.ulimit_bodies,
            silent={},
            said=forms.said_ulimits,
        ),
        row(
            "security_opt",
            at=f"{_CONTAINER}.Privileges",
            parse=forms.security,
            load=privileges.read,
            dump=privileges.entry,
            silent=(),
            normalise=forms.shown_security,
        ),
        row("oom_score_adj", at=f"{_CONTAINER}.OomScoreAdj", parse=int, load=int),
        row("extra_hosts", at=f"{_CONTAINER}.Hosts", parse=forms.hosts, load=_hosts, dump=_host_entries),
        row("dns", at=f"{_CONTAINER}.DNSConfig.Nameservers", parse=forms.texts, load=forms.texts, dump=list),
        row("dns_search", at=f"{_CONTAINER}.DNSConfig.Search", parse=forms.texts, load=forms.texts, dump=list),
        row("dns_opt", at=f"{_CONTAINER}.DNSConfig.Options", parse=forms.texts, load=forms.texts, dump=list),
        row(
            "volumes",
            at=f"{_CONTAINER}.Mounts",
            parse=mounts.declared,
            load=mounts.read,
            dump=mounts.entries,
            silent={},
            said=None,
        ),
        row(
            "configs",
            at=f"{_CONTAINER}.Configs",
            load=mounts.read_files("Config", "/"),
            dump=mounts.file_entries("Config"),
            silent={},
            normalise=mounts.compared_files,
            said=None,
        ),
        row(
            "secrets",
            at=f"{_CONTAINER}.Secrets",
            load=mounts.read_files("Secret", "/run/secrets"),
            dump=mounts.file_entries("Secret"),
            silent={},
            normalise=mounts.compared_files,
            said=None,
        ),
        NETWORKS,
        row(
            "ports",
            at="EndpointSpec.Ports",
            parse=_declared_ports,
            load=_ports,
            dump=_port_entries,
            silent={},
            said=_said_ports,
        ),
        row("deploy.endpoint_mode", name="endpoint_mode", at="EndpointSpec.Mode", silent="vip"),
        row("logging.driver", at="TaskTemplate.LogDriver.Name", parse=forms.text, load=forms.text),
        row(
            "logging.options", at="TaskTemplate.LogDriver.Options", parse=forms.text_map, load=forms.text_map, silent={}
        ),
        row(
            "deploy.placement.constraints",
            name="constraints",
            at=f"{_PLACEMENT}.Constraints",
            parse=lambda each: forms.text_set(map(_constraint, each)),
            load=lambda each: forms.text_set(map(_constraint, each)),
            dump=list,
        ),
        row(
            "deploy.placement.preferences",
            name="preferences",
            at=f"{_PLACEMENT}.Preferences",
            parse=lambda each: tuple(str(preference.get("spread", "")) for preference in each),
            load=lambda each: tuple(str(preference["Spread"]["SpreadDescriptor"]) for preference in each),
            dump=lambda each: [{"Spread": {"SpreadDescriptor": descriptor}} for descriptor in each],
            effect=Effect.LIVE,
            said=lambda each: [{"spread": descriptor} for descriptor in each],
        ),
        row(
            "deploy.placement.max_replicas_per_node",
            name="max_replicas_per_node",
            at=f"{_PLACEMENT}.MaxReplicas",
            parse=int,
            load=int,
            effect=Effect.LIVE,
        ),
        row(
            "cpus",
            "deploy.resources.limits.cpus",
            at=f"{_LIMITS}.NanoCPUs",
            parse=forms.cpus,
            load=lambda value: forms.cpus(value) / 1e9,
            dump=lambda value: round(value * 1e9),
        ),
        row(
            "mem_limit",
            "deploy.resources.limits.memory",
            at=f"{_LIMITS}.MemoryBytes",
            parse=bytes_of,
            load=int,
            said=forms.said_size,
            unit="bytes",
        ),
        row(
            "pids_limit",
            "deploy.resources.limits.pids",
            at=f"{_LIMITS}.Pids",
            parse=forms.positive,
            load=forms.positive,
        ),
        row(
            "deploy.resources.reservations.cpus",
            name="reserved_cpus",
            at=f"{_RESERVATIONS}.NanoCPUs",
            parse=forms.cpus,
            load=lambda value: forms.cpus(value) / 1e9,
            dump=lambda value: round(value * 1e9),
        ),
        row(
            "deploy.resources.reservations.memory",
            name="reserved_memory",
            at=f"{_RESERVATIONS}.MemoryBytes",
            parse=bytes_of,
            load=int,
            said=forms.said_size,
            unit="bytes",
        ),
        row(
            "deploy.resources.reservations.generic_resources",
            name="generic_resources",
            silent={},
            at=f"{_RESERVATIONS}.GenericResources",
            parse=lambda each: {
                str(dig(spec, "discrete_resource_spec.kind")): int(dig(spec, "discrete_resource_spec.value") or 0)
                for spec in each
            },
            load=lambda each: {
                spec["DiscreteResourceSpec"]["Kind"]: spec["DiscreteResourceSpec"]["Value"]
                for spec in each
                if "DiscreteResourceSpec" in spec
            },
            dump=lambda each: [
                {"DiscreteResourceSpec": {"Kind": kind, "Value": count}} for kind, count in each.items()
            ],
            said=lambda each: [
                {"discrete_resource_spec": {"kind": kind, "value": count}} for kind, count in each.items()
            ],
        ),
        _policy(
            "restart_policy",
            "TaskTemplate.RestartPolicy",
            _RESTART,
            NEW_TASKS,
            "deploy.restart_policy",
            "restart",
            find=restart_policy,
        ),
        _policy("update_config", "UpdateConfig", _ROLLOUT, Effect.LIVE, "deploy.update_config"),
        _policy("rollback_config", "RollbackConfig", _ROLLOUT, Effect.LIVE, "deploy.rollback_config"),
    )
}


def _constraint(text: Any) -> str:
    """A constraint without the spaces that may be around its operator."""
    operator = "!=" if "!=" in str(text) else "=="
    key, _, value = str(text).partition(operator)
    return f"{key.strip()} {operator} {value.strip()}"


# ------------------------------------------------------------------ what a Swarm makes of it


def expect(desired: Resource, observed: Observed) -> Spec:
    """The expected fields: the declared ones, and the usual value of all others.

    The number of tasks is only that of the file where the file has one: else it is for those who scale by hand.
    """
    spec = {name: desired.spec.get(name, each.silent) for name, each in ROWS.items()}
    # A global service has no number, and one that the file leaves out is for whoever scales by hand.
    if spec["replicas"] is ABSENT:
        del spec["replicas"]
    newest = observed.facts.get("newest")
    return {**spec, "image": f"{spec['image']}@{newest}"} if newest else spec


def alone(desired: Resource, observed: Observed) -> str:
    """Explains why an old task ends before the new one is there; empty where the file lets the new one come first."""
    rollout: Any = desired.spec.get("update_config") or {}
    live: Any = observed.spec.get("networks")
    # A task keeps the network that it was made with, and the old network can't go while a task is in it.
    wanted: Any = desired.spec.get("networks", {})
    made_anew = [key for key in wanted if wanted[key]["id"] is UNKNOWN and live is not ABSENT and key in live]
    reasons = (
        (rollout.get("order") != START_FIRST, "`update_config` does not say `start-first`"),
        (desired.spec["mode"] != observed.spec["mode"], "a Swarm can't change the mode of a service"),
        (made_anew, f"network {', '.join(made_anew)} is made anew"),
    )
    return next((reason for is_so, reason in reasons if is_so), "")


KIND: Final = Kind(
    NAME,
    fields={name: each.field for name, each in ROWS.items()},
    expect=expect,
    alone=alone,
    is_up=lambda observed: observed.spec.get("replicas") != 0,
    singular=frozenset({"dns", "cpus", "reserved_cpus"}),
    section="services",
    prunable=True,
    goes_down=True,
    needed=True,
)


def body(name: str, project: str, image: str, values: Mapping[str, Value]) -> dict[str, Any]:
    """The ServiceSpec of a new service."""
    owner = labels.of_stack(project)
    # The labels of a stack stand on the service and on its containers, as `docker stack deploy` puts them.
    base: Json = {
        "Name": name,
        "Labels": {**owner, labels.IMAGE: image},
        "TaskTemplate": {"ContainerSpec": {"Labels": owner}},
    }
    return patched(base, ((each, values[key]) for key, each in ROWS.items() if values.get(key, ABSENT) is not ABSENT))


def is_made_anew(fields: Any) -> bool:
    """Returns whether a Swarm refuses to change these fields of a service: it has to be removed and made."""
    return any(field.path[0] == "mode" for field in fields)
