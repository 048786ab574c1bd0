"""Users from a further file: `users: {from: people.csv}`, or a YAML or JSON file with a list of users.

Each becomes a part of the realm like any other file, so that it is checked, merged and pointed to in the same way.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Final

from reconciler.config.realm.file import UsersFile, read_users
from reconciler.config.yaml.suggest import suggestion
from reconciler.config.yaml.textfile import USERS_LIMIT, TextFile, read_text
from reconciler.config.yaml.tree import Place, Tree, TreePath
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import (
    CHECK,
    MOST_LISTED,
    SCHEMA,
    SYNTAX,
    Problem,
    Severity,
    bounded,
    more_mistakes,
)
from reconciler.record import replace

_SEPARATOR: Final = ";"
_ATTRIBUTE: Final = "attributes."
_NAME: Final = "username"
_TEXTS: Final = (_NAME, "email", "firstName", "lastName", "password", "enabled", "emailVerified")
_LISTS: Final = ("groups", "roles", "realmRoles", "requiredActions")
_COLUMNS: Final = (*_TEXTS, *_LISTS)


class CsvFile(UsersFile, frozen=True, dict=True):
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


class ListFile(UsersFile, frozen=True, dict=True):
    """A file that is a list of users."""

    listed: UsersFile | None = None

    def place(self, path: TreePath) -> Place:
        assert self.listed is not None
        number, *rest = path
        return self.listed.place((number, *rest[1:]) if rest[:1] == ["users"] else (number,))


Forbids = Callable[[Path], str | None]
"""Explains why a file must not be read; None if it may."""


def with_people(users: UsersFile, path: Path, directory: Path, forbids: Forbids | None = None) -> Iterator[UsersFile]:
    """The file without its references to others, and those others. One that can't be read is a problem of the file."""
    found: list[UsersFile] = []
    problems: list[Problem] = []

    def taken_out(tree: Tree, at: TreePath) -> Tree:
        """The tree without `users: {from: …}`, whose files are added to what was found."""
        match tree:
            case list():
                return [taken_out(each, (*at, index)) for index, each in enumerate(tree)]
            case {"realms": realms}:
                return {**tree, "realms": taken_out(realms, (*at, "realms"))}
            # With further keys beside `from` it is no reference, and the schema reports it.
            case {"realm": str(realm), "users": {"from": str(name), **more}} if not more:
                place, other = (*at, "users", "from"), path.parent / name
                try:
                    if why := forbids(other) if forbids else None:
                        problems.append(users.problem(place, why, at_value=True, code=CHECK))
                    else:
                        found.append(_read(other, directory, realm))
                except ConfigError as error:
                    problems.extend(_of_named(users, place, error))
                return {key: value for key, value in tree.items() if key != "users"}
            case _:
                return tree

    documents = tuple(taken_out(each, (number,)) for number, each in enumerate(users.documents))
    done = users.with_documents(documents) if found or problems else users
    yield replace(done, problems=(*users.problems, *problems), is_complete=not problems)
    yield from found


def _of_named(users: UsersFile, at: TreePath, error: ConfigError) -> Iterator[Problem]:
    """The problems of a named file; one that can't be read at all is a mistake at the place that names it."""
    for each in error.problems:
        yield each if each.origin.line else users.problem(at, str(each), at_value=True, code=each.code)


def _read(path: Path, directory: Path, realm: str) -> UsersFile:
    if path.suffix.lower() == ".csv":
        return _table(read_text(path, directory=directory, limit=USERS_LIMIT, private=True), realm)
    listed = read_users(path, directory)
    (people, *more) = listed.documents or (None,)
    if not isinstance(people, list) or more:
        raise ConfigError([listed.file.problem("must be a list of users", 1, 1, code=SCHEMA)])
    return ListFile(listed.file, ({"realm": realm, "users": people},), listed.problems, listed=listed)


def _table(file: TextFile, realm: str) -> CsvFile:
    """The users of a table. A wrong row is a problem, and the others are checked like those of any other file."""
    reader = csv.reader(StringIO(file.text), strict=True)
    people: list[Tree] = []
    rows: list[int] = []
    problems: list[Problem] = []
    uneven: list[tuple[int, int]] = []
    header: list[str] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        problems.extend(_of_header(file, header))
        # A quoted cell may hold line breaks, so the number of the line is the reader's and not a count of rows.
        before = reader.line_num
        for cells in reader:
            if cells and len(cells) != len(header):
                # All rows are checked before an error ends the run, so that one run shows all of them.
                uneven.append((before + 1, len(cells)))
            if any(cells):
                people.append(_user(dict(zip(header, cells, strict=False))))
                rows.append(before + 1)
            before = reader.line_num
        is_read = _NAME in header
    except csv.Error as error:
        problems.append(file.problem(f"is not valid CSV: {_in_words(error)}", reader.line_num, 1, code=SYNTAX))
        is_read = False
    problems.extend(_of_lengths(file, uneven, len(header)))
    if not people and not problems:
        problems.append(file.problem("has no users; add a row for each", 1, 1, Severity.WARNING, code=SCHEMA))
    document = {"realm": realm, "users": people if _NAME in header else []}
    return CsvFile(file, (document,), tuple(bounded(problems)), is_read, rows=tuple(rows), header=tuple(header))


def _of_lengths(file: TextFile, rows: Sequence[tuple[int, int]], names: int) -> Iterator[Problem]:
    """The problems of rows, as line and number of cells, that have more or fewer cells than the first line names."""
    lines = file.text.split("\n") if rows else []
    for line, cells in rows[:MOST_LISTED]:
        column = _column(lines[line - 1], min(cells, names))
        yield file.problem(f"has {cells} cells, but the first line names {names}", line, column, code=SYNTAX)
    if others := len(rows[MOST_LISTED:]):
        yield replace(file.problem(more_mistakes(others), rows[MOST_LISTED][0], 1, code=SYNTAX), count=others)


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


def _of_header(file: TextFile, header: list[str]) -> Iterator[Problem]:
    line = file.text.partition("\n")[0]
    for number, name in enumerate(header):
        if name not in _COLUMNS and not name.startswith(_ATTRIBUTE):
            message = f"unknown column `{name}`{suggestion(name, _COLUMNS)}"
            yield file.problem(message, 1, _column(line, number), code=SCHEMA)
    if _NAME not in header:
        message = f"lacks the column `{_NAME}`; the first line has the names of the columns"
        yield file.problem(message, 1, 1, code=SCHEMA)


def _user(cells: Mapping[str, str]) -> dict[str, Tree]:
    """A user as users.yaml would have it; an empty cell says nothing, lists have semicolons."""
    user: dict[str, Tree] = {}
    for name, cell in cells.items():
        if not cell.strip():
            continue
        if name.startswith(_ATTRIBUTE):
            user.setdefault("attributes", {})[name.removeprefix(_ATTRIBUTE)] = _parts(cell)
        elif name in _COLUMNS:
            user[name] = _parts(cell) if name in _LISTS else cell.strip()
    return user


def _parts(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(_SEPARATOR) if part.strip()]
