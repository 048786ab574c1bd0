"""Lines of files without the values that are secrets, for showing under a message."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from reconciler.core.secrecy import LISTS_OF_NAMES, Span, looks_secret, replaced, secrets_of_words

MASK: Final = "********"

_ASSIGNED: Final = re.compile(
    r"""(?<![\w.-])(?<!\$\{)(?P<name>[\w.-]+)["']?\s*[:=]\s*["']?(?!\$)(?P<value>[^\s"'$].*)"""
)
_DEFAULT: Final = re.compile(r"\$\{(?P<name>\w+):?-(?P<value>[^}]+)")
_ANY_ASSIGNED: Final = re.compile(r"([=:]\s*).*")
_OPENED: Final = re.compile(r"""^[\s-]*["']?(?P<name>[\w.-]+)["']?\s*[:=]\s*(?P<block>[|>][-+0-9]*|)\s*(?:#.*)?$""")
_OPTION: Final = re.compile(r"""[\s"'\[,-]-{1,2}(?P<name>[A-Za-z][\w-]*)["']?,?\s*$""")
_PAIR: Final = re.compile(r"""^[\s-]*["']?[\w.-]+["']?\s*:(\s|$)""")
_ITEM: Final = re.compile(r"^\s*(?:-\s+)?(?P<value>\S.*)$")
_WORD: Final = re.compile(r"[a-z]{4,}")
_NOUNS: Final = ("credential", "passphrase", "passwd", "password", "secret", "token")
_ALIKE: Final = 0.85
_PUNCTUATION: Final = str.maketrans("[]{},\"'", " " * 7)


def masked(line: str) -> str:
    """The line without the secrets that are written in it; names of variables are no values."""
    return replaced(line, _secrets(line), MASK)


@lru_cache(maxsize=1_000)  # a line with many problems is shown under each of them
def masked_line(lines: tuple[str, ...]) -> str:
    """The last of these lines, masked whole where it is the value of a key or an option above it."""
    *above, line = lines
    if _is_value_of_secret(above, line) and (item := _ITEM.match(line)):
        return replaced(line, [item.span("value")], MASK)
    return masked(line)


def without_values(line: str) -> str:
    """The line of a file that is all secrets: names only, and nothing where there is none."""
    return _ANY_ASSIGNED.sub(rf"\1{MASK}", line, count=1) if _ANY_ASSIGNED.search(line) else ""


def _secrets(line: str) -> Iterator[Span]:
    at = 0
    while found := _ASSIGNED.search(line, at):
        if _is_secret(found["name"]):
            yield found.start("value"), len(line)
        at = found.end("name")
    yield from (found.span("value") for found in _DEFAULT.finditer(line) if looks_secret(found["name"]))
    yield from secrets_of_words(line)
    yield from secrets_of_words(line.translate(_PUNCTUATION))  # the items of a list in brackets as words


def _is_secret(name: str) -> bool:
    """Returns whether the name is a secret's, perhaps misspelled: a wrong key's line is shown."""
    if name in LISTS_OF_NAMES:
        return False
    words = _WORD.findall(name.lower())
    return name == "value" or looks_secret(name) or any(get_close_matches(word, _NOUNS, 1, _ALIKE) for word in words)


def _is_value_of_secret(above: Sequence[str], line: str) -> bool:
    """Returns whether the line is the value of a key above it, as in a block, or of an option in the line before."""
    if above and (option := _OPTION.search(f" {above[-1]}")) and looks_secret(option["name"]):
        return True
    parent = next((each for each in reversed(above) if each.strip() and _depth(each) < _depth(line)), "")
    opened = _OPENED.match(parent)
    return bool(opened and _is_secret(opened["name"]) and (opened["block"] or not _PAIR.match(line)))


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())
