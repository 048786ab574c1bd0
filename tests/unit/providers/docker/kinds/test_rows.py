"""The rows of ``tests/kit/docker/fields.py`` on the engine in memory: declared, written otherwise, changed, removed."""

from __future__ import annotations

import json

import pytest

from reconciler.core.difference.change import Action
from reconciler.providers.docker.table.property import dig
from tests.kit.docker.fields import FOLLOW, ROWS
from tests.kit.docker.memory import MemoryEngine, a_reconciler, a_stack, apply

REAL_ONES = ("container_name", "network_mode", "networks", "volumes")
"""Their rows have names of a project's networks and volumes, and need the real engine."""

USUAL = {"image": "app:1", "command": ["sleep", "3600"], "init": True}
"""The service without the property, as the tests on the real engine have it."""

KNOWN = [pytest.param(row, id=row.service) for row in ROWS if row.attribute not in REAL_ONES and row.starts]


class Stack:
    """A stack with one service, which has one property, on an engine in memory."""

    def __init__(self, row, folder):
        self.row, self.folder, self.engine = row, folder, MemoryEngine(api="1.51")
        self.engine.image("app:1")

    def declare(self, value):
        own = {} if value is None else {self.row.attribute: value}
        services = {"web": {**USUAL, **self.row.beside, **own}}
        self.document = a_stack(json.dumps({"services": services}), self.folder)

    def apply(self):
        apply(self.document, self.engine)

    def by_hand(self):
        """Let inspect show what the row says somebody does; labels of the engine's own stay."""
        (container,) = self.engine.containers.values()
        for path, value in self.row.hand.items():
            *above, last = path.split(".")
            place = dig(container, ".".join(above))
            place[last] = {**place[last], **value} if last == "Labels" else value

    def differs(self):
        """The action for the container, and the fields in which it differs but for those that follow another."""
        changes = a_reconciler(self.document, self.engine).look().plan.changes
        (change,) = [each for each in changes if each.address.kind == "docker.container"]
        fields = {field.path[0] for field in change.fields}
        return change.action, fields - FOLLOW.get(self.row.field, set())


@pytest.mark.parametrize("row", KNOWN)
def test_a_property_is_seen_and_repaired_by_the_promised_means(row, folder):
    stack = Stack(row, folder)
    nothing, promised = (Action.KEEP, set()), (row.by, {row.field})

    stack.declare(row.value)
    stack.apply()
    assert stack.differs() == nothing

    stack.declare(row.value if row.again is None else row.again)
    assert stack.differs() == nothing

    stack.declare(row.other)
    assert row.other is None or stack.differs() == promised
    stack.apply()
    assert stack.differs() == nothing

    stack.by_hand()
    assert row.other is None or stack.differs() == promised
    stack.apply()
    assert stack.differs() == nothing

    stack.declare(None)
    assert stack.differs() == ((row.removal, {row.field}) if row.removal is not Action.KEEP else nothing)
