"""The tests on a real server leave out nothing that the tables say. Their rows stand beside them; no server is needed
to see that one is missing.
"""

from __future__ import annotations

from reconciler.core.difference.kind import Effect
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.connection import BASE
from reconciler.vocabulary.keycloak import (
    BUILT_IN_FLOWS,
    BUILT_IN_SCOPES,
    CLIENT_SCOPE,
    FLOW,
    IDENTITY_PROVIDER,
    REQUIRED_ACTION,
)
from tests.integration.keycloak import test_deletions, test_drift, test_fields, test_kinds


def test_every_property_of_every_table_is_tried() -> None:
    tried = {(subject.kind, name) for subject in test_fields.SUBJECTS for name in subject.table}
    tried |= {(f"keycloak.{kind}", name) for each in (test_drift, test_kinds) for kind, name in each.tried()}
    fixed = {(kind, name) for kind, names in test_fields.FIXED.items() for name in names}
    there = {(name, row) for name, kind in KINDS.items() for row in kind.properties}

    assert there - tried == fixed


def test_every_kind_that_a_file_can_take_away_is_tried() -> None:
    tried = {kind for deletion in test_deletions.DELETIONS.values() for kind in deletion.gone}

    assert tried == {name for name, kind in KINDS.items() if kind.pruning.section}


def test_every_row_that_is_fixed_once_made_is_tried() -> None:
    """The type of a component is part of its path in a file: there it is another component."""
    tables = {(name, key): row for name, kind in KINDS.items() for key, row in kind.properties.items()}
    rows = {place for place, row in tables.items() if row.field.effect is Effect.FIXED}

    assert rows - {("keycloak.component", "providerType")} == test_deletions.FIXED.keys()


def test_a_list_that_rules_read_is_the_one_of_its_type() -> None:
    lists = {name: kind.reading.listing for name, kind in KINDS.items() if kind.reading.listing}

    assert {name: listing.at_first for name, listing in lists.items()} == {
        CLIENT_SCOPE: tuple(sorted(BUILT_IN_SCOPES)),
        FLOW: tuple(sorted(BUILT_IN_FLOWS)),
        IDENTITY_PROVIDER: (),
        REQUIRED_ACTION: None,
    }
    assert all(KINDS[name].paths.item.startswith(f"{BASE}{listing.path}/") for name, listing in lists.items())
