"""The login as a gate of an apply: walked before and after, and the way back where the change broke it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from reconciler.core.execution.report import Event, Report
from reconciler.core.login import Login, Trouble, Walk
from reconciler.core.plan.way_back import WayBack, way_back
from reconciler.core.resource.address import Address
from reconciler.run.clock import Clock
from reconciler.run.commands.doctor import login_of, walked_from_here
from reconciler.run.reconciliation.once import Look, Reconciler
from reconciler.run.session.session import Session

TRIES: Final = 3
PAUSE_S: Final = 5.0
MAY_PASS: Final = (Trouble.SILENT, Trouble.STATUS)
"""The troubles of an application that has just begun to serve."""


def login_gate(session: Session) -> LoginGate | None:
    """The gate, where the files declare it."""
    login = login_of(session.document)
    walks = partial(walked_from_here, session)
    return LoginGate(login, session.clock, walks) if login and "login" in session.document.options.gates else None


@dataclass
class LoginGate:
    """Walks the login before and after an apply. ``worked`` is what was seen before."""

    login: Login
    clock: Clock
    walks: Callable[[Login], Walk]
    worked: bool = False

    def begin(self) -> None:
        """See whether the login works before anything is changed."""
        self.worked = self.walks(self.login).works

    def end(self) -> Walk:
        """The walk afterwards; tried several times where its failure may pass."""
        for _ in range(TRIES - 1):
            found = self.walks(self.login)
            if found.trouble not in MAY_PASS:
                return found
            self.clock.sleep(PAUSE_S)
        return self.walks(self.login)


@dataclass
class Rollback:
    """The way back from what a run has done. ``left`` says what stays, and why."""

    reconciler: Reconciler
    looks: Sequence[Look]
    report: Report = field(default_factory=Report)
    left: dict[Address, str] = field(default_factory=dict)
    done: frozenset[Address] = frozenset()

    def events(self) -> Iterator[Event | Look]:
        """Takes the changes back; yields what happens. Raises ReconcileError as ``converge`` does."""
        # From all passes: the first look of a resource has the state before the run.
        back = way_back(self.reconciler.desired(), [change for look in self.looks for change in look.plan.changes])
        self.left = dict(back.left)
        reconciler, look = self._planned(back)
        if reconciler is None or look is None:
            return
        for event in reconciler.converge(_agree, first=look):
            if isinstance(event, Event):
                self.report += [event]
            yield event
        self.done = frozenset(back.addresses - self.report.unfinished)

    def _planned(self, back: WayBack) -> tuple[Reconciler | None, Look | None]:
        """The plan back, if it does nothing but to take back: other changes are no part of it."""
        if not back.addresses:
            return None, None
        reconciler = self.reconciler.with_desired(back.desired)
        look = reconciler.look()
        # The way back may touch only what the run has changed; anything else would be a new change without approval.
        others = [
            str(change.address) for change in look.plan.changes if change.acts and change.address not in back.addresses
        ]
        if others or look.plan.refusals:
            why = f"it would change {others[0]} as well" if others else str(look.plan.refusals[0])
            self.left |= dict.fromkeys(back.addresses, why)
            return None, None
        return reconciler, look


def _agree(_look: Look) -> None:
    pass
