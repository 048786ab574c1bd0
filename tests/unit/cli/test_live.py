"""The terminal while a run goes on: rows of what is waited for, which neither resizing nor an interrupt garbles."""

from __future__ import annotations

import re
from time import monotonic

import pexpect
import pyte
import pytest

from tests.kit.cli import command, environment
from tests.kit.docker.memory import PROJECT, MemoryEngine, served

HEIGHT = 24
CHECKED = "{image: 'app:1', healthcheck: {test: 'true'}}"


class Terminal:
    """The program at a terminal, and the screen that a person sees."""

    def __init__(self, arguments, *, width, cwd, **variables):
        program, *rest = command(arguments)
        env = environment(**variables)
        del env["COLUMNS"]
        self._screen = pyte.Screen(width, HEIGHT)
        self._stream = pyte.Stream(self._screen)
        self.process = pexpect.spawn(
            program, rest, cwd=str(cwd), env=env | {"TERM": "xterm"}, encoding="utf-8", dimensions=(HEIGHT, width)
        )

    @property
    def lines(self):
        return [line.rstrip() for line in self._screen.display]

    def resize(self, width):
        self._screen.resize(HEIGHT, width)
        self.process.setwinsize(HEIGHT, width)

    def until(self, is_seen, timeout_s=30.0):
        """Read until the screen is so."""
        end = monotonic() + timeout_s
        while not is_seen(self.lines):
            assert monotonic() < end, "\n".join(self.lines)
            try:
                self._stream.feed(self.process.read_nonblocking(65536, 0.2))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                break
        assert is_seen(self.lines), "\n".join(self.lines)

    def ended(self):
        """Read to the end; returns the exit code."""
        self._stream.feed(self.process.read())
        self.process.wait()
        return self.process.exitstatus


def rows_of(lines):
    """The services that are waited for, each on a line of its own."""
    return sorted(line.split()[1] for line in lines if " waiting " in line)


@pytest.fixture(params=[50, 160])
def terminal(request, tmp_path):
    """An apply of two services that are never healthy."""
    (tmp_path / "stack.yaml").write_text(
        f"name: {PROJECT}\nservices: {{a: {CHECKED}, b: {CHECKED}}}\n", encoding="utf-8"
    )
    engine = MemoryEngine()
    engine.image("app:1")
    with served(engine) as url:
        terminal = Terminal(("apply", "--yes"), width=request.param, cwd=tmp_path, DOCKER_HOST=url)
        yield terminal
        terminal.process.close(force=True)


def both_wait(lines):
    return rows_of(lines) == ["docker.container/a", "docker.container/b"]


def test_what_is_waited_for_has_a_row_each_also_after_a_resize_and_an_interrupt_says_what_is_left(terminal):
    terminal.until(both_wait)
    terminal.until(lambda lines: any(re.search(r" waiting ([2-9]|\d\d+) ", line) for line in lines))

    terminal.resize(120)
    terminal.until(lambda lines: any(re.search(r" waiting ([4-9]|\d\d+) ", line) for line in lines))
    assert both_wait(terminal.lines)
    assert any("health: starting, not probed yet" in line for line in terminal.lines)

    terminal.process.sendintr()
    code = terminal.ended()
    assert code == 130
    assert rows_of(terminal.lines) == []
    said = "\n".join(terminal.lines)
    assert "interrupted: requests that run are finished, waits and builds are given up" in said
    assert said.count("s of waiting") == 2
    assert "1 resource done, 2 interrupted or not started" in said
