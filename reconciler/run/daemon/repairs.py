"""Repairs of the daemon: each in a thread of its own, none of a resource that another one is at work on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Event as Flag
from typing import Final

from reconciler.core.difference.change import Action, Change
from reconciler.core.execution.progress import Progress
from reconciler.core.execution.report import ENDS, Event, Report, What
from reconciler.core.execution.written import restricted
from reconciler.core.message.errors import ReconcileError, unforeseen
from reconciler.core.plan.plan import Plan
from reconciler.core.plan.policy import Policy, refusals
from reconciler.core.resource.address import Address
from reconciler.record import Struct, replace
from reconciler.run.clock import Clock
from reconciler.run.daemon.under_way import UnderWay
from reconciler.run.reconciliation.execute import execute
from reconciler.run.reconciliation.once import Reconciler

GRACE_S: Final = 3.0
"""The time that steps under way have to end once the daemon is to end."""


def allowed(plan: Plan, addresses: frozenset[Address], policy: Policy) -> Plan:
    """The part of a plan about these resources that the policy does not refuse, with the steps that it needs.

    A refusal keeps back the resource it is about and those that wait for it. One that is about the plan as a whole is
    about its deletions; if it still stands without these, nothing is left.
    """
    refused = {each.address for each in plan.refusals}
    part = _only(plan, addresses - refused)
    if _is_refused(part, policy):
        part = _only(plan, frozenset(each.address for each in part.changes if each.acts and not _is_deletion(each)))
    return _only(plan, frozenset()) if _is_refused(part, policy) else replace(part, refusals=())


def _is_refused(plan: Plan, policy: Policy) -> bool:
    return any(change.acts for change in plan.changes) and bool(refusals(plan, policy))


def _is_deletion(change: Change) -> bool:
    return change.intended is Action.DELETE


def _only(plan: Plan, addresses: frozenset[Address]) -> Plan:
    """The plan of these changes, without steps that none of them needs."""
    part = restricted(plan, addresses)
    by_id = {step.id: step for step in part.steps}
    needed: set[str] = set()
    frontier = {step.id for step in part.steps if not addresses.isdisjoint((step.address, *step.covers))}
    while frontier:
        needed |= frontier
        # Steps that must succeed first belong to it; of `behind` only those that run anyway.
        frontier = {before for step_id in frontier for before in by_id[step_id].after if before in by_id} - needed
    steps = (step for step in part.steps if step.id in needed)
    return replace(part, steps=tuple(replace(step, behind=step.behind & needed) for step in steps))


class SharedLock:
    """The lock of the project, held once for all repairs under way."""

    def __init__(self, held: Callable[[], AbstractContextManager[object]]) -> None:
        self._held = held
        self._users = 0
        self._mutex = threading.Lock()
        self._current: AbstractContextManager[object] | None = None

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold it together with the others. Raises Locked where another run has it."""
        with self._mutex:
            if not self._users:
                # The first repair takes the lock for all, and the last one gives it back.
                current = self._held()
                current.__enter__()
                self._current = current
            self._users += 1
        try:
            yield
        finally:
            with self._mutex:
                self._users -= 1
                if not self._users and self._current:
                    self._current.__exit__(None, None, None)


class Ended(Struct, frozen=True):
    """The end of a repair of one resource. ``blocked_by`` is the resource whose failure has kept it from being done.

    ``result`` is that of the history, and ``outage_s`` the seconds without service, if there were any.
    """

    change: Change
    seconds: float
    error: str = ""
    blocked_by: str = ""
    result: str = "failed"
    outage_s: float | None = None


