"""Random services, in the long and short forms that users write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True)
TEXTS = st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126, exclude_characters="$"), max_size=12)
SIZES = st.sampled_from(["16m", "32mb", "67108864", "0.0625g"])
PATHS = NAMES.map(lambda name: f"/{name}")


def some(elements: st.SearchStrategy[str], most: int = 3) -> st.SearchStrategy[list[str]]:
    return st.lists(elements, max_size=most, unique=True)


ATTRIBUTES: dict[str, st.SearchStrategy[Any]] = {
    "environment": st.dictionaries(NAMES.map(str.upper), TEXTS, max_size=4),
    "labels": st.dictionaries(NAMES, TEXTS, max_size=3),
    "command": st.one_of(st.just("sleep 3600"), st.lists(TEXTS.filter(bool), min_size=1, max_size=3)),
    "entrypoint": st.one_of(st.none(), st.just(["env"]), st.just([])),
    "user": st.sampled_from(["1000", "1000:1000", "root"]),
    "working_dir": st.sampled_from(["/tmp", "/tmp/", "/a/../b"]),
    "hostname": NAMES,
    "domainname": st.sampled_from(["a.test", "b.test"]),
    "stop_signal": st.sampled_from(["SIGINT", "SIGTERM", "9"]),
    "stop_grace_period": st.sampled_from(["1s", "0m2s", "2s"]),
    "healthcheck": st.one_of(
        st.just({"disable": True}),
        st.fixed_dictionaries(
            {"test": st.sampled_from(["true", ["CMD", "true"], ["CMD-SHELL", "exit 0"]])},
            optional={
                "interval": st.sampled_from(["1s", "1m30s", "500ms"]),
                "timeout": st.just("2s"),
                "retries": st.integers(1, 5),
                "start_period": st.just("3s"),
            },
        ),
    ),
    "expose": some(st.sampled_from(["80", "81/udp", "90-92"])),
    "ports": some(st.sampled_from(["80", "127.0.0.1::81", "82/udp", "127.0.0.1:0:83"]), 2),
    "volumes": some(st.sampled_from(["data:/data", "/anonymous", "./here:/here", "./here:/there:ro", "data:/ro:ro"])),
    "tmpfs": some(st.sampled_from(["/scratch", "/other:size=1m,mode=755"])),
    "restart": st.sampled_from(["no", "always", "unless-stopped", "on-failure", "on-failure:3"]),
    "mem_limit": SIZES,
    "cpus": st.sampled_from([0.5, "1.5", 1]),
    "cpu_shares": st.integers(2, 2048),
    "pids_limit": st.sampled_from([-1, 0, 10, 100]),
    "init": st.booleans(),
    "read_only": st.booleans(),
    "privileged": st.just(False),
    "tty": st.booleans(),
    "stdin_open": st.booleans(),
    "cap_add": some(st.sampled_from(["NET_ADMIN", "cap_sys_time", "ALL"])),
    "cap_drop": some(st.sampled_from(["NET_RAW", "CAP_CHOWN"])),
    "security_opt": some(st.sampled_from(["no-new-privileges", "seccomp=unconfined", "label=disable"])),
    "group_add": some(st.sampled_from(["100", "200"])),
    "devices": some(st.sampled_from(["/dev/null", "/dev/null:/dev/one", "/dev/zero:/dev/two:r"])),
    "sysctls": st.dictionaries(st.just("net.core.somaxconn"), st.integers(128, 1024), max_size=1),
    "ulimits": st.dictionaries(
        st.sampled_from(["nofile", "nproc"]), st.one_of(st.just(100), st.just({"soft": 10, "hard": 20})), max_size=2
    ),
    "shm_size": SIZES,
    "oom_score_adj": st.integers(-500, 500),
    "dns": some(st.sampled_from(["127.0.0.1", "::1"])),
    "dns_search": some(st.sampled_from(["a.test", "b.test"])),
    "dns_opt": some(st.sampled_from(["ndots:1", "rotate"])),
    "extra_hosts": some(st.sampled_from(["a:127.0.0.1", "b=127.0.0.2", "c:host-gateway"])),
    "logging": st.sampled_from([{"driver": "none"}, {"driver": "json-file", "options": {"max-size": "1m"}}]),
    "networks": st.sampled_from([["default"], {"default": {"aliases": ["x"]}}, {"back": {}, "default": None}]),
    "blkio_config": st.just({"device_read_bps": [{"path": "/dev/null", "rate": "1mb"}]}),
    "cgroup": st.sampled_from(["host", "private"]),
    "cpu_rt_runtime": st.just(400000),
    "device_cgroup_rules": some(st.sampled_from(["c 1:3 rwm", "a 7:* r"])),
    "gpus": st.sampled_from(["all", [{"count": 1, "capabilities": ["utility"]}]]),
    "ipc": st.sampled_from(["private", "shareable", "host"]),
    "pid": st.just("host"),
    "uts": st.just("host"),
}
"""Attribute → its values; what a service may hold besides its image."""


def _without_refused(service: Mapping[str, Any]) -> dict[str, Any]:
    """A container with the machine's own hostname can have no other one."""
    return {key: value for key, value in service.items() if key != "hostname" or "uts" not in service}


SERVICES = st.fixed_dictionaries({}, optional=ATTRIBUTES).map(_without_refused)

NETWORKS = st.fixed_dictionaries(
    {},
    optional={
        "internal": st.booleans(),
        "attachable": st.booleans(),
        "labels": st.dictionaries(NAMES, TEXTS, max_size=2),
        "driver_opts": st.sampled_from([{}, {"com.docker.network.driver.mtu": 1400}, {"a": 1}]),
        "ipam": st.sampled_from(
            [
                {"driver": "default"},
                {"config": [{"subnet": "{subnet}"}]},
                {"config": [{"subnet": "{subnet}", "gateway": "{net}.9"}]},
                {"config": [{"subnet": "{subnet}", "ip_range": "{net}.128/25", "aux_addresses": {"a": "{net}.7"}}]},
            ]
        ),
    },
)
VOLUMES = st.fixed_dictionaries(
    {},
    optional={
        "labels": st.dictionaries(NAMES, TEXTS, max_size=2),
        "driver_opts": st.sampled_from([{}, {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}]),
        "driver": st.just("local"),
    },
)
