"""Values of every property of a container as a user would write them, and changes of it by hand.

The tests go through them on the real engine, and ``bench.drift_matrix`` prints what came of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from reconciler.core.difference.change import Action
from reconciler.providers.docker.table.property import merged, nest
from tests.kit.docker.engine import Project


@dataclass(frozen=True)
class Row:
    """One property with two values that differ, and what is promised where it changes.

    ``hand`` are the engine's own words for a third value, by dotted path in inspect, ``{project}`` standing for the
    project's name; ``again`` is ``value`` in another order or another spelling.
    ``by`` is the promised means, ``removal`` what follows when the line is taken out of the file: KEEP where the
    engine is then free to choose, or where ``other`` is what it would choose.
    ``lacks`` says why a machine may not be able to hold it; ``starts`` whether a container with it can start anywhere.
    """

    attribute: str
    value: Any
    other: Any
    field: str
    hand: Mapping[str, Any]
    again: Any = None
    by: Action = Action.REPLACE
    removal: Action = Action.REPLACE
    beside: Mapping[str, Any] = dataclass_field(default_factory=dict)
    api: tuple[int, int] = (1, 41)
    lacks: str = ""
    starts: bool = True
    tag: str = ""

    @property
    def service(self) -> str:
        """The name of a service of its own; ``tag`` tells rows of one attribute and field apart."""
        tag = f"-{self.tag}" if self.tag else ""
        return f"{self.attribute}-{self.field}{tag}".replace(".", "-").replace("_", "-")


def limits(**limited: Any) -> dict[str, Any]:
    return {"resources": {"limits": limited}}


def joined(**endpoint: Any) -> dict[str, Any]:
    return {"own": endpoint}


def throttle(name: str, key: str, unit: str, *values: Any) -> Row:
    one, two, three = ({"path": "/dev/loop0", "weight" if unit == "Weight" else "rate": value} for value in values)
    hand = {f"HostConfig.{key}": [{"Path": "/dev/loop0", unit: three["weight" if unit == "Weight" else "rate"]}]}
    attribute = f"blkio_config.{name}"
    lacks = "some kernels can't weigh disks" if unit == "Weight" else ""
    return Row("blkio_config", {name: [one]}, {name: [two]}, attribute, hand, lacks=lacks)


UPDATE: Mapping[str, Any] = {"by": Action.UPDATE}
IN_PLACE: Mapping[str, Any] = {"by": Action.UPDATE, "removal": Action.UPDATE}
FREE: Mapping[str, Any] = {"removal": Action.KEEP}
BOUND = {"type": "bind", "source": "/etc/hostname", "target": "/b"}
LABELLED = {"type": "volume", "target": "/l", "volume": {"labels": {"a": "1", "b": "2"}}}
NO_REAL_TIME = "most kernels schedule no container in real time"

ROWS = (
    Row("environment", {"A": "1", "B": ""}, {"A": "2"}, "environment", {"Config.Env": ["A=3", "X=1"]}, ["B=", "A=1"]),
    Row("labels", {"team": "a", "x": "1"}, {"team": "b"}, "labels",
        {"Config.Labels": {"team": "c"}}, ["x=1", "team=a"]),
    Row("annotations", {"a": "1"}, {"a": "2"}, "annotations", {"HostConfig.Annotations": {"a": "3"}}, ["a=1"],
        api=(1, 43)),
    Row("command", ["sleep", "3000"], ["sleep", "3001"], "command", {"Config.Cmd": ["sleep", "3002"]}, "sleep  3000"),
    Row("entrypoint", ["env"], ["/bin/env"], "entrypoint", {"Config.Entrypoint": ["/bin/env", "A=1"]}, "env"),
    Row("user", "1000:1000", "1001", "user", {"Config.User": "1002"}),
    Row("working_dir", "/tmp", "/bin", "working_dir", {"Config.WorkingDir": "/"}, "/tmp/"),
    Row("hostname", "one", "two", "hostname", {"Config.Hostname": "three"}),
    Row("domainname", "one.test", "two.test", "domainname", {"Config.Domainname": "three.test"}),
    Row("stop_signal", "SIGINT", "SIGUSR1", "stop_signal", {"Config.StopSignal": "SIGHUP"}),
    Row("stop_grace_period", "1m", "2s", "stop_grace_period", {"Config.StopTimeout": 3}, "60s"),
    Row("healthcheck", {"test": "true", "interval": "1s"}, {"test": "true", "interval": "2s"}, "healthcheck",
        {"Config.Healthcheck.Retries": 7}, {"interval": "1000ms", "test": ["CMD-SHELL", "true"]}),
    Row("healthcheck", {"test": "true", "start_period": "9s", "start_interval": "1s"},
        {"test": "true", "start_period": "9s", "start_interval": "2s"}, "healthcheck",
        {"Config.Healthcheck.StartInterval": 500_000_000}, api=(1, 44), tag="start"),
    Row("ports", ["127.0.0.1:0:80", "127.0.0.1:0:82"], ["127.0.0.1:0:81/udp"], "ports",
        {"HostConfig.PortBindings": {"81/udp": [{"HostIp": "127.0.0.2", "HostPort": ""}]}},
        ["127.0.0.1:0:82", "127.0.0.1:0:80"]),
    Row("expose", ["80", "82"], ["81"], "expose", {"Config.ExposedPorts": {"83/tcp": {}}}, ["82/tcp", "80"]),
    Row("volumes", ["data:/data", "data:/more"], ["data:/data:ro"], "volumes",
        {"HostConfig.Mounts": [{"Type": "volume", "Source": "{project}_data", "Target": "/data"}]},
        ["data:/more", {"type": "volume", "source": "data", "target": "/data/"}]),
    Row("volumes", [{"type": "tmpfs", "target": "/t", "tmpfs": {"size": "1m"}}], ["data:/t"], "volumes",
        {"HostConfig.Mounts": [{"Type": "tmpfs", "Target": "/t"}]}, tag="tmpfs"),
    Row("volumes", [LABELLED], ["/l"], "volumes", {"HostConfig.Mounts": [], "HostConfig.Binds": ["/etc/hostname:/l"]},
        tag="labels"),
    Row("volumes", [{**BOUND, "bind": {"recursive": "disabled"}}], [BOUND], "volumes",
        {"HostConfig.Binds": ["/etc/hosts:/b:rw"]}, tag="bind"),
    Row("volumes", [{"type": "volume", "source": "data", "target": "/s", "volume": {"subpath": "."}}], ["data:/s"],
        "volumes", {"HostConfig.Mounts": [{"Type": "volume", "Source": "{project}_data", "Target": "/s",
                                           "VolumeOptions": {"Subpath": "."}}]}, api=(1, 45), tag="subpath"),
    Row("tmpfs", ["/a:size=1m", "/b"], ["/a:size=2m"], "tmpfs",
        {"HostConfig.Tmpfs": {"/a": "size=3m"}}, ["/b", "/a:size=1m"]),
    Row("restart", "always", "on-failure:3", "restart", {"HostConfig.RestartPolicy": {"Name": "unless-stopped"}},
        **IN_PLACE),
    Row("deploy", {"restart_policy": {"condition": "on-failure", "max_attempts": 3}}, {"restart_policy": {}}, "restart",
        {"HostConfig.RestartPolicy": {"Name": "no"}}, **IN_PLACE),
    Row("mem_limit", "64m", "96m", "mem_limit", {"HostConfig.Memory": 48 << 20}, "65536k", **UPDATE),
    Row("deploy", limits(memory="64m"), limits(memory="96m"), "mem_limit", {"HostConfig.Memory": 48 << 20}, **UPDATE),
    Row("memswap_limit", "128m", "160m", "memswap_limit", {"HostConfig.MemorySwap": 192 << 20}, "131072k",
        beside={"mem_limit": "64m"}, **IN_PLACE),
    Row("mem_reservation", "32m", "48m", "mem_reservation", {"HostConfig.MemoryReservation": 24 << 20}, **UPDATE),
    Row("cpus", 0.5, "1.5", "cpus", {"HostConfig.NanoCpus": 1_000_000_000}, "0.50", **UPDATE),
    Row("cpu_shares", 512, 256, "cpu_shares", {"HostConfig.CpuShares": 128}, **UPDATE),
    Row("cpu_period", 50_000, 60_000, "cpu_period", {"HostConfig.CpuPeriod": 70_000}, **UPDATE),
    Row("cpu_quota", 50_000, 60_000, "cpu_quota", {"HostConfig.CpuQuota": 70_000}, **IN_PLACE),
    Row("cpu_rt_period", 50_000, 60_000, "cpu_rt_period", {"HostConfig.CpuRealtimePeriod": 70_000},
        lacks=NO_REAL_TIME, **UPDATE),
    Row("cpu_rt_runtime", 50_000, 60_000, "cpu_rt_runtime", {"HostConfig.CpuRealtimeRuntime": 70_000},
        lacks=NO_REAL_TIME, **UPDATE),
    Row("cpuset", "0", "0,1", "cpuset", {"HostConfig.CpusetCpus": "1"}, **UPDATE),
    Row("pids_limit", 64, 96, "pids_limit", {"HostConfig.PidsLimit": 128}, **IN_PLACE),
    Row("blkio_config", {"weight": 300}, {"weight": 400}, "blkio_config.weight", {"HostConfig.BlkioWeight": 500},
        lacks="some kernels can't weigh disks", **UPDATE),
    throttle("weight_device", "BlkioWeightDevice", "Weight", 300, 400, 500),
    throttle("device_read_bps", "BlkioDeviceReadBps", "Rate", 1 << 20, 2 << 20, 3 << 20),
    throttle("device_write_bps", "BlkioDeviceWriteBps", "Rate", 1 << 20, 2 << 20, 3 << 20),
    throttle("device_read_iops", "BlkioDeviceReadIOps", "Rate", 100, 200, 300),
    throttle("device_write_iops", "BlkioDeviceWriteIOps", "Rate", 100, 200, 300),
    Row("mem_swappiness", 10, 20, "mem_swappiness", {"HostConfig.MemorySwappiness": 30}, lacks="cgroup v2 has none"),
    Row("oom_kill_disable", True, False, "oom_kill_disable", {"HostConfig.OomKillDisable": True},
        beside={"mem_limit": "64m"}, lacks="cgroup v2 has none", **FREE),
    Row("oom_score_adj", 100, 200, "oom_score_adj", {"HostConfig.OomScoreAdj": 300}),
    Row("init", False, True, "init", {"HostConfig.Init": False}, **FREE),
    Row("read_only", False, True, "read_only", {"HostConfig.ReadonlyRootfs": False}),
    Row("privileged", True, False, "privileged", {"HostConfig.Privileged": True}, starts=False),
    Row("tty", False, True, "tty", {"Config.Tty": False}),
    Row("stdin_open", False, True, "stdin_open", {"Config.OpenStdin": False}),
    Row("cap_add", ["NET_ADMIN", "sys_time"], ["CAP_SYS_TIME"], "cap_add", {"HostConfig.CapAdd": ["SYS_NICE"]},
        ["CAP_SYS_TIME", "net_admin"]),
    Row("cap_drop", ["ALL"], ["net_raw", "chown"], "cap_drop", {"HostConfig.CapDrop": ["CHOWN"]}, ["all"]),
    Row("security_opt", ["no-new-privileges:true"], ["seccomp=unconfined"], "security_opt",
        {"HostConfig.SecurityOpt": ["no-new-privileges"]}, ["no-new-privileges"]),
    Row("group_add", ["100", "200"], ["100"], "group_add", {"HostConfig.GroupAdd": ["300"]}, [200, 100]),
    Row("devices", ["/dev/null:/dev/one", "/dev/zero"], ["/dev/null:/dev/one:r"], "devices",
        {"HostConfig.Devices": []}, ["/dev/zero:/dev/zero:rwm", "/dev/null:/dev/one"]),
    Row("device_cgroup_rules", ["c 1:3 rwm", "a 7:* r"], ["c 1:3 r"], "device_cgroup_rules",
        {"HostConfig.DeviceCgroupRules": ["c 1:3 w"]}, ["a 7:* r", "c 1:3 rwm"]),
    Row("gpus", "all", [{"count": 1, "capabilities": ["utility"]}], "gpus",
        {"HostConfig.DeviceRequests": [{"Driver": "", "Count": 2, "Capabilities": [["gpu"]]}]}, starts=False),
    Row("storage_opt", {"size": "1G"}, {"size": "2G"}, "storage_opt", {"HostConfig.StorageOpt": {"size": "3G"}},
        lacks="few file systems know quotas", starts=False),
    Row("sysctls", {"net.core.somaxconn": 1024}, {"net.core.somaxconn": 2048}, "sysctls",
        {"HostConfig.Sysctls": {"net.core.somaxconn": "512"}}, ["net.core.somaxconn=1024"]),
    Row("ulimits", {"nofile": {"soft": 100, "hard": 200}, "nproc": 900}, {"nofile": 300}, "ulimits",
        {"HostConfig.Ulimits": [{"Name": "nofile", "Soft": 400, "Hard": 400}]},
        {"nproc": {"soft": 900, "hard": 900}, "nofile": {"hard": 200, "soft": 100}}, **FREE),
    Row("shm_size", "32m", "48m", "shm_size", {"HostConfig.ShmSize": 16 << 20}, 32 << 20, **FREE),
    Row("dns", ["127.0.0.1"], ["127.0.0.2"], "dns", {"HostConfig.Dns": ["127.0.0.3"]}, "127.0.0.1"),
    Row("dns_search", ["a.test"], ["b.test"], "dns_search", {"HostConfig.DnsSearch": ["c.test"]}, "a.test"),
    Row("dns_opt", ["ndots:1"], ["ndots:2"], "dns_opt", {"HostConfig.DnsOptions": ["rotate"]}),
    Row("extra_hosts", ["a.test:127.0.0.1", "b.test:127.0.0.2"], ["a.test=127.0.0.2"], "extra_hosts",
        {"HostConfig.ExtraHosts": ["a.test:127.0.0.3"]}, {"b.test": "127.0.0.2", "a.test": "127.0.0.1"}),
    Row("logging", {"driver": "local"}, {"driver": "json-file"}, "logging.driver",
        {"HostConfig.LogConfig": {"Type": "none", "Config": {}}}, **FREE),
    Row("logging", {"driver": "json-file", "options": {"max-size": "1m", "max-file": 2}},
        {"driver": "json-file", "options": {"max-size": "2m"}}, "logging.options",
        {"HostConfig.LogConfig.Config": {"max-size": "3m"}},
        {"driver": "json-file", "options": {"max-file": "2", "max-size": "1m"}}, **FREE),
    Row("networks", joined(aliases=["a", "b"]), joined(aliases=["c"]), "networks", {"Aliases": ["d"]},
        joined(aliases=["b", "a"]), **IN_PLACE),
    Row("networks", joined(ipv4_address="{net}.10"), joined(ipv4_address="{net}.11"), "networks",
        {"IPAMConfig.IPv4Address": "{net}.12"}, tag="address", **IN_PLACE),
    Row("networks", joined(link_local_ips=["169.254.8.8"]), joined(link_local_ips=["169.254.8.9"]), "networks",
        {"IPAMConfig.LinkLocalIPs": ["169.254.8.10"]}, tag="local", **IN_PLACE),
    Row("networks", joined(driver_opts={"a": 1}), joined(driver_opts={"a": 2}), "networks", {"DriverOpts.a": "3"},
        tag="driver", **IN_PLACE),
    Row("networks", joined(gw_priority=1), joined(gw_priority=2), "networks", {"GwPriority": 3}, api=(1, 48),
        tag="gateway", **IN_PLACE),
    Row("networks", joined(interface_name="one0"), joined(interface_name="two0"), "networks",
        {"DriverOpts": {"com.docker.network.endpoint.ifname": "three0"}}, api=(1, 49), tag="interface", **IN_PLACE),
    Row("network_mode", "none", "bridge", "network_mode", {"HostConfig.NetworkMode": "none"}),
    Row("container_name", "{project}-one", "{project}-two", "container_name", {"Name": "{project}-three"}, **IN_PLACE),
    Row("ipc", "private", "shareable", "ipc", {"HostConfig.IpcMode": "host"}, **FREE),
    Row("pid", "host", None, "pid", {"HostConfig.PidMode": "host"}, **FREE),
    Row("uts", "host", None, "uts", {"HostConfig.UTSMode": "host"}, **FREE),
    Row("userns_mode", "host", None, "userns_mode", {"HostConfig.UsernsMode": "host"}, **FREE),
    Row("cgroup", "private", "host", "cgroup", {"HostConfig.CgroupnsMode": "private"}, **FREE),
    Row("cgroup_parent", "/one", "/two", "cgroup_parent", {"HostConfig.CgroupParent": "/three"}),
    Row("runtime", "runc", "io.containerd.runc.v2", "runtime", {"HostConfig.Runtime": "runc"}, **FREE),
    Row("security_opt", ["systempaths=unconfined"], None, "systempaths",
        {"HostConfig.MaskedPaths": [], "HostConfig.ReadonlyPaths": []}, **FREE),
)  # fmt: skip

MAC = Row(
    "networks",
    joined(mac_address="02:42:0A:00:00:17"),
    joined(mac_address="02:42:0a:00:00:18"),
    "networks",
    {"MacAddress": "02:42:0a:00:00:19"},
    joined(mac_address="02:42:0a:00:00:17"),
    removal=Action.KEEP,
)
"""An older engine gives a container its MAC address when it is made, a newer one each endpoint."""

FOLLOW = {"hostname": {"networks"}, "ports": {"expose"}, "mem_limit": {"memswap_limit"}, "container_name": {"networks"}}
FOLLOW |= {"network_mode": {"networks", "hostname"}, "logging.driver": {"logging.options"}}
"""Fields that change with another one."""


def inspected(project: Project) -> dict[str, Any]:
    """Service → inspect of its container, whatever that is named."""
    filters = {"label": [f"com.docker.compose.project={project.name}"]}
    listed = project.engine.get("/containers/json", all=1, filters=filters)
    found = (project.engine.get(f"/containers/{item['Id']}/json") for item in listed)
    return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in found}


def filled(project: Project, value: Any) -> Any:
    """A value with the project's name and addresses in it."""
    text = json.dumps(value).replace("{project}", project.name).replace("{subnet}", project.subnet)
    text = text.replace("{net}", project.subnet.removesuffix(".0/24"))
    return json.loads(text.replace("{hex}", project.name[-4:]))


