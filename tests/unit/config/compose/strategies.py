"""Stacks as people write them, made up at random: every attribute, in short and long forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml
from hypothesis import strategies as st

WORDS = ["a", "b", "web", "data", "x.y", "A_B", "with space", "1", "true", "yes", "null", "0x1F", "1.50", "", "é"]
VARIABLES = {"EMPTY": "", "PORT": "8080", "WORD": "word", "DB_PASSWORD": "geheim$1", "SIZE": "64m", "YES": "true"}

ENV_FILES = {
    "a.env": "X=1\nWORD=file\n",
    "b.env": "X=2\n",
    "raw.env": "R='a b' # c\nX=$WORD\n",
    "part/.env": "WORD=part\nNONE=there\n",
    "part/a.env": "P=$WORD\n",
    "part/b.env": "P=b\n",
    "part/raw.env": "R=$P\n",
}

words = st.sampled_from(WORDS)
names = st.sampled_from(["a", "b", "web", "data", "db-1", "A_B"])
texts = st.one_of(
    words,
    st.sampled_from(
        [
            "$WORD", "${WORD}", "${WORD}!", "$$WORD", "$$$WORD", "${NONE-x}", "${NONE:-x y}", "${EMPTY-x}",
            "${EMPTY:-x}", "${WORD:+set}", "${NONE:+set}", "${NONE+set}", "${NONE:-${WORD}}", "${NONE:-${ALSO:-deep}}",
            "${WORD:?no}", "a=$WORD,b=${PORT}", "${NONE:-}", "${WORD?x}", "$1 $. $", "${NONE-$$}",
            "${EMPTY?x}", "${WORD+$PORT}", "$DB_PASSWORD", "x${DB_PASSWORD}:y",
            "a${NONE:-b}c${WORD}d", "${NONE:-a:b}", "${NONE:-{}}", "100%", "a#b", "a: b",
            "- a", "'q'", '"q"', "tab\there",
        ]
    ),
)  # fmt: skip
scalars = st.one_of(texts, st.integers(-5, 70000), st.booleans(), st.none(), st.sampled_from([0.5, 1.0, 1e6, 1e-7]))
flags = st.one_of(st.booleans(), st.sampled_from(["true", "false", "${YES}", "yes", "off"]))
counts = st.one_of(st.integers(0, 9), st.sampled_from(["3", "${PORT}"]))
durations = st.sampled_from(
    ["0", "1s", "1m30s", "90s", "1h", "500ms", "1.5s", "2h45m10s", "1d", "1w2d", "250us", "0.5h"]
)
sizes = st.one_of(
    st.integers(0, 2**31),
    st.sampled_from(["64m", "1g", "1.5g", "512K", "1024", "10 kb", "2GB", "1tb", "1b", "${SIZE}"]),
)
processors = st.one_of(st.sampled_from([1, 2, 0.5, 0.25, "0.5", "1.5", 0.1, 0.333]), st.integers(1, 16))


def unique(items: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(items, min_size=1, max_size=most, unique_by=repr)


def mapping(keys: st.SearchStrategy[str] = names) -> st.SearchStrategy[Any]:
    as_map = st.dictionaries(keys, scalars, min_size=1, max_size=4)
    as_list = unique(st.one_of(keys, st.builds(lambda key, value: f"{key}={value}", keys, texts)))
    return st.one_of(as_map, as_list)


text_or_list = st.one_of(st.sampled_from(["1.1.1.1", "example.com"]), unique(st.sampled_from(["1.1.1.1", "a", "b"])))
commands = st.one_of(
    st.none(),
    st.sampled_from(["", "echo hi", "sh -c 'a b'", 'x "y z" $WORD', "a\\ b", "a; b", "echo $$(date) x", "a 2>b", "''"]),
    st.lists(texts, max_size=3),
)
ports = st.one_of(
    st.integers(1, 65535),
    st.sampled_from(
        [
            "80", "8080:80", "127.0.0.1:8080:80", "127.0.0.1::80", "8000-8002:80-82", "9000-9005:90", "53:53/udp",
            "[::1]:81:81", "${PORT}:80", "3000-3002", "0.0.0.0:443:443/TCP", ":7000",
        ]
    ),
    st.fixed_dictionaries(
        {"target": st.one_of(st.integers(1, 65535), st.just("${PORT}"))},
        optional={
            "published": st.one_of(st.integers(1, 65535), st.sampled_from(["8080", "8000-8010", "${PORT}"])),
            "host_ip": st.sampled_from(["127.0.0.1", "::1"]),
            "protocol": st.sampled_from(["tcp", "udp"]),
            "mode": st.sampled_from(["host", "ingress"]),
            "name": words,
            "app_protocol": st.just("http"),
        },
    ),
)  # fmt: skip
targets = st.sampled_from(["/a", "/b/", "/c//d", "/e/../f", "/g"])
volumes = st.one_of(
    targets,
    st.builds(
        lambda *parts: ":".join(parts),
        st.sampled_from(["data", "./rel", "../up", "/abs", "~/home", ".", "./${DB_PASSWORD}"]),
        targets,
    ),
    st.builds(
        lambda source, target, option: f"{source}:{target}:{option}",
        st.sampled_from(["data", "./rel", "/abs"]),
        targets,
        st.sampled_from(["ro", "rw", "z", "nocopy", "ro,Z", "rshared,ro", "odd"]),
    ),
    st.fixed_dictionaries(
        {"type": st.just("bind"), "source": st.sampled_from(["./x", "/y", "~/z", "w"]), "target": targets},
        optional={
            "read_only": flags,
            "bind": st.fixed_dictionaries(
                {},
                optional={
                    "create_host_path": st.booleans(),
                    "propagation": st.just("rslave"),
                    "selinux": st.just("z"),
                    "recursive": st.just("disabled"),
                },
            ),
        },
    ),
    st.fixed_dictionaries(
        {"type": st.just("volume"), "target": targets},
        optional={
            "source": st.just("data"),
            "read_only": flags,
            "volume": st.fixed_dictionaries({}, optional={"nocopy": flags, "subpath": words, "labels": mapping()}),
        },
    ),
    st.fixed_dictionaries(
        {"type": st.just("image"), "source": st.just("img"), "target": targets},
        optional={"image": st.just({"subpath": "part"})},
    ),
    st.fixed_dictionaries(
        {"type": st.just("tmpfs"), "target": targets},
        optional={"tmpfs": st.fixed_dictionaries({}, optional={"size": sizes, "mode": st.sampled_from([1777, 448])})},
    ),
)
healthchecks = st.fixed_dictionaries(
    {},
    optional={
        "test": st.one_of(st.sampled_from(["exit 0", "curl $$URL"]), st.just(["CMD", "a", "$WORD"]), st.just(["NONE"])),
        "interval": durations,
        "timeout": durations,
        "retries": counts,
        "start_period": durations,
        "start_interval": durations,
        "disable": flags,
    },
)
networks = st.one_of(
    unique(st.sampled_from(["front", "back", "default"])),
    st.dictionaries(
        st.sampled_from(["front", "back", "default"]),
        st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {},
                optional={
                    "aliases": unique(names),
                    "ipv4_address": st.just("10.0.0.5"),
                    "ipv6_address": st.just("fd00::5"),
                    "mac_address": st.just("02:42:ac:11:00:05"),
                    "priority": st.integers(0, 9),
                    "driver_opts": st.dictionaries(names, st.one_of(texts, st.integers())),
                    "gw_priority": st.integers(0, 9),
                    "interface_name": words,
                    "link_local_ips": unique(st.sampled_from(["169.254.1.1", "169.254.1.2"])),
                },
            ),
        ),
        max_size=3,
    ),
)
file_mounts = unique(
    st.one_of(
        st.sampled_from(["one", "two"]),
        st.fixed_dictionaries(
            {"source": st.sampled_from(["one", "two"])},
            optional={
                "target": st.sampled_from(["/t", "name"]),
                "uid": st.just("1"),
                "gid": st.just("2"),
                "mode": st.sampled_from([0o440, "0400", "777"]),
            },
        ),
    )
)
throttles = unique(st.fixed_dictionaries({"path": st.just("/dev/a"), "rate": st.sampled_from([5, "1mb", "${SIZE}"])}))
hook_attributes = {
    "user": words,
    "privileged": flags,
    "working_dir": words,
    "environment": mapping(st.sampled_from(["WORD", "NONE", "X"])),
}
hooks = unique(st.fixed_dictionaries({"command": commands}, optional=hook_attributes), 2)
devices = st.fixed_dictionaries(
    {"capabilities": unique(st.sampled_from(["gpu", "tpu"]))},
    optional={
        "driver": words,
        "count": st.sampled_from([1, "2", "all"]),
        "options": mapping(),
    },
)
rollouts = st.fixed_dictionaries(
    {},
    optional={
        "parallelism": counts,
        "delay": durations,
        "failure_action": words,
        "monitor": durations,
        "max_failure_ratio": st.sampled_from([0.5, "0.1", 0]),
        "order": st.sampled_from(["start-first", "stop-first"]),
    },
)
watches = unique(
    st.fixed_dictionaries(
        {
            "path": st.sampled_from(["./a", "/b", "c"]),
            "action": st.sampled_from(["rebuild", "sync", "sync+exec"]),
            "target": st.just("/t"),
        },
        optional={
            "include": text_or_list,
            "ignore": text_or_list,
            "initial_sync": st.booleans(),
            "exec": st.fixed_dictionaries({"command": commands}, optional=hook_attributes),
        },
    )
)

builds = st.one_of(
    st.sampled_from([".", "./dir", "../other", "https://example.com/repo.git#main", "dir"]),
    st.fixed_dictionaries(
        {},
        optional={
            "context": st.sampled_from([".", "dir", "/abs"]),
            "args": mapping(st.sampled_from(["WORD", "NONE", "X"])),
            "target": words,
            "network": words,
            "labels": mapping(),
            "tags": unique(names),
            "no_cache": flags,
            "pull": flags,
            "shm_size": sizes,
            "cache_from": unique(names),
            "extra_hosts": st.just(["a:1.2.3.4"]),
            "dockerfile": st.just("Other.Dockerfile"),
            "additional_contexts": st.sampled_from([{"a": "./a", "b": "docker-image://x"}, ["c=../c", "d=/d"]]),
            "cache_to": unique(names),
            "entitlements": unique(names),
            "isolation": words,
            "no_cache_filter": text_or_list,
            "privileged": flags,
            "provenance": st.sampled_from([True, "mode=max"]),
            "sbom": st.sampled_from([False, "true"]),
            "secrets": file_mounts,
            "ssh": st.sampled_from([["default"], {"default": None}]),
            "ulimits": st.sampled_from([{"nofile": 5}, {"nproc": {"soft": 1, "hard": 2}}]),
        },
    ),
    st.just({"dockerfile_inline": "FROM scratch\n"}),
)
resources = st.fixed_dictionaries(
    {},
    optional={
        "limits": st.fixed_dictionaries(
            {}, optional={"cpus": processors, "memory": st.sampled_from(["1g", "64M"]), "pids": counts}
        ),
        "reservations": st.fixed_dictionaries(
            {},
            optional={
                "cpus": processors,
                "memory": st.just("32m"),
                "devices": unique(devices, 2),
                "generic_resources": st.just([{"discrete_resource_spec": {"kind": "a", "value": 2}}]),
            },
        ),
    },
)
deploys = st.fixed_dictionaries(
    {},
    optional={
        "resources": resources,
        "endpoint_mode": words,
        "labels": mapping(),
        "mode": words,
        "placement": st.fixed_dictionaries(
            {},
            optional={
                "constraints": unique(names),
                "preferences": st.just([{"spread": "node.labels.a"}]),
                "max_replicas_per_node": counts,
            },
        ),
        "replicas": st.just(1),
        "rollback_config": rollouts,
        "update_config": rollouts,
        "restart_policy": st.fixed_dictionaries(
            {}, optional={"condition": st.just("any"), "delay": durations, "max_attempts": counts, "window": durations}
        ),
    },
)
hosts = st.one_of(
    st.just(["a:1.2.3.4", "b=::1", "c:[::1]", "a=4.3.2.1", "d=${DB_PASSWORD}"]),
    st.dictionaries(
        st.sampled_from(["h1", "h2"]), st.one_of(st.just("1.2.3.4"), st.just(["1.1.1.1", "2.2.2.2"])), min_size=1
    ),
)

disk_limits = st.fixed_dictionaries(
    {},
    optional={
        "weight": st.integers(10, 1000),
        "weight_device": st.just([{"path": "/dev/a", "weight": 20}]),
        "device_read_bps": throttles,
        "device_write_iops": throttles,
    },
)

attributes = {
        "annotations": mapping(),
        "attach": flags,
        "blkio_config": disk_limits,
        "cgroup": st.sampled_from(["host", "private"]),
        "configs": file_mounts,
        "cpu_count": counts,
        "cpu_percent": st.integers(0, 100),
        "cpu_rt_period": counts,
        "cpu_rt_runtime": counts,
        "credential_spec": st.fixed_dictionaries({}, optional={"file": words, "config": words, "registry": words}),
        "develop": st.fixed_dictionaries({}, optional={"watch": watches}),
        "device_cgroup_rules": unique(st.sampled_from(["c 1:3 mr", "a 7:* rmw"])),
        "env_file": st.one_of(
            st.sampled_from(["a.env", "raw.env"]),
            unique(
                st.sampled_from(
                    [
                        "a.env",
                        {"path": "a.env"},
                        {"path": "none.env", "required": False},
                        {"path": "raw.env", "format": "raw"},
                    ]
                )
            ),
        ),
        "external_links": unique(names),
        "gpus": unique(devices, 2),
        "isolation": words,
        "label_file": st.sampled_from(["a.env", ["a.env", "b.env"]]),
        "mac_address": st.just("02:42:ac:11:00:05"),
        "models": st.sampled_from([["m"], {"m": None}, {"m": {"endpoint_var": "E", "model_var": "V"}}]),
        "post_start": hooks,
        "pre_start": unique(
            st.fixed_dictionaries(
                {"command": commands},
                optional={
                    **hook_attributes,
                    "image": words,
                    "per_replica": flags,
                    "blkio_config": disk_limits,
                    "cap_add": st.just(["ALL"]),
                    "volumes": unique(volumes),
                    "labels": mapping(),
                },
            ),
            2,
        ),
        "pre_stop": hooks,
        "provider": st.fixed_dictionaries(
            {"type": names}, optional={"options": st.just({"a": 1, "b": ["x", 2], "c": True})}
        ),
        "secrets": file_mounts,
        "storage_opt": st.dictionaries(names, st.sampled_from(["1G", "x"])),
        "use_api_socket": st.booleans(),
        "build": builds,
        "cap_add": unique(st.sampled_from(["NET_ADMIN", "ALL", "sys_time"])),
        "cap_drop": unique(st.sampled_from(["NET_ADMIN", "ALL"])),
        "cgroup_parent": words,
        "command": commands,
        "cpu_period": counts,
        "cpu_quota": counts,
        "cpu_shares": counts,
        "cpus": processors,
        "cpuset": st.just("0-1"),
        "deploy": st.one_of(st.none(), deploys),
        "devices": unique(
            st.sampled_from(["/dev/a", "/dev/a:/dev/b", "/dev/c:/dev/d:r", "vendor.com/class=gpu"])
        ),
        "dns": text_or_list,
        "dns_opt": unique(names),
        "dns_search": text_or_list,
        "domainname": words,
        "entrypoint": commands,
        "environment": mapping(st.sampled_from(["WORD", "NONE", "X", "DB_PASSWORD"])),
        "expose": unique(st.one_of(st.integers(1, 99), st.sampled_from(["80", "90-95", "53/udp"]))),
        "extra_hosts": hosts,
        "group_add": unique(st.one_of(st.integers(1, 99), names)),
        "healthcheck": healthchecks,
        "hostname": words,
        "init": flags,
        "ipc": st.sampled_from(["host", "private"]),
        "labels": mapping(),
        "logging": st.fixed_dictionaries(
            {},
            optional={"driver": words, "options": st.dictionaries(names, st.one_of(texts, st.integers(), st.none()))},
        ),
        "mem_reservation": sizes,
        "mem_swappiness": st.integers(0, 100),
        "memswap_limit": st.one_of(sizes, st.just(-1), st.just("-1")),
        "networks": networks,
        "oom_kill_disable": flags,
        "oom_score_adj": st.one_of(st.integers(-1000, 1000), st.just("100")),
        "pid": st.just("host"),
        "platform": st.just("linux/amd64"),
        "ports": unique(ports, 4),
        "privileged": flags,
        "profiles": st.just(["on"]),
        "pull_policy": st.sampled_from(["always", "never", "missing", "if_not_present", "build", "daily", "every_2d"]),
        "read_only": flags,
        "restart": st.sampled_from(["no", "always", "on-failure:3", "unless-stopped"]),
        "runtime": words,
        "scale": st.just(1),
        "security_opt": unique(st.sampled_from(["no-new-privileges:true", "seccomp=unconfined"])),
        "shm_size": sizes,
        "stdin_open": flags,
        "stop_grace_period": durations,
        "stop_signal": words,
        "sysctls": mapping(st.sampled_from(["net.core.somaxconn", "kernel.x"])),
        "tmpfs": st.one_of(st.just("/run"), unique(st.sampled_from(["/run", "/tmp:size=1m", "/var"]))),
        "tty": flags,
        "ulimits": st.dictionaries(
            st.sampled_from(["nofile", "nproc"]),
            st.one_of(
                st.integers(0, 9999),
                st.sampled_from(["${PORT}", {"soft": 1, "hard": 2}, {"soft": "3", "hard": 4}]),
            ),
        ),
        "user": words,
        "userns_mode": words,
        "uts": st.just("host"),
        "volumes": unique(volumes, 4),
        "working_dir": words,
        "x-own": st.just({"k": "$WORD"}),
}  # fmt: skip
service = st.fixed_dictionaries(
    {"image": st.sampled_from(["img", "reg.example/img:1.0", "${WORD}:${PORT}"])}, optional=attributes
)

network = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(["own", "${WORD}"]),
            "driver": words,
            "driver_opts": st.dictionaries(names, st.one_of(texts, st.integers())),
            "internal": flags,
            "attachable": flags,
            "enable_ipv4": flags,
            "enable_ipv6": flags,
            "labels": mapping(),
            "ipam": st.fixed_dictionaries(
                {},
                optional={
                    "driver": words,
                    "config": st.just(
                        [{"subnet": "10.0.0.0/16", "gateway": "10.0.0.1", "aux_addresses": {"h": "10.0.0.2"}}]
                    ),
                    "options": st.dictionaries(names, texts),
                },
            ),
        },
    ),
    st.just({"external": True}),
    st.just({"external": "true", "name": "other"}),
    st.just({"external": {"name": "older"}}),
)  # fmt: skip
volume = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(["own", "${WORD}"]),
            "driver": st.sampled_from(["local", "nfs"]),
            "driver_opts": st.one_of(
                st.dictionaries(names, st.one_of(texts, st.integers())),
                st.just({"type": "none", "o": "bind", "device": "./dir"}),
            ),
            "labels": mapping(),
        },
    ),
    st.just({"external": True}),
)


secret = st.one_of(
    st.fixed_dictionaries(
        {"environment": st.sampled_from(["DB_PASSWORD", "NONE"])},
        optional={"name": words, "labels": mapping(), "template_driver": words},
    ),
    st.fixed_dictionaries({"file": st.sampled_from(["./a.txt", "/b", "~/c"])}),
    st.sampled_from(
        [{"external": True}, {"external": True, "name": "other"}, {"driver": "d", "driver_opts": {"a": 1}}]
    ),
)
config = st.one_of(
    st.fixed_dictionaries({"content": texts}, optional={"name": words, "labels": mapping()}),
    st.just({"environment": "NOT_SET"}),
    st.fixed_dictionaries({"file": st.sampled_from(["./a.txt", "/b"])}),
    st.sampled_from([{"external": True}, {"external": True, "name": "other"}]),
)


@st.composite
def stacks(draw: st.DrawFn) -> dict[str, Any]:
    """A whole stack; services wait for earlier ones only."""
    services: dict[str, Any] = {}
    for name in draw(st.lists(names, min_size=1, max_size=3, unique=True)):
        made = draw(service)
        others = list(services)
        if others and draw(st.booleans()):
            made["depends_on"] = draw(_dependencies(others))
        services[name] = made
    sections = {
        "networks": draw(st.fixed_dictionaries({"front": network, "back": network}, optional={"default": network})),
        "volumes": {"data": draw(volume)},
        "secrets": {"one": draw(secret), "two": {"file": "./two.txt"}},
        "configs": {"one": draw(config), "two": {"file": "./two.txt"}},
        "models": {"m": {"model": "ai/m", "context_size": 5, "runtime_flags": ["a"]}},
    }
    return {
        "services": services,
        **sections,
        **draw(st.fixed_dictionaries({}, optional={"x-top": st.just({"a": ["$WORD"]})})),
    }


def _dependencies(others: list[str]) -> st.SearchStrategy[Any]:
    edge = st.fixed_dictionaries(
        {"condition": st.sampled_from(["service_started", "service_healthy", "service_completed_successfully"])},
        optional={"restart": flags, "required": st.just(True)},
    )
    return st.one_of(
        st.lists(st.sampled_from(others), min_size=1, unique=True),
        st.dictionaries(st.sampled_from(others), edge, min_size=1),
    )


TEMPLATE = [
    "$", "{", "}", "$$", "${", "W", "E", "N", "w_1", ":-", "-", ":?", "?", ":+", "+", "x", " ", "${W}", "${N:-d}",
    "${E:-d}", "${E-d}", "$W", "${N-${W}}", "${N:-${N:-q}}", "${W:+a}", "${N+a}", "1", "\n", "é", ".", "=", "'", '"',
    ":", "${N?oops}", "${W?ok}", "${W:-", "${N:+", "${E?",
]  # fmt: skip
"""Pieces of texts with variables in them, right and wrong."""

_pieces = st.lists(
    st.sampled_from(
        [
            "x", "$A", "${A}", "${B:-d}", "${W}", "$$", "$", "\\n", "\\t", "\\\\", "\\$", "\\'", '\\"', "\\0101",
            "\\012", "\\x", " #c", "#c", " ", "  ", "=", ":", "'", '"', "{", "}", "${A", "${B:+s}", "${W:+s}", "é",
            "\t", "a b", "%",
        ]
    ),
    max_size=5,
).map("".join)  # fmt: skip
_values = st.one_of(
    _pieces,
    _pieces.map(lambda text: '"' + text.replace('"', '\\"') + '"'),
    _pieces.map(lambda text: "'" + text.replace("'", "\\'") + "' #c"),
    _pieces.map(lambda text: '"' + text.replace('"', '\\"') + '\nz"'),
)
env_lines = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "", "export ", "  ", "# c\n", "\n"]),
    st.sampled_from(["A", "B", "W", "A.b", "y-x"]),
    st.sampled_from(["=", "=", "= ", " =", ": "]),
    _values,
    st.sampled_from(["\n", "\r\n"]),
)


@dataclass(frozen=True)
class Marked:
    """A value under a tag such as ``!reset``."""

    tag: str
    value: Any


class Dumper(yaml.SafeDumper):
    """Writes stacks, with their tags and without anchors."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _marked(dumper: Dumper, marked: Marked) -> yaml.Node:
    node = dumper.represent_data(marked.value)
    node.tag = marked.tag
    return node


