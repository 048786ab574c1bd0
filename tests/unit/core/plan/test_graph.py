from __future__ import annotations

import pytest

from reconciler.core.difference.kind import Kind
from reconciler.core.message.errors import ConfigError
from reconciler.core.plan.graph import is_within, needs_of, ordered
from reconciler.core.resource.resource import Resource
from tests.kit.build import HERE, address, resource

KINDS = {
    "a.realm": Kind("a.realm", fields={}),
    "a.client": Kind("a.client", fields={}, parent="a.realm"),
    "a.role": Kind("a.role", fields={}, parent="a.client"),
    "a.group": Kind("a.group", fields={}, parent="a.realm"),
}


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("a.client/r/c", "a.realm/r", True),
        ("a.role/r/c/x", "a.realm/r", True),
        ("a.role/r/c/x", "a.client/r/c", True),
        ("a.role/r/c/x", "a.client/r/d", False),
        ("a.client/r/c", "a.client/r/c", False),
        ("a.group/r/g/h", "a.group/r/g", True),
        ("a.group/r/g", "a.group/r/g/h", False),
        ("a.realm/r", "a.client/r", False),
        ("a.group/r/c/x", "a.client/r/c", False),
        ("a.unknown/r/c", "a.realm/r", False),
        ("a.client/r", "a.realm/r", True),
    ],
)
def test_a_part_is_below_its_ancestor_in_name_and_in_kind(inner, outer, expected):
    assert is_within(address(inner), address(outer), KINDS) is expected


def test_a_need_that_nobody_declares_is_told_with_the_place():
    web = resource("a.client/web", ["a.client/gone"])

    with pytest.raises(ConfigError) as caught:
        ordered({web.address: web}, needs_of({web.address: web}, KINDS))

    (problem,) = caught.value.problems
    assert problem.message == (
        "a.client/web needs a.client/gone, which is not declared; declare it or take the dependency away"
    )
    assert (problem.origin, problem.address) == (HERE, web.address)


def test_a_resource_without_a_place_is_told_with_the_file():
    web = Resource(address("a.client/web"), {}, after={address("a.client/gone"): ""})

    with pytest.raises(ConfigError) as caught:
        ordered({web.address: web}, needs_of({web.address: web}, KINDS))

    assert str(caught.value.problems[0].origin) == "stack.yaml"
