"""A daemon as an operator runs it: a process of its own, and the lines of its log as they come."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.kit.cli import command, environment

PATIENCE_S = 60.0


class Running:
    """A daemon, and the lines of its log so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[Any] = []
        self._queue: queue.Queue[Any] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self._queue.put(json.loads(line))

    def close(self) -> None:
        self._reader.join()
        assert self.process.stderr
        self.process.stderr.close()

    def until(self, event: str, *, patience_s: float = PATIENCE_S, **fields: Any) -> Any:
        """The next log line with this event and these fields."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            try:
                line = self._queue.get(timeout=0.2)
            except queue.Empty:
                continue
            self.lines.append(line)
            if line["event"] == event and fields.items() <= line.items():
                return line
        raise AssertionError(f"no {event} {fields} within {patience_s:g} s in {self.lines}")

    def of(self, event: str) -> list[Any]:
        """All lines so far with this event."""
        while not self._queue.empty():
            self.lines.append(self._queue.get())
        return [line for line in self.lines if line["event"] == event]

    def show(self) -> None:
        """Write the log to stdout, where pytest shows it of a test that fails."""
        self.of("")
        sys.stdout.write("".join(f"{json.dumps(line)}\n" for line in self.lines))


@contextmanager
def daemon(
    directory: Path,
    *arguments: str,
    program: Sequence[str | Path] = (),
    env: Mapping[str, str] | None = None,
    before: Sequence[str] = (),
) -> Iterator[Running]:
    """A daemon for the project in a folder; ``program`` is another one than that of these sources, and ``before`` has
    the options in front of the command."""
    process = subprocess.Popen(
        [*(program or command(())), "-v", *before, "daemon", *arguments],
        cwd=directory,
        env=environment(**(env or {})),
        stderr=subprocess.PIPE,
        text=True,
    )
    running = Running(process)
    try:
        running.until("daemon begins")
        yield running
    finally:
        process.kill()
        process.wait()
        running.close()
        running.show()
