"""The progress of one change by the events of its steps: its result, its time, and how long nothing served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.core.execution.report import Event, What
from reconciler.record import Struct

BEGUN: Final = "begun"
_LEFT: Final[Mapping[What, str]] = {
    What.BLOCKED: "skipped",
    What.NOT_STARTED: "not started",
    What.INTERRUPTED: "interrupted",
}
"""The result of a change of which some step was not done, unless another one failed."""


class Progress(Struct):
    """The progress of one change: the steps ``left``, and the time in which nothing served.

    ``down_since`` is set from the beginning where the resource did not serve before the first step. ``outage_s`` is
    None where nothing is known to have been out of service.
    """

    left: int
    down_since: float | None = None
    result: str = BEGUN
    note: str = ""
    seconds: float = 0.0
    outage_s: float | None = None
    served: bool = False
    has_begun: bool = False

    def happened(self, event: Event, now: float) -> None:
        """Fold an event of one of its steps."""
        self.has_begun = self.has_begun or event.what in (What.STARTED, What.DONE, What.FAILED, What.INTERRUPTED)
        match event.what:
            # The outage begins with the first step that stops the service, not with each of them.
            case What.STARTED if event.step.serves is False and not self.served:
                self.down_since = now if self.down_since is None else self.down_since
            case What.DONE:
                self.left -= 1
                self.seconds += event.seconds
                self.result = "done" if not self.left and self.result == BEGUN else self.result
                if event.step.serves:
                    # A watched service has served since the beginning of the watch.
                    self._serves(now - event.watched_s)
            case What.FAILED:
                self.seconds += event.seconds
                self.result, self.note = "failed", event.note
            case What.ROLLED_BACK:
                self.result = "rolled back"
                self._serves(now)
            case What.NOT_STARTED if self.result == BEGUN and self.has_begun:
                self.result, self.note = _LEFT[What.INTERRUPTED], event.note
            case What.BLOCKED | What.NOT_STARTED | What.INTERRUPTED if self.result == BEGUN:
                self.result, self.note = _LEFT[event.what], event.note
            case _:
                pass

    @property
    def ended(self) -> str:
        """The result once its pass is over."""
        if self.result != BEGUN:
            return self.result
        # A server makes or deletes it along with another, without a step of its own.
        if self.left:
            return _LEFT[What.INTERRUPTED if self.has_begun else What.NOT_STARTED]
        return "done"

    def _serves(self, now: float) -> None:
        if self.down_since is not None:
            self.outage_s = round((self.outage_s or 0.0) + max(0.0, now - self.down_since), 3)
            self.down_since = None
        self.served = True
