"""Text in the columns of a terminal: wide characters take two, and long lines are broken with an indent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Final
from unicodedata import category, east_asian_width

from reconciler.pattern import lazy_pattern
from reconciler.render.output.plain import PAINT

_PAINT: Final = lazy_pattern(f"{PAINT}[0-9;]*{PAINT}")
_PAINTS: Final = f"(?:{_PAINT.pattern})*"
_WORD: Final = lazy_pattern(rf"(?:{_PAINTS}[^\w\s]{_PAINTS} )?\S+|\s+")
"""A word, with the symbol before it: what a symbol stands for begins no line."""

_DEEPER: Final = 4
_FEWEST: Final = 20
USUAL_COLUMN: Final = 44
"""The width of a column of names where no terminal gives one."""


def cells(text: str) -> int:
    """The columns that a text takes, without its colours."""
    return sum(map(_cells_of, _PAINT.sub("", text)))


def _cells_of(char: str) -> int:
    if category(char) in ("Mn", "Me"):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def padded(text: str, width: int) -> str:
    """The text with blanks up to so many columns."""
    return text + " " * (width - cells(text))


def column_of(texts: Iterable[str], width: int) -> int:
    """The width of a column of texts: as wide as the widest, but not more than half of a terminal.

    Where the text does not go to a terminal it is a usual one, the same for all texts.
    """
    if not width:
        return USUAL_COLUMN
    return min(max(map(cells, texts), default=0), max(width // 2, _FEWEST))


def folded(text: str, width: int) -> str:
    """The text with lines of at most so many columns, broken between words where that is possible; 0 for no limit."""
    if not width:
        return text
    return "\n".join(part for line in text.split("\n") for part in _parts(line, max(width, _FEWEST)))


def _parts(line: str, width: int) -> Iterator[str]:
    if cells(line) <= width:
        yield line
        return
    bare = _PAINT.sub("", line)
    indent = " " * min(len(list(takewhile(str.isspace, bare))) + _DEEPER, width // 2)
    current = ""
    for word in _WORD.findall(line):
        if current.strip() and cells(current + word.rstrip()) > width:
            yield current.rstrip()
            current = indent + word.lstrip()
        else:
            current += word
        # A word that is wider than the line is cut, since no break between words helps.
        while cells(current.rstrip()) > width:
            head, current = _cut(current, width)
            yield head
            current = indent + current
    if current.strip():
        yield current.rstrip()


def _cut(text: str, width: int) -> tuple[str, str]:
    """The most of a text that fits, and the rest; the number of a colour stays whole."""
    taken, end = 0, 0
    while end < len(text):
        if paint := _PAINT.match(text, end):
            end = paint.end()
            continue
        taken += _cells_of(text[end])
        if taken > width:
            break
        end += 1
    return text[:end], text[end:]
