"""The passes of the daemon that are under way, step by step, for those who watch it.

Threads that repair write here, and readers of other threads get frozen copies: neither waits for the other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from reconciler.core.execution.report import Event, What
from reconciler.core.plan.plan import Plan, Step
from reconciler.record import Struct, field, replace


class StepNow(Struct, frozen=True):
    """A step and its last event, None before it begins; ``at`` is the time of that event in seconds since 1970."""

    step: Step
    event: Event | None = None
    at: float = 0.0

    @property
    def is_going_on(self) -> bool:
        return self.event is not None and self.event.what in (What.STARTED, What.PENDING)

    @property
    def has_ended(self) -> bool:
        """Returns whether the step has come to its end, good or bad."""
        return self.event is not None and not self.is_going_on

    def seconds(self, now: float) -> float:
        """The seconds that the step has taken so far."""
        if self.event is None:
            return 0.0
        return self.event.seconds + (max(now - self.at, 0.0) if self.is_going_on else 0.0)


class PassNow(Struct, frozen=True):
    """A pass under way, with its steps in the order of the plan."""

    id: str
    why: tuple[str, ...]
    began: float
    steps: tuple[StepNow, ...]


class UnderWay(Struct):
    """The passes under way. ``version`` grows with each event."""

    wall: Callable[[], float] = time.time
    version: int = 0
    _passes: dict[str, tuple[PassNow, dict[str, StepNow]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, pass_id: str, why: tuple[str, ...], plan: Plan) -> None:
        """A pass begins with the steps of its plan, if there are any left."""
        steps = {step.id: StepNow(step) for step in plan.steps}
        if steps:
            with self._lock:
                self._passes[pass_id] = PassNow(pass_id, why, self.wall(), ()), steps
                self.version += 1

    def happened(self, pass_id: str, event: Event) -> None:
        """An event of one step; steps of a way back are not among those of the plan, and are added."""
        with self._lock:
            if pass_id in self._passes:
                self._passes[pass_id][1][event.step.id] = StepNow(event.step, event, self.wall())
                self.version += 1

    def end(self, pass_id: str) -> None:
        """A pass is over; its result is told elsewhere."""
        with self._lock:
            if self._passes.pop(pass_id, None):
                self.version += 1

    @property
    def passes(self) -> Sequence[PassNow]:
        """The passes under way, oldest first."""
        with self._lock:
            return [replace(each, steps=tuple(steps.values())) for each, steps in self._passes.values()]
