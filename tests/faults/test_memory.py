"""Killed before or after any call, the next run finishes the work."""

from __future__ import annotations

import pytest

from reconciler.core.message.errors import Rejected, Unreachable
from reconciler.core.plan.policy import Policy
from reconciler.core.resource.values import Ref
from reconciler.providers.memory import MemoryProvider
from reconciler.run.reconciliation.once import Reconciler
from tests.kit.build import a_document, address, live, resource
from tests.kit.clock import TurnedClock

POLICY = Policy(deletes=True, prune={"memory.box": "owned"})


class Killed(BaseException):
    """A kill as it looks from inside: nothing gets to clean up."""


def a_world():
    """Something to create, update, replace, delete, defer."""
    client = "memory.client/app"
    memory = MemoryProvider(
        [
            resource("memory.box/new", ["memory.box/changed"], size=1),
            resource("memory.box/changed", size=2),
            resource("memory.box/replaced", ["memory.box/changed"], image="b"),
            resource(client, redirect="x"),
            resource("memory.box/waits", key=Ref(address(client), "secret")),
        ]
    )
    for box in (live("memory.box/changed", size=1), live("memory.box/replaced", image="a"), live("memory.box/orphan")):
        memory.live[box.address] = box
    return memory


def agree(_):
    pass


def run(memory):
    list(Reconciler(a_document(), {"memory": memory}, TurnedClock(), POLICY).converge(agree))


def is_settled(memory):
    return Reconciler(a_document(), {"memory": memory}, TurnedClock(), POLICY).look().plan.in_sync


def calls_of_an_undisturbed_run():
    memory = a_world()
    run(memory)
    return len(memory.calls)


CALLS = calls_of_an_undisturbed_run()


@pytest.mark.parametrize("number", range(CALLS))
@pytest.mark.parametrize("moment", ["before_call", "after_call"])
def test_a_kill_at_any_call_is_made_good_by_the_next_run(number, moment):
    memory = a_world()
    seen = []

    def kill(_step):
        seen.append(1)
        if len(seen) == number + 1:
            raise Killed

    setattr(memory, moment, kill)
    with pytest.raises(Killed):
        run(memory)
    setattr(memory, moment, agree)
    run(memory)

    assert is_settled(memory)
    assert all(observed.spec.get("leftover", "") == "" for observed in memory.live.values())


@pytest.mark.parametrize("number", range(CALLS))
@pytest.mark.parametrize("error", [Rejected("no"), Unreachable("away")])
def test_an_error_at_any_call_is_made_good_by_the_next_run(number, error):
    memory = a_world()
    seen = []

    def fail(_step):
        seen.append(1)
        if len(seen) == number + 1:
            raise error

    memory.before_call = fail
    run(memory)
    run(memory)

    assert is_settled(memory)