@dataclass(eq=False)
class Run:
    """One pass that repairs: looks once more under the lock, and carries out its part of the plan.

    ``outcomes`` has for each repair that was reported whether it succeeded. ``down`` says since when a resource was
    found not to serve. ``under_way`` shows its steps to those who watch.
    """

    pass_id: str
    why: tuple[str, ...]
    asked: frozenset[Address]
    reconciler: Reconciler
    lock: SharedLock
    stop: Flag
    clock: Clock
    down: Mapping[Address, float] = field(default_factory=dict)
    under_way: UnderWay = field(default_factory=UnderWay)
    error: ReconcileError | None = None
    is_over: bool = False
    began: float = 0.0
    plan: Plan = field(default_factory=lambda: Plan((), ()))
    report: Report = field(default_factory=Report)
    outcomes: list[bool] = field(default_factory=list)
    _open: dict[Address, set[str]] | None = None
    _progress: dict[Address, Progress] = field(default_factory=dict)
    _ended: list[Ended] = field(default_factory=list)
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> None:
        """Raises nothing; ``error`` has what ended it."""
        self.began = self.clock.now()
        try:
            with self.lock.shared():
                self._repair()
        except ReconcileError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 (a mistake in one repair must not end the daemon)
            self.error = unforeseen(error, doing="repair")
        finally:
            self.under_way.end(self.pass_id)
            with self._mutex:
                self._open, self.is_over = {}, True

    @property
    def busy(self) -> frozenset[Address]:
        """The resources that it still works on."""
        with self._mutex:
            return self.asked if self._open is None else frozenset(self._open)

    def ended(self) -> list[Ended]:
        """The repairs that have ended since the last call."""
        with self._mutex:
            found, self._ended = self._ended, []
            return found

    @property
    def unfinished(self) -> list[tuple[Address, str]]:
        """The resources that a stop has cut off, and how far they are."""
        cut: dict[Address, str] = {}
        for event in self.report.events:
            if event.what is What.NOT_STARTED:
                for address in event.addresses:
                    begun = any(each.what is What.DONE and address in each.addresses for each in self.report.events)
                    cut.setdefault(address, "begun, and not finished" if begun else "not begun")
            elif event.what is What.INTERRUPTED:
                # The step that was cut off says more than those after it, whichever was reported first.
                words = f"cut off in the step `{event.step.verb}`"
                cut |= dict.fromkeys(event.addresses, f"{words}: {event.note}" if event.note else words)
        # A batch without an answer may have done its work; the next look tells.
        silent = dict.fromkeys(self.busy if self.plan.steps else (), "a request is without an answer")
        return [*{**dict.fromkeys(self.left, "not begun"), **silent, **cut}.items()]

    @property
    def left(self) -> frozenset[Address]:
        """The resources that it was asked for and did not come to, though they still differ."""
        reached = {address for event in self.report.events for address in event.addresses}
        kept = {change.address for change in self.plan.changes if change.action is Action.KEEP}
        return self.asked - reached - kept

    def _repair(self) -> None:
        if self.stop.is_set():
            return
        # A look of its own, under the lock: by now the difference of the loop may be repaired or another one.
        look = self.reconciler.look(stop=self.stop)
        plan = allowed(look.plan, self.asked, self.reconciler.policy.covering(look.observed))
        open_steps: dict[Address, set[str]] = {}
        for step in plan.steps:
            # A batch may cover resources that this repair was not asked for.
            for address in {step.address, *step.covers} & self.asked:
                open_steps.setdefault(address, set()).add(step.id)
        with self._mutex:
            self.plan, self._open = plan, open_steps
            self._progress = {
                address: Progress(len(steps), self.down.get(address)) for address, steps in open_steps.items()
            }
        changes = {change.address: change for change in plan.changes}
        self.under_way.begin(self.pass_id, self.why, plan)
        for event in execute(plan.steps, self.reconciler.perform, self.clock, stop=self.stop, grace_s=GRACE_S):
            self._note(event, changes)

    def _note(self, event: Event, changes: dict[Address, Change]) -> None:
        """Keep the event; a repair has ended with the last step of its resource."""
        self.under_way.happened(self.pass_id, event)
        with self._mutex:
            self.report += [event]
            for address in event.addresses:
                if address in self._progress:
                    self._progress[address].happened(event, self.clock.now())
            if event.what not in ENDS:
                return
            assert self._open is not None
            for address in event.addresses:
                left = self._open.get(address)
                if left is None:
                    continue
                left.discard(event.step.id)
                if not left:
                    del self._open[address]
                    self._end(changes[address])

    def _end(self, change: Change) -> None:
        own = [event for event in self.report.events if change.address in event.addresses]
        # A stop is no failure of the resource, and must not slow its next repair down.
        cut = any(event.what in (What.INTERRUPTED, What.NOT_STARTED) for event in own)
        if cut:
            return
        error = next((event.note for event in own if event.what is What.FAILED), "")
        blocked = next((event.note for event in own if event.what is What.BLOCKED), "")
        seconds, progress = self.clock.now() - self.began, self._progress[change.address]
        blocked = "" if error else blocked
        self._ended.append(Ended(change, seconds, error, blocked, progress.ended, progress.outage_s))


def in_a_thread(run: Callable[[], None]) -> threading.Thread:
    """Begin a repair, so that the loop can go on."""
    thread = threading.Thread(target=run, name="repair", daemon=True)
    thread.start()
    return thread
