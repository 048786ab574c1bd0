"""A readers-writer lock: renames exclude each other and every other call to the engine.

A container that runs is renamed in its networks as well. An engine (20.10) that connects or disconnects another one
meanwhile loses count, and keeps the network for ever: "has active endpoints".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Together:
    """Many at once, or one alone. Safe to use from several threads."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._at_work = 0

    @contextmanager
    def with_others(self) -> Iterator[None]:
        """Beside others; waits while somebody is alone."""
        with self._changed:
            self._at_work += 1
        try:
            yield
        finally:
            with self._changed:
                self._at_work -= 1
                # Whoever waits to be alone may be next.
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Waits until nobody is at work, and lets nobody begin."""
        with self._changed:
            self._changed.wait_for(lambda: not self._at_work)
            yield
