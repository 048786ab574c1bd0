"""The one daemon of several that acts on a project: it holds a lease, and the others stand by until that is over.

A standby leaves a mark of its own. Without one, nobody watches the age of the leader's mark, and renewing it would cost
requests for nothing; so the leader follows the events of marks instead.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from reconciler.core.message.errors import Locked, ProviderError, ReconcileError
from reconciler.core.provider import LeaseEventSource, LeaseStore
from reconciler.run.clock import Clock
from reconciler.run.lock.lock import LEAD, STANDBY, Lease, Lock, Renewal, State, Terms, holders, uptime
from reconciler.run.lock.owner import Owner

TRY_AGAIN_S: Final = 2.0
CHECK_S: Final = 0.5
TRUST_S: Final = 300.0
"""However quiet the events are, the marks are read after so long."""


def leader_left(store: LeaseStore, project: str) -> str:
    """Removes the leases of daemons that are gone; returns a description of one that may still act, "" without one."""
    found = {terms: holders(store, project, terms) for terms in (LEAD, STANDBY)}
    for holder in (*found[LEAD], *found[STANDBY]):
        if holder.state is State.OVER:
            store.drop_lease(holder.name)
    return next((str(holder) for holder in found[LEAD] if holder.state is not State.OVER), "")


class Leadership:
    """The lease of a daemon, got and kept by a thread of its own; ``on_change`` is called when it is won or lost.

    ``leader`` describes the one that acts while this one stands by, "" where that is not known; ``why`` is then the
    reason why nobody can have the lease.
    """

    def __init__(
        self,
        store: LeaseStore,
        project: str,
        clock: Clock,
        on_change: Callable[[], None],
        *,
        release_s: float,
        terms: Terms = LEAD,
    ) -> None:
        self.is_held = False
        self.leader = self.why = ""
        self._store, self._project, self._on_change, self._release_s = store, project, on_change, release_s
        self._over, self._decided = threading.Event(), threading.Event()
        self._watchers = Watchers(store, project, clock, self._over)
        self._lock = Lock(clock, release_s=release_s, terms=terms, is_watched=self._watchers)
        self._standby: tuple[Lease, Renewal] | None = None
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
                self._stand_by()
            except ReconcileError as error:  # the engine is away: nobody can take the lease
                self._changed(why=str(error))
            # Also after a lease: one that is lost at once is not asked for without a pause.
            self._over.wait(TRY_AGAIN_S)
        self._stand_up()

    def _hold(self) -> None:
        """Hold the lease until the end, or until it is lost. Raises Locked where another daemon has it."""
        with self._lock.held(self._store, self._project, "daemon") as lease, self._watchers.of(lease):
            self._changed(is_held=True)
            self._stand_up()
            while not lease.is_lost and lease.is_young and not self._over.wait(CHECK_S):
                pass
            self._changed(why="it was lost")

    def _stand_by(self) -> None:
        """Leave a mark that the leader sees."""
        if self._standby:
            return
        lease = Lease(self._store, self._project, Owner.me("daemon"), uptime, STANDBY)
        with suppress(ProviderError):
            lease.claim()
            self._standby = lease, Renewal(lease)
            self._standby[1].start()

    def _stand_up(self) -> None:
        """Take that mark away."""
        if self._standby:
            lease, renewal = self._standby
            renewal.end(self._release_s / 2)
            lease.release()
            self._standby = None

    def _changed(self, *, is_held: bool = False, leader: str = "", why: str = "") -> None:
        # Without a lease the first reason stays: the next one is a consequence, such as an engine that is still away.
        if (is_held, leader, bool(why)) != (self.is_held, self.leader, bool(self.why)):
            self.is_held, self.leader, self.why = is_held, leader, why
            self._decided.set()
            self._on_change()


class Watchers:
    """The daemons that stand by, as far as the leader knows: calling it returns whether there may be one.

    Events of marks tell when one comes. Where the store has no events, or they are cut off, there may always be one.
    """

    def __init__(self, store: LeaseStore, project: str, clock: Clock, over: threading.Event) -> None:
        self._store, self._project, self._clock, self._over = store, project, clock, over
        self._marks = Lock(clock, terms=STANDBY)
        self._is_begun = self._is_followed = self._is_awaited = False
        self._read_at = 0.0
        self._lease: Lease | None = None

    def __call__(self) -> bool:
        # Without events nobody can tell that somebody has come, so the lease is always renewed as if watched.
        if not self._is_followed:
            return True
        if self._is_awaited or self._clock.now() - self._read_at > TRUST_S:
            self._is_awaited = bool(self._marks.others(self._store, self._project))
            self._read_at = self._clock.now()
        return self._is_awaited

    @contextmanager
    def of(self, lease: Lease) -> Iterator[None]:
        """Have those who stand by served from this lease."""
        self._lease = lease
        # Begun with the first lease, since only the one that leads serves the others.
        if isinstance(self._store, LeaseEventSource) and not self._is_begun:
            self._is_begun = True
            threading.Thread(target=self._follow, args=(self._store,), name="lease events", daemon=True).start()
        try:
            yield
        finally:
            self._lease = None

    def _follow(self, store: LeaseEventSource) -> None:
        while not self._over.is_set():
            with suppress(ReconcileError), store.lease_events() as events:
                self._is_followed = self._is_awaited = True  # who came before is found by the next call
                for name, is_gone in events:
                    self._happened(name, is_gone=is_gone)
            self._is_followed = False
            self._over.wait(TRY_AGAIN_S)

    def _happened(self, name: str, *, is_gone: bool) -> None:
        """Renew the mark for somebody who has just come; look for it at once where it was taken away."""
        lease, has_come = self._lease, name.startswith(STANDBY.prefix(self._project)) and not is_gone
        self._is_awaited = self._is_awaited or has_come
        if lease and (has_come or (is_gone and name == lease.name)):
            with suppress(ProviderError):
                lease.renew()
