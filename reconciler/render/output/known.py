"""The secret values that are known, and their places in a text: as they are, escaped, percent-encoded or in base64."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeAlias
from urllib.parse import unquote

from reconciler.core.message.secrecy import Span, replaced, secrets_in, secrets_of_words
from reconciler.core.resource.values import Secret

SHORTEST: Final = 6
"""A shorter text would be found everywhere; such a secret is hidden by its place."""

_MOST_SPARSE: Final = 64
"""So many are looked for one by one; more of them by their first letters."""

_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_TO_STANDARD: Final = str.maketrans("-_", "+/")
_PERCENT: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_FORM: Final = re.compile(r"%[0-9A-Fa-f]{2}|\+")  # as a form is sent
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([\"'\\/bfnrt$]))")
_ESCAPED: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_DEEPEST: Final = 3
_WHOLE_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/@:]*:(\S+)@[^\s@]*", re.IGNORECASE)
"""A text that is a URL and nothing else may have a quote in its password."""

Source: TypeAlias = Callable[[], Iterable[object]]


class KnownSecrets:
    """Secret texts, collected from their sources when they are first looked for.

    ``names`` are words that a reader has to see, such as a service's name: a password that is one of these is hidden by
    its place only.
    """

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}
        self._texts: set[str] = set()
        self._names: set[str] = set()
        self._by_start: dict[str, list[str]] | None = None

    def learn(self, name: str, source: Source) -> None:
        """Collect the secrets of what a source gives, values with ``Secret`` in them; the last of a name counts."""
        self._sources[name] = source

    def learn_names(self, names: Iterable[str]) -> None:
        """Have these words shown."""
        found = set(names)
        if not found <= self._names:
            self._names |= found
            self._by_start = None

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and next(self.spans(text), None) is not None

    def spans(self, text: str) -> Iterator[Span]:
        """Finds known secrets in the text; spans may overlap."""
        if len(text) < SHORTEST or not self._index():
            return
        yield from self._plain(text)
        yield from self._decoded(text, _ESCAPE, _unescaped)
        yield from self._decoded(text, _PERCENT, _unquoted)
        if "+" in text and "%" in text:
            yield from self._decoded(text, _FORM, _unquoted)
        yield from self._in_base64(text)

    def hidden(self, text: str) -> str:
        """The text without the secrets that are known or show by their form."""
        return replaced(text, (*self.spans(text), *secrets_in(text)))

    def collect(self) -> None:
        """Take what the sources have now, before one of them is replaced."""
        sources, self._sources = self._sources, {}
        for source in sources.values():
            for value in source():
                self._texts.update(_forms_of(value))
            self._by_start = None

    def _index(self) -> Mapping[str, Sequence[str]]:
        self.collect()
        if self._by_start is None:
            self._by_start = {}
            for text in self._texts - self._names:
                self._by_start.setdefault(text[:SHORTEST], []).append(text)
        return self._by_start

    def _plain(self, text: str) -> Iterator[Span]:
        index = self._by_start or {}
        starts = self._sparse(text) if len(index) <= _MOST_SPARSE else range(len(text) - SHORTEST + 1)
        for start in starts:
            for known in index.get(text[start : start + SHORTEST], ()):
                if text.startswith(known, start):
                    yield start, start + len(known)

    def _sparse(self, text: str) -> Iterator[int]:
        for beginning in self._by_start or {}:
            start = text.find(beginning)
            while start >= 0:
                yield start
                start = text.find(beginning, start + 1)

    def _decoded(
        self, text: str, escape: re.Pattern[str], decode: Callable[[re.Match[str]], bytes], depth: int = 0
    ) -> Iterator[Span]:
        """Finds secrets that are escaped in the text, also more than once, as JSON in JSON is."""
        if depth == _DEEPEST or not escape.search(text):
            return
        plain, places = _view(text, escape, decode)
        found = (*self._plain(plain), *self._decoded(plain, escape, decode, depth + 1))
        yield from ((places[start], places[end]) for start, end in found)

    def _in_base64(self, text: str) -> Iterator[Span]:
        for token in _BASE64.finditer(text):
            if token[0] == token[0].lower():  # a word, a number or a digest; base64 of some length has capitals
                continue
            standard = token[0].rstrip("=").translate(_TO_STANDARD)
            if any(next(self._plain(_from_base64(standard[offset:])), None) for offset in range(4)):
                yield token.span()


def _forms_of(value: object) -> Iterator[str]:
    """The secret texts in a value, the lines of those that have several, and what shows by its form within a text.

    The password in a live URL is one by itself: the same may stand in another field, from which its line is gone.
    """
    match value:
        case Secret():
            whole = value.reveal().strip()
            # A secret of several lines, such as a key, may be printed with an indent or in parts.
            lines = [line.strip() for line in whole.splitlines()] if "\n" in whole else []
            yield from (text for text in (whole, *lines, *_shown_by_form(whole)) if len(text) >= SHORTEST)
        case str():
            yield from (text for text in _shown_by_form(value) if len(text) >= SHORTEST)
        case Mapping():
            for part in value.values():
                yield from _forms_of(part)
        case tuple() | list():
            for part in value:
                yield from _forms_of(part)


def _shown_by_form(text: str) -> Iterator[str]:
    """The secrets that a text shows by its form: most texts have no sign of one, and are not searched."""
    if "=" in text or "://" in text:
        for start, end in secrets_of_words(text):
            yield text[start:end]
            yield unquote(text[start:end])
    if "@" in text and (whole := _WHOLE_URL.fullmatch(text)):
        yield whole[1]


def _view(text: str, escape: re.Pattern[str], decode: Callable[[re.Match[str]], bytes]) -> tuple[str, Sequence[int]]:
    """The text decoded, and for each character of it where it begins in the text; one more for the end."""
    data, places, end = bytearray(), list[int](), 0

    def add(piece: bytes, place: int) -> None:
        data.extend(piece)
        places.extend([place] * len(piece))

    def add_plain(until: int) -> None:
        for place in range(end, until):
            add(text[place].encode("utf-8", "surrogatepass"), place)

    for found in escape.finditer(text):
        add_plain(found.start())
        add(decode(found), found.start())
        end = found.end()
    add_plain(len(text))
    return _characters(bytes(data), [*places, len(text)])


def _characters(data: bytes, places: Sequence[int]) -> tuple[str, Sequence[int]]:
    """UTF-8 as text, with the place of each character's first byte."""
    text = data.decode("utf-8", "replace")
    # Only ASCII: then each byte is a character, and nothing has to be counted.
    if len(text) == len(data):
        return text, places
    # What is no UTF-8 is read byte by byte, so that a secret beside it is still found.
    text = data.decode("latin-1") if "\ufffd" in text else text
    if len(text) == len(data):
        return text, places
    found, at = list[int](), 0
    for character in text:
        found.append(places[at])
        at += len(character.encode("utf-8", "surrogatepass"))
    return text, [*found, places[-1]]


def _unescaped(found: re.Match[str]) -> bytes:
    code = found[1] or found[2]
    text = chr(int(code, 16)) if code else _ESCAPED.get(found[3], found[3])
    return text.encode("utf-8", "surrogatepass")


def _unquoted(found: re.Match[str]) -> bytes:
    return b" " if found[0] == "+" else bytes([int(found[0][1:], 16)])


def _from_base64(text: str) -> str:
    """Decodes a text that is base64; a letter that fills no byte is left out."""
    whole = text[:-1] if len(text) % 4 == 1 else text
    with suppress(ValueError):
        return b64decode(whole + "=" * (-len(whole) % 4)).decode("utf-8", "replace")
    return ""
