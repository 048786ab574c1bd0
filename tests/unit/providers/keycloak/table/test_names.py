"""The characters that Keycloak refuses in names of new objects, by the type of object."""

from __future__ import annotations

import pytest

from reconciler.providers.keycloak.registry import KINDS
from reconciler.vocabulary.keycloak import (
    BUILT_IN_FLOWS,
    BUILT_IN_SCOPES,
    CLIENT,
    CLIENT_SCOPE,
    FLOW,
    GROUP,
    IDENTITY_PROVIDER,
    ORGANIZATION,
    ROLE,
)

RESERVED = "/\\?#;:&=+,*()[]$!@"


@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        (IDENTITY_PROVIDER, f"{RESERVED} \t"),
        (ORGANIZATION, f"{RESERVED} \t"),
        (FLOW, RESERVED),
        (CLIENT_SCOPE, ' \t\\"ä'),
        (CLIENT, ""),
        (ROLE, ""),
        (GROUP, ""),
    ],
)
def test_each_character_that_the_server_refuses_is_named_and_no_other(kind: str, refused: str) -> None:
    misnamed = KINDS[kind].creation.misnamed
    every = {*map(chr, range(0x20, 0x7F)), "\t", "ä"} - ({"ä"} if kind != CLIENT_SCOPE else set())

    assert {each for each in every if misnamed(f"a{each}b")} == set(refused)


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_is_as_long_as_the_database_takes(kind: str) -> None:
    misnamed = KINDS[kind].creation.misnamed

    assert misnamed("a" * 255) == ""
    assert "256 characters" in misnamed("a" * 256)


def test_what_every_server_has_is_named_as_it_may_be() -> None:
    assert [name for name in BUILT_IN_FLOWS if KINDS[FLOW].creation.misnamed(name)] == []
    assert [name for name in BUILT_IN_SCOPES if KINDS[CLIENT_SCOPE].creation.misnamed(name)] == []
