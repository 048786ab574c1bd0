"""A live stack is written as a file with which nothing differs: each field, and what services use."""

from __future__ import annotations

import json

import pytest

from reconciler.core.message.errors import NotThere
from reconciler.core.resource.options import OPTIONS
from reconciler.core.resource.values import ABSENT
from reconciler.providers.swarm.kinds import service
from tests.kit.swarm.fields import ROWS
from tests.kit.swarm.memory import PROJECT, MemorySwarm, a_provider, a_stack, differences, settled

SHOP = """
services:
  web:
    image: app
    configs: [settings, {source: other, target: /etc/other, mode: 0400, uid: "5"}]
    secrets: [key, {source: key, target: again}]
    networks: {back: {aliases: [www]}, default: {}}
    volumes: [data:/data, "logs:/logs:ro", {type: bind, source: /etc, target: /b, bind: {propagation: rshared}}]
    restart: on-failure:3
  plain: {image: "app:1"}
  job: {image: "app:1", x-reconcile: {job: true}}
  again: {image: "app:1", x-reconcile: {job: true}, restart: always}
  all: {image: "app:1", deploy: {mode: global}}
networks: {back: {attachable: true, driver_opts: {a: b}, ipam: {config: [{subnet: 10.9.0.0/16}]}}}
volumes: {data: {driver_opts: {type: tmpfs}, labels: {a: b}}, logs: {external: true, name: logs}}
configs: {settings: {content: "one $$x"}, other: {content: two, labels: {a: b}}}
secrets: {key: {environment: KEY}}
"""


def adopted(swarm, *names):
    return a_provider(swarm).adopted(names or (PROJECT,), project="", directory="")


def loaded(found, directory):
    """The document of what was written. Texts are as they are, so that a dollar is none of a variable."""
    sections = {key: json.dumps(value) for key, value in found.file.items() if key not in ("name", OPTIONS)}
    return a_stack("".join(f"{key}: {text}\n" for key, text in sections.items()).replace("$", "$$"), directory)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.service)
@pytest.mark.parametrize("of", ["value", "other"])
def test_each_field_is_written_as_it_is(row, of, tmp_path):
    swarm = MemorySwarm()
    attributes = {"web": row.attributes(getattr(row, of))}
    settled(a_stack(f"services: {json.dumps(attributes)}\nvolumes: {{data: {{}}}}\n", tmp_path), swarm)

    assert differences(loaded(adopted(swarm), tmp_path), swarm) == {}


def test_a_whole_stack_is_written_so_that_nothing_differs(tmp_path):
    swarm = MemorySwarm()
    settled(a_stack(SHOP, tmp_path, KEY="s3cret"), swarm)

    found = adopted(swarm)

    assert found.file[OPTIONS] == {"engine": "swarm"}
    assert differences(loaded(found, tmp_path), swarm) == {}
    assert found.file["services"]["plain"] == {"image": "app:1", "deploy": {"replicas": 1}}
    assert found.file["services"]["web"]["image"] == "app"
    assert found.file["secrets"] == {"key": {"external": True, "name": f"{PROJECT}_key"}}
    assert found.remarks == (f"secret {PROJECT}_key is written as external: its content can't be read back",)
    assert "s3cret" not in str(found)


def test_a_rotated_config_keeps_its_key(tmp_path):
    swarm = MemorySwarm()
    text = "services: {web: {image: app:1, configs: [settings]}}\nconfigs: {settings: {content: %s}}\n"
    settled(a_stack(text % "one", tmp_path), swarm)
    settled(a_stack(text % "two", tmp_path), swarm)

    found = adopted(swarm)

    assert found.file["configs"] == {"settings": {"content": "two"}}
    assert differences(loaded(found, tmp_path), swarm) == {}


def test_what_there_is_not_is_named_with_what_there_is(tmp_path):
    swarm = MemorySwarm()
    settled(a_stack("services: {web: {image: app:1}}", tmp_path), swarm)

    with pytest.raises(NotThere, match=f"there are {PROJECT}"):
        adopted(swarm, "other")
    swarm.own["Swarm"]["ControlAvailable"] = False
    assert a_provider(swarm).projects() == ()


def test_each_row_says_its_value_in_the_form_of_a_file_or_leaves_that_to_the_stack():
    apart = {name for name, row in service.ROWS.items() if row.said is None}

    assert apart == {"image", "volumes", "configs", "secrets", "networks"}
    assert all(row.declaration(ABSENT) == {} for row in service.ROWS.values())
