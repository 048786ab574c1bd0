from __future__ import annotations

import pytest

from reconciler.core.message.errors import ReconcileError
from reconciler.core.provider import Pending
from reconciler.core.resource.amount import Amount
from reconciler.providers.docker.engine.pulling import pulled


def line(layer, status, current=0, total=0):
    return {"id": layer, "status": status, "progressDetail": {"current": current, "total": total} if total else {}}


def test_a_pull_says_how_many_layers_and_bytes_there_are():
    lines = [
        line("1.0", "Pulling from library/app"),
        line("aaa", "Already exists"),
        line("bbb", "Pulling fs layer"),
        line("ccc", "Pulling fs layer"),
        line("bbb", "Downloading", 40, 100),
        line("ccc", "Downloading", 60, 50),
        line("bbb", "Download complete"),
        line("ccc", "Extracting", 10, 50),
        line("bbb", "Pull complete"),
        {"status": "Digest: sha256:0"},
    ]

    found = list(pulled(lines))

    assert found[0] == Pending(0.0, "Pulling from library/app")
    assert found[4] == Pending(0.0, "1 of 3 layers", amount=Amount(40, 100, "bytes"), milestone=1)
    assert found[5] == Pending(0.0, "1 of 3 layers", amount=Amount(90, 150, "bytes"), milestone=1)
    whole = Amount(150, 150, "bytes")
    assert found[7] == Pending(0.0, "1 of 3 layers, extracting", amount=whole, milestone=1)
    assert found[-1] == Pending(0.0, "2 of 3 layers, extracting", amount=whole, milestone=2)


def test_the_error_of_a_pull_is_raised():
    with pytest.raises(ReconcileError, match="manifest unknown"):
        list(pulled([{"error": "manifest unknown"}]))
