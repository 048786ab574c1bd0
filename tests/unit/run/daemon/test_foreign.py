"""Whatever a library or a failed thread would write to stderr is a line of the log, and only there."""

from __future__ import annotations

import logging
import threading
import warnings
from typing import Any

import pytest

from reconciler.run.daemon.foreign import libraries_logged


class Log:
    """The log of a test."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, _level: str) -> Any:
        return lambda phrase, **fields: self.lines.append((phrase, fields))


def test_what_libraries_and_threads_say_is_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log()

    def fail() -> None:
        raise ValueError("out of range")

    with libraries_logged(log), warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.getLogger("some.library").error("can't %s", "read", exc_info=OSError("cut"))
        logging.getLogger("some.library").info("unimportant")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        thread = threading.Thread(target=fail, name="reader")
        thread.start()
        thread.join()

    library, warning, failed = log.lines
    assert library == ("a library warns", {"library": "some.library", "note": "can't read: OSError: cut"})
    assert warning[1]["library"] == "py.warnings"
    assert failed == ("thread failed", {"thread": "reader", "exception": "ValueError: out of range"})
    assert capsys.readouterr().err == ""
