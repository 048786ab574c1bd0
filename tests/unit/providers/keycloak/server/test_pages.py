"""Long lists are read to their end, and no page is asked for in vain."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.resource.resource import Resource
from reconciler.core.resource.values import ABSENT
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.server.pages import PAGE, pages, pages_if_any
from reconciler.vocabulary.keycloak import ORGANIZATION, ORGANIZATION_GROUPS, WORKFLOW
from tests.kit.keycloak.scripted import ScriptedConnection

ACME = {"id": "o1", "alias": "acme", "name": "Acme"}
ANN = {"id": "u1", "username": "ann"}
OF_ACME = "lab/organizations/o1"


def numbered(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"id": f"x{n}", "name": f"n{n}", "alias": f"n{n}", "username": f"n{n}", **more} for n in range(count)]


def in_pages(path: str, items: list[Any], query: str = "") -> dict[str, Any]:
    """A server that hands the list out in pages, and fails when it is asked for one past the end."""
    starts = range(0, len(items) + 1, PAGE)
    return {f"GET {path}?first={start}&max={PAGE}{query}": items[start : start + PAGE] for start in starts}


@pytest.mark.parametrize(("count", "asked"), [(0, 1), (PAGE - 1, 1), (PAGE, 2), (PAGE + 1, 2), (2 * PAGE + 5, 3)])
def test_the_last_page_is_one_that_is_not_full(count: int, asked: int) -> None:
    connection = ScriptedConnection(in_pages("things", numbered(count), "&brief=true"))

    assert list(pages(connection, "things", "brief=true")) == numbered(count)
    assert len(connection.requests) == asked


def test_a_list_that_is_not_there_is_told_from_an_empty_one() -> None:
    assert list(pages(ScriptedConnection(), "things")) == []
    assert pages_if_any(ScriptedConnection(), "things") is None
    assert list(pages_if_any(ScriptedConnection(in_pages("things", [])), "things") or (ABSENT,)) == []


def read(kind: str, answers: dict[str, Any], **spec: Any) -> Any:
    more, address = KINDS[kind].reading.more, KINDS[kind].address("lab", ("acme",))
    assert more
    return more(ScriptedConnection(answers), "lab", {}, [Resource(address, spec)])


ORGANIZATIONS = in_pages("lab/organizations", [ACME], "&briefRepresentation=false")


def test_all_workflows_and_organizations_are_seen() -> None:
    many = numbered(PAGE + 1)

    workflows = read(WORKFLOW, in_pages("lab/workflows", many))
    organizations = read(ORGANIZATION, in_pages("lab/organizations", many, "&briefRepresentation=false"))

    assert workflows == {"workflows": many}
    assert organizations == {"organizations": many}


def test_all_members_of_an_organization_are_seen_and_its_providers_which_come_at_once() -> None:
    members, providers = numbered(PAGE + 1), numbered(PAGE)
    answers = {**in_pages(f"{OF_ACME}/members", members), f"GET {OF_ACME}/identity-providers": providers}

    (found,) = read(ORGANIZATION, ORGANIZATIONS | answers, members=(), identityProviders=())["organizations"]

    assert found == {**ACME, "members": members, "identityProviders": providers}


def test_all_groups_of_an_organization_are_seen_and_all_that_a_member_is_in() -> None:
    counted = "&briefRepresentation=false&subGroupsCount=true"
    of_ann = [{"id": each["id"], "path": f"/{each['name']}"} for each in numbered(PAGE + 1)]
    top, below = numbered(PAGE, subGroupCount=0), [{"id": "y", "name": "last", "subGroupCount": 1}]
    children = numbered(PAGE + 1)
    answers = (
        in_pages(f"{OF_ACME}/members", [ANN])
        | in_pages(f"{OF_ACME}/members/u1/groups", of_ann)
        | in_pages(f"{OF_ACME}/groups", top + below, counted)
        | in_pages(f"{OF_ACME}/groups/y/children", children, counted)
        | {f"GET {OF_ACME}/groups/{each['id']}": each for each in children}
    )
    placed = [{"username": "ann", "groups": []}]

    (found,) = read(ORGANIZATION_GROUPS, ORGANIZATIONS | answers, groups=(), members=placed)["organizations"]

    assert len(found["groups"]) == PAGE + 1
    assert len(found["groups"][-1]["subGroups"]) == PAGE + 1
    assert len(found["members"][0]["groups"]) == PAGE + 1
