"""Lines of files without the values that are secrets, for showing under a message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from reconciler.core.message.secrecy import LISTS_OF_NAMES, Span, looks_secret, merged_spans, replaced, secrets_of_words
from reconciler.pattern import lazy_pattern

MASK: Final = "********"

_ASSIGNED: Final = lazy_pattern(
    r"""(?<![\w.-])(?<!\$\{)(?P<name>[\w.-]+)["']?\s*[:=]\s*["']?(?!\$)(?P<value>[^\s"'$].*)"""
)
_DEFAULT: Final = lazy_pattern(r"\$\{(?P<name>\w+):?-(?P<value>[^}]+)")
_ANY_ASSIGNED: Final = lazy_pattern(r"([=:]\s*).*")
_OPENED: Final = lazy_pattern(r"""^[\s-]*["']?(?P<name>[\w.-]+)["']?\s*[:=]\s*(?P<block>[|>][-+0-9]*|)\s*(?:#.*)?$""")
_OPTION: Final = lazy_pattern(r"""[\s"'\[,-]-{1,2}(?P<name>[A-Za-z][\w-]*)["']?,?\s*$""")
_PAIR: Final = lazy_pattern(r"""^[\s-]*["']?[\w.-]+["']?\s*:(\s|$)""")
_ITEM: Final = lazy_pattern(r"^\s*(?:-\s+)?(?P<value>\S.*)$")
_WORD: Final = lazy_pattern(r"[a-z]{4,}")
_NOUNS: Final = ("credential", "passphrase", "passwd", "password", "secret", "token")
_ALIKE: Final = 0.85
_QUOTES: Final = "\"'"
_BEFORE_A_VALUE: Final = ("", ":", "-", ",", "[", "{", "=")
_PUNCTUATION: Final = str.maketrans("[]{},\"'", " " * 7)


def masked(line: str) -> str:
    """The line without the secrets that are written in it; names of variables are no values."""
    return replaced(line, _secrets(line), MASK)


def masked_line(lines: tuple[str, ...], column: int = 0) -> tuple[str, int]:
    """The last of these lines, masked whole where it is the value of a key or an option above it.

    With it comes the column at which the character at ``column`` stands now, or the mask that hides it.
    """
    spans = _spans(lines)
    return replaced(lines[-1], spans, MASK), _moved(column, spans)


@lru_cache(maxsize=1_000)  # a line with many problems is shown under each of them
def _spans(lines: tuple[str, ...]) -> tuple[Span, ...]:
    *above, line = lines
    if _is_value_of_secret(above, line) and (item := _ITEM.match(line)):
        return (item.span("value"),)
    return tuple(merged_spans(_secrets(line)))


def _moved(column: int, spans: Sequence[Span]) -> int:
    longer = 0
    for start, end in spans:
        if start < column - 1 < end:
            return start + longer + 1
        if end <= column - 1:
            longer += len(MASK) - (end - start)
    return column + longer


def without_values(line: str) -> str:
    """The line of a file that is all secrets: names only, and nothing where there is none."""
    return _ANY_ASSIGNED.sub(rf"\1{MASK}", line, count=1) if _ANY_ASSIGNED.search(line) else ""


def _secrets(line: str) -> Iterator[Span]:
    at, assigned = 0, set[int]()
    while found := _ASSIGNED.search(line, at):
        if _is_secret(found["name"]):
            assigned.add(found.start("value"))
            yield found.start("value"), _end(line, found.start("name"), found.start("value"))
        at = found.end("name")
    yield from (found.span("value") for found in _DEFAULT.finditer(line) if looks_secret(found["name"]))
    yield from secrets_of_words(line)
    # The items of a list in brackets are words, too. Without its brackets an assigned value has no end.
    yield from (span for span in secrets_of_words(line.translate(_PUNCTUATION)) if span[0] not in assigned)


def _end(line: str, name: int, value: int) -> int:
    """The end of a value: of its quotes, of its item in brackets, else of the line.

    In doubt it is the end of the line: a plain text may have any character in it.
    """
    quote, is_in_brackets = _surroundings(line[:name])
    own = line[value - 1] if line[value - 1] in _QUOTES and value - 1 > name else ""
    if quote or (own and own != quote):
        return _closing(line, value, own or quote)
    if is_in_brackets:
        return next((at for at in range(value, len(line)) if line[at] in ",]}"), len(line))
    return len(line)


def _surroundings(text: str) -> tuple[str, bool]:
    """The quote that is open at the end of a text, and whether a bracket of YAML is."""
    at, depth = 0, 0
    while at < len(text):
        before = text[:at].rstrip()[-1:]
        # A quote or bracket counts where a value may begin: elsewhere it is a character of a plain text.
        if before in _BEFORE_A_VALUE and text[at] in _QUOTES:
            closing = _closing(text, at + 1, text[at])
            if closing == len(text):
                return text[at], depth > 0
            at = closing
        elif (before in _BEFORE_A_VALUE and text[at] in "[{") or (depth and text[at] in "]}"):
            depth += 1 if text[at] in "[{" else -1
        at += 1
    return "", depth > 0


def _closing(text: str, start: int, quote: str) -> int:
    """The place of the quote that closes a text, or the end."""
    at = start
    while at < len(text) and text[at] != quote:
        at += 2 if text[at] == "\\" else 1
    return min(at, len(text))


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
