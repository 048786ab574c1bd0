"""A file as text, with the name its user knows it by; the guards that any text must pass before it is parsed."""

from __future__ import annotations

import os
import stat
from bisect import bisect_right
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Final

from reconciler.config.yaml.masking import masked_line, without_values
from reconciler.config.yaml.reading import once
from reconciler.config.yaml.suggest import suggestion
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import OTHER, UNREADABLE, Problem, Severity
from reconciler.core.resource.resource import Origin
from reconciler.pattern import lazy_pattern
from reconciler.record import Discreet

_MIB: Final = 1024 * 1024
STACK_LIMIT: Final = 10 * _MIB
USERS_LIMIT: Final = 512 * _MIB
ENV_LIMIT: Final = _MIB
PLAN_LIMIT: Final = 64 * _MIB

FILE, FOLDER, SOCKET = "file", "directory", "socket"
"""Types of files."""

_LINE_BREAK: Final = lazy_pattern("\r\n|[\r\n\x85\u2028\u2029]")
_ALIKE: Final = 0.8
_SHOWN_LENGTH: Final = 200
_CONTEXT: Final = 50  # lines above, among which the key of a block is looked for
_TOLD_LENGTH: Final = 1000
_WIDE_ENCODINGS: Final = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class TextFile(Discreet, frozen=True, eq=False, dict=True):
    """The text of a file. ``name`` is for messages; lines and columns count from 1.

    ``private`` files hold secrets: no value of theirs is ever shown.
    """

    name: str
    text: str
    private: bool = False

    @cached_property
    def lines(self) -> tuple[str, ...]:
        return tuple(_LINE_BREAK.split(self.text))

    def origin(self, line: int = 0, column: int = 0) -> Origin:
        return Origin(self.name, line, column)

    def line(self, number: int, column: int = 0) -> tuple[str, int]:
        """The text of a line, for showing under a message, without secrets; empty where there is none.

        With it comes the column of it at which the character at ``column`` stands.
        """
        if not 0 < number <= len(self.lines):
            return "", column
        if self.private:
            return without_values(self.lines[number - 1][:_SHOWN_LENGTH]), column
        # The line alone does not tell: the text of a block scalar is secret by the key some lines above.
        above = self.lines[max(number - _CONTEXT, 0) : number]
        return masked_line(tuple(line[:_SHOWN_LENGTH] for line in above), column)

    def problem(
        self,
        message: str,
        line: int = 0,
        column: int = 0,
        severity: Severity = Severity.ERROR,
        *,
        code: str = OTHER,
    ) -> Problem:
        text, mark = self.line(line, column)
        return Problem(shortened(message), self.origin(line, column), severity, text, mark=mark, code=code)

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        return (0, *(match.end() for match in _LINE_BREAK.finditer(self.text)))

    def position(self, index: int) -> tuple[int, int]:
        """Line and column of the character at ``index``."""
        line = bisect_right(self._starts, index)
        return line, index - self._starts[line - 1] + 1


def shortened(message: str) -> str:
    """The message without the middle of what is very long in it."""
    return (
        message if len(message) <= _TOLD_LENGTH else f"{message[: _TOLD_LENGTH // 2]} … {message[-_TOLD_LENGTH // 2 :]}"
    )


def read_text(path: Path, *, directory: Path, limit: int, private: bool = False) -> TextFile:
    """The file's text. Raises ConfigError where there is none, or none that could be parsed."""
    name = shown_name(path, directory)
    try:
        text = once(path, limit, lambda: _decoded(read_bytes(path, limit)))
        return TextFile(name, text, private)
    except UnusableFile as error:
        place = Origin(name, error.line, error.column)
        raise ConfigError([Problem(str(error), place, code=UNREADABLE)]) from error


def shown_name(path: Path, directory: Path) -> str:
    """The path as its user would write it: as given, or seen from the project's directory."""
    if path.is_absolute() and path.is_relative_to(directory):
        return str(path.relative_to(directory))
    return str(path)


