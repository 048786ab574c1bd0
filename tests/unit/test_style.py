"""The English of docstrings: a summary opens with a noun or a verb, not with a relative clause."""

from __future__ import annotations

from scripts.structure import CLAUSES, modules, opening

FOLDERS = ("reconciler", "scripts", "bench")
ALLOWED = 5
"""Summaries that may open with a clause; the number only goes down."""


def test_docstrings_open_with_a_noun_or_a_verb() -> None:
    clauses = [
        f"{module.name}: {node.body[0].lineno}"
        for folder in FOLDERS
        for module in modules(folder)
        for node in module.documented()
        if opening(node) in CLAUSES
    ]

    assert len(clauses) <= ALLOWED, "\n".join(clauses)
