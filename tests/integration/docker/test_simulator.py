"""The engine in memory is honest: it answers random requests as the real engine does."""

from __future__ import annotations

import random
import uuid
from contextlib import suppress
from itertools import islice

import pytest

from tests.kit.campaigns import SEED, WHOLE
from tests.kit.docker.calls import answered, calls
from tests.kit.docker.engine import PROBE
from tests.kit.docker.memory import MemoryEngine

NUMBER = 10_000 if WHOLE else 200


@pytest.fixture
def prefix(engine):
    """A beginning of names; what has it in the end is removed."""
    made = f"sim{uuid.uuid4().hex[:8]}"
    yield made
    filters = {"label": [f"of={made}"]}
    for each in engine.get("/containers/json", all=1, filters=filters):
        engine.delete(f"/containers/{each['Id']}", force=1, v=1)
    for each in engine.get("/networks", filters=filters):
        engine.delete(f"/networks/{each['Id']}")
    for name in ("v", "w"):
        with suppress(Exception):
            engine.delete(f"/volumes/{made}-{name}")


def test_the_engine_in_memory_answers_as_the_real_one(engine, prefix, record_property):
    record_property("cases", NUMBER)
    simulator = MemoryEngine()
    simulator.image(PROBE)
    api = engine._api()  # the library's client, which raises nothing for a status
    before = []

    for call in islice(calls(random.Random(SEED), prefix, PROBE), NUMBER):
        real = answered(api, f"{api.base_url}/v1.41", call)
        before.append(f"{real[0]} {call}")
        simulated = answered(simulator, "", call)

        assert simulated == real, "\n".join([*before[-40:], f"simulated: {simulated}", f"real: {real}"])
