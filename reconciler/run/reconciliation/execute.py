"""A plan's steps, done: in order, side by side where they may, waiting where they must. Decides nothing."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from threading import Event as Flag
from typing import Final

from reconciler.core.execution.report import Event, What
from reconciler.core.message.errors import GateFailed, LockLost, ProviderError, Throttled, Unreachable, unforeseen
from reconciler.core.plan.plan import Step
from reconciler.core.provider import Done, Pending, Verdict
from reconciler.core.resource.amount import Amount
from reconciler.record import replace
from reconciler.run.clock import Clock
from reconciler.run.reconciliation.workers import Workers

WORKERS: Final = 6
TRIES: Final = 4
"""How often a step is tried while the other side does not answer."""

LOOK_AGAIN_S: Final = 0.25
"""How often what has to stay as it is for a while is looked at."""

STOP_SEEN_WITHIN_S: Final = 0.2

_LOST: Final = "the lock was lost; it stays as it is by now"

SIGN_OF_LIFE_S: Final = 10.0
"""After so long without news of a step there is an event that it still goes on."""


def execute(
    steps: Sequence[Step],
    perform: Callable[[Step], Verdict],
    clock: Clock,
    *,
    stop: Flag | None = None,
    workers: int = WORKERS,
    grace_s: float = math.inf,
) -> Iterator[Event]:
    """Do the steps; yields what happens, as it happens.

    A failed step takes its way back, and blocks what comes after it and nothing else. Once ``stop`` is set
    nothing new is begun, and what runs is finished, if it is within ``grace_s``: a call may hang. Raises LockLost,
    after its events, where a step found the lock lost: then no way back is taken either.
    """
    with closing(Workers(perform, workers)) as pool:
        yield from _Run(steps, clock, pool, stop or Flag(), grace_s).events()


@dataclass
class _Progress:
    """The progress of one step."""

    step: Step
    began: float
    tries: int = 0
    note: str = ""
    amount: Amount | None = None
    heard: float = 0.0
    mark: str = ""
    held: float = 0.0


@dataclass
class _Run:
    steps: Sequence[Step]
    clock: Clock
    pool: Workers[Step, Verdict]
    stop: Flag
    grace_s: float
    stopped_at: float | None = None
    blocked: dict[str, str] = field(default_factory=dict)
    running: dict[Future[Verdict], str] = field(default_factory=dict)
    waiting: list[tuple[float, str]] = field(default_factory=list)
    progress: dict[str, _Progress] = field(default_factory=dict)
    performed: set[str] = field(default_factory=set)
    lost: LockLost | None = None

    def events(self) -> Iterator[Event]:
        self.by_id = {step.id: step for step in self.steps}
        # Sorted, as a set of texts has another order in each process, and runs of one plan are to be alike.
        self.graph = TopologicalSorter({step.id: sorted(step.after | step.behind) for step in self.steps})
        self.graph.prepare()
        # After a stop nothing begins, and running steps may still end.
        while self.graph.is_active() and not (self.is_stopped and not self.running) and not self._is_given_up():
            for step_id in self.graph.get_ready():
                yield from self._begin(self.by_id[step_id])
            self._wake()
            if self.running:
                yield from self._collect()
            elif self.waiting:
                # Nothing runs, so there is time until the first step is due, but a sign of life comes in between.
                left_s = self.waiting[0][0] - self.clock.now()
                self.clock.sleep(min(left_s, self._longest_s(SIGN_OF_LIFE_S)))
                yield from self._signs_of_life()
        yield from self._left()
        if self.lost:
            raise self.lost

    @property
    def is_stopped(self) -> bool:
        """Returns whether nothing new may begin: somebody asked for that, or the lock is lost."""
        return self.stop.is_set() or self.lost is not None

    def _is_given_up(self) -> bool:
        """Returns whether what still runs after a stop has had its time."""
        if not self.is_stopped:
            return False
        if self.stopped_at is None:
            self.stopped_at = self.clock.now()
        return self.clock.now() - self.stopped_at >= self.grace_s

    def _longest_s(self, seconds: float) -> float:
        """The seconds of a wait, cut where a stop has to be noticed meanwhile."""
        return seconds if math.isinf(self.grace_s) else min(seconds, STOP_SEEN_WITHIN_S)

    def _begin(self, step: Step) -> Iterator[Event]:
        cause = next((self.blocked[other] for other in sorted(step.after) if other in self.blocked), None)
        if cause:
            self.blocked[step.id] = cause
            # Done for the graph: the steps behind it get their turn, and are blocked with the same cause.
            self.graph.done(step.id)
            yield Event(step, What.BLOCKED, cause)
        elif not self.is_stopped:
            now = self.clock.now()
            self.progress[step.id] = _Progress(step, began=now, heard=now)
            if step.delay_s:
                heapq.heappush(self.waiting, (now + step.delay_s, step.id))
            else:
                self._submit(step)
            yield Event(step, What.STARTED)

    def _submit(self, step: Step) -> None:
        self.performed.add(step.id)
        self.running[self.pool.submit(step)] = step.id

    def _wake(self) -> None:
        """Look again at the steps whose wait is over; after a stop, at none."""
        while self.waiting and self.waiting[0][0] <= self.clock.now() and not self.is_stopped:
            self._submit(self.by_id[heapq.heappop(self.waiting)[1]])

    def _collect(self) -> Iterator[Event]:
        patience = SIGN_OF_LIFE_S
        # No longer than until a waiting step is due, even if the running ones take their time.
        if self.waiting:
            patience = min(patience, max(0.0, self.waiting[0][0] - self.clock.now()))
        for future in wait(self.running, self._longest_s(patience), FIRST_COMPLETED).done:
            step_id = self.running.pop(future)
            yield from self._settle(self.progress[step_id], future)
        yield from self._signs_of_life()

    def _settle(self, progress: _Progress, future: Future[Verdict]) -> Iterator[Event]:
        try:
            verdict = future.result()
        except (Unreachable, Throttled) as error:
            yield from self._try_again(progress, error)
        except LockLost as error:
            yield self._cut_off(progress, error)
        except Exception as error:  # noqa: BLE001  # whatever was raised, the step failed, and its way back is due
            yield from self._fail(progress, _failure(progress.step, error))
        else:
            match verdict:
                # A step with a hold has to stay done for so long, with the same mark.
                case Done(note, mark) if left_s := self._left_to_hold(progress, mark):
                    watched = f"{note}, watched for {progress.step.hold_s:g} s"
                    yield from self._wait(progress, Pending(min(LOOK_AGAIN_S, left_s), watched))
                case Done(note, mark):
                    self.graph.done(progress.step.id)
                    watched_s = self.clock.now() - progress.held if mark else 0.0
                    yield replace(self._event(progress, What.DONE, note), watched_s=watched_s)
                case Pending():
                    # Not done any more, so the time of the hold begins again.
                    progress.mark = ""
                    yield from self._wait(progress, verdict)

    def _cut_off(self, progress: _Progress, error: LockLost) -> Event:
        """The event of a step that ends in the middle, because the lock is lost; nothing is cleared or taken back."""
        self.lost = error
        return self._event(progress, What.INTERRUPTED, _LOST)

    def _left_to_hold(self, progress: _Progress, mark: str) -> float:
        """The seconds for which the desired state must still be seen to hold."""
        if mark != progress.mark:
            progress.mark, progress.held = mark, self.clock.now()
        return max(0.0, progress.held + progress.step.hold_s - self.clock.now()) if mark else 0.0

    def _wait(self, progress: _Progress, pending: Pending) -> Iterator[Event]:
        now, step, retry_in, note = self.clock.now(), progress.step, pending.retry_in, pending.note
        # A wait that would end after the deadline fails now; sleeping until then gains nothing.
        if now - progress.began + retry_in > step.delay_s + step.timeout_s + step.hold_s:
            message = (
                f"not done within {step.timeout_s:.0f} s; {note}" if note else f"not done in {step.timeout_s:.0f} s"
            )
            said = message + _last_words(pending)
            yield from self._fail(progress, GateFailed(said, address=step.address, doing=step.verb))
            return
        heapq.heappush(self.waiting, (now + retry_in, step.id))
        # The same state once more is no event.
        if (note, pending.amount) != (progress.note, progress.amount):
            progress.note, progress.amount, progress.heard = note, pending.amount, now
            yield self._event(progress, What.PENDING, note)

    def _try_again(self, progress: _Progress, error: ProviderError) -> Iterator[Event]:
        progress.tries += 1
        if progress.tries >= TRIES:
            yield from self._fail(progress, error)
            return
        retry_in = _pause_s(error, progress.tries)
        note = f"no answer, try {progress.tries + 1} of {TRIES}: {error}"
        yield from self._wait(progress, Pending(retry_in, note))

    def _fail(self, progress: _Progress, error: ProviderError) -> Iterator[Event]:
        step = progress.step
        # Blocked first: a step behind it may become ready with `done`.
        self.blocked[step.id] = str(step.address)
        self.graph.done(step.id)
        yield Event(step, What.FAILED, _words(step, error), self._seconds(progress), error)
        # What a step leaves behind is cleared first; the way back may need its names.
        wrong = [*self._in_one_go(progress, step.clears), *self._in_one_go(progress, step.on_failure)]
        yield from wrong
        if step.on_failure and not wrong:
            yield self._event(progress, What.ROLLED_BACK)

    def _in_one_go(self, progress: _Progress, steps: Sequence[Step]) -> Iterator[Event]:
        """The way back is short and waits for nothing but a silent server. It ends where one of its steps fails."""
        for step in () if self.lost else steps:
            try:
                error = self._failed_at_last(step)
            except LockLost as lost:
                yield self._cut_off(progress, lost)
                return
            if error:
                yield Event(step, What.FAILED, _words(step, error), self._seconds(progress), error)
                return

    def _failed_at_last(self, step: Step) -> ProviderError | None:
        """Explains why a step of the way back failed, also after retries."""
        for tries in range(1, TRIES + 1):
            try:
                self._called(step)
            except LockLost:
                raise
            except Exception as error:  # noqa: BLE001  # as in _settle
                # The way back is tried again even after a stop, as long as there is time: half of it would be worse.
                if tries == TRIES or self._is_given_up() or not isinstance(error, Unreachable | Throttled):
                    return _failure(step, error)
                self.clock.sleep(_pause_s(error, tries))
            else:
                break
        return None

    def _called(self, step: Step) -> None:
        """Wait for a step of the way back; after a stop only as long as for any other."""
        future = self.pool.submit(step)
        while not wait((future,), self._longest_s(SIGN_OF_LIFE_S)).done:
            if self._is_given_up():
                raise Unreachable("given up, because the program ends")
        future.result()

    def _signs_of_life(self) -> Iterator[Event]:
        now = self.clock.now()
        for step_id in (*self.running.values(), *(step_id for _, step_id in self.waiting)):
            progress = self.progress[step_id]
            if now - progress.heard >= SIGN_OF_LIFE_S:
                progress.heard = now
                yield self._event(progress, What.PENDING, progress.note)

    def _left(self) -> Iterator[Event]:
        """After a stop: waits that were given up, and what was not begun."""
        given_up = [step_id for _, step_id in sorted(self.waiting) if step_id in self.performed]
        given_up += self.running.values()
        for progress in (self.progress[step_id] for step_id in given_up):
            yield self._event(progress, What.INTERRUPTED, progress.note)
        for step in self.steps if self.is_stopped else ():
            # Blocked steps have been reported with their cause.
            if step.id not in self.blocked and step.id not in self.performed:
                yield Event(step, What.NOT_STARTED)

    def _event(self, progress: _Progress, what: What, note: str = "") -> Event:
        amount = progress.amount if what is What.PENDING else None
        return Event(progress.step, what, note, self._seconds(progress), amount=amount)

    def _seconds(self, progress: _Progress) -> float:
        return self.clock.now() - progress.began


def _last_words(pending: Pending) -> str:
    """The last details of a failed wait, if the other side reports them."""
    try:
        return pending.otherwise()
    except Exception:  # noqa: BLE001  # what failed is known; this would have been said besides
        return ""


def _pause_s(error: ProviderError, tries: int) -> float:
    """The pause before the next attempt of a step, by the number of attempts so far."""
    return error.retry_in if isinstance(error, Throttled) else 0.5 * 2.0**tries


def _words(step: Step, error: ProviderError) -> str:
    """The text of an error for an event of the step, without the resource's address."""
    return str(error.args[0]) if error.address in (None, step.address) else str(error)


def _failure(step: Step, error: Exception) -> ProviderError:
    """Converts an exception of a step into an error that a step may end with."""
    if isinstance(error, ProviderError):
        return error
    return unforeseen(error, address=step.address, doing=step.verb)
