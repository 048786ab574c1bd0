"""A clock that a test can turn."""

from __future__ import annotations


class TurnedClock:
    """Time passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += max(seconds, 0.0)
