"""The secret values that are known, and their places in a text: as they are, split, or in one of the encodings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from threading import RLock
from typing import Final, TypeAlias
from urllib.parse import unquote

from reconciler.core.message.secrecy import Span, merged_spans, replaced, secrets_in, secrets_of_words
from reconciler.core.resource.values import Secret
from reconciler.pattern import lazy_pattern
from reconciler.record import Struct
from reconciler.render.output.encodings import ENCODINGS, decoded_words, view
from reconciler.render.output.plain import BREAKS, IGNORED, PAINT, SEQUENCES, UNPAINTED

SHORTEST: Final = 6
"""A shorter text would be found everywhere; such a secret is hidden by its place."""

_MOST_SPARSE: Final = 64
"""So many are looked for one by one; more of them by their first letters."""

_DEEPEST: Final = 3
_MOST_VIEWS: Final = 24
"""A text is decoded so many times at most, whatever encodings are within others: the search stays linear."""

_STEERED: Final = lazy_pattern("[\x1b\x9b]")
_WORD: Final = lazy_pattern(r"[^\W\d_]{1,11}")
"""A secret that is a word, as `Password` is, would be found in other spellings everywhere."""

_WHOLE_URL: Final = lazy_pattern(r"[a-z][a-z0-9+.-]*://[^\s/@:]*:(\S+)@[^\s@]*", re.IGNORECASE)
"""A text that is a URL and nothing else may have a quote in its password."""

Source: TypeAlias = Callable[[], Iterable[object]]


class KnownSecrets:
    """Secret texts, collected from their sources when they are first looked for.

    ``names`` are words that a reader has to see, such as a service's name: a password that is one of these is hidden by
    its place only.
    """

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}
        self._followed: dict[str, Source] = {}
        self._lock = RLock()
        self._texts: set[str] = set()
        self._names: set[str] = set()
        self._by_start: dict[str, list[_Known]] = {}
        self._is_stale = True

    def learn(self, name: str, source: Source) -> None:
        """Collect the secrets of what a source gives, values with ``Secret`` in them; the last of a name counts."""
        self._sources[name] = source

    def follow(self, name: str, source: Source) -> None:
        """Ask a source at each search for what it has found since the last one; the last of a name counts.

        The source says each value once, asks nobody and prints nothing.
        """
        self._followed[name] = source

    def learn_names(self, names: Iterable[str]) -> None:
        """Have these words shown."""
        found = set(names)
        if not found <= self._names:
            self._names |= found
            self._is_stale = True

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and next(self.spans(text), None) is not None

    def spans(self, text: str) -> Iterator[Span]:
        """Finds known secrets in the text; spans may overlap."""
        if len(text) < SHORTEST or not self._index():
            return
        yield from self._shown(text)
        for plain, places in _views(text):
            yield from ((places[start], places[end]) for start, end in self._shown(plain))

    def hidden(self, text: str) -> str:
        """The text without the secrets that are known or show by their form."""
        return replaced(text, (*self.spans(text), *secrets_in(text)))

    def hidden_lines(self, lines: Sequence[str]) -> list[str]:
        """The lines of one output without secrets, also without those that go on in the next lines."""
        text = "\n".join(lines)
        spans = [*merged_spans((*self.spans(text), *secrets_in(text)))]
        found, begin = list[str](), 0
        for line in lines:
            end = begin + len(line)
            parts = ((max(first, begin) - begin, min(last, end) - begin) for first, last in spans)
            found.append(replaced(line, (part for part in parts if part[0] < part[1])))
            begin = end + 1
        return found

    def collect(self) -> None:
        """Take what the sources have now, before one of them is replaced."""
        # Taken away first: a source that prints while it is read would otherwise be read again, without end.
        sources, self._sources = self._sources, {}
        for source in sources.values():
            self._take(source())
        # What one thread takes from a source must be found by all others, which wait here meanwhile.
        with self._lock:
            for source in tuple(self._followed.values()):
                self._take(source())

    def _take(self, values: Iterable[object]) -> None:
        for value in values:
            self._texts.update(_forms_of(value))
            self._is_stale = True

    def _index(self) -> Mapping[str, Sequence[_Known]]:
        self.collect()
        with self._lock:
            if self._is_stale:
                # Before the texts are read: what another thread adds meanwhile makes it stale again.
                self._is_stale = False
                self._by_start = self._indexed()
        return self._by_start

    def _indexed(self) -> dict[str, list[_Known]]:
        """The secrets by their first letters; others may search the earlier ones meanwhile."""
        by_start: dict[str, list[_Known]] = {}
        folded = set(map(_folded, self._names))
        for text in self._texts - self._names:
            bare = IGNORED.sub("", text)
            if len(bare) >= SHORTEST:
                # `Password` as a secret hides `Password`, while the word `password` in our own messages stays.
                is_exact = _WORD.fullmatch(text) is not None or _folded(text) in folded
                known = _Known(bare=_folded(bare), exact=bare if is_exact else "")
                by_start.setdefault(known.bare[:SHORTEST], []).append(known)
        return by_start

    def _shown(self, text: str) -> Iterator[Span]:
        """Finds the secrets that a reader of the text can read, or decode where a whole word is an encoded one."""
        yield from self._plain(text)
        whole = [*self._encoded(text, range(len(text)))]
        yield from whole
        # Long words are broken into lines. The lines beside a word that is found whole are no part of it.
        bare = BREAKS.sub("", text)
        for first, last in self._encoded(bare, _places(text, BREAKS)) if bare != text else ():
            if not any(start < last and end > first for start, end in whole):
                yield first, last

    def _encoded(self, text: str, places: Sequence[int]) -> Iterator[Span]:
        for word, decoded in decoded_words(text):
            if next(self._plain(decoded), None):
                yield places[word.start()], places[word.end() - 1] + 1

    def _plain(self, text: str) -> Iterator[Span]:
        """Finds the secrets, also with anything between their letters that is no letter of theirs and isn't seen."""
        for ignored in (IGNORED, UNPAINTED) if PAINT in text else (IGNORED,):
            yield from self._between(text, ignored)
        if _STEERED.search(text):
            yield from (each.span() for known in self._all() for each in known.steered.finditer(text))

    def _between(self, text: str, ignored: re.Pattern[str]) -> Iterator[Span]:
        bare = ignored.sub("", text)
        if found := [*self._found(bare)]:
            places = _places(text, ignored)
            for start, end, known in found:
                first, last = places[start], places[end - 1] + 1
                if known.is_in(text[first:last], bare[start:end]):
                    yield first, last

    def _found(self, text: str) -> Iterator[tuple[int, int, _Known]]:
        index, folded = self._by_start, _folded(text)
        # `str.find` is a loop in C. With 100,000 users there are as many beginnings, and one pass over the text is
        # less.
        starts = self._sparse(folded) if len(index) <= _MOST_SPARSE else range(len(folded) - SHORTEST + 1)
        for start in starts:
            for known in index.get(folded[start : start + SHORTEST], ()):
                if folded.startswith(known.bare, start):
                    yield start, start + len(known.bare), known

    def _sparse(self, text: str) -> Iterator[int]:
        for beginning in self._by_start:
            start = text.find(beginning)
            while start >= 0:
                yield start
                start = text.find(beginning, start + 1)

    def _all(self) -> Iterator[_Known]:
        return (known for alike in self._by_start.values() for known in alike)


