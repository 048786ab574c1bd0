"""For each property of a container: created it is no difference; changed in the file it is one; taken away it is seen.

The rows are what a user would write. ``other`` is a second value; ``by`` the promised means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.core.change import Action
from tests.kit.engine import READY


@dataclass(frozen=True)
class Row:
    """One property, two values, and what changing it costs."""

    attribute: str
    value: Any
    other: Any
    field: str
    by: Action = Action.REPLACE
    removal: Action = Action.REPLACE


def limits(memory):
    return {"resources": {"limits": {"memory": memory}}}


def joined(**endpoint):
    return {"default": endpoint}


def throttled(rate):
    return {"device_read_bps": [{"path": "/dev/loop0", "rate": rate}]}


BOUND = {"type": "bind", "source": "/etc/hostname", "target": "/b"}
ROWS = [
    Row("environment", {"A": "1", "B": ""}, {"A": "2"}, "environment"),
    Row("labels", {"team": "a"}, {"team": "b"}, "labels"),
    Row("command", ["sleep", "3000"], ["sleep", "3001"], "command"),
    Row("entrypoint", ["env"], ["/bin/env"], "entrypoint"),
    Row("user", "1000:1000", "1001", "user"),
    Row("working_dir", "/tmp", "/www", "working_dir"),
    Row("hostname", "one", "two", "hostname"),
    Row("domainname", "one.test", "two.test", "domainname"),
    Row("stop_signal", "SIGINT", "SIGUSR1", "stop_signal"),
    Row("stop_grace_period", "1m", "2s", "stop_grace_period"),
    Row("healthcheck", {"test": "true", "interval": "1s"}, {"test": "true", "interval": "2s"}, "healthcheck"),
    Row("ports", ["127.0.0.1:0:80"], ["127.0.0.1:0:81/udp"], "ports"),
    Row("expose", ["80"], ["81"], "expose"),
    Row("volumes", ["data:/data"], ["data:/data:ro"], "volumes"),
    Row("volumes", [{"type": "tmpfs", "target": "/t", "tmpfs": {"size": "1m"}}], ["data:/t"], "volumes"),
    Row("tmpfs", ["/scratch:size=1m"], ["/scratch:size=2m"], "tmpfs"),
    Row("restart", "always", "on-failure:3", "restart", Action.UPDATE, Action.UPDATE),
    Row("mem_limit", "64m", "96m", "mem_limit", Action.UPDATE),
    Row("mem_reservation", "32m", "48m", "mem_reservation", Action.UPDATE),
    Row("cpus", 0.5, "1.5", "cpus", Action.UPDATE),
    Row("cpu_shares", 512, 256, "cpu_shares", Action.UPDATE),
    Row("cpuset", "0", "0,1", "cpuset", Action.UPDATE),
    Row("pids_limit", 64, 96, "pids_limit", Action.UPDATE),
    Row("deploy", limits("64m"), limits("96m"), "mem_limit", Action.UPDATE),
    Row("init", False, True, "init"),
    Row("read_only", True, False, "read_only"),
    Row("privileged", False, False, "privileged"),
    Row("tty", True, False, "tty"),
    Row("stdin_open", True, False, "stdin_open"),
    Row("cap_add", ["NET_ADMIN", "sys_time"], ["CAP_SYS_TIME"], "cap_add"),
    Row("cap_drop", ["ALL"], ["net_raw"], "cap_drop"),
    Row("security_opt", ["no-new-privileges:true"], [], "security_opt"),
    Row("group_add", ["100", "200"], ["100"], "group_add"),
    Row("devices", ["/dev/null:/dev/one"], ["/dev/null:/dev/one:r"], "devices"),
    Row("sysctls", {"net.core.somaxconn": 1024}, {"net.core.somaxconn": 2048}, "sysctls"),
    Row("ulimits", {"nofile": {"soft": 100, "hard": 200}}, {"nofile": 300}, "ulimits"),
    Row("shm_size", "32m", "48m", "shm_size"),
    Row("oom_score_adj", 100, 200, "oom_score_adj"),
    Row("dns", ["127.0.0.1"], ["127.0.0.2"], "dns"),
    Row("dns_search", ["a.test"], ["b.test"], "dns_search"),
    Row("dns_opt", ["ndots:1"], ["ndots:2"], "dns_opt"),
    Row("extra_hosts", ["a.test:127.0.0.1"], ["a.test=127.0.0.2"], "extra_hosts"),
    Row("logging", {"driver": "json-file", "options": {"max-size": "1m"}}, {"driver": "local"}, "logging"),
    Row("volumes", [{"type": "volume", "target": "/l", "volume": {"labels": {"a": "1"}}}], ["/l"], "volumes"),
    Row("volumes", [{**BOUND, "bind": {"recursive": "disabled"}}], [BOUND], "volumes"),
    Row("networks", joined(mac_address="02:42:0A:00:00:17"), joined(mac_address="02:42:0a:00:00:18"), "networks",
        removal=Action.KEEP),
    Row("networks", joined(link_local_ips=["169.254.8.8"]), joined(link_local_ips=["169.254.8.9"]), "networks",
        Action.UPDATE, Action.UPDATE),
    Row("networks", joined(driver_opts={"a": 1}), joined(driver_opts={"a": 2}), "networks",
        Action.UPDATE, Action.UPDATE),
    Row("blkio_config", throttled("1mb"), throttled("2mb"), "blkio_config"),
    Row("device_cgroup_rules", ["c 1:3 rwm", "a 7:* r"], ["c 1:3 r"], "device_cgroup_rules"),
    Row("cgroup", "private", "host", "cgroup"),
    Row("container_name", "rt-one", "rt-two", "container_name", Action.UPDATE, Action.UPDATE),
    Row("ipc", "private", "shareable", "ipc"),
    Row("uts", "host", "host", "uts"),
    Row("pid", "host", "host", "pid"),
]  # fmt: skip

UNSEEN_WHEN_REMOVED = {"cgroup", "shm_size", "logging", "ulimits", "ipc"}
"""Where the file is silent these are the engine's to choose, so a removed line asks for nothing."""


