"""The schema, the model, the list of what is not carried out yet and the docs can't disagree."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from reconciler.config.compose.checks.unsupported import OF_NO_EFFECT, PATTERNS
from reconciler.config.compose.model import model
from reconciler.config.schema.validator import load_schema, schema_text
from reconciler.config.variables.casts import STACK_CASTS
from reconciler.config.yaml.tree import reached
from reconciler.providers.docker.kinds import container

STACK = load_schema("stack").document
# What the Compose Specification knows, by where it stands.
SPECIFICATION = {
    "": "configs include models name networks secrets services version volumes",
    "services.*": """
        annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs container_name
        cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec
        depends_on deploy develop device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint env_file
        environment expose extends external_links extra_hosts gpus group_add healthcheck hostname image init ipc
        isolation label_file labels links logging mac_address mem_limit mem_reservation mem_swappiness memswap_limit
        models network_mode networks oom_kill_disable oom_score_adj pid pids_limit platform ports post_start
        pre_start pre_stop privileged profiles provider pull_policy pull_refresh_after read_only restart runtime scale
        secrets security_opt shm_size stdin_open stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits
        use_api_socket user userns_mode uts volumes volumes_from working_dir
    """,
    "services.*.build": """
        additional_contexts args cache_from cache_to context dockerfile dockerfile_inline entitlements extra_hosts
        isolation labels network no_cache no_cache_filter platforms privileged provenance pull sbom secrets shm_size ssh
        tags target ulimits
    """,
    "services.*.deploy": """
        endpoint_mode labels mode placement replicas resources restart_policy rollback_config update_config
    """,
    "services.*.deploy.resources.limits": "cpus memory pids",
    "services.*.deploy.resources.reservations": "cpus devices generic_resources memory",
    "services.*.deploy.restart_policy": "condition delay max_attempts window",
    "services.*.deploy.update_config": "delay failure_action max_failure_ratio monitor order parallelism",
    "services.*.deploy.placement": "constraints max_replicas_per_node preferences",
    "services.*.deploy.resources.reservations.devices.*": "capabilities count device_ids driver options",
    "services.*.blkio_config": """
        device_read_bps device_read_iops device_write_bps device_write_iops weight weight_device
    """,
    "services.*.blkio_config.device_read_bps.*": "path rate",
    "services.*.blkio_config.weight_device.*": "path weight",
    "services.*.develop.watch.*": "action exec ignore include initial_sync path target",
    "services.*.env_file.*": "format path required",
    "services.*.gpus.*": "capabilities count device_ids driver options",
    "services.*.post_start.*": "command environment privileged user working_dir",
    "services.*.provider": "options type",
    "services.*.secrets.*": "gid mode source target uid",
    "services.*.volumes.*.bind": "create_host_path propagation recursive selinux",
    "services.*.healthcheck": "disable interval retries start_interval start_period test timeout",
    "services.*.logging": "driver options",
    "services.*.networks.*": """
        aliases driver_opts gw_priority interface_name ipv4_address ipv6_address link_local_ips mac_address priority
    """,
    "services.*.ports.*": "app_protocol host_ip mode name protocol published target",
    "services.*.volumes.*": "bind consistency image read_only source target tmpfs type volume",
    "networks.*": "attachable driver driver_opts enable_ipv4 enable_ipv6 external internal ipam labels name",
    "networks.*.ipam": "config driver options",
    "volumes.*": "driver driver_opts external labels name",
    "secrets.*": "driver driver_opts environment external file labels name template_driver",
    "configs.*": "content environment external file labels name template_driver",
    "models.*": "context_size model name runtime_flags",
}
# The attributes of a service that a row of the provider carries out.
ROWS = {path.partition(".")[0] for each in container.PROPERTIES.values() for path in each.paths}
MODEL = {
    "": model.STACK,
    "services.*": model.SERVICE,
    "services.*.build": model.BUILD,
    "services.*.deploy": model.DEPLOY,
    "services.*.deploy.resources.limits": model.LIMITS,
    "services.*.deploy.resources.reservations": model.RESERVATIONS,
    "services.*.deploy.restart_policy": model.RESTART_POLICY,
    "services.*.deploy.update_config": model.ROLLOUT,
    "services.*.deploy.placement": model.PLACEMENT,
    "services.*.deploy.resources.reservations.devices.*": model.DEVICE_REQUEST,
    "services.*.blkio_config": model.BLKIO,
    "services.*.blkio_config.device_read_bps.*": model.BLKIO_LIMIT,
    "services.*.blkio_config.weight_device.*": model.BLKIO_WEIGHT,
    "services.*.develop.watch.*": model.WATCH,
    "services.*.env_file.*": model.ENV_FILE,
    "services.*.gpus.*": model.DEVICE_REQUEST,
    "services.*.post_start.*": model.HOOK,
    "services.*.pre_start.*": {**model.CONTAINER, "per_replica": None},
    "services.*.secrets.*": model.FILE_MOUNT,
    "services.*.healthcheck": model.HEALTHCHECK,
    "services.*.logging": model.LOGGING,
    "services.*.networks.*": model.ATTACHMENT,
    "services.*.ports.*": model.PORT,
    "services.*.volumes.*": model.MOUNT,
    "networks.*": model.NETWORK,
    "networks.*.ipam": model.IPAM,
    "volumes.*": model.VOLUME,
    "secrets.*": {key: row for key, row in model.FILE.items() if key != "content"},
    "configs.*": {key: row for key, row in model.FILE.items() if not key.startswith("driver")},
    "models.*": model.MODEL,
}


def resolved(node):
    """The mapping or list that a part of the schema describes, through references and alternatives."""
    if "$ref" in node:
        return resolved(reached(STACK, node["$ref"].removeprefix("#/").split("/")))
    branches = [resolved(branch) if "$ref" in branch else branch for branch in (*node.get("anyOf", ()), node)]
    mappings = [each for each in branches if "properties" in each or isinstance(each.get("additionalProperties"), dict)]
    return next(iter([*mappings, *(each for each in branches if "items" in each)]), node)


def properties(path):
    """The names that the schema knows at a path."""
    node = STACK
    for key in filter(None, path.split(".")):
        node = resolved(node)
        node = (node.get("additionalProperties") or node["items"]) if key == "*" else node["properties"][key]
    found = resolved(node).get("properties", {})
    return {key for key in found if "x-reconcile" in path or not key.startswith("x-")}


@pytest.mark.parametrize("path", SPECIFICATION)
def test_the_schema_knows_all_that_compose_knows(path):
    carried_out = ROWS if path == "services.*" else set()

    assert properties(path) == set(SPECIFICATION[path].split()) | carried_out


@pytest.mark.parametrize("path", MODEL)
def test_what_the_schema_allows_has_its_form_in_the_model(path):
    read_before = {each.rpartition(".")[2] for each in model.READ_BEFORE if each.rpartition(".")[0] == path}

    assert {name.lower() for name in MODEL[path]} == properties(path) - read_before


@pytest.mark.parametrize("pattern", [pattern for pattern in PATTERNS if not pattern[-1].startswith("x-")])
def test_what_is_not_carried_out_is_in_the_schema(pattern):
    *above, name = pattern

    assert name in properties(".".join(above))


def test_the_docs_list_what_is_not_carried_out():
    text = (Path(__file__).parents[4] / "docs" / "compose.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]

    assert {(name.strip(" `"), reason.strip()) for name, reason in rows} == {
        *((".".join(pattern), row.reason) for pattern, row in PATTERNS.items()),
        *((".".join(pattern), reason) for pattern, reason in OF_NO_EFFECT.items()),
    }


def test_casts_lead_to_what_there_is():
    services = STACK_CASTS["services"]["*"]

    assert set(services) - properties("services.*") == set()


def described(node, path=()):
    if isinstance(node, dict):
        for name, part in node.get("properties", {}).items():
            yield (*path, name), part
        for key, part in node.items():
            if key not in ("properties", "x-unsupported"):
                yield from described(part, (*path, key))
        for name, part in node.get("properties", {}).items():
            yield from described(part, (*path, name))
    elif isinstance(node, list):
        for index, part in enumerate(node):
            yield from described(part, (*path, str(index)))


def test_every_property_of_the_stack_schema_tells_an_editor_what_it_is():
    untold = [path for path, part in described(STACK) if not (part.get("title") and part.get("description"))]

    assert untold == []


@pytest.mark.parametrize("name", ["stack", "users", "plan"])
def test_the_schemas_are_schemas(name):
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text(name)))
