"""The end by force: only after an order to stop, only if the end does not come by itself, and whatever the log does."""

from __future__ import annotations

import threading
from typing import Any

from reconciler.run.daemon.ending import ended_in_time

PATIENCE_S = 60.0


class Log:
    """The log of a test."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []
        self.hangs, self.goes_on = hangs, threading.Event()

    def error(self, phrase: str, **fields: Any) -> None:
        if self.hangs:
            self.goes_on.wait(PATIENCE_S)
        self.lines.append((phrase, fields))


def test_what_hangs_is_ended_by_force_with_its_place_and_what_is_left() -> None:
    stop, left, log, codes = threading.Event(), threading.Event(), Log(), list[int]()

    with ended_in_time(stop, log, log_left(log), last_s=0.1, leave=left_with(codes, left)):
        stop.set()
        assert left.wait(PATIENCE_S)

    assert codes == [0]
    assert [phrase for phrase, _ in log.lines] == ["left undone", "daemon is ended, as something hangs"]
    assert log.lines[1][1].keys() == {"at"}


def test_a_log_that_hangs_as_well_holds_up_no_end() -> None:
    stop, left, log, codes = threading.Event(), threading.Event(), Log(hangs=True), list[int]()

    with ended_in_time(stop, log, log_left(log), last_s=0.1, leave=left_with(codes, left)):
        stop.set()
        assert left.wait(PATIENCE_S)
    log.goes_on.set()

    assert codes == [0]


def test_an_end_by_itself_needs_no_force() -> None:
    stop, left, log, codes = threading.Event(), threading.Event(), Log(), list[int]()

    with ended_in_time(stop, log, log_left(log), last_s=PATIENCE_S, leave=left_with(codes, left)):
        stop.set()

    assert not left.wait(0.2)
    assert (codes, log.lines) == ([], [])


def log_left(log: Log) -> Any:
    return lambda: log.error("left undone")


def left_with(codes: list[int], left: threading.Event) -> Any:
    def leave(code: int) -> None:
        codes.append(code)
        left.set()

    return leave
