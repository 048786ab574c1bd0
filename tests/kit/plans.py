"""A plan with one of everything, for tests of what is printed."""

from __future__ import annotations

from reconciler.core.plan.plan import Plan, make
from reconciler.core.resource.resource import Health
from reconciler.core.resource.values import Ref, Secret
from reconciler.providers.memory import MemoryProvider
from tests.kit.build import address, live, resource


def a_plan() -> Plan:
    """One of everything."""
    desired = [
        resource("memory.box/new", size=1, key=Secret("hush-new"), settings={"a": 1, "off": False}),
        resource("memory.box/live", size=2, image="x"),
        resource("memory.box/swap", image="sha256:" + "b" * 64, key=Secret("hush-after")),
        resource("memory.box/kept", size=1),
        resource("memory.box/down", state="running"),
        resource("memory.client/app", redirect="x"),
        resource("memory.box/waits", key=Ref(address("memory.client/app"), "secret")),
    ]
    observed = [
        live("memory.box/live", size=1, image="x"),
        live("memory.box/swap", image="sha256:" + "a" * 64, key="hush-before"),
        live("memory.box/kept", size=1, health=Health.FAILED),
        live("memory.box/down", state="paused"),
        live("memory.box/orphan"),
    ]
    return make({"memory": MemoryProvider()}, desired, observed, prunes=lambda _: True)
