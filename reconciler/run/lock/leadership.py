"""The one daemon of several that acts on a project: it holds a lease, and the others stand by until that is over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from reconciler.core.message.errors import Locked, ReconcileError
from reconciler.core.provider import LeaseStore
from reconciler.run.clock import Clock
from reconciler.run.lock.lock import LEAD, Lock

TRY_AGAIN_S: Final = 2.0
CHECK_S: Final = 0.5


class Leadership:
    """The lease of a daemon, got and kept by a thread of its own; ``on_change`` is called when it is won or lost.

    ``leader`` describes the one that acts while this one stands by, "" where that is not known.
    """

    def __init__(
        self, store: LeaseStore, project: str, clock: Clock, on_change: Callable[[], None], *, release_s: float
    ) -> None:
        self.is_held = False
        self.leader = ""
        self._store, self._project, self._on_change, self._release_s = store, project, on_change, release_s
        self._lock = Lock(clock, release_s=release_s, terms=LEAD)
        self._over, self._decided = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="leadership", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def wait(self, at_most_s: float) -> None:
        """Wait until it is known who leads."""
        self._decided.wait(at_most_s)

    def end(self) -> None:
        """Give the lease back, as far as that is possible soon."""
        self._over.set()
        self._thread.join(2 * self._release_s)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._hold()
            except Locked as error:
                self._changed(leader=error.owner)
            except ReconcileError:  # the engine is away: nobody can take the lease, and a look reports it
                self._changed()
            self._over.wait(TRY_AGAIN_S)

    def _hold(self) -> None:
        """Hold the lease until the end, or until it is lost. Raises Locked where another daemon has it."""
        with self._lock.held(self._store, self._project, "daemon") as lease:
            self._changed(is_held=True)
            while not lease.is_lost and lease.is_young and not self._over.wait(CHECK_S):
                pass
            self._changed()

    def _changed(self, *, is_held: bool = False, leader: str = "") -> None:
        if (is_held, leader) != (self.is_held, self.leader):
            self.is_held, self.leader = is_held, leader
            self._decided.set()
            self._on_change()
