"""A plan at a terminal: in a pager where it is long, in colour only where that is wanted."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.kit.docker.memory import PROJECT, MemoryEngine, served
from tests.kit.terminal import HEIGHT, Terminal

ESCAPE = "\x1b"
LONG, SHORT = 10, 1
"""Services, whose plans have more and fewer lines than the terminal."""


@pytest.fixture
def shown(tmp_path):
    """Returns a function that runs `diff` at a terminal; it gives what a pager read, or None, and what was written."""
    pager, read = tmp_path / "pager", tmp_path / "read"
    pager.write_text(f"#!/bin/sh\ncat >{read}\n", encoding="utf-8")
    pager.chmod(0o755)
    engine = MemoryEngine()
    engine.image("app:1")
    with served(engine) as url:

        def run(services, *options, **variables):
            names = ", ".join(f"s{number}: {{image: 'app:1'}}" for number in range(services))
            (tmp_path / "stack.yaml").write_text(f"name: {PROJECT}\nservices: {{{names}}}\n", encoding="utf-8")
            variables = {"DOCKER_HOST": url, "PAGER": str(pager), **variables}
            terminal = Terminal((*options, "diff"), width=80, cwd=tmp_path, **variables)
            with closing(terminal.process):
                assert terminal.ended() == 2
            return read.read_text(encoding="utf-8") if read.exists() else None, terminal.written

        yield run


def test_a_plan_that_is_longer_than_the_terminal_goes_to_the_pager_as_a_whole(shown):
    read, written = shown(LONG)

    assert read.count("\n") > HEIGHT
    assert f"{ESCAPE}[32m+ docker.container/s0" in read
    assert "Plan: 11 to create; 1 unchanged." in read
    assert "docker.container/s0" not in written


@pytest.mark.parametrize(
    ("services", "options", "variables"),
    [(SHORT, (), {}), (LONG, ("--no-pager",), {}), (LONG, (), {"TERM": "dumb"})],
    ids=["short", "no pager", "dumb"],
)
def test_any_other_plan_stays_on_the_terminal(services, options, variables, shown):
    read, written = shown(services, *options, **variables)

    assert read is None
    assert "docker.container/s0" in written


@pytest.mark.parametrize(
    ("options", "variables"),
    [((), {"NO_COLOR": "1"}), (("--no-color",), {}), ((), {"TERM": "dumb"})],
    ids=["NO_COLOR", "--no-color", "dumb"],
)
def test_without_colour_nothing_steers_the_terminal(options, variables, shown):
    _, written = shown(SHORT, *options, **variables)

    assert "+ docker.container/s0" in written
    assert ESCAPE not in written


def test_without_colour_the_pager_gets_none(shown):
    read, _ = shown(LONG, NO_COLOR="1")

    assert "+ docker.container/s0" in read
    assert ESCAPE not in read
