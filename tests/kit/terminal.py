"""A terminal of a program, with what a person sees on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

import pexpect  # type: ignore[import-untyped]
import pyte

from tests.kit.cli import command, environment

HEIGHT = 24


class Terminal:
    """The program at a terminal, and the screen that a person sees."""

    def __init__(self, arguments: Sequence[str], *, width: int, cwd: Path, **variables: str) -> None:
        program, *rest = command(arguments)
        env = {**environment(), "TERM": "xterm", **variables}
        del env["COLUMNS"]
        self._screen = pyte.Screen(width, HEIGHT)
        self._stream = pyte.Stream(self._screen)
        self.written = ""
        self.process = pexpect.spawn(program, rest, cwd=str(cwd), env=env, encoding="utf-8", dimensions=(HEIGHT, width))

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    def resize(self, width: int) -> None:
        self._screen.resize(HEIGHT, width)
        self.process.setwinsize(HEIGHT, width)

    def until(self, is_seen: Callable[[list[str]], bool], timeout_s: float = 60.0) -> None:
        """Read until the screen is so."""
        end = monotonic() + timeout_s
        while not is_seen(self.lines):
            assert monotonic() < end, "\n".join(self.lines)
            try:
                self._show(self.process.read_nonblocking(65536, 0.2))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                break
        assert is_seen(self.lines), "\n".join(self.lines)

    def ended(self, timeout_s: float = 60.0) -> int:
        """Read to the end; returns the exit code."""
        self.process.timeout = timeout_s
        self._show(self.process.read())
        self.process.wait()
        code: int = self.process.exitstatus
        return code

    def _show(self, text: str) -> None:
        self.written += text
        self._stream.feed(text)
