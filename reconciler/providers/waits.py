"""The requests that have no answer yet, of all clients, so that a person hears what the program waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Final, TypeAlias

from reconciler.record import Struct

AFTER_S: Final = 6.0
"""A server may be slow for so long before it is reported, and again after each report."""

QUICK_S: Final = 1.0
"""An answer within this time ends the slowness of a server."""

_LOOK_S: Final = 0.25


class Wait(Struct, frozen=True):
    """A request without an answer: its server, method and path, and the seconds that it has in all."""

    who: str
    asked: str
    most_s: float
    usual_s: float = 0.0
    began: float = 0.0

    def __str__(self) -> str:
        return f"waiting for {self.who}: {self.asked} has no answer after {monotonic() - self.began:.0f} s"


Tell: TypeAlias = Callable[[Wait], None]


class Waits:
    """The open requests. A thread watches them while there are any and somebody wants to hear of them."""

    def __init__(self, *, after_s: float = AFTER_S) -> None:
        self._after_s = after_s
        self._lock = threading.Lock()
        self._open: dict[int, Wait] = {}
        self._slow_since: dict[str, float] = {}
        self._tell: Tell | None = None
        self._is_watched = False
        self._count = 0

    def report_to(self, tell: Tell | None) -> None:
        """``tell`` is called from a thread of its own, for the oldest request of each server that is slow."""
        with self._lock:
            self._tell = tell
            self._slow_since.clear()

    @contextmanager
    def awaited(self, who: str, asked: str, *, most_s: float, usual_s: float = 0.0) -> Iterator[None]:
        """The block waits for an answer, which is slow only if it takes longer than ``usual_s``."""
        began = monotonic()
        with self._lock:
            self._count += 1
            number = self._count
            self._open[number] = Wait(who, asked, most_s, usual_s, began)
            # A series of slow answers is as silent as one: only a quick answer begins the count anew.
            self._slow_since.setdefault(who, began)
            starts = bool(self._tell) and not self._is_watched
            self._is_watched = self._is_watched or starts
        if starts:
            threading.Thread(target=self._watch, name="waits", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                del self._open[number]
                if monotonic() - began < QUICK_S:
                    self._slow_since.pop(who, None)

    def _watch(self) -> None:
        while True:
            sleep(_LOOK_S)
            with self._lock:
                tell = self._tell
                if tell is None or not self._open:
                    self._is_watched = False
                    return
                due = self._due(monotonic())
            for each in due:
                tell(each)

    def _due(self, now: float) -> list[Wait]:
        """The oldest request of each server that was slow for long enough; it is due again as much later."""
        oldest = {each.who: each for each in reversed(self._open.values())}
        due = [each for each in oldest.values() if now >= self._due_at(each)]
        self._slow_since |= {each.who: now for each in due}
        return due

    def _due_at(self, wait: Wait) -> float:
        silent_since = self._slow_since.setdefault(wait.who, wait.began)
        overdue_since = wait.began + wait.usual_s if wait.usual_s else silent_since
        # A request that is younger may be one of the quick ones that end the slowness.
        return max(max(silent_since, overdue_since) + self._after_s, wait.began + QUICK_S)


WAITS: Final = Waits()
"""The waits of this program."""
