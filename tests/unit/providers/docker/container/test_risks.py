"""Risky declarations: each rule finds what it is about in all its spellings, and a waiver allows it until its day."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reconciler.core.message.errors import ConfigError
from reconciler.core.plan.risk import in_force
from reconciler.providers.docker.container.risks import RULES, Machine, risks
from reconciler.providers.docker.engine.devices import real_path
from reconciler.providers.docker.provider import DockerProvider
from tests.kit.docker.memory import a_stack

ROOT = Path(__file__).resolve().parents[5]
TODAY = "2026-11-30"
HOST = "networks: {n: {external: true, name: host}}\n"
BIND = "volumes: {data: {driver_opts: {type: none, o: %s, device: %s}}}\n"
LAYERS = "volumes: {data: {driver_opts: {type: overlay, device: overlay, o: 'lowerdir=%s,upperdir=/srv/u'}}}\n"
PINNED = "x-reconcile: {policy: {images: pinned}}\n"

RISKY = [
    ("privileged", "privileged: true"),
    ("privileged", "post_start: [{command: [a], privileged: true}]"),
    ("privileged", "pre_stop: [{command: [a], privileged: true}]"),
    ("privileged", "pre_start: [{image: 'app:1', command: [a], privileged: true}]"),
    ("host-pid", "pid: host"),
    ("host-ipc", "ipc: host"),
    ("host-uts", "uts: host"),
    ("host-network", "network_mode: host"),
    ("host-network", f"networks: [n]\n{HOST}"),
    ("host-users", "userns_mode: host"),
    ("host-cgroup", "cgroup: host"),
    *(("capabilities", f"cap_add: [{each}]") for each in ("SYS_ADMIN", "sys_ptrace", "CAP_SYS_MODULE", "all", "BPF")),
    *(("confinement", f"security_opt: ['{each}']") for each in ("seccomp:unconfined", "seccomp=unconfined")),
    *(("confinement", f"security_opt: ['{each}']") for each in ("apparmor=unconfined", "label:disable")),
    *(("engine-socket", f"volumes: ['{each}:/s:ro']") for each in ("/var/run/docker.sock", "/run/podman/podman.sock")),
    *(("engine-socket", f"volumes: ['{each}:/s']") for each in ("/run/user/1000/docker.sock", "/run/containerd")),
    ("engine-socket", "volumes: ['/var/run/../run//docker.sock:/s']"),
    ("engine-socket", "volumes: ['data:/s']\n" + BIND % ("bind", "/var/run/docker.sock")),
    *(("host-paths", f"volumes: ['{each}:/s:ro']") for each in ("/", "/etc", "/proc", "/sys/fs", "/root/.ssh", "/run")),
    *(("host-paths", f"volumes: ['{each}:/s:ro']") for each in ("/etc/shadow", "/home/a/.aws/credentials", "/dev/sda")),
    *(("host-paths", f"volumes: ['{each}:/s']") for each in ("/etc/cron.d", "/usr/local/bin", "//etc/./x", "/a/..")),
    ("host-paths", "volumes: [{type: bind, source: /srv, target: /s, bind: {propagation: rshared}}]"),
    ("host-paths", "volumes: ['data:/s']\n" + BIND % ("'bind,ro'", "/etc")),
    ("host-paths", "volumes: ['data:/s']\nvolumes: {data: {driver_opts: {type: ext4, device: /dev/sdb1}}}\n"),
    *(("devices", f"devices: ['{each}']") for each in ("/dev/sda", "/dev/nvme0n1:/dev/x", "/dev/mem", "/dev/dm-0")),
    *(
        ("devices", f"devices: ['{each}']")
        for each in ("/dev/nbd0", "/dev/sg1", "/dev/block/8:0", "/dev/zram0", "/dev/core")
    ),
    *(
        ("devices", f"device_cgroup_rules: ['{each}']")
        for each in ("a *:* rwm", "b 8:0 r", "c *:* rwm", "a", "c 1:1 r")
    ),
    *(("devices", f"device_cgroup_rules: ['{each}']") for each in ("c 1:* rwm", "c 21:0 w", "b *:1 r")),
    *(("host-paths", f"{each}: [x]\n{each}: {{x: {{file: /proc/version}}}}\n") for each in ("configs", "secrets")),
    *(("host-paths", f"volumes: ['{each}:/s:ro']") for each in ("/run/dbus", "/run/user/1000", "/run/systemd/private")),
    *(("host-paths", "volumes: ['data:/s']\n" + BIND % each) for each in (("bind", "etc"), ("rbind", "/etc"))),
    *(("host-paths", f"volumes: ['data:/s']\n{LAYERS % each}") for each in ("/", "/srv:/root")),
    ("host-paths", "volumes: ['data:/s']\nvolumes: {data: {driver: other, driver_opts: {mountpoint: /etc}}}\n"),
    ("confinement", "security_opt: ['label:type:spc_t']"),
    ("insecure-build", "build: {context: ., privileged: true}"),
    ("insecure-build", "build: {context: ., network: host}"),
    ("insecure-build", "build: {context: ., entitlements: [security.insecure]}"),
    ("unpinned-image", f"labels: {{a: b}}\n{PINNED}"),
    ("unpinned-image", f"pre_start: [{{image: 'other:1', command: [a]}}]\n{PINNED}"),
]
HARMLESS = [
    "privileged: false",
    "pid: 'service:other'",
    "cap_add: [CHOWN, NET_BIND_SERVICE]",
    "cap_drop: [ALL]",
    "security_opt: ['no-new-privileges:true', 'seccomp=profile.json']",
    *(f"volumes: ['{each}']" for each in ("/srv/data:/s", "/etc/localtime:/s:ro", "./conf:/s", "data:/etc")),
    "volumes: ['data:/s']\nvolumes: {data: {driver_opts: {type: none, o: bind, device: /srv}}}\n",
    "volumes: ['data:/s']\nvolumes: {data: {driver_opts: {type: nfs, o: 'addr=10.0.0.1', device: ':/etc'}}}\n",
    *(f"devices: ['{each}']" for each in ("/dev/dri", "/dev/ttyUSB0", "/dev/net/tun")),
    "device_cgroup_rules: ['c 1:3 mr', 'c 10:200 rwm']",
    "configs: [x]\nconfigs: {x: {file: profile.json}}\n",
    *(f"volumes: ['{each}:/s:ro']" for each in ("/run/systemd/journal", "/run/udev", "/lib/modules", "/etc/passwd")),
    "build: {context: ., network: none}",
    "labels: {a: b}",
    f"build: .\n{PINNED}",
]


def written(folder, text, waivers=None):
    """A stack of a service with these lines."""
    first, *rest = text.split("\n", 1)
    more = rest[0] if rest else ""
    options = f"    x-reconcile: {{waivers: {json.dumps(waivers)}}}\n" if waivers else ""
    tops = "" if "volumes: {data" in more else "volumes: {data: {}}\n"
    (folder / "profile.json").write_text("{}", encoding="utf-8")
    other = "  other: {image: 'app@sha256:" + "0" * 64 + "'}\n"
    return a_stack(f"services:\n  web:\n    image: app:1\n    {first}\n{options}{other}{tops}{more}", folder)


def found(folder, text, waivers=None, today=TODAY):
    """The rules whose risks a service with these lines has."""
    document = written(folder, text, waivers)
    return sorted({each.rule for each in in_force(risks(document, "docker.container"), today)})


@pytest.mark.parametrize(("rule", "text"), RISKY, ids=[f"{rule}: {text[:40]}" for rule, text in RISKY])
def test_a_risky_service_is_found_by_its_rule(tmp_path, rule, text):
    assert found(tmp_path, text) == [rule]


@pytest.mark.parametrize(("rule", "text"), RISKY, ids=[f"{rule}: {text[:40]}" for rule, text in RISKY])
def test_a_waiver_allows_it_up_to_its_last_day(tmp_path, rule, text):
    waivers = {rule: {"reason": "the agent needs it", "until": TODAY}}

    assert found(tmp_path, text, waivers) == []
    assert found(tmp_path, text, waivers, today="2026-12-01") == [rule]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_stays_in_its_container_is_no_risk(tmp_path, text):
    assert found(tmp_path, text) == []


LINKED = {
    "volumes: ['./link:/s:ro']": ("/etc", "host-paths"),
    "volumes: ['./link/sub:/s:ro']": ("/etc/ssh", "host-paths"),
    "volumes: ['./link/docker.sock:/s:ro']": ("/run", "engine-socket"),
    "volumes: ['./link:/s']": ("/srv/own/engine.socket", "engine-socket"),
    "volumes: ['./over/link:/s:ro']": ("/root", "host-paths"),
    "volumes: ['data:/s']\n" + BIND % ("bind", "./link"): ("/srv", None),
    "volumes: ['./link:/s']\n": ("/srv/data", None),
}


@pytest.mark.parametrize("text", LINKED)
@pytest.mark.parametrize("engine", ["unix:///srv/own/engine.socket", "ssh://ops@edge.example"])
def test_links_are_followed_where_the_engine_sees_the_same_files(tmp_path, text, engine):
    target, rule = LINKED[text]
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "over").symlink_to(tmp_path)
    document = written(tmp_path, text)

    found = list(in_force(DockerProvider("p", {"DOCKER_HOST": engine}).risks(document), TODAY))

    expected = rule if engine.startswith("unix") or "docker.sock" in text else None
    assert [each.rule for each in found] == ([expected] if expected else [])
    assert all(f"{tmp_path}/" in each.message for each in found)
    assert "docker.sock" in text or all(f"which leads to {target}" in each.message for each in found)


def test_a_disk_is_one_by_any_name(tmp_path):
    machine = Machine(lambda path: "/dev/block/8:0" if path == "/dev/vault" else path)
    document = written(tmp_path, "devices: ['/dev/vault', '/dev/null:/dev/x']")

    (risk,) = risks(document, "docker.container", machine)

    assert "the device /dev/vault, which leads to /dev/block/8:0" in risk.message
    assert real_path("/dev/null") == "/dev/null"


INSIDE = {
    "of the image, or read by its program": """annotations command container_name domainname entrypoint environment
        group_add healthcheck hostname init labels platform pull_policy pull_refresh_after read_only stdin_open
        stop_grace_period stop_signal tmpfs tty user working_dir""",
    "its share of the machine; a parent group or another runtime is one that its administrator has set up": """
        blkio_config cgroup_parent cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares
        cpus cpuset deploy gpus mem_limit mem_reservation mem_swappiness memswap_limit oom_kill_disable oom_score_adj
        pids_limit restart runtime scale shm_size storage_opt ulimits""",
    "names, addresses and ports in networks": """dns dns_opt dns_search expose external_links extra_hosts links
        mac_address ports""",
    "of another container, which has risks of its own": "depends_on volumes_from",
    "the engine refuses what is not of the container's own namespaces": "sysctls",
    "it takes away": "cap_drop",
    "files that the command line reads: see `policy.paths`": "env_file label_file extends",
    "the log driver of the engine": "logging",
    "not carried out, or only for the reader of the file": """attach credential_spec develop isolation models profiles
        provider use_api_socket x-reconcile""",
}
"""Reason → attributes of a service that no rule is about."""


def test_each_attribute_of_a_service_has_a_rule_or_stays_inside():
    """A new attribute of the specification has to be sorted here before it is carried out."""
    schema = json.loads((ROOT / "schemas/stack.schema.json").read_text(encoding="utf-8"))
    with_rule = {re.match(r"\w+", text)[0] for _, text in RISKY} - {"labels"} | {"image"}
    without = [name for names in INSIDE.values() for name in names.split()]

    assert sorted([*with_rule, *without]) == sorted(schema["$defs"]["service"]["properties"])


def test_a_waiver_of_one_rule_allows_no_other(tmp_path):
    waivers = {"host-pid": {"reason": "x", "until": TODAY}}

    assert found(tmp_path, "privileged: true", waivers) == ["privileged"]


def test_a_day_without_quotes_is_a_day(tmp_path):
    text = "services: {web: {image: 'app:1', pid: host, x-reconcile: {waivers: {host-pid: {reason: x, until: %s}}}}}"
    document = a_stack(text % "2026-12-01", tmp_path)

    (risk,) = risks(document, "docker.container")

    assert risk.waiver.last_day == "2026-12-01"


@pytest.mark.parametrize(
    "waiver",
    ["{reason: x}", "{until: 2026-12-01}", "{reason: '', until: 2026-12-01}", "{reason: x, until: soon}", "{}", "yes"],
)
def test_a_waiver_has_a_reason_and_an_end(tmp_path, waiver):
    text = f"services: {{web: {{image: 'app:1', x-reconcile: {{waivers: {{host-pid: {waiver}}}}}}}}}"

    with pytest.raises(ConfigError, match="waivers.host-pid"):
        a_stack(text, tmp_path)


def test_the_message_names_the_place_the_effect_and_the_way_out(tmp_path):
    document = a_stack("services:\n  web:\n    image: app:1\n    cap_add: [CHOWN, SYS_ADMIN]\n", tmp_path)

    (risk,) = risks(document, "docker.container")

    assert str(risk.warning) == (
        "stack.yaml:4:22: services.web has `SYS_ADMIN` in `cap_add`: it can break out of its container; take it out, "
        "or allow it in the service with `x-reconcile.waivers.capabilities`"
    )


def test_each_rule_is_tried_and_stands_in_the_schema_and_the_docs():
    names = [rule.name for rule in RULES]
    schema = json.loads((ROOT / "schemas/stack.schema.json").read_text(encoding="utf-8"))
    docs = (ROOT / "docs/security.md").read_text(encoding="utf-8")

    assert sorted({rule for rule, _ in RISKY}) == sorted(names)
    assert [*schema["$defs"]["service_settings"]["properties"]["waivers"]["properties"]] == names
    assert [name for name in names if f"| `{name}` |" not in docs] == []