CALM: Mapping[str, Any] = {"healthcheck": {"test": "true", "interval": "1s"}}
"""Up at once, but not asked so often: many run at the same time."""


def declare(project: Project, rows: Sequence[Row], choose: Callable[[Row], Any]) -> None:
    """A service for each row, with what ``choose`` takes of it, and one that nothing may touch."""
    services: dict[str, dict[str, Any]] = {"other": {}}
    for row in rows:
        value = choose(row)
        own: dict[str, Any] = {} if row.attribute == "network_mode" else {"networks": ["default"]}
        if row.attribute == "networks":
            own = {"networks": {"own": {}}}
        declared = {} if value is None else {row.attribute: filled(project, value)}
        services[row.service] = {**own, **row.beside, **declared}
    networks = {"default": {}, "own": {"ipam": {"config": [{"subnet": project.subnet}]}}}
    project.write(services={}, volumes={"data": {}}, networks=networks)
    for name, attributes in services.items():
        project.service(name, **{**CALM, **attributes})


def by_hand(project: Project, row: Row) -> None:
    """Do what a row says somebody does: in place where the engine can, else with another container of its name."""
    hand, inspect = _overlay(project, row), inspected(project)[row.service]
    if row.field == "networks":
        _reconnect(project, inspect, hand)
    elif "Name" in hand:
        project.engine.post(f"/containers/{inspect['Id']}/rename", name=hand["Name"])
    elif row.by is Action.UPDATE:
        project.engine.post(f"/containers/{inspect['Id']}/update", hand["HostConfig"])
    else:
        remade(project, inspect, hand, is_started=row.starts)


