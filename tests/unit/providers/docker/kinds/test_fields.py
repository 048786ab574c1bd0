"""Each property of a container: it is sent, created it is no difference, nor is it in the engine's spelling;
changed by hand it is one difference with its price, and taken out of the file it is seen.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.difference.change import Action
from reconciler.core.message.errors import Refused
from reconciler.providers.docker.engine.required_api import MAC_OF_EACH_NETWORK, SINCE
from reconciler.providers.docker.table.property import dig, merged, nest
from tests.kit.docker.memory import MemoryEngine, a_reconciler, a_stack, apply

MIB = 1 << 20
NONE = object()


@dataclass(frozen=True)
class Row:
    """A value as a user writes it, as it is sent, as the engine may show it, and as somebody changes it by hand."""

    attribute: str
    value: Any
    at: str
    sent: Any
    shown: Any = NONE
    by_hand: Any = NONE
    field: str = ""
    by: Action = Action.REPLACE
    removal: Action = Action.REPLACE

    def __str__(self):
        return f"{self.attribute} {json.dumps(self.value)}"


LIMITS = {"resources": {"limits": {"memory": "64m", "cpus": "0.5", "pids": 9}, "reservations": {"memory": "32m"}}}
CHECK = {"test": "true", "interval": "1m30s", "timeout": "2s", "start_period": "500ms", "retries": 2}
CHECKED = {"Test": ["CMD-SHELL", "true"], "Interval": 90_000_000_000, "Timeout": 2_000_000_000, "Retries": 2}
CHECKED |= {"StartPeriod": 500_000_000}
RESTARTS = {"restart_policy": {"condition": "on-failure", "max_attempts": 2}}
TWICE = {"Name": "on-failure", "MaximumRetryCount": 2}
LIVE = Action.UPDATE
MAC = "02:42:ac:11:00:ab"
ENDPOINT = "NetworkingConfig.EndpointsConfig.p_default"
THROTTLES = {"device_read_bps": "BlkioDeviceReadBps", "device_write_bps": "BlkioDeviceWriteBps"}
THROTTLES |= {"device_read_iops": "BlkioDeviceReadIOps", "device_write_iops": "BlkioDeviceWriteIOps"}
RECURSIVE = {"disabled": "NonRecursive", "writable": "ReadOnlyNonRecursive", "readonly": "ReadOnlyForceRecursive"}

ROWS = [
    Row("environment", {"A": "1", "B": ""}, "Config.Env", ["A=1", "B="], ["B=", "PATH=/bin", "A=1"], ["A=2", "B="]),
    Row("environment", {"PATH": None}, "Config.Env", ["PATH"], NONE, ["PATH=/bin"]),
    Row("labels", {"team": "a"}, "Config.Labels.team", "a", NONE, "b"),
    Row("command", "sh -c 'a b'", "Config.Cmd", ["sh", "-c", "a b"], NONE, ["sh", "-c", "a", "b"]),
    Row("entrypoint", ["env"], "Config.Entrypoint", ["env"], NONE, ["/bin/env"]),
    Row("user", "1000:1000", "Config.User", "1000:1000", NONE, ""),
    Row("working_dir", "/tmp/", "Config.WorkingDir", "/tmp", NONE, "/"),
    Row("hostname", "one", "Config.Hostname", "one", NONE, "two"),
    Row("domainname", "one.test", "Config.Domainname", "one.test", NONE, ""),
    Row("stop_signal", "SIGINT", "Config.StopSignal", "SIGINT", NONE, "SIGTERM"),
    Row("stop_grace_period", "1m", "Config.StopTimeout", 60, NONE, 2),
    Row("healthcheck", CHECK, "Config.Healthcheck", CHECKED, NONE, {"Test": ["NONE"]}),
    Row("healthcheck", {"disable": True}, "Config.Healthcheck", {"Test": ["NONE"]}, NONE, None, removal=Action.REPLACE),
    Row("tty", True, "Config.Tty", True, NONE, False),
    Row("stdin_open", True, "Config.OpenStdin", True, NONE, False),
    Row(
        "ports",
        ["127.0.0.1:8080:80"],
        "HostConfig.PortBindings",
        {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]},
        {"80": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]},
        {},
    ),
    Row(
        "ports",
        ["8080:80/udp"],
        "HostConfig.PortBindings",
        {"80/udp": [{"HostIp": "", "HostPort": "8080"}]},
        {"80/udp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]},
        {"80/udp": [{"HostIp": "", "HostPort": "8081"}]},
    ),
    Row(
        "ports",
        ["80"],
        "HostConfig.PortBindings",
        {"80/tcp": [{"HostIp": "", "HostPort": ""}]},
        {"80/tcp": [{"HostIp": "", "HostPort": "0"}]},
        {},
    ),
    Row(
        "expose",
        ["80", "53/udp"],
        "Config.ExposedPorts",
        {"80/tcp": {}, "53/udp": {}},
        {"53/udp": {}, "80/tcp": {}},
        {"80/tcp": {}},
    ),
    Row(
        "tmpfs",
        ["/run:size=1m,mode=700", "/t"],
        "HostConfig.Tmpfs",
        {"/run": "mode=700,size=1m", "/t": ""},
        {"/t/": "", "/run": "size=1m,mode=700"},
        {"/t": ""},
    ),
    Row(
        "restart",
        "always",
        "HostConfig.RestartPolicy",
        {"Name": "always", "MaximumRetryCount": 0},
        NONE,
        {"Name": ""},
        by=LIVE,
        removal=LIVE,
    ),
    Row(
        "restart",
        "on-failure:3",
        "HostConfig.RestartPolicy",
        {"Name": "on-failure", "MaximumRetryCount": 3},
        NONE,
        {"Name": "on-failure", "MaximumRetryCount": 4},
        by=LIVE,
        removal=LIVE,
    ),
    Row(
        "restart",
        "no",
        "HostConfig.RestartPolicy",
        {"Name": "no", "MaximumRetryCount": 0},
        {"Name": "", "MaximumRetryCount": 0},
        {"Name": "always"},
        by=LIVE,
        removal=Action.KEEP,
    ),
    Row("deploy", RESTARTS, "HostConfig.RestartPolicy", TWICE, NONE, {"Name": "no"}, "restart", by=LIVE, removal=LIVE),
    Row("mem_limit", "64m", "HostConfig.Memory", 64 * MIB, NONE, 32 * MIB, by=LIVE),
    Row("memswap_limit", -1, "HostConfig.MemorySwap", -1, NONE, 0, by=LIVE, removal=Action.KEEP),
    Row("mem_reservation", "32m", "HostConfig.MemoryReservation", 32 * MIB, NONE, 0, by=LIVE),
    Row("deploy", LIMITS, "HostConfig.Memory", 64 * MIB, NONE, 32 * MIB, field="mem_limit", by=LIVE),
    Row("deploy", LIMITS, "HostConfig.NanoCpus", 500_000_000, NONE, 0, field="cpus", by=LIVE),
    Row("deploy", LIMITS, "HostConfig.PidsLimit", 9, NONE, 8, field="pids_limit", by=LIVE),
    Row("deploy", LIMITS, "HostConfig.MemoryReservation", 32 * MIB, NONE, 0, field="mem_reservation", by=LIVE),
    Row("cpus", 0.1, "HostConfig.NanoCpus", 100_000_000, NONE, 200_000_000, by=LIVE),
    Row("cpu_shares", 512, "HostConfig.CpuShares", 512, NONE, 0, by=LIVE),
    Row("cpu_period", 100000, "HostConfig.CpuPeriod", 100000, NONE, 0, by=LIVE),
    Row("cpu_quota", 50000, "HostConfig.CpuQuota", 50000, NONE, 0, by=LIVE, removal=LIVE),
    Row("cpuset", "0-1", "HostConfig.CpusetCpus", "0-1", NONE, "", by=LIVE),
    Row("pids_limit", 64, "HostConfig.PidsLimit", 64, NONE, None, by=LIVE, removal=LIVE),
    Row("pids_limit", -1, "HostConfig.PidsLimit", 0, None, 64, by=LIVE, removal=Action.KEEP),
    Row("mem_swappiness", 60, "HostConfig.MemorySwappiness", 60, NONE, None),
    Row("oom_kill_disable", True, "HostConfig.OomKillDisable", True, NONE, None),
    Row("oom_score_adj", 100, "HostConfig.OomScoreAdj", 100, NONE, 0),
    Row("init", True, "HostConfig.Init", True, NONE, None),
    Row("init", False, "HostConfig.Init", False, None, True, removal=Action.KEEP),
    Row("read_only", True, "HostConfig.ReadonlyRootfs", True, NONE, False),
    Row("privileged", True, "HostConfig.Privileged", True, NONE, False),
    Row(
        "cap_add",
        ["NET_ADMIN", "sys_time"],
        "HostConfig.CapAdd",
        ["NET_ADMIN", "SYS_TIME"],
        ["CAP_SYS_TIME", "net_admin"],
        None,
    ),
    Row("cap_drop", ["ALL"], "HostConfig.CapDrop", ["ALL"], ["all"], None),
    Row(
        "security_opt",
        ["no-new-privileges:true"],
        "HostConfig.SecurityOpt",
        ["no-new-privileges"],
        ["no-new-privileges:true", "label=type:x"],
        None,
    ),
    Row(
        "security_opt", ["label=disable"], "HostConfig.SecurityOpt", ["label=disable"], NONE, None, removal=Action.KEEP
    ),
    Row("group_add", ["200", "100"], "HostConfig.GroupAdd", ["100", "200"], ["200", "100"], ["100"]),
    Row(
        "devices",
        ["/dev/null:/dev/one:r"],
        "HostConfig.Devices",
        [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/one", "CgroupPermissions": "r"}],
        NONE,
        [],
    ),
    Row(
        "devices",
        ["vendor.com/class=two", "vendor.com/class=one", "/dev/null"],
        "HostConfig.DeviceRequests",
        [{"Driver": "cdi", "DeviceIDs": ["vendor.com/class=one", "vendor.com/class=two"]}],
        [
            {"Driver": "cdi", "Count": 0, "DeviceIDs": ["vendor.com/class=two"], "Capabilities": None, "Options": None},
            {"Driver": "cdi", "DeviceIDs": ["vendor.com/class=one"]},
        ],
        [],
    ),
    Row(
        "devices",
        ["vendor.com/class=one:/dev/one", "/dev/a/b=c"],
        "HostConfig.Devices",
        [
            {"PathOnHost": "/dev/a/b=c", "PathInContainer": "/dev/a/b=c", "CgroupPermissions": "rwm"},
            {"PathOnHost": "vendor.com/class=one", "PathInContainer": "/dev/one", "CgroupPermissions": "rwm"},
        ],
        NONE,
        [],
    ),
    Row("sysctls", ["net.core.somaxconn=1024"], "HostConfig.Sysctls", {"net.core.somaxconn": "1024"}, NONE, None),
    Row(
        "ulimits",
        {"nofile": 1024},
        "HostConfig.Ulimits",
        [{"Name": "nofile", "Soft": 1024, "Hard": 1024}],
        [{"Name": "core", "Soft": 1, "Hard": 1}, {"Name": "nofile", "Soft": 1024, "Hard": 1024}],
        [{"Name": "nofile", "Soft": 1, "Hard": 1024}],
        removal=Action.KEEP,
    ),
    Row("shm_size", "32m", "HostConfig.ShmSize", 32 * MIB, NONE, 64 * MIB, removal=Action.KEEP),
    Row("ipc", "host", "HostConfig.IpcMode", "host", NONE, "private", removal=Action.KEEP),
    Row("pid", "host", "HostConfig.PidMode", "host", NONE, ""),
    Row("uts", "host", "HostConfig.UTSMode", "host", NONE, ""),
    Row("userns_mode", "host", "HostConfig.UsernsMode", "host", NONE, ""),
    Row("cgroup_parent", "/p", "HostConfig.CgroupParent", "/p", NONE, ""),
    Row("runtime", "crun", "HostConfig.Runtime", "crun", NONE, "runc", removal=Action.KEEP),
    Row(
        "dns",
        ["127.0.0.1", "127.0.0.2"],
        "HostConfig.Dns",
        ["127.0.0.1", "127.0.0.2"],
        NONE,
        ["127.0.0.2", "127.0.0.1"],
    ),
    Row("dns_search", "a.test", "HostConfig.DnsSearch", ["a.test"], NONE, []),
    Row("dns_opt", ["ndots:1"], "HostConfig.DnsOptions", ["ndots:1"], NONE, None),
    Row(
        "extra_hosts",
        ["b:127.0.0.1", "a=::1"],
        "HostConfig.ExtraHosts",
        ["a:::1", "b:127.0.0.1"],
        ["b=127.0.0.1", "a=::1"],
        None,
    ),
    Row(
        "logging",
        {"driver": "local"},
        "HostConfig.LogConfig.Type",
        "local",
        NONE,
        "json-file",
        field="logging.driver",
        removal=Action.KEEP,
    ),
    Row(
        "logging",
        {"options": {"max-file": 3}},
        "HostConfig.LogConfig.Config",
        {"max-file": "3"},
        NONE,
        {},
        field="logging.options",
        removal=Action.KEEP,
    ),
    Row(
        "volumes",
        ["data:/data:ro"],
        "HostConfig.Mounts",
        [{"Type": "volume", "Target": "/data", "Source": "p_data", "ReadOnly": True}],
    ),
    Row("volumes", ["/host:/b:ro"], "HostConfig.Binds", ["/host:/b:ro"]),
    Row("volumes", ["/host:/b:rslave,z"], "HostConfig.Binds", ["/host:/b:rw,rslave,z"]),
    Row("volumes", ["/unnamed"], "HostConfig.Mounts", [{"Type": "volume", "Target": "/unnamed"}]),
    Row(
        "volumes",
        ["data:/data:nocopy"],
        "HostConfig.Mounts",
        [{"Type": "volume", "Target": "/data", "Source": "p_data", "VolumeOptions": {"NoCopy": True}}],
    ),
    Row(
        "volumes",
        [
            {
                "type": "bind",
                "source": "/h",
                "target": "/b",
                "bind": {"create_host_path": False, "propagation": "rshared"},
            }
        ],
        "HostConfig.Mounts",
        [{"Type": "bind", "Target": "/b", "Source": "/h", "BindOptions": {"Propagation": "rshared"}}],
    ),
    Row(
        "volumes",
        [{"type": "tmpfs", "target": "/t", "tmpfs": {"size": "1m", "mode": 448}}],
        "HostConfig.Mounts",
        [{"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": MIB, "Mode": 448}}],
    ),
    Row("cpu_rt_period", 1000000, "HostConfig.CpuRealtimePeriod", 1000000, NONE, 0, by=LIVE),
    Row("cpu_rt_runtime", 400000, "HostConfig.CpuRealtimeRuntime", 400000, NONE, 0, by=LIVE),
    Row("blkio_config", {"weight": 300}, "HostConfig.BlkioWeight", 300, NONE, 0, "blkio_config.weight", by=LIVE),
    *(
        Row(
            "blkio_config",
            {attribute: [{"path": "/dev/a", "rate": "1mb"}, {"path": "/dev/b", "rate": 9}]},
            f"HostConfig.{key}",
            [{"Path": "/dev/a", "Rate": MIB}, {"Path": "/dev/b", "Rate": 9}],
            [{"Path": "/dev/b", "Rate": 9}, {"Path": "/dev/a", "Rate": MIB}],
            [{"Path": "/dev/a", "Rate": MIB}],
            field=f"blkio_config.{attribute}",
        )
        for attribute, key in THROTTLES.items()
    ),
    Row(
        "blkio_config",
        {"weight_device": [{"path": "/dev/a", "weight": 200}]},
        "HostConfig.BlkioWeightDevice",
        [{"Path": "/dev/a", "Weight": 200}],
        NONE,
        [],
        field="blkio_config.weight_device",
    ),
    Row(
        "device_cgroup_rules",
        ["c 1:3 rwm", "a 7:* r"],
        "HostConfig.DeviceCgroupRules",
        ["a 7:* r", "c 1:3 rwm"],
        ["c 1:3 rwm", "a 7:* r"],
        None,
    ),
    Row("storage_opt", {"size": "1G"}, "HostConfig.StorageOpt", {"size": "1G"}, NONE, None),
    Row("cgroup", "private", "HostConfig.CgroupnsMode", "private", NONE, "host", removal=Action.KEEP),
    Row(
        "gpus",
        "all",
        "HostConfig.DeviceRequests",
        [{"Driver": "", "Count": -1, "DeviceIDs": [], "Capabilities": [["gpu"]], "Options": {}}],
        [{"Driver": "", "Count": -1, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": None}],
        None,
    ),
    Row(
        "gpus",
        [{"driver": "x", "device_ids": ["1"], "capabilities": ["utility"], "options": {"a": 1}}],
        "HostConfig.DeviceRequests",
        [
            {
                "Driver": "x",
                "Count": 0,
                "DeviceIDs": ["1"],
                "Capabilities": [["gpu", "utility"]],
                "Options": {"a": "1"},
            }
        ],
        NONE,
        [],
    ),
    Row(
        "deploy",
        {"resources": {"reservations": {"devices": [{"capabilities": ["tpu"], "count": 2}]}}},
        "HostConfig.DeviceRequests",
        [{"Driver": "", "Count": 2, "DeviceIDs": [], "Capabilities": [["tpu"]], "Options": {}}],
        NONE,
        [],
        field="gpus",
    ),
    Row("annotations", {"a": "b"}, "HostConfig.Annotations", {"a": "b"}, NONE, {}),
    Row("networks", {"default": {"mac_address": MAC.upper()}}, f"{ENDPOINT}.MacAddress", MAC, removal=Action.KEEP),
    Row("networks", {"default": {"mac_address": MAC}}, "MacAddress", MAC, removal=Action.KEEP),
    Row("networks", {"default": {"gw_priority": 3}}, f"{ENDPOINT}.GwPriority", 3, by=LIVE, removal=LIVE),
    Row(
        "networks",
        {"default": {"driver_opts": {"a": 1}, "interface_name": "eth7"}},
        f"{ENDPOINT}.DriverOpts",
        {"a": "1", "com.docker.network.endpoint.ifname": "eth7"},
        removal=LIVE,
    ),
    Row(
        "networks",
        {"default": {"link_local_ips": ["169.254.8.8"]}},
        f"{ENDPOINT}.IPAMConfig",
        {"LinkLocalIPs": ["169.254.8.8"]},
        removal=LIVE,
    ),
    Row(
        "volumes",
        [{"type": "volume", "source": "data", "target": "/d", "volume": {"subpath": "sub"}}],
        "HostConfig.Mounts",
        [{"Type": "volume", "Target": "/d", "Source": "p_data", "VolumeOptions": {"Subpath": "sub"}}],
        NONE,
        [],
    ),
    Row(
        "volumes",
        [{"type": "volume", "target": "/d", "volume": {"labels": {"a": "b"}}}],
        "HostConfig.Mounts",
        [{"Type": "volume", "Target": "/d", "VolumeOptions": {"Labels": {"a": "b"}}}],
        NONE,
        [],
    ),
    *(
        Row(
            "volumes",
            [{"type": "bind", "source": "/h", "target": "/b", "read_only": True, "bind": {"recursive": word}}],
            "HostConfig.Mounts",
            [
                {
                    "Type": "bind",
                    "Target": "/b",
                    "Source": "/h",
                    "ReadOnly": True,
                    "BindOptions": {"CreateMountpoint": True, option: True},
                }
            ],
            NONE,
            [],
        )
        for word, option in RECURSIVE.items()
    ),
    Row("container_name", "own", "Name", NONE, NONE, "/p-web-1", by=LIVE, removal=LIVE),
]

FOLLOW = {"mem_limit": {"memswap_limit"}, "ports": {"expose"}, "container_name": {"networks"}}
"""Fields that change with another one."""


def of(**attributes):
    stack = {"services": {"web": {"image": "app:1", **attributes}}, "volumes": {"data": {}}, "networks": {"other": {}}}
    return json.dumps(stack)


@pytest.fixture
def engine():
    engine = MemoryEngine(api="1.51")
    engine.image("app:1")
    return engine


def changed(document, engine):
    """Field → action of what differs in the one container there is."""
    (change,) = [c for c in a_reconciler(document, engine).look().plan.changes if c.address.kind == "docker.container"]
    return {field.path[0] for field in change.fields}, change.action


def by_hand(engine, at, value):
    """Let inspect show something else at a place."""
    (container,) = engine.containers.values()
    container.update(merged(container, nest(at, NONE)))
    *path, last = at.split(".")
    place = dig(container, ".".join(path)) if path else container
    place[last] = value


def only(attribute):
    return [pytest.param(row, id=str(row)) for row in ROWS if getattr(row, attribute) is not NONE]


@pytest.mark.parametrize("row", only("value"))
def test_what_is_declared_is_sent_and_then_no_difference(row, engine, folder):
    document = a_stack(of(**{row.attribute: row.value}), folder)

    apply(document, engine)

    (body,) = [body for body in engine.bodies if "HostConfig" in body]
    assert row.sent in (NONE, dig(body, row.at.removeprefix("Config.")))
    assert changed(document, engine) == (set(), Action.KEEP)


@pytest.mark.parametrize("row", only("shown"))
def test_another_spelling_of_the_engine_is_no_difference(row, engine, folder):
    document = a_stack(of(**{row.attribute: row.value}), folder)
    apply(document, engine)

    by_hand(engine, row.at, row.shown)

    assert changed(document, engine) == (set(), Action.KEEP)


@pytest.mark.parametrize("row", only("by_hand"))
def test_what_is_changed_by_hand_is_one_difference_with_its_price(row, engine, folder):
    document = a_stack(of(**{row.attribute: row.value}), folder)
    apply(document, engine)

    by_hand(engine, row.at, row.by_hand)

    fields, action = changed(document, engine)
    field = row.field or row.attribute
    assert fields - FOLLOW.get(field, set()) == {field}
    assert action is row.by


@pytest.mark.parametrize("row", only("value"))
def test_what_is_taken_out_of_the_file_is_seen_where_the_engine_has_no_say(row, engine, folder):
    apply(a_stack(of(**{row.attribute: row.value}), folder), engine)

    _, action = changed(a_stack(of(), folder), engine)

    assert action is row.removal


def test_what_the_file_does_not_speak_of_is_compared_with_the_image_and_the_engine(engine, folder):
    document = a_stack(of(), folder)
    apply(document, engine)

    for at, value in {"Config.User": "root", "HostConfig.Privileged": True, "HostConfig.CapAdd": ["ALL"]}.items():
        by_hand(engine, at, value)

    assert changed(document, engine) == ({"user", "privileged", "cap_add"}, Action.REPLACE)


def test_secrets_in_the_environment_are_revealed_to_the_engine_alone(engine, folder):
    document = a_stack(of(environment={"DB_PASSWORD": "${DB_PASSWORD}"}), folder, DB_PASSWORD="hush")
    plan = a_reconciler(document, engine).look().plan

    apply(document, engine)

    assert "hush" not in repr(plan)
    assert "DB_PASSWORD=hush" in engine.bodies[-2]["Env"]
    assert changed(document, engine)[1] is Action.KEEP


def test_of_two_restart_policies_that_of_deploy_wins(engine, folder):
    apply(a_stack(of(restart="always", deploy=RESTARTS), folder), engine)

    (container,) = engine.containers.values()
    assert container["HostConfig"]["RestartPolicy"] == TWICE


def test_a_mounted_image_is_known_by_its_id_and_followed(engine, folder):
    mount = {"type": "image", "source": "site:1", "target": "/site"}
    first = engine.image("site:1")
    document = a_stack(of(volumes=[mount]), folder)
    apply(document, engine)
    (body,) = [body for body in engine.bodies if "HostConfig" in body]
    before = changed(document, engine)

    second = engine.image("site:1", User="other")
    part = a_stack(of(volumes=[{**mount, "image": {"subpath": "html"}}]), folder)
    moved, narrowed = changed(document, engine), changed(part, engine)
    apply(part, engine)

    assert dig(body, "HostConfig.Mounts") == [{"Type": "image", "Target": "/site", "Source": first}]
    assert before == (set(), Action.KEEP)
    assert moved == narrowed == ({"volumes"}, Action.REPLACE)
    wanted = {"Type": "image", "Target": "/site", "Source": second, "ImageOptions": {"Subpath": "html"}}
    assert [dig(each, "HostConfig.Mounts") for each in engine.containers.values()] == [[wanted]]
    assert changed(part, engine)[1] is Action.KEEP


TOO_NEW = {
    "annotations": ({"annotations": {"a": "b"}}, "services.web.annotations", "24.0", "1.43"),
    "start_interval": (
        {"healthcheck": {"test": "true", "start_interval": "1s"}},
        "services.web.healthcheck.start_interval",
        "25.0",
        "1.44",
    ),
    "mac_address": (
        {"networks": {"default": {}, "other": {"mac_address": MAC}}},
        "services.web.networks.other.mac_address",
        "25.0",
        "1.44",
    ),
    "gw_priority": (
        {"networks": {"default": {"gw_priority": 1}}},
        "services.web.networks.default.gw_priority",
        "28.0",
        "1.48",
    ),
    "subpath": (
        {"volumes": [{"type": "volume", "source": "data", "target": "/d", "volume": {"subpath": "sub"}}]},
        "services.web.volumes.0.volume.subpath",
        "26.0",
        "1.45",
    ),
    "image": (
        {"volumes": [{"type": "image", "source": "app:1", "target": "/d"}]},
        "services.web.volumes.0.type",
        "28.0",
        "1.48",
    ),
}


@pytest.mark.parametrize(("attributes", "path", "engine_version", "api"), TOO_NEW.values(), ids=TOO_NEW)
def test_what_an_older_engine_would_leave_out_is_refused_before_anything_is_made(
    attributes, path, engine_version, api, folder
):
    engine = MemoryEngine()
    engine.image("app:1")

    (told,) = a_reconciler(a_stack(of(**attributes), folder), engine).look().plan.obstacles
    with pytest.raises(Refused) as refused:
        apply(a_stack(of(**attributes), folder), engine)

    (refusal,) = refused.value.refusals
    assert told.message in refusal.message
    assert told.origin.line == 1
    said = f" {path} needs Docker {engine_version} or newer (API {api}), and this engine speaks 1.41"
    assert said in refusal.message
    assert refusal.message.startswith("stack.yaml:1:")
    assert not engine.containers


def test_a_network_without_ipv4_needs_a_newer_engine(folder):
    engine = MemoryEngine()
    engine.image("app:1")
    stack = "services: {web: {image: 'app:1'}}\nnetworks:\n  default: {enable_ipv4: false}\n"

    with pytest.raises(Refused, match="stack.yaml:3:"):
        apply(a_stack(stack, folder), engine)
    engine.api = "1.47"
    apply(a_stack(stack, folder), engine)

    assert [body["EnableIPv4"] for body in engine.bodies if "EnableIPv4" in body] == [False]


def test_the_mac_address_of_the_first_network_is_that_of_the_container_on_older_engines(folder):
    engine = MemoryEngine()
    engine.image("app:1")
    document = a_stack(of(networks={"default": {"mac_address": MAC}}), folder)

    apply(document, engine)
    by_hand(engine, "NetworkSettings.Networks.p_default.MacAddress", "02:42:ac:11:00:01")

    assert changed(document, engine) == ({"networks"}, Action.REPLACE)


def test_the_docs_list_what_needs_a_newer_engine():
    text = (Path(__file__).parents[5] / "docs" / "compose.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| ([0-9.]+) \| ([0-9.]+) \| `([^`]+)`", text, flags=re.MULTILINE))
    rows = {**SINCE, ("services", "*", "networks", "*", "mac_address"): MAC_OF_EACH_NETWORK}

    assert listed == {(row.engine, "{}.{}".format(*row.api), ".".join(path)) for path, row in rows.items()}