FOLLOW = {"ports": {"expose"}, "mem_limit": {"memswap_limit"}, "container_name": {"networks"}}
"""Fields that change with another one."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.attribute}-{row.field}")
def test_each_field_is_seen_and_repaired_by_the_promised_means(project, row):
    project.write(volumes={"data": {}})
    project.service("web", **{**READY, row.attribute: row.value})
    project.settle()

    if row.other != row.value:
        project.service("web", **{**READY, row.attribute: row.other})
        change = project.differences()["docker.container/web"]
        changed = {field.path[0].split(".")[0] for field in change.fields}
        assert row.field in changed
        assert changed - FOLLOW.get(row.field, set()) == {row.field}
        assert change.action is row.by
        project.settle()

    project.service("web", **({} if row.attribute == "healthcheck" else READY))
    if row.attribute in UNSEEN_WHEN_REMOVED or row.other in (False, []) or row.attribute == "init":
        return
    if row.removal is Action.KEEP:
        assert project.differences() == {}
        return
    change = project.differences()["docker.container/web"]
    assert change.action is row.removal
    project.settle()


def test_reordered_lists_are_no_change(project):
    both = {"cap_add": ["NET_ADMIN", "SYS_TIME"], "dns_search": ["a"], "expose": ["80", "81"], "tmpfs": ["/a", "/b"]}
    project.service(
        "web", **READY, **both, security_opt=["no-new-privileges"], extra_hosts=["a:127.0.0.1", "b:127.0.0.2"]
    )
    project.settle()

    project.service(
        "web",
        **READY,
        cap_add=["CAP_SYS_TIME", "net_admin"],
        dns_search=["a"],
        expose=["81", "80"],
        tmpfs=["/b", "/a"],
        security_opt=["no-new-privileges:true"],
        extra_hosts=["b=127.0.0.2", "a=127.0.0.1"],
    )

    assert project.differences() == {}


def test_what_the_engine_is_too_old_for_is_told_with_its_place(project):
    if project.engine.api_version >= (1, 43):
        pytest.skip("this engine knows annotations")
    project.service("web", **READY, annotations={"a": "b"})

    report = project.apply()

    assert "services.web.annotations needs Docker 24.0 or newer (API 1.43)" in report.failed[0].note
    assert project.engine.get(f"/containers/{project.container()}/json") is None
