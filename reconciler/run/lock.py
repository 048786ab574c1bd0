"""Two runs never act on one project at once.

Each run that wants to act leaves a mark of its own in the engine, under a name that nobody else uses, then looks
who else left one: it goes on only if it is alone. Two that come at the same moment both step back and try again.
A mark expires; it is renewed while its run goes on, and a run that is known to be dead is not waited for. Because
no two marks share a name, taking away a dead one can never hit a fresh one.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from reconciler.core.errors import Locked, ProviderError
from reconciler.core.provider import LeaseStore
from reconciler.run.clock import Clock

LEASE_S: Final = 120.0
RENEWAL_S: Final = 30.0
LOOK_AGAIN_S: Final = 1.0
_PREFIX: Final = "reconcile.lock."


@dataclass(frozen=True, slots=True)
class Owner:
    """Who is at work: enough to tell on the same machine whether it still lives."""

    host: str
    pid: int
    began: str
    what: str

    @classmethod
    def me(cls, what: str) -> Owner:
        """The running process; ``what`` it does, for others to read."""
        return cls(socket.gethostname(), os.getpid(), _began(os.getpid()), what)

    @classmethod
    def of(cls, mark: Mapping[str, str]) -> Owner:
        read = {key: mark.get(_PREFIX + key, "") for key in ("host", "pid", "began", "what")}
        return cls(read["host"], int(read["pid"] or 0), read["began"], read["what"])

    def mark(self, until: datetime) -> dict[str, str]:
        values = {"host": self.host, "pid": str(self.pid), "began": self.began, "what": self.what}
        return {_PREFIX + key: value for key, value in (values | {"until": until.isoformat()}).items()}

    def is_dead(self) -> bool:
        """Known to be gone: same machine, and no such process, or another one under its number."""
        return self.host == socket.gethostname() and _began(self.pid) != self.began

    def __str__(self) -> str:
        return f"`reconcile {self.what}` on {self.host}, process {self.pid}"


@dataclass(frozen=True, slots=True)
class Holder:
    """A mark that somebody left; ``is_over`` when it is known that nobody is at work under it any more."""

    name: str
    owner: Owner
    is_over: bool


def holders(store: LeaseStore) -> list[Holder]:
    """All marks there are on a project."""
    found = ((name, mark, Owner.of(mark)) for name, mark in store.leases().items())
    return [Holder(name, owner, owner.is_dead() or _expired(mark)) for name, mark, owner in found]


@contextmanager
def locked(store: LeaseStore, project: str, what: str, clock: Clock, *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the project's lock. Raises Locked when somebody else still has it after ``wait_s`` seconds."""
    name = _acquire(store, project, Owner.me(what), clock, wait_s)
    renewal = _Renewal(store, project, Owner.me(what), name)
    renewal.start()
    try:
        yield
    finally:
        store.drop_lease(renewal.end())


def _acquire(store: LeaseStore, project: str, me: Owner, clock: Clock, wait_s: float) -> str:
    deadline = clock.now() + wait_s
    tries = 5  # of those who come at the same moment, one soon comes alone
    while True:
        name = _leave_mark(store, project, me)
        others = _living(store, name)
        if not others:
            return name
        store.drop_lease(name)
        tries -= 1
        if clock.now() >= deadline and tries <= 0:
            raise Locked(
                f"another run is at work on project {project}: {others[0]}; wait for it to end, "
                "or break its lock with `reconcile unlock`",
                str(others[0]),
            )
        clock.sleep(LOOK_AGAIN_S * random.uniform(0.1, 0.3 if tries > 0 else 1.0))  # noqa: S311 (no secret)


def _leave_mark(store: LeaseStore, project: str, me: Owner) -> str:
    name = f"reconcile-lock-{project}-{uuid.uuid4().hex[:12]}"
    store.put_lease(name, me.mark(datetime.now(UTC) + timedelta(seconds=LEASE_S)))
    return name


def _living(store: LeaseStore, mine: str) -> list[Owner]:
    """The others at work; marks of the dead are taken away."""
    others = [holder for holder in holders(store) if holder.name != mine]
    for holder in others:
        if holder.is_over:
            store.drop_lease(holder.name)
    return [holder.owner for holder in others if not holder.is_over]


def _expired(mark: Mapping[str, str]) -> bool:
    try:
        return datetime.fromisoformat(mark[f"{_PREFIX}until"]) < datetime.now(UTC)
    except (KeyError, ValueError):
        return True


def _began(pid: int) -> str:
    """When a process began, in the kernel's own count; "" where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return ""


class _Renewal(threading.Thread):
    """Leaves a younger mark before the old one expires."""

    def __init__(self, store: LeaseStore, project: str, me: Owner, lease: str) -> None:
        super().__init__(name="lock renewal", daemon=True)
        self._store, self._project, self._me, self._lease = store, project, me, lease
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(RENEWAL_S):
            try:
                old, self._lease = self._lease, _leave_mark(self._store, self._project, self._me)
                self._store.drop_lease(old)
            except ProviderError:  # the engine is away for a moment: the mark holds for three more tries
                continue

    def end(self) -> str:
        """Stop renewing; the name of the mark that is to be dropped."""
        self._over.set()
        self.join()
        return self._lease
