"""The schema, the model and the list of what is not carried out yet can't disagree: a user could fall between them."""

from __future__ import annotations

import json

import jsonschema
import pytest

from reconciler.config import model
from reconciler.config.casts import STACK_CASTS
from reconciler.config.notyet import PATTERNS
from reconciler.config.schema import load_schema, schema_text

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
}
MODEL = {
    "": model.STACK,
    "services.*": model.SERVICE,
    "services.*.build": model.BUILD,
    "services.*.deploy": model.DEPLOY,
    "services.*.deploy.resources.limits": model.LIMITS,
    "services.*.deploy.resources.reservations": model.RESERVATIONS,
    "services.*.deploy.restart_policy": model.RESTART_POLICY,
    "services.*.healthcheck": model.HEALTHCHECK,
    "services.*.logging": model.LOGGING,
    "services.*.networks.*": model.ATTACHMENT,
    "services.*.ports.*": model.PORT,
    "services.*.volumes.*": model.MOUNT,
    "networks.*": model.NETWORK,
    "networks.*.ipam": model.IPAM,
    "volumes.*": model.VOLUME,
}
ALWAYS = {"services.*.deploy": {"placement"}}  # Compose prints it, empty


def resolved(node):
    """The mapping that a part of the schema describes, through references and alternatives."""
    if "$ref" in node:
        return resolved(STACK["$defs"][node["$ref"].removeprefix("#/$defs/")])
    for branch in (*node.get("anyOf", ()), node):
        found = branch if "properties" in branch or "additionalProperties" in branch else None
        found = resolved(branch) if "$ref" in branch else found
        if found and ("properties" in found or isinstance(found.get("additionalProperties"), dict)):
            return found
    return node


def properties(path):
    """What the schema knows at a path."""
    node = STACK
    for key in filter(None, path.split(".")):
        node = resolved(node)
        inside = node.get("additionalProperties") or node.get("items") if key == "*" else node["properties"][key]
        node = inside or node["items"]
    return {key for key in resolved(node).get("properties", {}) if not key.startswith("x-")}


def waiting(path):
    """What is a row of the table at a path, and not only for some values."""
    above = tuple(filter(None, path.split(".")))
    return {pattern[-1] for pattern in PATTERNS if pattern[:-1] == above and not pattern[-1].startswith("x-")}


@pytest.mark.parametrize("path", SPECIFICATION)
def test_all_that_compose_knows_is_supported_or_said_to_be_not_yet(path):
    known = set(SPECIFICATION[path].split())

    assert properties(path) | waiting(path) == known


@pytest.mark.parametrize("path", MODEL)
def test_what_the_schema_allows_has_its_form_in_the_model(path):
    fields = set(MODEL[path]) - ALWAYS.get(path, set())

    assert properties(path) - model.READ_BEFORE == fields


@pytest.mark.parametrize("path", SPECIFICATION)
def test_nothing_is_both_supported_and_not_yet_but_for_some_values(path):
    both = properties(path) & waiting(path)

    assert both <= {"replicas", "scale", "pull_policy", "type"}


def test_casts_lead_to_what_there_is():
    services = STACK_CASTS["services"]["*"]

    assert set(services) - properties("services.*") - waiting("services.*") == set()


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
