"""The types of options and arguments; each names the wrong value, and a right one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from reconciler.pattern import lazy_pattern

_NUMBER: Final = lazy_pattern(r"[0-9]+(\.[0-9]*)?")

MOST_WHOLE: Final = 2**31 - 1
"""The largest number that SQLite, the engine and the kernel can all count to."""

MOST_SECONDS: Final = 365 * 86_400.0
"""No clock, timer or date of Python is exceeded by a year from now."""

_MOST_SHOWN: Final = 40


class Whole(click.ParamType[int]):
    """A whole number that is neither too small nor too large."""

    name = "number"

    def __init__(self, least: int, most: int = MOST_WHOLE) -> None:
        self._least, self._most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        sign, digits = ("-", value[1:]) if value[:1] == "-" else ("", value)
        if not (digits.isascii() and digits.isdecimal()):
            self.fail(f"`{clipped(value)}` is not a whole number; write one such as {max(self._least, 5)}", param, ctx)
        # The digits are counted first: `int` refuses a text of thousands of them.
        is_beyond = len(digits.lstrip("0")) > len(str(self._most))
        if not sign and (is_beyond or int(digits) > self._most):
            self.fail(f"`{clipped(value)}` is too large; the most is {self._most}", param, ctx)
        if is_beyond or (number := int(sign + digits)) < self._least:
            self.fail(f"`{clipped(value)}` is too small; the least is {self._least}", param, ctx)
        return number


class Seconds(click.ParamType[float]):
    """A time of seconds, as a number or as a duration such as 1m30s."""

    name = "seconds"

    def __init__(self, least: float = 0.0, most: float = MOST_SECONDS) -> None:
        self._least, self._most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        from reconciler.core.resource.units import BadQuantity, nanoseconds

        try:
            seconds = nanoseconds(f"{value}s" if _NUMBER.fullmatch(value) else value) / 1e9
        except BadQuantity:
            seconds = -1.0
        if seconds < 0:
            self.fail(f"`{clipped(value)}` is not a valid time; write one like 30, 90s or 1h30m", param, ctx)
        if seconds < self._least:
            self.fail(f"`{clipped(value)}` is too short; the least is {self._least:g} s", param, ctx)
        if seconds > self._most:
            self.fail(f"`{clipped(value)}` is too long; the most is {self._most / 86_400:g} days", param, ctx)
        return seconds


class OneOf(click.Choice[str]):
    """One of a few words."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(words)

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:  # noqa: ARG002 (click's signature)
        from difflib import get_close_matches

        words = [str(each) for each in self.choices]
        near = get_close_matches(str(value), words, 1)
        return f"`{value}` is not known; {f'did you mean `{near[0]}`?' if near else f'write {alternatives(words)}'}"


class FilePath(click.ParamType[Path]):
    """The path of a file, or of a folder; ``exists`` where it must be there."""

    def __init__(self, *, exists: bool = False, is_folder: bool = False) -> None:
        self._exists, self._is_folder = exists, is_folder
        self.name = "directory" if is_folder else "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(value)
        if not self._exists:
            return path
        noun, other = ("folder", "file") if self._is_folder else ("file", "folder")
        try:
            is_there = path.exists()
        except (OSError, ValueError):  # a name that no file can have
            is_there = False
        if not is_there:
            self.fail(f"there is no {noun} `{clipped(value)}`; check its name, and the folder you are in", param, ctx)
        if path.is_dir() is not self._is_folder:
            self.fail(f"`{value}` is a {other}; name a {noun}", param, ctx)
        return path

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:  # noqa: ARG002
        """The shell knows its files itself."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="dir" if self._is_folder else "file")]


def clipped(value: str) -> str:
    """A wrong value, short enough for a message."""
    return value if len(value) <= _MOST_SHOWN else f"{value[:_MOST_SHOWN]}…"


def alternatives(words: Sequence[str]) -> str:
    """Some words, one of which is to be chosen."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


SECONDS: Final = Seconds()
FILE: Final = FilePath()
EXISTING_FILE: Final = FilePath(exists=True)
EXISTING_FOLDER: Final = FilePath(exists=True, is_folder=True)