Dumper.add_representer(Marked, _marked)


def as_yaml(stack: Any) -> str:
    return yaml.dump(stack, Dumper=Dumper, sort_keys=False, allow_unicode=True)


@st.composite
def fragments(draw: st.DrawFn) -> dict[str, Any]:
    """A part of a service to lay over another, some of it under tags."""
    made = draw(st.fixed_dictionaries({}, optional=attributes))
    marks = draw(st.lists(st.sampled_from(["", "", "", "!reset", "!override"]), min_size=len(made), max_size=len(made)))
    return {
        key: Marked(mark, None if mark == "!reset" else value) if mark and isinstance(value, dict | list) else value
        for (key, value), mark in zip(made.items(), marks, strict=True)
    }


@st.composite
def projects(draw: st.DrawFn) -> dict[str, Any]:
    """Stacks by file: stack.yaml, over.yaml to lay over it, and what they extend and include in a folder."""
    lower = draw(stacks())
    known = st.sampled_from(list(lower["services"]))
    upper: dict[str, Any] = {"services": {draw(known): draw(fragments())}}
    other = draw(stacks())
    sections = {key: draw(st.sampled_from([None, other[key]])) for key in ("networks", "volumes")}
    upper |= {key: section for key, section in sections.items() if section}
    if draw(st.booleans()):
        lower["services"]["more"] = {"extends": draw(known), **draw(fragments())}
    if draw(st.booleans()):
        extends = {"file": "part/stack.yaml", "service": draw(st.sampled_from(list(other["services"])))}
        upper["services"]["other"] = {"extends": extends, **draw(fragments())}
    if draw(st.booleans()):
        lower["include"] = draw(
            st.sampled_from([["part/stack.yaml"], [{"path": ["part/stack.yaml", "part/over.yaml"]}]])
        )
    part = {"services": {draw(st.sampled_from(list(other["services"]))): draw(fragments())}}
    return {"stack.yaml": lower, "over.yaml": upper, "part/stack.yaml": other, "part/over.yaml": part}
