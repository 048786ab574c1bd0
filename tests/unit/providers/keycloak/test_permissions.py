"""The roles that an account needs, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reconciler.providers.keycloak.expand import expand
from reconciler.providers.keycloak.permissions import looking, rights
from reconciler.providers.keycloak.read.whole import LOOKING
from tests.kit.keycloak.server import document


def needed(**sections: Any) -> set[str]:
    return set(rights(expand(document({"realm": "lab", **sections})))["lab"])


def test_a_realm_with_a_few_users_needs_no_export() -> None:
    assert needed() == {"view-realm", "manage-realm"}
    assert needed(users=[{"username": "ann"}]) == {"view-realm", "manage-realm", "view-users", "manage-users"}


def test_anything_else_is_read_by_an_export() -> None:
    export = {"manage-realm", "view-clients", "query-groups"}
    many = [{"username": f"user{number}"} for number in range(21)]

    assert needed(users=many) == {*export, "view-users", "manage-users"}
    assert needed(clients=[{"clientId": "app"}]) == {*export, "manage-clients"}
    assert needed(identityProviders=[{"alias": "a"}]) == {*export, "manage-identity-providers"}


def test_each_role_says_what_it_is_for() -> None:
    roles = rights(expand(document({"realm": "lab", "groups": [{"name": "staff"}]})))["lab"]

    assert roles["manage-users"] == "to write group"
    assert roles["query-groups"] == "to export the realm"


def test_a_realm_may_have_to_be_made() -> None:
    found = rights(expand(document({"realm": "lab"}, {"realm": "shop"})))

    assert found["master"] == {"create-realm": "to make lab, shop where it does not exist"}
    assert rights(expand(document({"realm": "master"}))).keys() == {"master"}
    assert "create-realm" not in rights(expand(document({"realm": "master"})))["master"]


def test_the_roles_of_an_account_that_only_looks_are_those_of_the_page_on_security() -> None:
    page = (Path(__file__).parents[4] / "docs" / "security.md").read_text(encoding="utf-8")

    assert [row for row in (f"| `{role}` | {what} |" for role, what in LOOKING.items()) if row not in page] == []
    assert list(looking(expand(document({"realm": "lab"}))).items()) == [("lab", looking_at())]


def looking_at() -> dict[str, str]:
    return {role: f"shows {what.replace('*', '')}" for role, what in LOOKING.items()}
