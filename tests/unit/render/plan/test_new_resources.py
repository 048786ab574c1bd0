"""A plan of something new shows every declared field, also one that is empty or off, and no other of that sort."""

from __future__ import annotations

import pytest

from reconciler.core.difference.change import diff
from reconciler.core.plan.plan import make
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Origin, Resource, Source
from reconciler.core.resource.values import Secret
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.providers.registry import all_kinds
from reconciler.render.plan.jsonplan import PlanDocument
from reconciler.render.plan.text import field_lines, plan_text
from tests.kit.keycloak.scenarios import document

KINDS = all_kinds()


def a_declared(kind, name, value):
    """A new resource with one declared field."""
    return Resource(Address(kind, ("a", "b")), {name: value}, locate=lambda path: Source(".".join(path), _here))


def _here():
    return Origin("users.yaml", 1, 1)


def rows_of(resource):
    kind = KINDS[resource.address.kind]
    return dict(line.split(None, 1) for line in field_lines(diff(kind, resource, None), kind))


@pytest.mark.parametrize(("value", "shown"), [("", '""'), (None, "null")])
@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_value_that_is_declared_is_shown(kind, value, shown):
    found = {name: rows_of(a_declared(kind, name, value)) for name in KINDS[kind].fields}

    hidden = {name: rows for name, rows in found.items() if rows not in ({name: shown}, {name: "(secret)"})}
    assert hidden == {}


def test_an_empty_part_that_is_declared_is_shown_and_one_that_is_not_is_hidden():
    value = {"said": "", "off": False, "unsaid": "", "on": True}
    resource = Resource(
        Address("keycloak.client", ("a", "b")),
        {"attributes": value},
        locate=lambda path: Source(".".join(path), _here, exact=path[-1] != "unsaid"),
    )

    assert rows_of(resource) == {"attributes.said": '""', "attributes.off": "false", "attributes.on": "true"}


def test_what_nobody_declared_is_hidden_where_it_is_empty():
    resource = Resource(Address("docker.network", ("a",)), {"name": "n", "internal": False, "labels": {}})

    assert rows_of(resource) == {"name": "n"}


def test_a_secret_that_is_empty_is_a_secret_all_the_same():
    rows = rows_of(a_declared("keycloak.client", "secret", Secret("")))

    assert rows == {"secret": "(secret)"}


def test_text_and_json_show_what_a_realm_declares_to_be_off():
    realm = {
        "realm": "shop",
        "enabled": False,
        "users": [{"username": "u", "enabled": False, "requiredActions": []}],
        "clients": [{"clientId": "c", "enabled": False, "redirectUris": [], "attributes": {"a": ""}}],
    }
    provider = KeycloakProvider({})
    plan = make({"keycloak": provider}, provider.expand(document(realm)), [])

    text = plan_text(plan, provider.kinds, ["users.yaml"])
    actions = PlanDocument("p", provider.kinds, "salt").actions(plan)

    shown = [" ".join(line.split()) for line in text.splitlines() if line.startswith("      ")]
    assert shown == [
        "enabled false",
        *("enabled false", "redirectUris []", 'attributes.a ""'),
        *("enabled false", "requiredActions []"),
    ]
    paths = [(field["path"], field["after"]) for action in actions for field in action["changes"]]
    assert paths == [
        ("enabled", False),
        *(("enabled", False), ("redirectUris", []), ("attributes", {"a": ""})),
        *(("enabled", False), ("requiredActions", [])),
    ]