class UnusableFile(Exception):
    """The reason why a file can't be used, in words that follow its name, and its place where it has one."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def read_bytes(path: Path, limit: int) -> bytes:
    """Reads a regular file, or the null device. Never waits. Raises UnusableFile for anything else."""
    try:
        _require_file(path.stat())  # before it is opened: that may already do something to a device
        # Non-blocking: between the look and the opening the file may have become a pipe that nobody writes to.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            found = os.fstat(file.fileno())
            _require_file(found)
            if found.st_size > limit:
                size, most = found.st_size / _MIB, limit // _MIB
                raise UnusableFile(f"is too large: {size:.1f} MiB, where at most {most} MiB are read")
            data = file.read(found.st_size + 1)  # a buffer of the limit's size would be half a gibibyte
            if len(data) > found.st_size:  # it has grown meanwhile, or is a file of the kernel, which have no size
                data += file.read(limit + 1 - len(data))
    except FileNotFoundError:
        raise UnusableFile(_missing(path, "no such file")) from None
    except OSError as error:
        raise UnusableFile(f"can't be read: {error.strerror or error}") from error
    if len(data) > limit:
        raise UnusableFile(f"is too large: at most {limit // _MIB} MiB are read")
    return data


def _require_file(found: os.stat_result) -> None:
    sort = _SORTS.get(stat.S_IFMT(found.st_mode), "")
    if sort and not _is_null(found):
        raise UnusableFile(f"is a {sort}; expected a file")


def sort_of_special(path: Path) -> str:
    """Names the type of a special file, such as a pipe; "" for a file, a folder or nothing."""
    try:
        found = path.stat()
    except OSError:
        return ""
    return "" if stat.S_ISDIR(found.st_mode) or _is_null(found) else _SORTS.get(stat.S_IFMT(found.st_mode), "")


def why_unusable(path: Path, types: Collection[str]) -> str:
    """Explains why there is no readable file of one of these types; "" if there is one. Reads nothing of it."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return _missing(path, f"no such {' or '.join(sorted(types, reverse=True))}")
    except OSError as error:
        return f"can't be read: {error.strerror or error}"
    own = FILE if _is_null(found) else _SORTS.get(stat.S_IFMT(found.st_mode), FILE)
    if own not in types:
        return f"is a {own}; expected a {' or '.join(sorted(types, reverse=True))}"
    return "" if os.access(path, os.R_OK) else "can't be read: Permission denied"


def _is_null(found: os.stat_result) -> bool:
    """Returns whether it is the null device, which is named to switch a file off."""
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == Path(os.devnull).stat().st_rdev


_SORTS: Final = {
    stat.S_IFDIR: FOLDER,
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: SOCKET,
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


def is_named(path: Path) -> bool:
    """Returns whether there is an entry of this name, also a symbolic link to something that does not exist."""
    return path.exists() or path.is_symlink()


def _missing(path: Path, message: str) -> str:
    """Explains why there is nothing at a path: a link that leads nowhere is seen by those who list the directory."""
    if path.is_symlink():
        with suppress(OSError):
            return f"is a symbolic link to `{path.readlink()}`, which does not exist; create that, or remove the link"
    return f"{message}{_beside(path)}"


def _beside(path: Path) -> str:
    """The file of that folder which was perhaps meant."""
    with suppress(OSError):
        return suggestion(path.name, [each.name for each in path.parent.iterdir() if each.is_file()], alike=_ALIKE)
    return ""


def _decoded(data: bytes) -> str:
    encoding = _WIDE_ENCODINGS.get(data[:2])
    if encoding:
        raise UnusableFile(f"is written in {encoding}; save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # All before the first wrong byte is right, so it gives line and column in characters.
        before = data[: error.start].decode("utf-8-sig")
        said = f"is not UTF-8 text (byte 0x{data[error.start]:02x}); save it as UTF-8"
        raise UnusableFile(said, *_place_after(before)) from error
    if "\0" in text:
        raise UnusableFile("contains a NUL character; is it a text file?", *_place_after(text[: text.index("\0")]))
    return text


def _place_after(text: str) -> tuple[int, int]:
    """The line and the column of the character after this text."""
    *_, last = lines = _LINE_BREAK.split(text)
    return len(lines), len(last) + 1


_OWNER: Final = lazy_pattern(
    r"\b(?:services|networks|volumes|configs|secrets|models)\.[^\s.\[:`,;]+|\[\d+\]|^(?:user|client|group|role) `[^`]*`"
)
"""The part of a message that names the owner of a value: an alias gives one value to several."""


def in_file_order(problems: Iterator[Problem] | list[Problem]) -> list[Problem]:
    """Problems sorted by place within each file; the files stay in the order of their first problem.

    Each is told once, and no warning of what is an error too. So is one inside of an anchor, whose value several have.
    """
    told: dict[tuple[object, ...], Problem] = {}
    for each in problems:
        key = _mistake(each)
        told[key] = min(told.get(key, each), each, key=lambda same: same.message)
    errors = {key[:2] for key, each in told.items() if each.severity is Severity.ERROR}
    found = [each for key, each in told.items() if each.severity is Severity.ERROR or key[:2] not in errors]
    files = list(dict.fromkeys(problem.origin.file for problem in found))
    return sorted(found, key=lambda each: (files.index(each.origin.file), each.origin.line, each.origin.column))


def _mistake(problem: Problem) -> tuple[object, ...]:
    """The parts of a problem that are equal in two problems of the same mistake."""
    return problem.origin, _OWNER.sub("", problem.message), problem.severity, problem.code
