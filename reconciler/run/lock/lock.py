"""Two runs never act on one project at once.

Each run that wants to act leaves a mark of its own in the engine, under a name that nobody else uses, then looks which
others there are: it goes on only if a look shows its own mark and no other. A run renews its mark by a younger one
under another name, and stops acting once it can't. So a mark that we have seen under one name for longer than the
lease, by our own clock, is over, whatever any other clock says. docs/decisions/0004-lock.md has the reasons.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Final

from reconciler.core.message.errors import Locked, LockLost, ProviderError
from reconciler.core.provider import LeaseStore
from reconciler.record import Struct
from reconciler.run.clock import Clock
from reconciler.run.lock.owner import FORMAT, PREFIX, MalformedMark, Owner

LEASE_S: Final = 120.0
"""A mark that was watched unchanged for so long is over."""

HELD_S: Final = 90.0
"""A run that could not renew its mark for so long does nothing more; less than the lease, for steps under way."""

RENEWAL_S: Final = 30.0

BEAT_S: Final = 0.25
"""How often a run notes that it is alive."""

GAP_S: Final = 1.0
"""A process that noted nothing for so long may have been stopped, and may have lost its lock meanwhile."""

CONFIRMED_S: Final = 10.0
"""So long after the last look at its mark a run relies on it; a change after that asks for a look."""


class Terms(Struct, frozen=True):
    """The name and the times of a kind of lock: see the constants that are the usual ones."""

    name: str = "lock"
    lease_s: float = LEASE_S
    held_s: float = HELD_S
    renewal_s: float = RENEWAL_S
    beat_s: float = BEAT_S

    def prefix(self, project: str) -> str:
        """The beginning of the names of all marks."""
        return f"reconcile-{self.name}-{project}-"


WORK: Final = Terms()
"""The lock of a run that acts."""

LEAD: Final = Terms("daemon", lease_s=12.0, held_s=9.0, renewal_s=4.0, beat_s=4.0)
"""The lock of the daemon that acts; another one stands by, and takes over soon. Each repair takes the lock of work."""

STANDBY: Final = Terms("standby", beat_s=RENEWAL_S)
"""The mark of a daemon that stands by: only while there is one does the leader renew its own mark."""

LOOK_AGAIN_S: Final = 1.0
_TRIES_TO_RELEASE: Final = 2
RELEASE_S: Final = 60.0
"""The time for giving the lock back; an engine that hangs is not waited for any longer."""


class State(Enum):
    """The observed state of a mark."""

    HELD = "may still be at work"
    OVER = "is gone"
    MALFORMED = "was left by no run"
    FOREIGN = "is of another version of reconcile"


class Holder(Struct, frozen=True):
    """A mark that somebody left, a ``noun`` of the place where it is.

    ``owner`` is None where the mark can't be read, and ``problem`` says why.
    """

    noun: str
    name: str
    state: State
    owner: Owner | None = None
    problem: str = ""

    def __str__(self) -> str:
        return str(self.owner) if self.owner else f"{self.noun} {self.name} ({self.problem})"


def holders(store: LeaseStore, project: str, terms: Terms = WORK) -> list[Holder]:
    """All marks there are on a project. An object with another name is none, whatever its labels say."""
    return _holders_among(store.leases(), store.lease_noun, terms.prefix(project))


def _holders_among(marks: Mapping[str, Mapping[str, str]], noun: str, prefix: str) -> list[Holder]:
    return [_holder(noun, name, mark) for name, mark in marks.items() if name.startswith(prefix)]


def other_names(store: LeaseStore, project: str) -> list[str]:
    """Lists objects that carry the label of a mark of the project but have another name."""
    prefixes = tuple(terms.prefix(project) for terms in (WORK, LEAD, STANDBY))
    return [name for name in store.leases() if not name.startswith(prefixes)]


def _holder(noun: str, name: str, mark: Mapping[str, str]) -> Holder:
    written = mark.get(f"{PREFIX}format", "")
    # An unknown format can't be judged: neither its owner nor its age is where we would look.
    if written not in ("", FORMAT):
        return Holder(noun, name, State.FOREIGN, problem="its format is one of another version of reconcile")
    try:
        owner = Owner.of(mark)
    except MalformedMark as error:
        return Holder(noun, name, State.MALFORMED, problem=str(error))
    return Holder(noun, name, State.OVER if owner.is_dead() else State.HELD, owner)


def uptime() -> float:
    """Seconds of a clock that goes on while the machine sleeps, where there is one: others do not wait meanwhile."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _say_nothing(_message: str) -> None:
    pass


