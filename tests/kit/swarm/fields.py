"""Two values of every field of a service as a user would write them, and a third one that somebody sets by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from reconciler.core.difference.change import Action


@dataclass(frozen=True)
class Row:
    """One field with two values that differ.

    ``hand`` is a part of a ServiceSpec with another one, by dotted path; ``again`` is ``value`` in another spelling.
    ``by`` is the means by which it changes. ``beside`` are attributes that it needs. ``api`` is the first version that
    has it.
    """

    attribute: str
    value: Any
    other: Any
    field: str
    hand: Mapping[str, Any]
    again: Any = None
    by: Action = Action.REPLACE
    beside: Mapping[str, Any] = dataclass_field(default_factory=dict)
    api: tuple[int, int] = (1, 41)

    @property
    def service(self) -> str:
        """The name of a service of its own."""
        return f"{self.attribute}-{self.field}".replace(".", "-").replace("_", "-")

    def attributes(self, value: Any) -> dict[str, Any]:
        """The attributes of a service that has a value."""
        deploy = {"endpoint_mode": "dnsrr", **(value if self.attribute == "deploy" else {})}
        own = {} if self.attribute == "deploy" else {self.attribute: value}
        return {"image": "app:1", **self.beside, **own, "deploy": deploy}

    @property
    def silent(self) -> dict[str, Any]:
        """The attributes of a service that says nothing of it."""
        return {"image": "app:1", **self.beside, "deploy": {"endpoint_mode": "dnsrr"}}


CONTAINER = "TaskTemplate.ContainerSpec"
LIVE: Mapping[str, Any] = {"by": Action.UPDATE}


def limits(**limited: Any) -> dict[str, Any]:
    return {"resources": {"limits": limited}}


def reserved(**kept: Any) -> dict[str, Any]:
    return {"resources": {"reservations": kept}}


def _port(mode: str, target: int) -> dict[str, Any]:
    return {"target": target, "published": "18080", "mode": mode}


ROWS = (
    Row("command", ["sleep", "3000"], ["sleep", "3001"], "command", {f"{CONTAINER}.Args": ["sleep", "3002"]},
        "sleep  3000"),
    Row("entrypoint", ["env"], ["/bin/env"], "entrypoint", {f"{CONTAINER}.Command": ["/bin/env", "A=1"]}, "env"),
    Row("environment", {"A": "1", "B": ""}, {"A": "2"}, "environment", {f"{CONTAINER}.Env": ["A=3", "X=1"]},
        ["B=", "A=1"]),
    Row("labels", {"team": "a", "x": "1"}, {"team": "b"}, "labels", {f"{CONTAINER}.Labels": {"team": "c"}},
        ["x=1", "team=a"]),
    Row("deploy", {"labels": {"team": "a"}}, {"labels": {"team": "b"}}, "deploy.labels",
        {"Labels.team": "c"}, {"labels": ["team=a"]}, **LIVE),
    Row("user", "1000:1000", "1001", "user", {f"{CONTAINER}.User": "1002"}),
    Row("working_dir", "/tmp", "/bin", "working_dir", {f"{CONTAINER}.Dir": "/"}, "/tmp/"),
    Row("hostname", "one", "two", "hostname", {f"{CONTAINER}.Hostname": "three"}),
    Row("read_only", True, False, "read_only", {f"{CONTAINER}.ReadOnly": False}),
    Row("tty", True, False, "tty", {f"{CONTAINER}.TTY": False}),
    Row("stdin_open", True, False, "stdin_open", {f"{CONTAINER}.OpenStdin": False}),
    Row("init", True, False, "init", {f"{CONTAINER}.Init": False}),
    Row("stop_signal", "SIGINT", "SIGUSR1", "stop_signal", {f"{CONTAINER}.StopSignal": "SIGHUP"}),
    Row("stop_grace_period", "1m", "2s", "stop_grace_period", {f"{CONTAINER}.StopGracePeriod": 3_000_000_000}, "60s"),
    Row("group_add", ["1", "2"], ["3"], "group_add", {f"{CONTAINER}.Groups": ["4"]}, ["2", "1"]),
    Row("healthcheck", {"test": "true", "interval": "1s"}, {"test": "true", "interval": "2s"}, "healthcheck",
        {f"{CONTAINER}.Healthcheck.Retries": 7}, {"interval": "1000ms", "test": ["CMD-SHELL", "true"]}),
    Row("cap_add", ["NET_ADMIN", "SYS_TIME"], ["SYS_PTRACE"], "cap_add",
        {f"{CONTAINER}.CapabilityAdd": ["CAP_CHOWN"]}, ["cap_sys_time", "NET_ADMIN"]),
    Row("cap_drop", ["CHOWN"], ["KILL"], "cap_drop", {f"{CONTAINER}.CapabilityDrop": ["CAP_MKNOD"]}, ["cap_chown"]),
    Row("sysctls", {"net.core.somaxconn": 100}, {"net.core.somaxconn": 200}, "sysctls",
        {f"{CONTAINER}.Sysctls": {"net.core.somaxconn": "300"}}, ["net.core.somaxconn=100"]),
    Row("ulimits", {"nofile": 1000}, {"nofile": 2000}, "ulimits",
        {f"{CONTAINER}.Ulimits": [{"Name": "nofile", "Hard": 3000, "Soft": 3000}]},
        {"nofile": {"soft": 1000, "hard": 1000}}),
    Row("oom_score_adj", 100, 200, "oom_score_adj", {f"{CONTAINER}.OomScoreAdj": 300}, api=(1, 46)),
    Row("security_opt", ["no-new-privileges:true"], ["seccomp=unconfined", "apparmor=unconfined"], "security_opt",
        {f"{CONTAINER}.Privileges": {"AppArmor": {"Mode": "disabled"}}}, ["no-new-privileges=1"], api=(1, 44)),
    Row("security_opt", ["label=type:a", "label=user:b"], ["label=disable"], "security_opt",
        {f"{CONTAINER}.Privileges": {"SELinuxContext": {"Disable": False, "Level": "s0"}}},
        ["label:user:b", "label:type:a"], beside={"user": "0"}),
    Row("extra_hosts", ["a:10.0.0.1", "b:10.0.0.2"], ["a:10.0.0.3"], "extra_hosts",
        {f"{CONTAINER}.Hosts": ["10.0.0.4 a"]}, {"b": "10.0.0.2", "a": "10.0.0.1"}),
    Row("dns", ["10.0.0.1"], ["10.0.0.2"], "dns", {f"{CONTAINER}.DNSConfig.Nameservers": ["10.0.0.3"]}, "10.0.0.1"),
    Row("dns_search", ["a.test"], ["b.test"], "dns_search", {f"{CONTAINER}.DNSConfig.Search": ["c.test"]}, "a.test"),
    Row("dns_opt", ["ndots:1"], ["ndots:2"], "dns_opt", {f"{CONTAINER}.DNSConfig.Options": ["ndots:3"]}),
    Row("volumes", ["data:/data", "data:/more"], ["data:/data:ro"], "volumes",
        {f"{CONTAINER}.Mounts": [{"Type": "volume", "Source": "other", "Target": "/data"}]},
        ["data:/more", {"type": "volume", "source": "data", "target": "/data/"}]),
    Row("volumes", [{"type": "bind", "source": "/etc", "target": "/b"}], ["/bin:/b:ro"], "volumes",
        {f"{CONTAINER}.Mounts": [{"Type": "bind", "Source": "/tmp", "Target": "/b"}]}, ["/etc:/b"],
        beside={"user": "0"}),
    Row("tmpfs", ["/t:size=1m"], ["/t:size=2m"], "volumes",
        {f"{CONTAINER}.Mounts": [{"Type": "tmpfs", "Target": "/t"}]}, "/t:size=1m"),
    Row("ports", [_port("host", 80)], [_port("host", 81)], "ports",
        {"EndpointSpec.Ports": [{"TargetPort": 82, "PublishMode": "host"}]},
        [{**_port("host", 80), "protocol": "tcp"}]),
    Row("logging", {"driver": "json-file", "options": {"max-size": "1m"}},
        {"driver": "json-file", "options": {"max-size": "2m"}}, "logging.options",
        {"TaskTemplate.LogDriver.Options": {"max-size": "3m"}}),
    Row("deploy", {"placement": {"constraints": ["node.role == manager"]}},
        {"placement": {"constraints": ["node.role != worker"]}}, "constraints",
        {"TaskTemplate.Placement.Constraints": ["node.id != none"]},
        {"placement": {"constraints": ["node.role==manager"]}}),
    Row("deploy", {"placement": {"preferences": [{"spread": "node.labels.a"}]}},
        {"placement": {"preferences": [{"spread": "node.labels.b"}]}}, "preferences",
        {"TaskTemplate.Placement.Preferences": [{"Spread": {"SpreadDescriptor": "node.labels.c"}}]}, **LIVE),
    Row("deploy", {"placement": {"max_replicas_per_node": 5}}, {"placement": {"max_replicas_per_node": 6}},
        "max_replicas_per_node", {"TaskTemplate.Placement.MaxReplicas": 7}, **LIVE),
    Row("deploy", {"replicas": 1}, {"replicas": 2}, "replicas", {"Mode.Replicated.Replicas": 3}, **LIVE),
    Row("cpus", 0.5, 0.25, "cpus", {"TaskTemplate.Resources.Limits.NanoCPUs": 750_000_000}, "0.50"),
    Row("deploy", limits(cpus="0.5"), limits(cpus="0.25"), "cpus",
        {"TaskTemplate.Resources.Limits.NanoCPUs": 750_000_000}),
    Row("mem_limit", "64m", "96m", "mem_limit", {"TaskTemplate.Resources.Limits.MemoryBytes": 48 << 20}, "65536k"),
    Row("deploy", limits(memory="64m"), limits(memory="96m"), "mem_limit",
        {"TaskTemplate.Resources.Limits.MemoryBytes": 48 << 20}, limits(memory="65536k")),
    Row("pids_limit", 100, 200, "pids_limit", {"TaskTemplate.Resources.Limits.Pids": 300}),
    Row("deploy", reserved(cpus="0.1"), reserved(cpus="0.2"), "reserved_cpus",
        {"TaskTemplate.Resources.Reservations.NanoCPUs": 50_000_000}),
    Row("deploy", reserved(memory="16m"), reserved(memory="32m"), "reserved_memory",
        {"TaskTemplate.Resources.Reservations.MemoryBytes": 8 << 20}),
    Row("deploy", {"restart_policy": {"condition": "on-failure", "max_attempts": 3}},
        {"restart_policy": {"condition": "none"}}, "restart_policy",
        {"TaskTemplate.RestartPolicy": {"Condition": "any", "Delay": 9_000_000_000}},
        {"restart_policy": {"condition": "on-failure", "max_attempts": 3, "delay": "5000ms"}}),
    Row("restart", "on-failure:3", "no", "restart_policy", {"TaskTemplate.RestartPolicy": {"Condition": "any",
        "Window": 9_000_000_000}}),
    Row("deploy", {"update_config": {"parallelism": 2, "order": "start-first"}}, {"update_config": {"delay": "1s"}},
        "update_config", {"UpdateConfig": {"Parallelism": 3}},
        {"update_config": {"order": "start-first", "parallelism": 2, "failure_action": "pause"}}, **LIVE),
    Row("deploy", {"rollback_config": {"parallelism": 2}}, {"rollback_config": {"parallelism": 3}}, "rollback_config",
        {"RollbackConfig": {"Parallelism": 4}}, **LIVE),
)  # fmt: skip
