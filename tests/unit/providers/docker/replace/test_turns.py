"""The order of a roll-out follows from what steps say of themselves, not from their ids or words."""

from __future__ import annotations

from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.compare import FieldChange
from reconciler.core.difference.kind import Effect
from reconciler.core.plan.plan import Step
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Resource
from reconciler.providers.docker.replace.turns import in_turn


def replica(number: int) -> tuple[Change, tuple[Step, ...]]:
    """A replacement in three steps, whose ids and words say nothing."""
    address = Address("docker.container", (f"web-{number}",))
    desired = Resource(address, {"rollout": {"on_failure": "rollback", "parallelism": 1, "delay_s": 0.0}})
    image = FieldChange(("image",), "a", "b", Effect.REPLACE)
    back = Step(f"{number}.back", address, "container.start")
    steps = (
        Step(f"{number}.x", address, "container.create"),
        Step(f"{number}.y", address, "container.start", on_failure=(back,)),
        Step(f"{number}.z", address, "container.remove", final=True),
    )
    return Change(address, Action.REPLACE, (image,), desired=desired), steps


def test_what_the_way_back_leads_to_is_removed_once_all_are_through() -> None:
    steps = {step.id: step for step in in_turn([replica(1), replica(2)])}

    assert steps["2.x"].after == {"1.y"}
    assert [steps[name].after for name in ("1.z", "2.z")] == [{"1.y", "2.y"}] * 2
    assert [step.id for step in steps["2.y"].on_failure] == ["2.back", "1.back"]
