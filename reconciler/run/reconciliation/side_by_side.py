"""Reads of the providers for the daemon: side by side, each under a deadline, so that one that hangs stops no other."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from threading import Event as Flag
from typing import Any, Final, TypeVar

from reconciler.core.message.errors import ReconcileError, Unreachable
from reconciler.record import replace
from reconciler.run.reconciliation.reading import outcome

T = TypeVar("T")

PATIENCE_S: Final = 1.5
"""A look waits so long for a provider, and then goes on without it: a late answer is for the next look. For one whose
answers have taken long of late, as on a busy machine, it waits up to twice as long."""

LEAST_PATIENCE_S: Final = 1.0
MOST_PATIENCE_S: Final = 120.0
TIMES_AS_LONG: Final = 3.0
"""A provider that needs so many times as long as the slowest of its last answers is overdue."""

SLOW_S: Final = 8.0
"""An answer that takes so long is reported, or later if the last answers took long as well."""

FIRST_S: Final = 20.0
"""The same for the first answer of all, of which nothing is known yet."""

MOST_SLOW_S: Final = 60.0
RECENT: Final = 5
"""The number of last answers that count."""

STOP_SEEN_WITHIN_S: Final = 0.05


class Overdue(Unreachable):
    """The answer of a provider does not come in time; it may still come."""


@dataclass
class _Line:
    """The state of one provider: one call at a time, those that are overdue, and the results that came too late."""

    turn: Any = field(default_factory=threading.Lock)
    overdue: set[Future[Any]] = field(default_factory=set)
    late: Any = None
    late_answer: tuple[object, Any] | None = None
    took_s: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    unanswered_since: float = 0.0

    @property
    def slowest_s(self) -> float:
        """The slowest of the last answers; 0 if there was none."""
        return max(self.took_s, default=0.0)

    def taken_late(self, question: object, *, is_reading: bool) -> Any:
        """Takes the late reading, or the late answer to this question; None if there is none."""
        if is_reading:
            found, self.late = self.late, None
            return found
        if question is None or self.late_answer is None or self.late_answer[0] != question:
            return None
        found, self.late_answer = self.late_answer[1], None
        return found


@dataclass
class SideBySide:
    """At the same time, each in a thread of its own and under a deadline.

    A call that is overdue goes on, and nothing else is asked of its provider meanwhile. A reading or an answer that
    comes late is kept for the next look, and ``on_late`` is called. All waits end once ``stop`` is set. Readings of
    providers that are named in ``patient`` are new ones, as they have to be under a lock, and get the time that such a
    reading usually takes.
    Providers in ``held`` are not read; the error stands for their answer.
    """

    stop: Flag
    on_late: Callable[[str], None]
    patient: frozenset[str] = frozenset()
    held: Mapping[str, ReconcileError] = field(default_factory=dict)
    patience_s: float = PATIENCE_S
    _lines: dict[str, _Line] = field(default_factory=dict)
    _mutex: Any = field(default_factory=threading.Lock)

    def slow_s(self, name: str) -> float:
        """The time from which on the missing answer of a provider is worth a report: a slow one is nothing broken."""
        line = self._lines.get(name)
        slowest_s = line.slowest_s if line else 0.0
        return min(max(TIMES_AS_LONG * slowest_s, SLOW_S), MOST_SLOW_S) if slowest_s else FIRST_S

    def patiently(self, *names: str) -> SideBySide:
        """The same, for readings of these providers that have to be new ones."""
        return replace(self, patient=frozenset(names))

    def all(self, calls: Mapping[str, Callable[[], T]]) -> Iterable[tuple[str, T | ReconcileError]]:
        began = time.monotonic()
        futures = {
            name: self._begun(name, call, is_reading=True) for name, call in calls.items() if name not in self.held
        }
        # All have begun by now, so that the slowest one decides, and not the sum.
        answers = {name: self._awaited(name, future, began) for name, future in futures.items()}
        return [(name, self.held.get(name) or answers[name]) for name in calls]

    def one(self, name: str, call: Callable[[], T], *, question: object = None) -> T:
        found = self._awaited(name, self._begun(name, call, is_reading=False, question=question), time.monotonic())
        if isinstance(found, ReconcileError):
            raise found
        return found

    def _begun(
        self, name: str, call: Callable[[], T], *, is_reading: bool, question: object = None
    ) -> Future[T | ReconcileError] | None:
        """The call, in a thread, after those that are under way; None while one of them is overdue."""
        future: Future[T | ReconcileError] = Future()
        with self._mutex:
            # One request at a time for each provider: a server that hangs must not collect threads.
            line = self._lines.setdefault(name, _Line())
            if line.overdue:
                return None
            # An answer that came too late serves the next look, which then need not wait.
            late = line.taken_late(question, is_reading=is_reading)
            if late is not None and name not in self.patient:
                future.set_result(late)
                return future

        def run() -> None:
            with line.turn:
                began = time.monotonic()
                found = outcome(name, call)
                took_s = time.monotonic() - began
            with self._mutex:
                is_late = future in line.overdue
                line.overdue.discard(future)
                if is_reading and not isinstance(found, ReconcileError):
                    line.took_s.append(took_s)
                    line.late = found if is_late else None
                elif is_late and question is not None and not isinstance(found, ReconcileError):
                    line.late_answer = question, found
                future.set_result(found)
            if is_late:
                self.on_late(name)

        threading.Thread(target=run, name=f"read {name}", daemon=True).start()
        return future

    def _awaited(self, name: str, future: Future[T | ReconcileError] | None, began: float) -> T | ReconcileError:
        line = self._lines[name]
        if future is None:
            return _overdue(line)
        # The usual time with a margin: a slow server must not hold up the looks at the others.
        usual_s = max(TIMES_AS_LONG * line.slowest_s, LEAST_PATIENCE_S) if line.took_s else self.patience_s
        patience_s = min(usual_s, MOST_PATIENCE_S if name in self.patient else self._most_s(line))
        while not future.done() and time.monotonic() - began < patience_s and not self.stop.is_set():
            wait((future,), STOP_SEEN_WITHIN_S)
        with self._mutex:
            if not future.done():
                line.overdue.add(future)
                line.unanswered_since = began
                return _overdue(line)
        return future.result()

    def _most_s(self, line: _Line) -> float:
        return max(self.patience_s, min(TIMES_AS_LONG / 2 * line.slowest_s, 2 * self.patience_s))


def _overdue(line: _Line) -> Overdue:
    """The error that stands for an answer which may still come."""
    seconds = time.monotonic() - line.unanswered_since
    usual = f"; the slowest of its last answers took {line.slowest_s:.1f} s" if line.took_s else ""
    return Overdue(f"no answer for {seconds:.1f} s{usual}")
