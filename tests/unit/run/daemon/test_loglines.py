"""The reference of the log is whole: every line that the source can write is in its tables, with its keys."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from reconciler.core.history.facts import Ailment
from reconciler.run.daemon.loglines import LOG_LINES, TROUBLES

SOURCE = Path(__file__).parents[4] / "reconciler"
LEVELS = {"debug", "info", "warning", "error", "exception"}
LOGGERS = {"log", "_log", "to_log"}
CHOSEN = {"history was damaged", "lock is not given back", "pause expired", "pause ended", "pass done"}
"""Phrases, or their levels, that the source chooses before it writes the line."""


def written() -> Iterator[tuple[str, set[str]]]:
    """The constant phrases that the daemon and its page log, with the keys that stand in the call."""
    for folder in ("run/daemon", "run/sources", "web", "cli"):
        for file in (SOURCE / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and is_log(node.func) and node.args:
                    (phrase,) = node.args
                    if isinstance(phrase, ast.Constant):
                        yield phrase.value, {*keys(node)}


def is_log(function: ast.expr) -> bool:
    if not isinstance(function, ast.Attribute) or function.attr not in LEVELS:
        return False
    owner = function.value
    return getattr(owner, "attr", getattr(owner, "id", "")) in LOGGERS


def keys(call: ast.Call) -> Iterator[str]:
    for keyword in call.keywords:
        if keyword.arg:
            yield keyword.arg
        elif isinstance(keyword.value, ast.Dict):
            yield from (key.value for key in keyword.value.keys if isinstance(key, ast.Constant))


def test_every_line_that_is_written_is_in_the_reference_with_its_keys():
    found = list(written())

    assert len(found) > 30
    for phrase, own in found:
        assert phrase in LOG_LINES, phrase
        assert own <= set(LOG_LINES[phrase].keys), phrase


def test_the_reference_has_no_line_that_nobody_writes():
    assert {phrase for phrase, _ in written()} | CHOSEN == set(LOG_LINES)


def test_every_trouble_is_in_the_reference():
    assert set(TROUBLES) == set(Ailment)