def _always() -> bool:
    return True


class Lock:
    """The lock of a project, for one process: holds it, and remembers how long it has watched the marks of others.

    ``warn`` gets a message where the lock could not be given back, within ``release_s``. ``uptime`` counts the age of
    our own mark, which is renewed while ``is_watched`` returns True.
    """

    def __init__(
        self,
        clock: Clock,
        warn: Callable[[str], None] = _say_nothing,
        uptime: Callable[[], float] = uptime,
        *,
        release_s: float = RELEASE_S,
        terms: Terms = WORK,
        is_watched: Callable[[], bool] = _always,
    ) -> None:
        self._terms, self._is_watched = terms, is_watched
        self._clock, self._warn, self._uptime, self._release_s = clock, warn, uptime, release_s
        self._first_seen: dict[str, float] = {}
        self._left_behind: set[str] = set()
        self._lease: Lease | None = None

    @contextmanager
    def held(self, store: LeaseStore, project: str, what: str, *, wait_s: float = 0.0) -> Iterator[Lease]:
        """Hold the lock. Raises Locked when somebody else still has it after ``wait_s`` seconds."""
        lease = self._acquired(store, project, what, wait_s)
        renewal = Renewal(lease, self._is_watched)
        renewal.start()
        self._lease = lease
        try:
            yield lease
        finally:
            # Before the release, so that no step begins under a lock that is going.
            self._lease = None
            renewal.end(self._release_s / 2)
            self._release(lease)

    def require_held(self) -> None:
        """Returns if the lock is held, or none was ever asked for. Raises LockLost where it was lost meanwhile."""
        if self._lease:
            self._lease.require_held()

    def require_held_after_failure(self) -> None:
        """The same by a look of its own: what fails unexpectedly may be the work of a run that has the lock now."""
        lease = self._lease
        if lease:
            # Without an answer the failure itself is reported.
            with suppress(ProviderError):
                lease.verify()
            if lease.is_lost:
                lease.require_held()

    def _acquired(self, store: LeaseStore, project: str, what: str, wait_s: float) -> Lease:
        deadline = self._clock.now() + wait_s
        tries = 5  # of those who come at the same moment, one soon comes alone
        while True:
            others = self.others(store, project)
            lease = Lease(store, project, Owner.me(what), self._uptime, self._terms)
            if not others:
                others = self._claimed_against(store, project, lease)
            if not others:
                return lease
            tries -= 1
            if self._clock.now() >= deadline and tries <= 0:
                raise Locked(_locked(project, others[0]), str(others[0]))
            # A mark that is over takes two looks to go, which together last less than a second.
            self._clock.sleep(LOOK_AGAIN_S * random.uniform(0.1, 0.3 if tries > 0 else 0.45))  # noqa: S311 (no secret)

    def _claimed_against(self, store: LeaseStore, project: str, lease: Lease) -> list[Holder]:
        """Leave our mark, and return who else is there: nobody, if the lock is ours now."""
        try:
            # Our mark first, then the look: of two runs at the same moment at least one sees the other.
            lease.claim()
            others = self.others(store, project, lease.name)
        except BaseException:
            self._left_behind |= lease.release()
            raise
        # Both may see each other and both let go; the next tries come at random times.
        if others:
            self._left_behind |= lease.release()
        return others

    def others(self, store: LeaseStore, project: str, own: str = "") -> list[Holder]:
        """The marks of others. What is over is removed, and counts until a look no longer shows it: its run may have
        renewed it just before."""
        found = [self._watched(holder) for holder in holders(store, project, self._terms)]
        self._forget_all_but(found)
        for holder in found:
            # Removed, and still counted: the next look shows whether it was renewed meanwhile.
            if holder.state is State.OVER:
                store.drop_lease(holder.name)
        if own and own not in {holder.name for holder in found}:
            return [Holder(store.lease_noun, own, State.FOREIGN, problem="our own mark, which somebody removed")]
        return [holder for holder in found if holder.name != own]

    def _watched(self, holder: Holder) -> Holder:
        """The holder, over if it has had this very mark for longer than a living run keeps one."""
        began = self._first_seen.setdefault(holder.name, self._clock.now())
        stale = holder.state is State.HELD and self._clock.now() - began > self._terms.lease_s
        # Its run may be on a machine that can't be asked; a mark that stays the same for so long has nobody behind it.
        if stale or holder.name in self._left_behind:
            return Holder(holder.noun, holder.name, State.OVER, holder.owner)
        return holder

    def _forget_all_but(self, found: list[Holder]) -> None:
        names = {holder.name for holder in found}
        self._first_seen = {name: began for name, began in self._first_seen.items() if name in names}
        self._left_behind &= names

    def _release(self, lease: Lease) -> None:
        # In a thread, as an engine that hangs must not keep the process from ending.
        releasing = threading.Thread(target=lease.release, name="lock release", daemon=True)
        releasing.start()
        releasing.join(self._release_s)
        left = lease.names
        self._left_behind |= left
        if left:
            self._warn(
                f"the lock of project {lease.project} could not be given back: {lease.noun} {', '.join(sorted(left))} "
                "is left; the next run that changes something removes it, or `reconcile unlock` does"
            )