def _overlay(project: Project, row: Row) -> dict[str, Any]:
    return merged(*(nest(path, value) for path, value in filled(project, dict(row.hand)).items()))


def _reconnect(project: Project, inspect: Any, settings: Mapping[str, Any]) -> None:
    """As with ``docker network disconnect`` and ``connect``."""
    name = next(iter(inspect["NetworkSettings"]["Networks"]))
    body = {"Container": inspect["Id"]}
    project.engine.post(f"/networks/{name}/disconnect", body)
    endpoint = merged(_endpoint(inspect, name), settings)
    project.engine.post(f"/networks/{name}/connect", {**body, "EndpointConfig": endpoint})


def _endpoint(inspect: Any, name: str) -> dict[str, Any]:
    shown = inspect["NetworkSettings"]["Networks"][name]
    aliases = [alias for alias in shown.get("Aliases") or () if alias != inspect["Id"][:12]]
    kept = {key: shown[key] for key in ("IPAMConfig", "DriverOpts", "GwPriority") if shown.get(key)}
    return {"Aliases": aliases, **kept}


def remade(project: Project, inspect: Any, changes: Mapping[str, Any], *, is_started: bool = True) -> None:
    """Remove a container, and make it anew with something else in it, as one does with ``docker run``."""
    name = inspect["Name"].lstrip("/")
    project.engine.delete(f"/containers/{inspect['Id']}", force=1)
    config, host = ({**inspect[part], **changes.get(part, {})} for part in ("Config", "HostConfig"))
    for part, key in (("Config", "Labels"), ("Config", "Healthcheck"), ("HostConfig", "LogConfig")):
        if key in changes.get(part, {}):  # the rest of these stays
            (config if part == "Config" else host)[key] = {**inspect[part][key], **changes[part][key]}
    if {"Mounts", "Binds"} & changes.get("HostConfig", {}).keys():  # the same mounts can be in either
        host |= {"Mounts": [], "Binds": [], **changes["HostConfig"]}
    config["Hostname"] = changes.get("Config", {}).get("Hostname") or _given_hostname(inspect)
    names = (
        list(inspect["NetworkSettings"]["Networks"])
        if host["NetworkMode"] == inspect["HostConfig"]["NetworkMode"]
        else []
    )
    first = {"EndpointsConfig": {each: _endpoint(inspect, each) for each in names if each == host["NetworkMode"]}}
    project.engine.post("/containers/create", {**config, "HostConfig": host, "NetworkingConfig": first}, name=name)
    for other in names:
        if other not in first["EndpointsConfig"] and first["EndpointsConfig"]:
            joining = {"Container": name, "EndpointConfig": _endpoint(inspect, other)}
            project.engine.post(f"/networks/{other}/connect", joining)
    if is_started:
        project.engine.post(f"/containers/{name}/start")


def _given_hostname(inspect: Any) -> str:
    name = inspect["Config"].get("Hostname") or ""
    return "" if name == inspect["Id"][:12] else name
