"""Random tests say nothing of how busy the machine is, and what a test remembers of its project no other one reads.

Expected texts in files can be written anew.
"""

import os
from collections import Counter
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import HealthCheck, settings

from tests.kit.campaigns import Score
from tests.kit.golden import Golden

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

NUMBERS = count()
STATE = "XDG_STATE_HOME"
os.environ[STATE] = mkdtemp(prefix="reconcile-state-")  # for fixtures that serve more than one test


@pytest.fixture(autouse=True)
def _state_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives each test a folder for the history, which is made where something is written."""
    monkeypatch.setenv(STATE, str(Path(os.environ[STATE], str(next(NUMBERS)))))


def pytest_sessionfinish() -> None:
    """Takes the folders away."""
    from shutil import rmtree

    rmtree(os.environ[STATE], ignore_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sweep(every): a case for each row of a table; an ordinary run takes a sample")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Score())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Takes a sample of each sweep.

    ``@pytest.mark.sweep(every=3)`` keeps the first, fourth, seventh … case. RECONCILE_TEST_SWEEPS=all keeps all of
    them, as `make nightly` does.
    """
    is_whole = os.environ.get("RECONCILE_TEST_SWEEPS") == "all"
    seen: Counter[str] = Counter()
    left_out = []
    for item in items:
        sweep = item.get_closest_marker("sweep")
        function = item.nodeid.partition("[")[0]
        if sweep and not is_whole and seen[function] % sweep.kwargs["every"]:
            left_out.append(item)
        seen[function] += 1
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def pytest_addoption(parser: pytest.Parser) -> None:
    words = "write what is found into the files of tests/cases, instead of comparing it; use it with -n 0"
    parser.addoption("--update-golden", action="store_true", help=words)


@pytest.fixture(scope="session")
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(is_updated=bool(request.config.getoption("--update-golden")))
