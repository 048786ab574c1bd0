"""The English of docstrings, and the form of classes that hold values."""

from __future__ import annotations

import ast
from pathlib import Path

from scripts.structure import CLAUSES, modules, opening

FOLDERS = ("reconciler", "scripts", "bench", "tests")
PACKAGE = Path(__file__).parents[2] / "reconciler"
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


HIDDEN = ("repr=", "compare=", "init=")
OTHERS = {"Stack", "OfHooks", "_Wish"}
"""Dataclasses that are of one family or of one file with such a one."""


def test_values_are_structs() -> None:
    """A dataclass is there for what a struct can't have: a cached property, a hidden field."""
    for file in PACKAGE.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if any(word in text for word in HIDDEN):
            continue  # fields of dataclasses and of structs are not mixed in one file
        slotted = [
            node.name
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.ClassDef)
            and any("dataclass(" in (words := ast.unparse(each)) and "slots" in words for each in node.decorator_list)
        ]
        assert set(slotted) <= OTHERS, file


def test_regular_expressions_are_compiled_when_they_are_used() -> None:
    """Compiling all of them at import took a tenth of a command's time; `lazy_pattern` waits for the first use."""
    for file in PACKAGE.rglob("*.py"):
        pending: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
        while pending:
            node = pending.pop()
            inner = [each for each in ast.iter_child_nodes(node) if not isinstance(each, ast.FunctionDef | ast.Lambda)]
            pending += inner
            assert not (isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile"), file
            is_attribute = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call)
            assert not (is_attribute and ast.unparse(node.value.func) == "lazy_pattern"), file
