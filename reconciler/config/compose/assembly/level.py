"""The settings for reading files of a stack, and the mistakes found on the way to one document."""

from __future__ import annotations

from pathlib import Path

from reconciler.config.compose.assembly.confined import outside
from reconciler.config.compose.model.paths import Base
from reconciler.config.variables.template import Variables
from reconciler.config.yaml.tree import TreePath
from reconciler.core.message.problem import Problem
from reconciler.record import Struct, field, replace


class Level(Struct, frozen=True):
    """The main files are one level, those of each include another.

    ``root`` is the project's directory, which messages are seen from; ``directory`` the one that relative paths are.
    ``above`` are the files that lead here, and the files of the level itself. ``confined`` levels read nothing outside
    of the project's directory.
    """

    root: Path
    directory: Path
    variables: Variables
    strict: bool = True
    above: tuple[Path, ...] = ()
    confined: bool = False

    @property
    def base(self) -> Base:
        return self.base_of(self.directory)

    def base_of(self, directory: Path) -> Base:
        return Base(directory, self.root, self.variables.get("HOME"))

    def forbids(self, *paths: Path) -> str | None:
        """Explains why one of these must not be read."""
        return next(filter(None, (outside(str(path), self.root) for path in paths)), None) if self.confined else None


class Doubt(Struct, frozen=True):
    """A problem only where what stands at ``path`` is used. ``undefined`` is one of a variable, which may be idle."""

    path: TreePath
    problem: Problem
    undefined: bool = False


class Findings(Struct):
    """Problems, doubts, and the paths of what was therefore taken out; ``included`` counts the files so far.

    ``files`` are those that others name, there or not.
    """

    problems: list[Problem] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    gone: list[TreePath] = field(default_factory=list)
    included: int = 0
    files: list[Path] = field(default_factory=list)

    def inherit(self, old: str, new: str, other: Findings) -> None:
        """Take over what ``other`` found in the service ``old``, which is a part of the service ``new`` now."""
        doubts = [doubt for doubt in other.doubts if doubt.path[:2] == ("services", old)]
        gone = [path for path in other.gone if path[:2] == ("services", old)]
        self.doubts.extend(replace(doubt, path=("services", new, *doubt.path[2:])) for doubt in doubts)
        self.gone.extend(("services", new, *path[2:]) for path in gone)
