"""Users from a further file: `users: {from: people.csv}`, or a YAML or JSON file with a list of users.

Each becomes a part of the realm like any other file, so that it is checked, merged and pointed to in the same way.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Final

from reconciler.config.realm.file import UsersFile, read_users
from reconciler.config.yaml.suggest import suggestion
from reconciler.config.yaml.textfile import USERS_LIMIT, TextFile, read_text
from reconciler.config.yaml.tree import Place, Tree, TreePath
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import SCHEMA, SYNTAX, Problem

_SEPARATOR: Final = ";"
_ATTRIBUTE: Final = "attributes."
_TEXTS: Final = ("username", "email", "firstName", "lastName", "password", "enabled", "emailVerified")
_LISTS: Final = ("groups", "roles", "realmRoles", "requiredActions")
_COLUMNS: Final = (*_TEXTS, *_LISTS)


@dataclass(frozen=True)
class CsvFile(UsersFile):
    """A table of users; ``rows`` are the lines at which they stand, ``header`` the names of the columns."""

    rows: tuple[int, ...] = ()
    header: tuple[str, ...] = ()

    def place(self, path: TreePath) -> Place:
        """The cell that a path leads to, or the line of the user, or the first one."""
        line, column = 1, 1
        match path:
            case (_, "users", int(index), *keys) if index < len(self.rows):
                line = self.rows[index]
                column = self._column(line, tuple(map(str, keys)))
        return Place(self.file, line, column, line, column)

    def _column(self, line: int, keys: tuple[str, ...]) -> int:
        name = ".".join(keys[:2]) if keys[:1] == ("attributes",) else "".join(keys[:1])
        return _column(self._lines[line - 1], self.header.index(name)) if name in self.header else 1

    @cached_property
    def _lines(self) -> list[str]:
        return self.file.text.split("\n")


@dataclass(frozen=True)
class ListFile(UsersFile):
    """A file that is a list of users."""

    listed: UsersFile | None = None

    def place(self, path: TreePath) -> Place:
        assert self.listed is not None
        number, *rest = path
        return self.listed.place((number, *rest[1:]) if rest[:1] == ["users"] else (number,))


def with_people(users: UsersFile, path: Path, directory: Path) -> Iterator[UsersFile]:
    """The file without its references to others, and those others. Raises ConfigError."""
    found: list[UsersFile] = []

    def taken_out(tree: Tree, at: TreePath) -> Tree:
        """The tree without `users: {from: …}`, whose files are added to what was found."""
        match tree:
            case list():
                return [taken_out(each, (*at, index)) for index, each in enumerate(tree)]
            case {"realms": realms}:
                return {**tree, "realms": taken_out(realms, (*at, "realms"))}
            # With further keys beside `from` it is no reference, and the schema reports it.
            case {"realm": str(realm), "users": {"from": str(name), **more}} if not more:
                with _named(users, (*at, "users", "from")):
                    found.append(_read(path.parent / name, directory, realm))
                return {key: value for key, value in tree.items() if key != "users"}
            case _:
                return tree

    documents = tuple(taken_out(each, (number,)) for number, each in enumerate(users.documents))
    yield users.with_documents(documents) if found else users
    yield from found


@contextmanager
def _named(users: UsersFile, at: TreePath) -> Iterator[None]:
    """A file that can't be read is a mistake of who names it."""
    try:
        yield
    except ConfigError as error:
        if all(problem.origin.line for problem in error.problems):
            raise
        told = (users.problem(at, str(problem), at_value=True, code=problem.code) for problem in error.problems)
        raise ConfigError(tuple(told)) from error


def _read(path: Path, directory: Path, realm: str) -> UsersFile:
    if path.suffix.lower() == ".csv":
        return _table(read_text(path, directory=directory, limit=USERS_LIMIT, private=True), realm)
    listed = read_users(path, directory)
    (people, *more) = listed.documents or (None,)
    if not isinstance(people, list) or more:
        raise ConfigError([listed.file.problem("must be a list of users", 1, 1, code=SCHEMA)])
    return ListFile(listed.file, ({"realm": realm, "users": people},), listed.warnings, listed=listed)


def _table(file: TextFile, realm: str) -> CsvFile:
    reader = csv.reader(StringIO(file.text), strict=True)
    people: list[Tree] = []
    rows: list[int] = []
    problems: list[Problem] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        _check(file, header)
        # A quoted cell may hold line breaks, so the number of the line is the reader's and not a count of rows.
        before = reader.line_num
        for cells in reader:
            if cells and len(cells) != len(header):
                # All rows are checked before an error ends the run, so that one run shows all of them.
                said = f"has {len(cells)} cells, but the first line names {len(header)}"
                cell = min(len(cells), len(header))
                problems.append(
                    file.problem(said, before + 1, _column(file.text.split("\n")[before], cell), code=SYNTAX)
                )
            if any(cells):
                people.append(_user(dict(zip(header, cells, strict=False))))
                rows.append(before + 1)
            before = reader.line_num
    except csv.Error as error:
        said = f"is not valid CSV: {_in_words(error)}"
        raise ConfigError([*problems, file.problem(said, reader.line_num, 1, code=SYNTAX)]) from error
    if problems:
        raise ConfigError(problems)
    return CsvFile(file, ({"realm": realm, "users": people},), rows=tuple(rows), header=tuple(header))


def _column(line: str, cell: int) -> int:
    """The column of a cell; 1 if it is on a further line."""
    starts, is_quoted = [1], False
    for column, char in enumerate(line, 1):
        is_quoted ^= char == '"'
        if char == "," and not is_quoted:
            starts.append(column + 1)
    return starts[cell] if cell < len(starts) else 1


_FAULTS: Final = {
    "unexpected end of data": "a quote is not closed",
    "expected after": "after a closing quote comes a comma; write a quote inside of quotes twice",
    "field limit": "a cell is longer than a table may have",
    "NUL": "contains a NUL character",
    "new-line": "a line ends in an unknown way; save the table as CSV again",
}
"""The parser's words, and ours."""


def _in_words(error: csv.Error) -> str:
    said = str(error)
    return next((ours for theirs, ours in _FAULTS.items() if theirs in said), "a line can't be understood")


def _check(file: TextFile, header: list[str]) -> None:
    line = file.text.partition("\n")[0]
    problems = [
        file.problem(f"unknown column `{name}`{suggestion(name, _COLUMNS)}", 1, _column(line, number), code=SCHEMA)
        for number, name in enumerate(header)
        if name not in _COLUMNS and not name.startswith(_ATTRIBUTE)
    ]
    if "username" not in header:
        problems.append(
            file.problem("lacks the column `username`; the first line has the names of the columns", 1, 1, code=SCHEMA)
        )
    if problems:
        raise ConfigError(problems)


def _user(cells: Mapping[str, str]) -> dict[str, Tree]:
    """A user as users.yaml would have it; an empty cell says nothing, lists have semicolons."""
    user: dict[str, Tree] = {}
    for name, cell in cells.items():
        if not cell.strip():
            continue
        if name.startswith(_ATTRIBUTE):
            user.setdefault("attributes", {})[name.removeprefix(_ATTRIBUTE)] = _parts(cell)
        else:
            user[name] = _parts(cell) if name in _LISTS else cell.strip()
    return user


def _parts(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(_SEPARATOR) if part.strip()]
