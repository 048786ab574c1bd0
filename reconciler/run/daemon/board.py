"""The board: the daemon's loop writes on it what it found, and whoever watches the daemon reads it.

The loop publishes one frozen scene after each look, and each fact once. Readers are other threads: they never wait for
the loop, and the loop never waits for them.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from reconciler.core.difference.change import Change
from reconciler.core.execution.report import Standing
from reconciler.core.execution.report import State as Condition
from reconciler.core.history.facts import Ailment, Fact, Repair, State
from reconciler.core.provider import Hint
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Resource
from reconciler.record import Struct, field
from reconciler.run.daemon.pauses import Pauses, pause_for
from reconciler.run.daemon.under_way import UnderWay
from reconciler.run.reconciliation.once import Look
from reconciler.run.session.session import Session

MOST_FACTS: Final = 1_000
LEAST_PATIENCE_S: Final = 120.0
APPROVED_S: Final = 3_600.0
"""An approval that could not be carried out for so long is over."""

NONE: Final[frozenset[Address]] = frozenset()
TIMES_AS_LONG: Final = 4.0
"""A loop that has not come round for so many intervals hangs."""


class Scene(Struct, frozen=True):
    """The project as the daemon's last look found it. Times are in seconds since 1970.

    ``since`` has for each resource when it came into its present state, as far as this process has seen it.
    ``troubled_since`` has the same for each trouble. ``failures`` counts failed repairs in a row.
    """

    number: int
    at: float
    session: Session
    look: Look
    state: State
    desired: Sequence[Resource]
    since: Mapping[Address, float]
    troubled_since: Mapping[tuple[Ailment, str], float]
    failures: Mapping[str, int]

    @property
    def project(self) -> str:
        return self.session.document.project


class Approval(Struct, frozen=True):
    """A person's approval of one change that the policy holds back, until a time in seconds since 1970."""

    change: Change
    owner: str
    until: float

    def is_of(self, change: Change) -> bool:
        """Returns whether this is the change that was approved: the same action, from the same values to the same."""
        return _deed(change) == _deed(self.change)


def _deed(change: Change) -> tuple[object, ...]:
    live = change.observed.id if change.observed else ""
    return change.action, live, change.fields


class Noted(Struct, frozen=True):
    """A fact with its number and its time."""

    number: int
    at: float
    fact: Fact


class Board(Struct):
    """The last scene, the facts since the start, and the way to ask for a look.

    ``ask`` hands a hint to the loop, and ``shared`` is the lock under which it repairs. ``interval_s`` is the time
    between its looks. A daemon that does not lead stands by for its ``leader``, and looks at nothing.
    """

    interval_s: float = 30.0
    heals: bool = True
    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    ask: Callable[[Hint], None] = lambda _hint: None
    shared: Callable[[], AbstractContextManager[object]] = nullcontext
    scene: Scene | None = None
    error: str = ""
    pauses: Pauses = field(default_factory=Pauses)
    approvals: dict[Address, Approval] = field(default_factory=dict)
    under_way: UnderWay = field(default_factory=UnderWay)
    leads: bool = True
    leader: str = ""
    revision: str = ""
    began: float = 0.0
    version: int = 0
    _beat: float = 0.0
    _facts: deque[Noted] = field(default_factory=lambda: deque(maxlen=MOST_FACTS))
    _failures: dict[str, int] = field(default_factory=dict)
    _drifted_s: dict[Address, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.began = self.wall()
        self.beat()

    # -------------------------------------------------------------- the loop's side

    def beat(self) -> None:
        """The loop comes round."""
        self._beat = self.monotonic()

    def __call__(self, fact: Fact) -> None:
        """Take a fact."""
        with self._lock:
            if isinstance(fact, Repair):
                self._count(fact)
            self.version += 1
            self._facts.append(Noted(self.version, self.wall(), fact))

    def show(
        self,
        session: Session,
        look: Look,
        state: State,
        desired: Sequence[Resource],
        lasting: Mapping[tuple[Ailment, str], float],
    ) -> None:
        """Publish a look. ``lasting`` has the seconds for which each trouble has been there."""
        now = self.wall()
        since = self._since(state.standings, now)
        began = {key: now - seconds for key, seconds in lasting.items()}
        number = self.scene.number + 1 if self.scene else 1
        with self._lock:
            self.error = ""
            self.version += 1
            self.scene = Scene(
                number, now, session, look, state, tuple(desired), since, began, self._failing(state.standings)
            )

    def paused(self, addresses: Iterable[Address]) -> frozenset[Address]:
        """The resources among these that are left alone now."""
        active = self.pauses.active(self.wall())
        return frozenset(each for each in addresses if pause_for(active, each)) if active else NONE

    def pause_of(self, address: Address) -> str:
        """The pause of a resource in words, "" if it is not paused."""
        pause = pause_for(self.pauses.active(self.wall()), address)
        return f"paused by {pause.owner}: {pause.reason}" if pause else ""

    def approve(self, changes: Iterable[Change], owner: str) -> None:
        """Have the daemon carry out these changes once, although its policy holds them back."""
        until = self.wall() + APPROVED_S
        with self._lock:
            self.approvals |= {each.address: Approval(each, owner, until) for each in changes}

    def is_approved(self, change: Change) -> bool:
        """Returns whether a person has approved this very change, and not too long ago."""
        found = self.approvals.get(change.address)
        return bool(found and self.wall() < found.until and found.is_of(change))

    def carried_out(self, addresses: Iterable[Address]) -> None:
        """Forget the approvals of what is as declared now: the next difference is another one."""
        with self._lock:
            for address in addresses:
                self.approvals.pop(address, None)

    def failed(self, error: str) -> None:
        """A look failed as a whole; the last scene stays."""
        with self._lock:
            self.error = error
            self.version += 1

    # -------------------------------------------------------------- the readers' side

    def facts(self, after: int = 0) -> Sequence[Noted]:
        """The facts after a number, oldest first."""
        with self._lock:
            return [each for each in self._facts if each.number > after]

    @property
    def is_alive(self) -> bool:
        """Returns whether the loop comes round. No server that is away has a say in this."""
        return self.monotonic() - self._beat < max(LEAST_PATIENCE_S, TIMES_AS_LONG * self.interval_s)

    @property
    def drifted_s(self) -> Mapping[Address, float]:
        """The seconds that each resource of the project was not as declared, since the start."""
        return dict(self._drifted_s)

    # -------------------------------------------------------------- underneath

    def _count(self, repair: Repair) -> None:
        subject = str(repair.change.address)
        if repair.error:
            self._failures[subject] = repair.failures
        else:
            self._failures.pop(subject, None)

    def _failing(self, standings: Collection[Standing]) -> Mapping[str, int]:
        """The failed repairs in a row of what is still not as declared."""
        wrong = {str(each.address) for each in standings if each.state is not Condition.IN_SYNC}
        self._failures = {subject: count for subject, count in self._failures.items() if subject in wrong}
        return dict(self._failures)

    def _since(self, standings: Collection[Standing], now: float) -> Mapping[Address, float]:
        before = {each.address: each.state for each in self.scene.state.standings} if self.scene else {}
        known = self.scene.since if self.scene else {}
        passed_s = now - self.scene.at if self.scene else 0.0
        # The time between two looks counts as drift if the earlier one showed it.
        self._drifted_s = {
            each.address: self._drifted_s.get(each.address, 0.0)
            + (passed_s if before.get(each.address, Condition.IN_SYNC) is not Condition.IN_SYNC else 0.0)
            for each in standings
        }
        return {
            each.address: known[each.address] if before.get(each.address) is each.state else now for each in standings
        }
