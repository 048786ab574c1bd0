"""Each change by hand to a running stack is seen, named alone, and repaired by the promised means.

The cases are in ``tests/kit/docker/hands.py``; `make drift-matrix` prints them beside what the Compose CLI makes of
them.
"""

from __future__ import annotations

import pytest

from reconciler.core.difference.change import Action
from reconciler.core.message.errors import Refused
from tests.kit.docker import hands


@pytest.mark.sweep(every=5)
@pytest.mark.parametrize("hand", hands.HANDS, ids=lambda hand: hands.slug(hand.name))
def test_what_is_done_by_hand_is_seen_named_alone_and_repaired(project, hand):
    try:
        hands.declare(project)
        project.settle()
        other, before = project.identity("other"), project.identity()

        hand.do(project)
        differences = project.differences()

        found = {address: {field.path[0] for field in change.fields} for address, change in differences.items()}
        if hand.by is Action.DELETE:
            assert [change.action for change in differences.values()] == [Action.DELETE]
        elif not hand.refused:
            assert {address: found[address] if names else set() for address, names in hand.differs.items()} == dict(
                hand.differs
            )
            assert found.keys() == hand.differs.keys()
            assert all(differences[address].action is hand.by for address in list(hand.differs)[:1])
        if hand.refused:
            assert set(found) >= set(hand.differs)
            with pytest.raises(Refused):
                project.apply()
            assert project.differences().keys() == differences.keys()
        else:
            project.settle()
            assert hands.left(before, project.identity()) == hand.left
        assert project.identity("other") == other
    finally:
        if hand.undo:
            hand.undo(project)
        project.remove()
        hands.clean(project)