def _locked(project: str, other: Holder) -> str:
    match other.state:
        case State.MALFORMED:
            return (
                f"project {project} has a mark of a lock that can't be read: {other}; remove it with `reconcile unlock`"
            )
        case State.FOREIGN:
            return f"project {project} is locked: {other}; wait, or break its lock with `reconcile unlock --yes`"
    return (
        f"another run is at work on project {project}: {other}; wait for it to end, or break its lock with "
        "`reconcile unlock`. If it is gone, that shows after two minutes (`apply --lock-wait 150`)"
    )


class Lease:
    """Our own mark in the engine, and how long it may be relied on. Safe to use from several threads."""

    def __init__(
        self, store: LeaseStore, project: str, owner: Owner, uptime: Callable[[], float], terms: Terms = WORK
    ) -> None:
        self.terms = terms
        self.project = project
        self.name = ""
        self.noun = store.lease_noun
        self.is_lost = False
        self._store, self._owner, self._uptime = store, owner, uptime
        self._names: set[str] = set()
        self._renewed_at = self._confirmed_at = self._beat_at = self._stopped_until = 0.0
        self._other: Holder | None = None
        self._mutex = threading.Lock()

    def claim(self) -> None:
        """Leave a first mark."""
        began = self._uptime()
        self.name = self._put()
        self._renewed_at = self._confirmed_at = self._beat_at = began

    def beat(self) -> None:
        """Note that the process is alive; a long time since the last note means that it was stopped until now."""
        now = self._uptime()
        if now - self._beat_at > GAP_S:
            self._stopped_until = now
        self._beat_at = now

    def verify(self) -> None:
        """Look whether the mark is still there. Raises ProviderError where that can't be known."""
        with self._mutex:
            if self.is_lost:
                return
            began, marks = self._uptime(), self._store.leases()
            if self.name in marks:
                self._confirmed_at = began
            else:
                self._lose(marks)

    def renew(self) -> None:
        """Leave a younger mark. The lock is lost if the older one is gone: somebody took it for the mark of a dead run.

        The older one is looked for after the younger one is there: whoever removed it looks again, and sees this one.
        """
        with self._mutex:
            if self.is_lost:
                return
            # The time before the request: a slow one must not make the mark look younger than it is.
            began, older = self._uptime(), self.name
            younger = self._put()
            marks = self._store.leases()
            if {older, younger} <= marks.keys():
                self.name, self._renewed_at, self._confirmed_at = younger, began, began
                self._drop(self._names - {self.name})
            else:
                self._lose(marks)

    def _lose(self, marks: Mapping[str, Mapping[str, str]]) -> None:
        """Give the lock up, and keep in mind who has it now."""
        found = _holders_among(marks, self.noun, self.terms.prefix(self.project))
        self._other = next((holder for holder in found if holder.name not in self._names), None)
        self.is_lost = True
        self._drop(self._names)

    def rest(self) -> None:
        """Count the mark as young, since nobody watches its age."""
        with self._mutex:
            if self.is_young:
                self._renewed_at = self._uptime()

    @property
    def is_young(self) -> bool:
        """Returns whether the mark is too young to be taken for that of a dead run."""
        return self._uptime() - self._renewed_at <= self.terms.held_s

    @property
    def is_doubtful(self) -> bool:
        """Returns whether the lock may have been lost unnoticed: the last look is old, or the process was stopped."""
        now = self._uptime()
        is_stopped = now - max(self._beat_at, self._confirmed_at) > GAP_S
        return is_stopped or self._confirmed_at < self._stopped_until or now - self._confirmed_at > CONFIRMED_S

    def require_held(self) -> None:
        """Raises LockLost where the lock was lost. A mark that is too old, as after a long sleep, is renewed first;
        one that is in doubt is looked at."""
        # A machine that slept has an old mark and may still have its lock; the renewal finds out.
        if not self.is_lost and not self.is_young:
            self.renew()
        elif not self.is_lost and self.is_doubtful:
            self.verify()
        if self.is_lost:
            other = f"{self._other} has it now" if self._other else "another run may be at work"
            raise LockLost(
                f"the lock of project {self.project} was lost while this run was at work, because its mark was not "
                f"renewed in time or somebody broke it; {other}, so nothing more is done and nothing is taken back; "
                "once no other run is at work, run it again",
                str(self._other or "unknown"),
            )

    def release(self) -> set[str]:
        """Remove our marks; returns the names of those that could not be removed."""
        with self._mutex:
            for _ in range(_TRIES_TO_RELEASE):
                self._drop(self._names)
            return set(self._names)

    @property
    def names(self) -> set[str]:
        """The names of our marks that may still be there."""
        return set(self._names)

    def _put(self) -> str:
        name = f"{self.terms.prefix(self.project)}{uuid.uuid4().hex[:12]}"
        self._names.add(name)  # before the request: one that fails may have had its effect
        self._store.put_lease(name, self._owner.mark())
        return name

    def _drop(self, names: set[str]) -> None:
        for name in tuple(names):
            with suppress(ProviderError):
                self._store.drop_lease(name)
                self._names.discard(name)


class Renewal(threading.Thread):
    """Renews a lease until it ends, while somebody watches it."""

    def __init__(self, lease: Lease, is_watched: Callable[[], bool] = _always) -> None:
        super().__init__(name="lock renewal", daemon=True)
        self._lease, self._is_watched = lease, is_watched
        self._over = threading.Event()

    def run(self) -> None:
        terms, began = self._lease.terms, time.monotonic()
        while not self._over.wait(min(terms.beat_s, terms.renewal_s)):
            self._lease.beat()
            if time.monotonic() - began < terms.renewal_s:
                continue
            began = time.monotonic()
            with suppress(ProviderError):  # the engine is away for a moment: the mark holds for two more tries
                # Without anybody who waits, each renewal would be a write for nothing.
                if self._is_watched():
                    self._lease.renew()
                else:
                    self._lease.rest()

    def end(self, at_most_s: float) -> None:
        self._over.set()
        self.join(at_most_s)
