"""Sweeps: tests with a case for each row of a table, of which an ordinary run takes a sample.

``@pytest.mark.sweep(every=3)`` keeps the first, fourth, seventh … case. RECONCILE_TEST_SWEEPS=all keeps all of them,
as `make nightly` does.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

ALL = os.environ.get("RECONCILE_TEST_SWEEPS") == "all"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seen: Counter[str] = Counter()
    left_out = []
    for item in items:
        sweep = item.get_closest_marker("sweep")
        function = item.nodeid.partition("[")[0]
        if sweep and not ALL and seen[function] % sweep.kwargs["every"]:
            left_out.append(item)
        seen[function] += 1
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]
