"""Each attribute of the schema is carried out or refused for a Swarm, too; none is left out in silence."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.config import Sources, load
from reconciler.config.compose.checks.swarm import OF_NO_EFFECT, PATTERNS
from reconciler.config.compose.checks.unsupported import NotYet
from reconciler.core.message.errors import ConfigError
from reconciler.providers.swarm.expand import expand
from reconciler.providers.swarm.kinds import service
from tests.unit.config.compose.test_carried_out import found
from tests.unit.config.compose.test_tables import STACK, properties, resolved

FULL = """\
name: shop
x-reconcile: {engine: swarm}
services:
  web:
    image: app:1
    cap_add: [A]
    cap_drop: [B]
    command: [a]
    configs: [{source: settings, target: /s, uid: "1", gid: "2", mode: "0400"}]
    secrets: [{source: key, target: k, uid: "1", gid: "2", mode: "0400"}]
    cpus: 1
    depends_on: {db: {condition: service_healthy, required: true}}
    dns: [10.0.0.1]
    dns_opt: [a]
    dns_search: [a]
    entrypoint: [a]
    environment: {A: a}
    env_file: [{path: in.env, format: raw}]
    extra_hosts: {a: 10.0.0.1}
    group_add: ["1"]
    healthcheck: {test: [CMD, a], interval: 1s, timeout: 1s, retries: 1, start_period: 1s, start_interval: 1s}
    hostname: a
    init: true
    labels: {a: a}
    label_file: [labels.env]
    logging: {driver: json-file, options: {a: a}}
    mem_limit: 64m
    networks: {back: {aliases: [a], driver_opts: {a: a}}}
    oom_score_adj: 1
    pids_limit: 1
    ports: [{target: 80, published: "8080", protocol: tcp, mode: host}]
    pull_policy: always
    read_only: true
    security_opt: [no-new-privileges]
    stdin_open: true
    stop_grace_period: 1s
    stop_signal: INT
    sysctls: {a: 1}
    tmpfs: [/t]
    tty: true
    ulimits: {a: {soft: 1, hard: 2}}
    user: a
    volumes:
      - {type: volume, source: data, target: /d, read_only: true, volume: {nocopy: true, subpath: a, labels: {m: a}}}
      - {type: bind, source: /b, target: /b, bind: {propagation: rshared, recursive: disabled}}
      - {type: tmpfs, target: /m, tmpfs: {size: 1000, mode: 448}}
    working_dir: /a
    deploy:
      labels: {a: a}
      replicas: 2
      placement: {constraints: [node.role == manager], preferences: [{spread: node.labels.a}], max_replicas_per_node: 2}
      resources:
        reservations:
          cpus: "1"
          memory: 16m
          generic_resources: [{discrete_resource_spec: {kind: a, value: 1}}]
      restart_policy: {condition: on-failure, delay: 1s, max_attempts: 1, window: 1s}
      rollback_config: {parallelism: 2, delay: 1s, failure_action: continue, monitor: 1s, max_failure_ratio: 0.5}
      update_config:
        {parallelism: 2, delay: 1s, failure_action: continue, monitor: 1s, max_failure_ratio: 0.5, order: start-first}
  limited:
    image: app:1
    deploy: {resources: {limits: {cpus: "1", memory: 64m, pids: 1}}}
  db:
    image: app:1
    restart: on-failure
    healthcheck: {test: [CMD, a]}
    deploy: {rollback_config: {order: start-first}, endpoint_mode: dnsrr}
  many: {image: app:1, scale: 2, configs: [more], secrets: [more]}
  unchecked: {image: app:1, healthcheck: {disable: true}, deploy: {mode: global}}
  extended: {extends: {file: other.yaml, service: other}}
  later: {image: app:1, profiles: [later]}
networks:
  back:
    attachable: true
    driver: weave
    driver_opts: {a: a}
    enable_ipv6: true
    internal: true
    labels: {a: a}
    name: n
    ipam: {driver: a, options: {a: a}, config: [{subnet: 10.1.0.0/16, ip_range: 10.1.1.0/24, gateway: 10.1.0.1}]}
volumes: {data: {driver: a, driver_opts: {a: a}, labels: {v: a}, name: v}}
configs:
  settings: {content: a, labels: {a: a}, name: c, template_driver: golang}
  more: {content: b}
secrets:
  key: {environment: KEY, labels: {a: a}, name: s, template_driver: golang}
  more: {environment: KEY}
