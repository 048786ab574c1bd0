"""The page on what Keycloak makes of what it is given fits the tables of the provider, and of the tests that try it."""

from __future__ import annotations

from pathlib import Path

from tests.integration.keycloak.tables import counts, tables

PAGE = Path(__file__).parents[3] / "docs" / "keycloak-behaviour.md"
RENEWED = "run scripts/keycloak_behaviour.py"


def test_the_page_has_what_the_tables_say() -> None:
    assert PAGE.read_text(encoding="utf-8").endswith(f"\n\n{tables()}\n"), RENEWED


def test_every_type_that_can_be_deleted_is_deleted_and_every_one_with_properties_is_changed() -> None:
    found = counts()
    deleted = {name for name, (_, _, _, count) in found.items() if count}

    assert {name for name, (count, _, _, _) in found.items() if not count} == {"keycloak.password"}
    assert deleted >= {
        *("keycloak.authorization", "keycloak.client", "keycloak.client-role", "keycloak.client-scope"),
        *("keycloak.component", "keycloak.flow", "keycloak.group", "keycloak.identity-provider"),
        *("keycloak.identity-provider-mapper", "keycloak.organization", "keycloak.role", "keycloak.user"),
        "keycloak.workflow",
    }
