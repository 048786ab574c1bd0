"""The output and the interruption of commands that change something: `apply`, `build` and `down`."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

from reconciler.cli.exit import Exit
from reconciler.cli.output import columns, emit, in_events, say
from reconciler.cli.state import State, in_colour, is_drawable
from reconciler.record import asdict

if TYPE_CHECKING:
    from reconciler.cli.live import LiveScreen
    from reconciler.core.execution.report import Event
    from reconciler.core.message.errors import ReconcileError
    from reconciler.render.progress.ongoing import Row
    from reconciler.run.reconciliation.once import Look


_COMPARES = "comparing the files with what is live"


class Teller:
    """Tells what happens and keeps it: lines, on a terminal also rows of what is going on, or events as JSON."""

    def __init__(self, state: State) -> None:
        from reconciler.core.execution.report import Report
        from reconciler.render.progress.ongoing import Ongoing

        self.report = Report()
        self.looks: list[Look] = []
        self._state = state
        self._ongoing = Ongoing()
        self._began = self._started = monotonic()
        self._awaited = ""
        self._screen = _screen(self._rows)

    @contextmanager
    def comparing(self) -> Iterator[None]:
        """Meanwhile the live resources are read, and nothing else is going on."""
        self._began = monotonic()
        self._screen.show()
        try:
            yield
        finally:
            self._screen.hide()

    def awaits(self, note: str) -> None:
        """Something that has to be up before the live resources can be read."""
        if note != self._awaited:
            self._awaited = note
            if not self._screen.draws:
                say(note)

    def follow(self, events: Iterable[Event | Look]) -> ReconcileError | None:
        """Tell all of them; returns the error that ended them after something had begun, and raises any other."""
        from reconciler.core.message.errors import ReconcileError

        try:
            with self.comparing():
                for event in events:
                    self.tell(event)
        except ReconcileError as error:
            # Before the first step nothing has changed, so the error alone says all, with the exit code of its sort.
            if not self.report.events:
                raise
            return error
        # The steps that went on then have no result, and a person has to know which ones.
        except SystemExit:  # a second interrupt
            self._tell_given_up()
            raise
        return None

    def _tell_given_up(self) -> None:
        """Tell what is left of a run that nobody waits for any more."""
        given_up = list(self._ongoing.given_up(monotonic()))
        for event in given_up:
            self._say(event)
        self.report += given_up
        if self.report.events:
            self.tell_outcome(monotonic() - self._started)
            say("`reconcile diff` shows what is left to do.")

    def tell(self, event: Event | Look) -> None:
        """A look begins a pass; what happens then is said, and kept."""
        from reconciler.core.execution.report import What
        from reconciler.render.progress.ongoing import Ongoing
        from reconciler.render.progress.progress import Progress
        from reconciler.run.reconciliation.once import Look

        if isinstance(event, Look):
            self._screen.hide()
            self.looks.append(event)
            self._progress, self._ongoing = Progress(event.plan, columns(sys.stderr)), Ongoing(event.plan)
            return
        if event.what is not What.PENDING:
            self.report += [event]
        # Before the line is printed: the line may say how much of all batches is done, this one included.
        self._ongoing.happened(event, monotonic())
        self._say(event)
        self._began, self._awaited = monotonic(), ""
        self._screen.show()

    def _say(self, event: Event) -> None:
        from reconciler.core.execution.report import What

        part = self._ongoing.part(event.step, monotonic())
        if in_events():
            from reconciler.render.progress.events import step_document

            document = step_document(event, part)
            emit(document.pop("type"), document.pop("msg"), **document)
        elif event.what is not What.PENDING or not self._screen.draws:
            for line in self._progress.lines(event, part):
                say(line)

    def _rows(self) -> Sequence[Row]:
        from reconciler.render.progress.ongoing import Row

        now = monotonic()
        # Between two passes no step goes on, and then the live resources are compared.
        return [*self._ongoing.rows(now)] or [Row(_COMPARES, "", now - self._began, self._awaited)]

    @property
    def look(self) -> Look:
        """The last one."""
        return self.looks[-1]

    def tell_outcome(self, seconds: float) -> None:
        """Sums up the work done, in numbers."""
        from reconciler.render.progress.progress import Counts

        changed = {change.address for look in self.looks for change in look.plan.changes if change.acts}
        counts = Counts.of(self.report, changed)
        if in_events():
            emit("summary", counts.text(seconds), **asdict(counts), seconds=round(seconds, 3))
        else:
            say(counts.text(seconds))
            self._tell_remedies()

    def _tell_remedies(self) -> None:
        """Says once for each sort of failure what to do about it."""
        from reconciler.core.message.codes import code_of

        # Fifty steps may fail for one reason; its remedy is read once.
        codes = dict.fromkeys(code_of(event.error) for event in self.report.failed if event.error)
        for code in codes:
            say(f"help[{code.name}]: {code.remedy}", level="warning")


class _NoScreen:
    """Nothing is drawn: there is no terminal, or the run is told as events."""

    draws = False

    def show(self) -> None: ...

    def hide(self) -> None: ...


def _screen(rows: Callable[[], Sequence[Row]]) -> _NoScreen | LiveScreen:
    if in_events() or not is_drawable(sys.stderr):
        return _NoScreen()
    from reconciler.cli.live import LiveScreen

    return LiveScreen(rows, colour=in_colour())


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


_FIRST = "interrupted: requests that run are finished, waits and builds are given up; once more to stop at once"


@contextmanager
def interruptible() -> Iterator[Stop]:
    """The first SIGINT or SIGTERM lets the current steps end, the second one ends the program."""
    stop = Stop()
    codes = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}

    def on_signal(number: int, _frame: Any) -> None:
        if stop.flag.is_set() or stop.is_idle:
            if stop.is_idle:
                say("")  # ends the line of the question
            say("interrupted" if stop.is_idle else "interrupted at once: nothing more is waited for")
            raise SystemExit(codes[signal.Signals(number)])
        stop.code = codes[signal.Signals(number)]
        stop.flag.set()
        # A terminal that is drawn on has its rows taken away first; only a bare one shows `^C` in the line.
        if sys.stderr.isatty() and not is_drawable(sys.stderr) and not in_events():
            say("")  # ends the line that begins with `^C`
        say(_FIRST)

    # The handlers are put back: tests, and programs that import us, run more than one command in a process.
    before = {number: signal.signal(number, on_signal) for number in codes}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
