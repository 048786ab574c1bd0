"""Lines that libraries would write to stderr by themselves: they go to the daemon's log, which hides secrets."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def libraries_logged(log: Any) -> Iterator[None]:
    """Have the log take warnings of libraries, and the errors with which threads end."""
    root, handlers, on_error = logging.getLogger(), logging.getLogger().handlers, threading.excepthook

    def thread_failed(ended: threading.ExceptHookArgs) -> None:
        name = ended.thread.name if ended.thread else ""
        log.error("thread failed", thread=name, exception=f"{ended.exc_type.__name__}: {ended.exc_value}")

    root.handlers, threading.excepthook = [_Lines(log)], thread_failed
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        root.handlers, threading.excepthook = handlers, on_error
        logging.captureWarnings(capture=False)


class _Lines(logging.Handler):
    """Each record as a line of the log; a traceback is left out but for its last words."""

    def __init__(self, log: Any) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        note = f"{record.getMessage()}: {type(error).__name__}: {error}" if error else record.getMessage()
        self._log.warning("a library warns", library=record.name, note=note)
