"""The longest outage that a plan costs: of which resource, by which means, and how long it was the last time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from reconciler.core.difference.kind import Effect
from reconciler.core.plan.plan import Plan
from reconciler.core.resource.address import Address
from reconciler.record import Struct

Measured: TypeAlias = Mapping[tuple[str, str], float]
"""The seconds without service that a change took the last time, by its address and disruption."""

NOTHING_MEASURED: Final[Measured] = MappingProxyType({})

DISRUPTIONS: Final[Mapping[Effect, str]] = {
    Effect.NOTE: "none",
    Effect.START: "none",
    Effect.RUN: "none",
    Effect.LIVE: "none",
    Effect.RECONNECT: "reconnect",
    Effect.RESTART: "restart",
    Effect.HANDOVER: "reconnect",
    Effect.REPLACE: "replace",
    Effect.DATA_LOSS: "data-loss",
    Effect.FIXED: "none",
}
_OUTAGES: Final[Mapping[Effect, str]] = {
    Effect.RECONNECT: "while it is reconnected",
    Effect.RESTART: "while it restarts",
    Effect.REPLACE: "until the new one is ready",
    Effect.DATA_LOSS: "until the new one is ready",
}
"""Effects that end the service of a resource for a while."""


class Outage(Struct, frozen=True):
    """The outage of one change; ``seconds`` are those of the last time, where that is known.

    One that ``is_stopped`` is so before the first change of the plan, until it is changed itself.
    """

    address: Address
    effect: Effect
    seconds: float | None = None
    is_stopped: bool = False

    def __str__(self) -> str:
        if self.is_stopped:
            return f"{self.address}, stopped before the first change and until its own"
        if self.seconds is None:
            return f"{self.address}, {_OUTAGES[self.effect]}"
        return f"{self.address}, about {self.seconds:.1f} s, as the last time"


def longest_outage(
    plan: Plan, measured: Measured = NOTHING_MEASURED, *, stopped: Sequence[Address] = ()
) -> Outage | None:
    """The outage by the most disruptive means, and of equal ones the longest; None where nothing stops serving.

    What is ``stopped`` before the plan begins is out for longer than each change takes, the first of them for longest.
    """
    if stopped:
        # The time of an earlier change is that of its own steps, without the changes before them.
        return Outage(stopped[0], Effect.RESTART, is_stopped=True)
    found = [
        Outage(change.address, change.effect, measured.get((str(change.address), DISRUPTIONS[change.effect])))
        for change in plan.changes
        if change.acts and change.desired and change.observed and change.effect in _OUTAGES
    ]
    return max(found, key=lambda each: (each.effect, each.seconds or 0.0), default=None)


def outage_words(plan: Plan, measured: Measured = NOTHING_MEASURED, *, stopped: Sequence[Address] = ()) -> str:
    """The longest outage in words; empty for a plan that changes nothing which serves."""
    if found := longest_outage(plan, measured, stopped=stopped):
        return f"longest outage: {found}"
    if plan.unread:
        return ""  # their changes may cost one
    is_change = any(change.acts and change.desired and change.observed for change in plan.changes)
    return "no outage" if is_change else ""
