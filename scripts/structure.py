#!/usr/bin/env python3
"""Measures the shape of the source: sizes, annotations, docstrings, comments, folders, circles of imports.

    scripts/structure.py               each part of the package, the scripts and the tests
    scripts/structure.py FOLDER…       only these

Sizes are median / p90 / p99 / maximum. A function's length is without its docstring and without empty lines.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGE: Final = "reconciler"
FOLDERS: Final = (PACKAGE, "scripts", "bench", "tests")

CLAUSES: Final = frozenset(
    {"what", "who", "whom", "whose", "where", "which", "whether", "when", "while", "how", "why"}
    | {"that", "those", "these", "of", "by", "to", "for", "from", "in", "on", "with"}
)
"""Words that open a relative clause or a phrase with a preposition, where a noun or a verb should stand."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function


@dataclass(frozen=True, slots=True)
class Module:
    """One file: its name below the root, its text and its tree."""

    name: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> Sequence[str]:
        return self.text.splitlines()

    @property
    def dotted(self) -> str:
        return self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def functions(self) -> Sequence[Function]:
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    def documented(self) -> Sequence[Documented]:
        return [node for node in ast.walk(self.tree) if isinstance(node, Documented)]


def modules(folder: str) -> Sequence[Module]:
    """Every file of a folder below the root, in the order of names."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    return [_module(path) for path in paths]


def _module(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    return Module(path.relative_to(ROOT).as_posix(), text, ast.parse(text))


# ------------------------------------------------------------------ one file or function


def length(module: Module, function: Function) -> int:
    """Lines from `def` to the last one, without the docstring and without empty lines."""
    lines = module.lines[function.lineno - 1 : function.end_lineno]
    docstring = function.body[0] if ast.get_docstring(function, clean=False) is not None else None
    described = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0
    return sum(1 for line in lines if line.strip()) - described


def parameters(function: Function) -> int:
    """The number of parameters, `self` and `cls` excepted."""
    every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    own = 1 if every and every[0].arg in ("self", "cls") else 0
    return len(every) - own + sum(1 for more in (function.args.vararg, function.args.kwarg) if more)


def opening(node: Documented) -> str | None:
    """The first word of a docstring, in lower case; None without one."""
    text = ast.get_docstring(node)
    found = re.search(r"[A-Za-z]+", text) if text else None
    return found[0].lower() if found else None


def is_comment(line: str) -> bool:
    """A line of its own that says something; rules that divide a file do not."""
    text = line.strip()
    return text.startswith("#") and not text.startswith("#!") and "----" not in text


# ------------------------------------------------------------------ figures


def percentile(values: Sequence[int], share: float) -> int:
    """The value that this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


def sizes(values: Sequence[int]) -> str:
    """Median, p90, p99 and maximum."""
    return " / ".join(str(percentile(values, share)) for share in (0.5, 0.9, 0.99, 1))


def percent(part: int, whole: int) -> str:
    """A share of a whole with one decimal."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def figures(files: Sequence[Module]) -> Iterator[tuple[str, str]]:
    """Every measurement of some files, as name and value."""
    functions = [(module, function) for module in files for function in module.functions()]
    nodes = [node for module in files for node in module.documented()]
    openings = [word for node in nodes if (word := opening(node))]
    lines = [line for module in files for line in module.lines if line.strip()]
    yield "files", str(len(files))
    yield "lines", str(sum(len(module.lines) for module in files))
    yield "lines of a file", sizes([len(module.lines) for module in files])
    yield "functions", str(len(functions))
    yield "lines of a function", sizes([length(module, function) for module, function in functions])
    yield "parameters", sizes([parameters(function) for _, function in functions])
    yield "annotated returns", percent(sum(1 for _, each in functions if each.returns), len(functions))
    yield "docstrings", percent(len(openings), len(nodes))
    yield "docstrings that open with a clause", percent(sum(1 for word in openings if word in CLAUSES), len(openings))
    yield "comment lines", percent(sum(1 for line in lines if is_comment(line)), len(lines))


def openings_table(files: Sequence[Module]) -> str:
    """The clause words that open docstrings, the most frequent ones first."""
    words = Counter(opening(node) for module in files for node in module.documented())
    return ", ".join(f"{word} {count}" for word, count in words.most_common() if word in CLAUSES) or "none"


def fullest(files: Sequence[Module], most: int = 8) -> str:
    """The folders with the most files."""
    counts = Counter(module.name.rpartition("/")[0] for module in files)
    return ", ".join(f"{folder} {count}" for folder, count in counts.most_common(most))


# ------------------------------------------------------------------ imports


def imported(module: Module, known: Mapping[str, Module]) -> frozenset[str]:
    """The modules of ours that a file imports when it runs, wherever in the file it does."""
    found: set[str] = set()
    for node in _run(module.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # The package of a module is run as well, with all that it imports itself.
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found & known.keys()) - {module.dotted}


def _run(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below, without the blocks that only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING"):
            yield child
            yield from _run(child)


def circles(graph: Mapping[str, frozenset[str]]) -> Sequence[Sequence[str]]:
    """Groups of modules in which each one reaches every other one."""
    reached = {name: _reached(name, graph) for name in graph}
    groups = {
        frozenset(other for other in reached[name] if name in reached[other]) for name in graph if name in reached[name]
    }
    return sorted(sorted(group) for group in groups)


def _reached(start: str, graph: Mapping[str, frozenset[str]]) -> frozenset[str]:
    found: set[str] = set()
    frontier = set(graph[start])
    while frontier:
        found |= frontier
        frontier = {other for name in frontier for other in graph[name]} - found
    return frozenset(found)


# ------------------------------------------------------------------ output


def parts(folder: str) -> Sequence[str]:
    """A folder, and for the package each of its parts and each provider."""
    if folder != PACKAGE:
        return [folder]
    inner = sorted(path for path in (ROOT / PACKAGE).iterdir() if path.is_dir() and any(path.glob("*.py")))
    providers = sorted(path for path in (ROOT / PACKAGE / "providers").iterdir() if any(path.glob("*.py")))
    return [PACKAGE, *(path.relative_to(ROOT).as_posix() for path in (*inner, *providers))]


def shown(folder: str) -> str:
    """One part with all of its figures."""
    files = modules(folder)
    rows = [f"  {name:<36}{value}" for name, value in figures(files)]
    return "\n".join([folder, *rows, f"  {'clause words':<36}{openings_table(files)}"])


def main(arguments: Sequence[str]) -> None:
    """Prints the figures of each folder."""
    folders = arguments or FOLDERS
    for folder in folders:
        for part in parts(folder.rstrip("/")):
            print(shown(part), end="\n\n")
    every = [module for folder in folders for module in modules(folder)]
    print("files in a folder:", fullest(every))
    known = {module.dotted: module for module in modules(PACKAGE)}
    found = circles({name: imported(module, known) for name, module in known.items()})
    for circle in found:
        print("imports go round:", ", ".join(circle))
    print("circles of imports:", len(found))


if __name__ == "__main__":
    main(sys.argv[1:])
