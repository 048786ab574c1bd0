from __future__ import annotations

import os

import pytest

from reconciler.providers.docker.engine.client import Engine
from tests.kit.swarm.engine import a_stack, a_swarm


@pytest.fixture(scope="session")
def host():
    with a_swarm() as host:
        yield host


@pytest.fixture(scope="session")
def engine(host):
    engine = Engine({**os.environ, "DOCKER_HOST": host})
    yield engine
    engine.close()


@pytest.fixture
def stack(engine, host, tmp_path):
    with a_stack(tmp_path, engine, host) as stack:
        yield stack
