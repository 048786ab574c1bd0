"""The output and the interruption of commands that change something: `apply`, `build` and `down`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reconciler.cli.exitcodes import Exit
from reconciler.cli.output import log, say
from reconciler.cli.state import State

if TYPE_CHECKING:
    from reconciler.core.errors import ReconcileError
    from reconciler.core.report import Event
    from reconciler.run.once import Look


class Teller:
    """Tells what happens: a line for each resource, or JSON lines; and keeps it."""

    def __init__(self, state: State) -> None:
        from reconciler.core.report import Report

        self.report = Report()
        self.looks: list[Look] = []
        self._log = log(as_json=True, verbose=state.verbose) if state.logs_json else None

    def follow(self, events: Iterable[Event | Look]) -> ReconcileError | None:
        """Tell all of them; returns the error that ended them after something had begun, and raises any other."""
        from reconciler.core.errors import ReconcileError

        try:
            for event in events:
                self.tell(event)
        except ReconcileError as error:
            if not self.report.events:
                raise
            return error
        return None

    def tell(self, event: Event | Look) -> None:
        """A look begins a pass; what happens then is said, and kept."""
        from reconciler.render.progress import Progress
        from reconciler.run.once import Look

        if isinstance(event, Look):
            self.looks.append(event)
            self._progress = Progress(event.plan)
            return
        self.report += [event]
        if self._log is None:
            for line in self._progress.lines(event):
                say(line)
        else:
            self._note(event)

    def _note(self, event: Event) -> None:
        from reconciler.core.report import What

        assert self._log
        fields = {"address": str(event.step.address), "verb": event.step.verb, "seconds": round(event.seconds, 3)}
        level = self._log.error if event.what is What.FAILED else self._log.info
        level(f"step {event.what.value}", **fields, note=event.note)

    @property
    def look(self) -> Look:
        """The last one."""
        return self.looks[-1]

    def outcome(self, seconds: float) -> str:
        """Sums up the work done, in numbers."""
        from reconciler.render.progress import outcome

        changed = {change.address for look in self.looks for change in look.plan.changes if change.acts}
        return outcome(self.report, changed, seconds)


class Stop:
    """The request of a signal: a flag for the executor, and the exit code it means."""

    def __init__(self) -> None:
        self.flag = threading.Event()
        self.code = 0
        self.is_idle = False

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Meanwhile nothing is being done that a signal would have to wait for."""
        self.is_idle = True
        yield
        self.is_idle = False


@contextmanager
def interruptible() -> Iterator[Stop]:
    """The first SIGINT or SIGTERM lets the current steps end, the second one ends the program."""
    stop = Stop()
    codes = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}

    def on_signal(number: int, _frame: Any) -> None:
        if stop.flag.is_set() or stop.is_idle:
            say("")
            say("interrupted")
            raise SystemExit(codes[signal.Signals(number)])
        stop.code = codes[signal.Signals(number)]
        stop.flag.set()
        say("interrupted: finishing the current steps; once more to stop at once")

    before = {number: signal.signal(number, on_signal) for number in codes}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
