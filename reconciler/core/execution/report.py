"""The facts of an execution, and all of them folded: what was done, what failed, what was left."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final

from reconciler.core.difference.change import Action, Change, differences
from reconciler.core.message.errors import ReconcileError
from reconciler.core.message.wording import listed
from reconciler.core.plan.plan import Step
from reconciler.core.resource.address import Address
from reconciler.core.resource.amount import Amount
from reconciler.core.resource.resource import Health
from reconciler.record import Struct, replace


class What(Enum):
    """The kind of event of a step."""

    STARTED = "started"
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    BLOCKED = "blocked"
    ROLLED_BACK = "rolled back"
    NOT_STARTED = "not started"
    INTERRUPTED = "interrupted"


ENDS: Final = frozenset({What.DONE, What.FAILED, What.BLOCKED, What.NOT_STARTED, What.INTERRUPTED})
"""The events after which nothing more happens to a step, but for its way back."""


class Event(Struct, frozen=True):
    """One fact about one step; ``seconds`` since the step began, ``error`` where it failed, ``amount`` so
    far.

    During the last ``watched_s`` the step had had its effect, and was only watched.
    """

    step: Step
    what: What
    note: str = ""
    seconds: float = 0.0
    error: ReconcileError | None = None
    watched_s: float = 0.0
    amount: Amount | None = None

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The resources that the step is about."""
        return (self.step.address, *self.step.covers)


class Report(Struct, frozen=True):
    """All events of one or more passes."""

    events: tuple[Event, ...] = ()

    def __add__(self, events: Iterable[Event]) -> Report:
        return Report((*self.events, *events))

    def of(self, what: What) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.what is what)

    @property
    def failed(self) -> tuple[Event, ...]:
        return self.of(What.FAILED)

    @property
    def unfinished(self) -> frozenset[Address]:
        """The resources of which some step did not come to its end."""
        done = (What.STARTED, What.PENDING, What.DONE)
        return frozenset(address for event in self.events if event.what not in done for address in event.addresses)

    @property
    def rolled_back(self) -> bool:
        """Every failure was a replacement whose predecessor serves again."""
        back = {event.step.id for event in self.of(What.ROLLED_BACK)}
        return bool(self.failed) and all(event.step.id in back for event in self.failed)


class State(Enum):
    """The state of a resource."""

    IN_SYNC = "in sync"
    DRIFTED = "drifted"
    DEGRADED = "degraded"
    MISSING = "missing"
    UNKNOWN = "unknown"
    BLOCKED = "blocked"
    PAUSED = "paused"
    UNDECLARED = "undeclared"


TROUBLED: Final = frozenset({State.DRIFTED, State.DEGRADED, State.MISSING, State.UNKNOWN, State.BLOCKED})
"""States that nobody has asked for: neither paused nor left alone as undeclared."""


class Standing(Struct, frozen=True):
    """The state of one resource, and a few words about it."""

    address: Address
    state: State
    note: str = ""
    id: str = ""


def standing(change: Change) -> Standing:
    """The state of a resource, from its planned action and its health; what differs and is left alone is paused."""
    found = _standing(change)
    if not change.left:
        return found
    state = State.PAUSED if change.is_left else found.state
    # What it would be without the pause stays in the note, so that a pause hides nothing.
    was = found.note if found.note or not change.is_left else found.state.value
    return replace(found, state=state, note="; ".join(filter(None, (was, change.left))))


def _standing(change: Change) -> Standing:
    live = change.observed
    status = live.status if live else None
    identity = live.id if live else ""
    # From the strongest statement to the weakest: an unread resource has no status either, and yet is not missing.
    if change.desired is None:
        return Standing(change.address, State.UNDECLARED, change.reason, identity)
    if change.unread:
        return Standing(change.address, State.UNKNOWN, f"can't be read: {change.unread}", identity)
    if change.action is Action.DEFERRED:
        return Standing(change.address, State.BLOCKED, f"waits for {listed(change.waits_for)}", identity)
    if status is None:
        return Standing(change.address, State.MISSING)
    if change.action is not Action.KEEP:
        return Standing(change.address, State.DRIFTED, differences(change), identity)
    state = State.DEGRADED if status.health is Health.FAILED else State.IN_SYNC
    return Standing(change.address, state, status.note, identity)
