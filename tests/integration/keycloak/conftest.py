"""One Keycloak for the whole run, and a realm of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.keycloak.server import ByHand, Driver, Server, a_made_realm, dropped, running, unique_realm


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Server]:
    own: Path = tmp_path_factory.getbasetemp()
    with running(own if worker_id == "master" else own.parent) as found:
        yield found


@pytest.fixture
def driver(server: Server) -> Iterator[Driver]:
    client = server.client()
    yield Driver(client)
    client.close()


@pytest.fixture
def fresh(server: Server) -> Iterator[str]:
    """The name of a realm that is not there."""
    name = unique_realm()
    yield name
    dropped(server, name)


@pytest.fixture
def realm(server: Server) -> Iterator[str]:
    """The name of a realm that is there, and has nothing in it yet."""
    name = a_made_realm(server)
    yield name
    dropped(server, name)


@pytest.fixture
def by_hand(server: Server, realm: str) -> Iterator[ByHand]:
    client = server.client()
    yield ByHand(client, realm)
    client.close()
