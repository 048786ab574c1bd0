"""The end of the daemon after a signal: in time, whatever hangs. The command begins it before anything can hang."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event as Flag
from typing import Any, Final

LAST_S: Final = 7.0
"""The time from the order to stop until the process ends by force: later than anything that ends by itself."""

LOGGED_S: Final = 0.5
"""The time for the last lines of the log, which may hang as well."""


@contextmanager
def ended_in_time(
    stop: Flag,
    log: Any,
    left_undone: Callable[[], None],
    *,
    last_s: float = LAST_S,
    leave: Callable[[int], object] = os._exit,
) -> Iterator[None]:
    """End the process, once ``stop`` has been set for ``last_s`` seconds, if the body is not left by then.

    A call of the main thread, a log that nobody reads, or a disk may hang, and none of them can be given up.
    ``left_undone`` reports what was under way.
    """
    over = threading.Event()

    def report() -> None:
        left_undone()
        log.error("daemon is ended, as something hangs", at=_place_of_the_main_thread())

    def watch() -> None:
        stop.wait()
        if over.wait(last_s):
            return
        reports = threading.Thread(target=report, name="last words", daemon=True)
        reports.start()
        reports.join(LOGGED_S)
        leave(0)

    # Begun now: a signal handler could not begin a thread safely.
    threading.Thread(target=watch, name="end", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _place_of_the_main_thread() -> str:
    """The innermost line of this program that the main thread is in."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001 (documented, but so named)
    own = [each for each in traceback.extract_stack(frame) if "/reconciler/" in each.filename]
    return f"reconciler/{own[-1].filename.rpartition('/reconciler/')[2]}:{own[-1].lineno}" if own else ""
