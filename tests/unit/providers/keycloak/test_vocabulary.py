"""The tables of the types agree with what the reader of the files knows of their sections."""

from __future__ import annotations

import pytest

from reconciler.providers.keycloak.registry import KINDS
from reconciler.vocabulary import keycloak
from reconciler.vocabulary.keycloak import REALM, SECTIONS

NO_LISTS = {
    "clientRoles": "a map of lists below `roles`",
    "components": "a map of lists by what provides them",
    "localizationTexts": "a map by language",
    "roles": "a list below `roles`",
}


@pytest.mark.parametrize("name", sorted(name for name, section in SECTIONS.items() if section.kind))
def test_the_addresses_of_a_section_end_in_the_key_of_its_table(name: str) -> None:
    assert KINDS[SECTIONS[name].kind].key == SECTIONS[name].keys[0]


@pytest.mark.parametrize("name", sorted(kind.name for kind in KINDS.values() if kind.pruning.section))
def test_a_type_that_can_be_pruned_has_a_natural_key_in_the_files(name: str) -> None:
    kind = KINDS[name]
    if kind.pruning.section in NO_LISTS:
        assert kind.pruning.section not in SECTIONS
    else:
        assert kind.key in SECTIONS[kind.pruning.section].keys


def test_every_name_of_a_type_has_a_table() -> None:
    named = {value for value in vars(keycloak).values() if isinstance(value, str) and value.startswith("keycloak.")}

    assert named == KINDS.keys()
    assert REALM in named
