"""The page on what Keycloak makes of what it is given is true of the newest release."""

from __future__ import annotations

from pathlib import Path

from tests.integration.keycloak.tables import tables
from tests.integration.keycloak.test_words import NEWEST
from tests.kit.keycloak.behaviour import page
from tests.kit.keycloak.server import Server, server_of

PAGE = Path(__file__).parents[3] / "docs" / "keycloak-behaviour.md"


def test_the_page_says_what_this_server_does(server: Server) -> None:
    client = server.client()
    release = server_of(client).version
    client.close()
    known = PAGE.read_text(encoding="utf-8")

    if tuple(map(int, release.split(".")[:2])) == NEWEST:
        assert page(server, release, tables()) == known
    else:
        assert f"Keycloak {NEWEST[0]}.{NEWEST[1]}." in known