"""
NAMES = ("services", "networks", "volumes", "configs", "secrets")
ALWAYS = {path for path, row in PATTERNS.items() if row.applies is NotYet("").applies}
ELSEWHERE = {
    "networks.*.enable_ipv4": "true is what there is, and false is refused",
    "services.*.ports.*.host_ip": "refused, also in its short form",
    "services.*.volumes.*.bind.selinux": "refused, also in its short form",
    "services.*.volumes.*.image": "options of a type of mount that is refused",
    "services.*.volumes.*.bind.create_host_path": "it has no effect",
    "services.*.env_file.*.required": "it says what is a mistake",
    "services.*.depends_on.*.required": "it says what is a mistake",
    "services.*.depends_on.*.condition": "db is awaited; the order of the steps shows it",
    "services.*.profiles": "it says which services there are",
    "services.*.healthcheck.disable": "unchecked has it",
    "services.*.extends": "extended has it",
    "services.*.expose": "it has no effect",
    "secrets.*.file": "as configs have it",
    "configs.*.file": "the field of files in the provider's own tests",
    "configs.*.environment": "as secrets have it",
    "secrets.*.external": "looked up by name, and not made",
    "configs.*.external": "looked up by name, and not made",
    "networks.*.external": "looked up by name, and not made",
    "volumes.*.external": "named by the mount alone",
    "secrets.*.driver": "in the provider's own tests",
    "secrets.*.driver_opts": "in the provider's own tests",
    "networks.*.ipam.config.*.aux_addresses": "as for one engine",
}
OTHER = {
    "services.*.configs.*.source": "more",
    "services.*.secrets.*.source": "more",
    "services.*.volumes.*.type": "tmpfs",
    "services.*.ports.*.mode": "ingress",
    "secrets.*.environment": "OTHER",
    "services.*.pull_policy": "missing",
    "services.*.user": "b",
    "services.*.configs.*.mode": "0444",
    "services.*.secrets.*.mode": "0444",
    "services.*.deploy.endpoint_mode": "vip",
    "services.*.deploy.mode": "replicated",
    "services.*.volumes.*.bind.recursive": "enabled",
    "services.*.restart": "always",
    "services.*.env_file.*.path": "labels.env",
    "services.*.stop_grace_period": "2s",
    "networks.*.ipam.config.*.gateway": "10.1.0.2",
}


def attributes(path: tuple[str, ...] = ()) -> Any:
    """The paths of all attributes that a Swarm carries out, as far as the schema knows them."""
    for name in sorted(properties(".".join(path)) if path else NAMES):
        here = (*path, name)
        if name.startswith("x-") or here in ALWAYS or here in OF_NO_EFFECT or ".".join(here) in ELSEWHERE:
            continue
        if path:
            yield here
        yield from _inside(here)


def _inside(path: tuple[str, ...]) -> Any:
    node = described(path)
    if node.get("properties"):
        yield from attributes(path)
    elif isinstance(node.get("additionalProperties"), dict) or "items" in node:
        yield from _inside((*path, "*"))


def described(path: tuple[str, ...]) -> dict[str, Any]:
    node = resolved(STACK)
    for key in path:
        node = resolved((node.get("additionalProperties") or node["items"]) if key == "*" else node["properties"][key])
    return node


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("swarm")
    (folder / "in.env").write_text("B='b'\n", encoding="utf-8")
    (folder / "labels.env").write_text("c=c\n", encoding="utf-8")
    (folder / "other.yaml").write_text("services: {other: {image: other:1}}\n", encoding="utf-8")
    return folder


def asked_for(folder: Path, stack: Any) -> Any:
    """All that a Swarm is asked for; None where the stack is refused."""
    (folder / "stack.yaml").write_text(yaml.safe_dump(stack), encoding="utf-8")
    sources = Sources(folder, (folder / "stack.yaml",), environment={"KEY": "k", "OTHER": "o"})
    try:
        document = load(sources).document
    except ConfigError:
        return None
    return {each.address: (each.after, {**each.spec, "since": ()}) for each in expand(document)}


def variants(pattern: tuple[str, ...]) -> Any:
    """The full stack without each value that a pattern leads to, and with another one."""
    full = yaml.safe_load(FULL)
    for number, _ in enumerate(found(full, pattern)):
        for change in (_take_out, _change):
            stack = copy.deepcopy(full)
            holder, key = list(found(stack, pattern))[number]
            change(holder, key, ".".join(pattern))
            yield stack


def _take_out(holder: Any, key: Any, _pattern: str) -> None:
    del holder[key]


def _change(holder: Any, key: Any, pattern: str) -> None:
    value = holder[key]
    if pattern in OTHER:
        holder[key] = OTHER[pattern]
    elif isinstance(value, bool):
        holder[key] = not value
    elif isinstance(value, int | float):
        holder[key] = value + 1
    elif isinstance(value, str):
        holder[key] = f"{value}x"


@pytest.mark.parametrize("pattern", list(attributes()), ids=".".join)
def test_an_attribute_of_the_schema_makes_a_difference(pattern, folder):
    declared = asked_for(folder, yaml.safe_load(FULL))
    assert declared is not None

    differs = any(asked not in (None, declared) for asked in (asked_for(folder, stack) for stack in variants(pattern)))

    assert differs, f"a Swarm is not asked for {'.'.join(pattern)}: carry it out, or refuse it in checks/swarm.py"


@pytest.mark.parametrize(
    "pattern", [each for each in (*PATTERNS, *OF_NO_EFFECT) if not each[-1].startswith("x-")], ids=".".join
)
def test_what_a_swarm_can_not_do_is_in_the_schema(pattern):
    *above, name = pattern

    if "x-reconcile" not in pattern:
        assert name in properties(".".join(above))


def test_the_docs_list_what_a_swarm_can_not_do():
    text = (Path(__file__).parents[4] / "docs" / "swarm.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]

    assert {(name.strip(" `"), reason.strip()) for name, reason in rows} == {
        *((".".join(pattern), row.reason) for pattern, row in PATTERNS.items()),
        *((".".join(pattern), reason) for pattern, reason in OF_NO_EFFECT.items()),
    }


def test_what_is_refused_is_no_field_of_a_service():
    carried_out = {("services", "*", *path.split(".")) for each in service.ROWS.values() for path in each.paths}

    assert carried_out & ALWAYS == set()


def problems(folder, services, **sections):
    stack = {"name": "shop", "x-reconcile": {"engine": "swarm"}, "services": services, **sections}
    (folder / "stack.yaml").write_text(yaml.safe_dump(stack), encoding="utf-8")
    try:
        return [str(each) for each in load(Sources(folder, (folder / "stack.yaml",))).warnings]
    except ConfigError as error:
        return [str(each) for each in error.problems]


@pytest.mark.parametrize(
    ("services", "words"),
    [
        ({"a.b": {"image": "x"}}, "a Swarm takes no service named `shop_a.b`"),
        ({"a" * 60: {"image": "x"}}, "is longer than the 63 letters"),
        ({"a": {"image": "x", "build": "."}}, "build and push the image first"),
        ({"a": {"image": "x", "privileged": True}}, "write `cap_add`"),
        ({"a": {"image": "x", "container_name": "mine"}}, "tasks have names of their own"),
        ({"a": {"image": "x", "ports": ["80:80"], "deploy": {"endpoint_mode": "dnsrr"}}}, "write `mode: host`"),
        ({"a": {"image": "x", "ports": ["8000-8001:80"]}}, "publishes one port"),
        ({"a": {"image": "x", "ports": ["127.0.0.1:80:80"]}}, "not on `127.0.0.1` alone"),
        ({"a": {"image": "x", "volumes": ["/a:/a:z"]}}, "relabels nothing for SELinux"),
        ({"a": {"image": "x", "security_opt": ["apparmor=mine"]}}, "and `apparmor=unconfined` can be had"),
        ({"a": {"image": "x", "tmpfs": ["/t:uid=1"]}}, "only `size` and `mode`"),
        ({"a": {"image": "x", "deploy": {"mode": "global-job", "replicas": 2}}}, "is a job, which runs once"),
        (
            {
                "a": {"image": "x", "deploy": {"update_config": {"delay": "1s"}}},
                "b": {"image": "x", "depends_on": {"a": {"condition": "service_completed_successfully"}}},
            },
            "services.a is a job",
        ),
    ],
)
def test_what_a_swarm_would_refuse_is_an_error_with_its_place(services, words, tmp_path):
    (tmp_path / "Dockerfile").touch()

    (found,) = problems(tmp_path, services)

    assert words in found
    assert found.startswith("stack.yaml:")


def test_a_host_port_that_the_old_task_has_is_a_warning(tmp_path):
    port = {"target": 80, "published": "8080", "mode": "host"}
    deploy = {"update_config": {"order": "start-first"}}

    (found,) = problems(tmp_path, {"a": {"image": "x", "ports": [port], "deploy": deploy}})

    assert "on a single node an update fails" in found


def test_what_only_one_engine_lacks_is_fine(tmp_path):
    several = {"image": "x", "ports": ["80:80"], "scale": 3, "deploy": {"update_config": {"order": "start-first"}}}

    assert problems(tmp_path, {"a": several}) == []


@pytest.mark.parametrize(
    ("size", "words"), [(0, "is empty"), (1000 * 1024, "has 1024000 bytes"), (None, "is a folder")]
)
def test_a_file_that_a_swarm_can_not_hold_is_an_error(size, words, tmp_path):
    path = tmp_path / "settings"
    path.mkdir() if size is None else path.write_bytes(b"x" * size)

    (found,) = problems(tmp_path, {"a": {"image": "x", "configs": ["c"]}}, configs={"c": {"file": "settings"}})

    assert words in found
