from __future__ import annotations

import pytest

from tests.kit.docker.engine import PROBE, a_project, the_engine


@pytest.fixture(scope="session")
def engine():
    engine = the_engine()
    assert engine.get(f"/images/{PROBE}/json"), f"{PROBE} is missing; `make test-machine` makes it"
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def keeps_limits(engine):
    """A rootless engine on a machine with the first version of cgroups does not."""
    return engine.own["CgroupDriver"] != "none"


@pytest.fixture
def limits(keeps_limits):
    """Skips a test that is about limits alone where the engine keeps none."""
    if not keeps_limits:
        pytest.skip("this engine keeps no limits")


@pytest.fixture
def project(engine, tmp_path):
    with a_project(tmp_path, engine) as project:
        yield project