class _Known(Struct, frozen=True, dict=True):
    """A secret without blanks and case; ``exact`` is its own spelling, where no other one is meant."""

    bare: str
    exact: str

    def is_in(self, text: str, bare: str) -> bool:
        """Returns whether a place with the secret's letters means it; words that are beside each other are others."""
        return not self.exact or (bare == self.exact and (" " not in text or "\n" in text))

    @cached_property
    def steered(self) -> re.Pattern[str]:
        """The secret with control sequences between its letters; where one ends, only the letters can tell."""
        return re.compile(SEQUENCES.join(map(re.escape, self.exact or self.bare)), 0 if self.exact else re.IGNORECASE)


def _folded(text: str) -> str:
    """The text in lower case, of the same length."""
    # `İ` becomes two characters, which would move every place after it.
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(each.lower() if len(each.lower()) == 1 else each for each in text)


def _places(text: str, ignored: re.Pattern[str]) -> Sequence[int]:
    """The place of each character that is left of a text without what is ignored."""
    places, end = list[int](), 0
    for found in ignored.finditer(text):
        places.extend(range(end, found.start()))
        end = found.end()
    return [*places, *range(end, len(text))]


def _views(text: str) -> Iterator[tuple[str, Sequence[int]]]:
    """The text decoded, also more than once, as JSON in JSON is, with the place of each character in the text."""
    seen = {text}
    level: list[tuple[str, Sequence[int]]] = [(text, ())]
    for _ in range(_DEEPEST):
        level = [
            (plain, [places[each] for each in inner] if places else inner)
            for outer, places in level
            for encoding in ENCODINGS
            if encoding.marks.search(outer)
            for plain, inner in [view(outer, encoding)]
        ]
        for plain, places in level:
            if plain not in seen and len(seen) <= _MOST_VIEWS:
                seen.add(plain)
                yield plain, places


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
