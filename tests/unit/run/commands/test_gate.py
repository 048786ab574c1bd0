"""The walk after an apply is repeated where a failure may pass; the way back is taken if it changes nothing else."""

from __future__ import annotations

import pytest

from reconciler.core.login import Login, Stage, Trouble, Walk
from reconciler.core.plan.policy import Policy
from reconciler.providers.memory import MemoryProvider
from reconciler.run.commands.gate import TRIES, LoginGate, Rollback
from reconciler.run.reconciliation.once import Look, Reconciler
from tests.kit.build import a_document, address, live, resource
from tests.kit.clock import TurnedClock

LOGIN = Login("http://localhost:1/login")
BOX, OTHER = "memory.box/a", "memory.box/b"


def a_gate(*troubles):
    walked = []

    def walks(login):
        walked.append(login)
        return Walk(login, Stage.DONE, troubles[min(len(walked), len(troubles)) - 1])

    return LoginGate(LOGIN, TurnedClock(), walks), walked


@pytest.mark.parametrize(
    ("troubles", "number"),
    [
        ([Trouble.NONE], 1),
        ([Trouble.REFUSED], 1),
        ([Trouble.STATUS, Trouble.NONE], 2),
        ([Trouble.SILENT], TRIES),
    ],
)
def test_a_failure_that_may_pass_is_tried_again(troubles, number):
    gate, walked = a_gate(*troubles)

    found = gate.end()

    assert (found.trouble, len(walked)) == (troubles[-1], number)


def agree(_look):
    pass


def after_a_change(disturb=agree):
    """A rollback of a change of one box, after ``disturb`` has had its way with the world."""
    memory = MemoryProvider([resource(BOX, size=2), resource(OTHER, size=5)])
    memory.live = {address(BOX): live(BOX, size=1), address(OTHER): live(OTHER, size=5)}
    reconciler = Reconciler(a_document(), {"memory": memory}, TurnedClock(), Policy(deletes=True))
    looks = [event for event in reconciler.converge(agree) if isinstance(event, Look)]
    disturb(memory)
    return memory, Rollback(reconciler, looks)


def test_a_change_is_taken_back():
    memory, back = after_a_change()

    list(back.events())

    assert memory.live[address(BOX)].spec["size"] == 1
    assert (back.done, back.left) == ({address(BOX)}, {})


def test_a_way_back_that_would_change_more_is_not_taken():
    def disturb(memory):
        memory.live[address(OTHER)] = live(OTHER, size=6)

    memory, back = after_a_change(disturb)

    assert list(back.events()) == []
    assert memory.live[address(BOX)].spec["size"] == 2
    assert (back.done, back.left) == (frozenset(), {address(BOX): f"it would change {OTHER} as well"})


def test_a_run_that_changed_nothing_has_nothing_to_take_back():
    memory = MemoryProvider([resource(BOX, size=1)])
    memory.live = {address(BOX): live(BOX, size=1)}
    reconciler = Reconciler(a_document(), {"memory": memory}, TurnedClock())
    back = Rollback(reconciler, [reconciler.look()])

    assert list(back.events()) == []
    assert (back.done, back.left) == (frozenset(), {})
