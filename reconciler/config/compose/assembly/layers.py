"""The files of a stack as they are written: one layer for each document, a later one laid over those before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from reconciler.config.yaml.parse import parse
from reconciler.config.yaml.reading import once
from reconciler.config.yaml.textfile import STACK_LIMIT, TextFile, read_text
from reconciler.config.yaml.tree import Map, Place, Tree, TreePath
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import SCHEMA, Problem
from reconciler.record import Struct

MOST_SERVICES: Final = 1000
"""Each service is compared with others; more are none that a person wrote for one engine."""


class Layer(Struct, frozen=True):
    """One document, parsed and no more; ``cleared`` are the paths that it takes out of the layers below."""

    tree: Map
    path: Path
    cleared: tuple[TreePath, ...] = ()


class Written(Struct, frozen=True):
    """All layers of some files, the lowest first, and what is odd about the files but no error."""

    layers: tuple[Layer, ...]
    problems: tuple[Problem, ...] = ()


def read_layers(paths: Iterable[Path], directory: Path) -> Written:
    """The layers of all files, read from first to last. Raises ConfigError with what is wrong with any of them."""
    layers: list[Layer] = []
    problems: list[Problem] = []
    errors: list[Problem] = []
    for path in paths:
        try:
            written = once(path, ("layers", directory), partial(_read, path, directory))
        except ConfigError as error:
            errors.extend(error.problems)
            continue
        layers.extend(written.layers)
        problems.extend(written.problems)
    if errors:
        raise ConfigError(errors)
    return Written(tuple(layers), tuple(problems))


def read_named(paths: Iterable[Path], directory: Path, *, place: Place, problems: list[Problem]) -> Written | None:
    """The layers of files that another file names at ``place``. None, and the problems, where they can't be read."""
    try:
        return read_layers(paths, directory)
    except ConfigError as error:
        for each in error.problems:
            said = place.problem(f"{each.origin.file}: {each.message}", at_value=True, code=each.code)
            problems.append(each if each.origin.line else said)
    return None


def _read(path: Path, directory: Path) -> Written:
    file = read_text(path, directory=directory, limit=STACK_LIMIT)
    parsed = parse(file, most={"services": MOST_SERVICES})
    if wrong := list(_no_mappings(file, parsed.documents)):
        raise ConfigError(wrong)
    cleared = parsed.cleared or ((),) * len(parsed.documents)
    layers = (Layer(tree, path, paths) for tree, paths in zip(parsed.documents, cleared, strict=True))
    return Written(tuple(layers), parsed.warnings)


def _no_mappings(file: TextFile, documents: Iterable[Tree]) -> Iterator[Problem]:
    for number, tree in enumerate(documents, start=1):
        if not isinstance(tree, Map):
            which = "" if number == 1 else f"document {number} "
            yield file.problem(f"{which}must be a mapping with `services:` in it", 1, 1, code=SCHEMA)
