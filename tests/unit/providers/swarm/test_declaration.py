"""A field that was changed by hand, put into the file in its words: nothing differs any more."""

from __future__ import annotations

import pytest

from reconciler.core.resource.resource import Observed
from reconciler.core.resource.values import ABSENT
from reconciler.providers.swarm.kinds import service
from tests.kit.swarm.fields import ROWS
from tests.kit.swarm.memory import MemorySwarm, a_provider, a_stack, differences, settled
from tests.unit.providers.swarm.test_fields import put, stack

SAID = [row for row in ROWS if row.attribute not in ("volumes", "tmpfs", "restart")]


def with_attribute(attributes, path, value):
    """A service with another value of one attribute, or without it."""
    key, *rest = path
    inner = with_attribute(attributes.get(key) or {}, rest, value) if rest else value
    kept = {name: part for name, part in attributes.items() if name != key}
    return kept if inner is ABSENT or (rest and not inner) else {**kept, key: inner}


@pytest.mark.parametrize("row", SAID, ids=lambda row: row.service)
def test_a_change_by_hand_is_put_into_the_file(row, tmp_path):
    swarm, attributes = MemorySwarm(), row.attributes(row.value)
    settled(a_stack(stack(attributes), tmp_path), swarm)
    for path, value in row.hand.items():
        put(swarm.service("web")["Spec"], path, value)
    document = a_stack(stack(attributes), tmp_path)
    change = differences(document, swarm)["swarm.service/web"]
    assert isinstance(change.observed, Observed)
    names = {name for name in service.ROWS for each in change.fields if ".".join(each.path).startswith(name)}
    expected = service.expect(change.desired, change.observed)
    sides = {name: (expected.get(name, ABSENT), change.observed.spec[name]) for name in names}

    for found in a_provider(swarm).declarations(document, change, sides).values():
        attributes = with_attribute(attributes, found[0].path, found[0].live)

    assert differences(a_stack(stack(attributes), tmp_path), swarm) == {}


def test_what_a_file_says_in_other_words_is_left_to_a_person(tmp_path):
    swarm = MemorySwarm()
    document = a_stack("services: {web: {image: app:1, restart: always}}", tmp_path)
    settled(document, swarm)
    swarm.service("web")["Spec"]["TaskTemplate"]["RestartPolicy"] = {"Condition": "any", "Window": 9_000_000_000}
    change = differences(document, swarm)["swarm.service/web"]

    assert a_provider(swarm).declarations(document, change, {"restart_policy": ({}, {})}) == {}
