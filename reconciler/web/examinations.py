"""The doctor's examinations: one at a time, in a thread of its own, and the last one for all to see."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from reconciler.record import Struct, field
from reconciler.run.commands.doctor import Examination


class Examined(Struct, frozen=True):
    """An examination that has ended, with times in seconds since 1970; ``error`` says why there is no result."""

    by: str
    began: float
    ended: float
    result: Examination | None
    error: str = ""


class Examinations(Struct):
    """The examinations of one project. ``version`` grows when one begins or ends."""

    examine: Callable[[], Examination]
    wall: Callable[[], float] = time.time
    last: Examined | None = None
    begun: tuple[str, float] | None = None
    """The person who began the one under way, and when."""

    version: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, by: str, recorded: Callable[[], AbstractContextManager[object]]) -> bool:
        """Begin one within a record of it; returns False if one is under way."""
        with self._lock:
            if self.begun:
                return False
            self.begun = by, self.wall()
            self.version += 1
        scope = ExitStack()
        try:
            scope.enter_context(recorded())
        except BaseException:
            # A record that can't be written ends the request, and must not leave "under way" for ever.
            self.begun = None
            raise
        threading.Thread(target=self._carry_out, args=(by, self.begun[1], scope), name="doctor", daemon=True).start()
        return True

    def _carry_out(self, by: str, began: float, scope: ExitStack) -> None:
        result, error = None, ""
        try:
            with scope:
                result = self.examine()
        except Exception as fault:  # noqa: BLE001 (whoever waits for the result has to learn why there is none)
            error = str(fault) or type(fault).__name__
        with self._lock:
            self.last, self.begun = Examined(by, began, self.wall(), result, error), None
            self.version += 1
