from __future__ import annotations

import pytest

from tests.kit.seed import seeded


@pytest.fixture(scope="session")
def seed(tmp_path_factory):
    with seeded(tmp_path_factory.mktemp("e2e")) as seed:
        yield seed
