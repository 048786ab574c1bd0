"""Hints: "look again" from outside. They may name a resource; its difference is found by a look.

Each source is a thread of its own; they meet in one queue. A source that fails is begun again: until then only
the resync interval finds what happens.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from reconciler.core.provider import Hint
from reconciler.run.clock import Clock

AGAIN_S: Final = 2.0
QUIET_S: Final = 0.25
FIRST_S: Final = 1
"""After so many seconds at the latest a watch of files shows that it has begun."""

LONGEST_S: Final = 2.0
"""A burst of hints is waited out: until it is quiet for so long, but no longer than this."""

GOING_ON_S: Final = 4.0
"""The same for the rest of a burst that a look has interrupted."""


class Hints:
    """The queue that all sources feed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queue: queue.SimpleQueue[Hint] = queue.SimpleQueue()  # whose put may be called by a signal handler
        self._over = threading.Event()
        self._goes_on = False

    def give(self, hint: Hint) -> None:
        """Also for signal handlers and timers."""
        self._queue.put(hint)

    def follow(self, name: str, source: Callable[[], Iterator[Hint]]) -> None:
        """Feed from a source that blocks, for as long as the program runs."""
        threading.Thread(target=self._feed, args=(source,), name=name, daemon=True).start()

    def wait(self, at_most_s: float) -> list[Hint]:
        """The hints of one burst; empty when none came in time."""
        try:
            hints = [self._queue.get(timeout=max(at_most_s, 0.0))]
        except queue.Empty:
            self._goes_on = False
            return []
        # The rest of an interrupted burst may take longer: what caused it is still going on.
        end = self._clock.now() + (GOING_ON_S if self._goes_on else LONGEST_S)
        self._goes_on = True
        while self._clock.now() < end:
            try:
                hints.append(self._queue.get(timeout=QUIET_S))
            except queue.Empty:
                self._goes_on = False
                break
        return hints

    def close(self) -> None:
        self._over.set()

    def _feed(self, source: Callable[[], Iterator[Hint]]) -> None:
        while not self._over.is_set():
            try:
                for hint in source():
                    self.give(hint)
            except Exception:  # noqa: BLE001, S110 (a source is a help only: the next look says what is away)
                pass
            self._over.wait(AGAIN_S)


def changed_files(files: Callable[[], Iterable[Path]], stop: threading.Event) -> Iterator[Hint]:
    """A hint for each change of one of the files, and one as soon as changes are noticed at all. Blocks.

    Ends when it is other files that are to be watched. The folders are watched, because editors and git replace a file
    rather than write into it.
    """
    from watchfiles import watch

    asked = tuple(files())
    wanted = {path.resolve() for path in asked}
    folders = sorted({path.parent for path in wanted if path.parent.is_dir()})
    changes = watch(
        *folders,
        recursive=False,
        debounce=200,
        rust_timeout=FIRST_S * 1000,
        yield_on_timeout=True,
        raise_interrupt=False,
        stop_event=stop,
    )
    for number, change in enumerate(changes):
        if number == 0:
            yield Hint("files are watched")  # what changed before that has gone unseen
        for name in sorted({Path(path).name for _, path in change if Path(path).resolve() in wanted}):
            yield Hint(f"file {name} changed")
        if tuple(files()) != asked:
            return
