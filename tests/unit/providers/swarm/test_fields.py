"""Each field of a service: created, the same again, spelt otherwise, changed in the file and by hand, taken out."""

from __future__ import annotations

import json

import pytest

from reconciler.core.difference.change import Action
from reconciler.core.difference.kind import Effect
from reconciler.providers.docker.table.property import dig
from reconciler.providers.swarm.kinds import service
from tests.kit.swarm.fields import ROWS
from tests.kit.swarm.memory import MemorySwarm, a_stack, differences, settled

ADDRESS = "swarm.service/web"


def stack(attributes):
    return f"services: {json.dumps({'web': attributes})}\nvolumes: {{data: {{}}}}\n"


@pytest.fixture(params=ROWS, ids=lambda row: row.service)
def row(request):
    return request.param


@pytest.fixture
def swarm(row, tmp_path):
    """A Swarm on which the first value of the row was applied."""
    swarm = MemorySwarm()
    settled(a_stack(stack(row.attributes(row.value)), tmp_path), swarm)
    return swarm


def put(tree, path, value):
    *above, last = path.split(".")
    for key in above:
        tree = tree.setdefault(key, {})
    tree[last] = value


def fields_of(change):
    return {".".join(each.path) for each in change.fields if each.effect is not Effect.NOTE}


def is_about(change, row):
    about = "logging" if row.attribute == "logging" else row.field
    return all(name == about or name.startswith(f"{about}.") for name in fields_of(change))


def test_another_spelling_is_no_change(row, swarm, tmp_path):
    again = row.value if row.again is None else row.again

    assert differences(a_stack(stack(row.attributes(again)), tmp_path), swarm) == {}


def test_another_value_is_one_change_and_then_none(row, swarm, tmp_path):
    document = a_stack(stack(row.attributes(row.other)), tmp_path)

    change = differences(document, swarm)[ADDRESS]
    assert change.action is row.by
    assert is_about(change, row)
    settled(document, swarm)


def test_a_line_that_is_taken_out_is_seen(row, swarm, tmp_path):
    document = a_stack(stack(row.silent), tmp_path)

    found = differences(document, swarm)
    if row.field == "replicas":  # which is for those who scale by hand
        assert found == {}
    else:
        assert found[ADDRESS].action is row.by
        assert is_about(found[ADDRESS], row)
        settled(document, swarm)


def test_a_change_by_hand_is_seen_and_repaired(row, swarm, tmp_path):
    for path, value in row.hand.items():
        put(swarm.service("web")["Spec"], path, value)
    document = a_stack(stack(row.attributes(row.value)), tmp_path)

    change = differences(document, swarm)[ADDRESS]
    assert change.action is row.by
    assert is_about(change, row)
    settled(document, swarm)


def test_an_update_leaves_all_else_as_it_was(row, swarm, tmp_path):
    """Another spelling of the same is enough for new tasks, so what does not differ is sent as it is."""
    spec = swarm.service("web")["Spec"]
    put(spec, "TaskTemplate.ForceUpdate", 7)
    put(spec, "TaskTemplate.Runtime", "container")
    put(spec, "TaskTemplate.ContainerSpec.Isolation", "default")
    spec["TaskTemplate"].setdefault("Resources", {})
    before = json.loads(json.dumps(spec))

    settled(a_stack(stack(row.attributes(row.other)), tmp_path), swarm)

    after = json.loads(json.dumps(swarm.service("web")["Spec"]))
    changed = {name for name, each in service.ROWS.items() if dig(before, each.at) != dig(after, each.at)}
    at = service.ROWS[row.field].at if row.field in service.ROWS else row.field
    assert {service.ROWS[name].at for name in changed} <= {at, "Mode"}
    assert after["TaskTemplate"]["ForceUpdate"] == 7
    assert after["TaskTemplate"]["ContainerSpec"]["Isolation"] == "default"


def test_each_row_of_the_table_is_tried():
    tried = {row.field.partition(".")[0] if row.field.startswith("logging") else row.field for row in ROWS}

    assert {name.partition(".")[0] if name.startswith("logging") else name for name in service.ROWS} - tried == {
        "configs",
        "generic_resources",
        "image",
        "mode",
        "networks",
        "endpoint_mode",
        "secrets",
    }


@pytest.mark.parametrize("field", ["mode", "image", "endpoint_mode", "networks", "generic_resources"])
def test_the_other_rows_are_seen_as_well(field, tmp_path):
    deploy = {"endpoint_mode": "dnsrr"}
    generic = {"discrete_resource_spec": {"kind": "gpu", "value": 1}}
    changed = {
        "mode": {"image": "app:1", "deploy": {**deploy, "mode": "global"}},
        "image": {"image": "app:2", "deploy": deploy},
        "endpoint_mode": {"image": "app:1"},
        "networks": {"image": "app:1", "deploy": deploy, "networks": {"default": {"aliases": ["w"]}}},
        "generic_resources": {
            "image": "app:1",
            "deploy": {**deploy, "resources": {"reservations": {"generic_resources": [generic]}}},
        },
    }[field]
    swarm = MemorySwarm()
    settled(a_stack(stack({"image": "app:1", "deploy": deploy}), tmp_path), swarm)
    document = a_stack(stack(changed), tmp_path)

    change = differences(document, swarm)[ADDRESS]
    assert change.action is Action.REPLACE
    assert {name.partition(".")[0] for name in fields_of(change)} == {field}
    settled(document, swarm)
