from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder for one stack file after the other."""
    return tmp_path_factory.mktemp("stack")
