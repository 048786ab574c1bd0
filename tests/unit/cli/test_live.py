"""The terminal while a run goes on: rows of what is waited for, which neither resizing nor an interrupt garbles."""

from __future__ import annotations

import re

import pytest

from tests.kit.docker.memory import PROJECT, MemoryEngine, served
from tests.kit.terminal import Terminal

CHECKED = "{image: 'app:1', healthcheck: {test: 'true'}}"


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

    assert any("health: starting, not probed yet" in line for line in terminal.lines)

    terminal.resize(120)
    terminal.until(lambda lines: any(re.search(r" waiting ([4-9]|\d\d+) ", line) for line in lines))
    assert both_wait(terminal.lines)
    assert any("health: starting, not probed yet" in line for line in terminal.lines)

    terminal.process.sendintr()
    code = terminal.ended()
    assert code == 130
    assert rows_of(terminal.lines) == [], "\n".join(terminal.lines)
    said = "\n".join(terminal.lines)
    assert "interrupted: requests that run are finished, waits and builds are given up" in said
    assert said.count("s of waiting") == 2
    assert "1 resource done, 2 interrupted or not started" in said
