"""The person's terminal and standard input, handed on to a command that runs elsewhere: for `reconcile exec`."""

from __future__ import annotations

import os
import signal
import stat
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from reconciler.cli.exit import Exit

_INPUT: Final = 0
_PIECE: Final = 1 << 16


def size() -> tuple[int, int]:
    """Columns and rows of the terminal itself: LINES and COLUMNS may be exported from another one."""
    columns, rows = os.get_terminal_size(_INPUT)
    return columns, rows


def has_input() -> bool:
    """Returns whether there is a standard input that may have something in it: not a closed one, nor /dev/null."""
    try:
        mode = os.fstat(_INPUT)
        return not (stat.S_ISCHR(mode.st_mode) and mode.st_rdev == os.stat(os.devnull).st_rdev)  # noqa: PTH116
    except OSError:
        return False


@contextmanager
def handed_on(resize: Callable[[int, int], None]) -> Iterator[None]:
    """Meanwhile each key goes to the command as it is, Ctrl-C too, and its terminal follows the size of this one."""
    before = termios.tcgetattr(_INPUT)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGWINCH, signal.SIGTERM, signal.SIGHUP)}

    def on_resize(_number: int, _frame: Any) -> None:
        resize(*size())

    def on_end(_number: int, _frame: Any) -> None:
        raise SystemExit(Exit.TERMINATED)  # by way of the block below, or the terminal would stay raw

    signal.signal(signal.SIGWINCH, on_resize)
    signal.signal(signal.SIGTERM, on_end)
    signal.signal(signal.SIGHUP, on_end)
    try:
        tty.setraw(_INPUT, termios.TCSADRAIN)  # what is typed ahead stays
        resize(*size())  # engines before API 1.42 don't take it with the start
        yield
    finally:
        sys.stdout.flush()
        termios.tcsetattr(_INPUT, termios.TCSADRAIN, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def feed(send: Callable[[bytes], bool], end: Callable[[], None]) -> None:
    """Hand on standard input, in a thread of its own that may outlive the command: nothing ends a read of input."""

    def run() -> None:
        while piece := _read_input():
            if not send(piece):
                return
        end()

    threading.Thread(target=run, name="input", daemon=True).start()


def _read_input() -> bytes:
    try:
        return os.read(_INPUT, _PIECE)
    except OSError:  # the terminal is gone
        return b""
