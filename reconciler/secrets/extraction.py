"""Secrets out of a file that is to be written: ``${NAME}`` is in the place of each. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any, Final
from urllib.parse import unquote

from reconciler.core.message.secrecy import Span, is_switch, merged_spans, names_secret_at, secrets_of_words
from reconciler.core.resource.values import Path
from reconciler.pattern import lazy_pattern

_NOTHING: Final[Mapping[str, str]] = {}
_BETWEEN: Final = "\0"
"""Between the arguments of a command, which can't hold it."""

_MASKED: Final = lazy_pattern(r"\**")
_UNUSABLE: Final = lazy_pattern(r"[^A-Z0-9]+")
_MAY_HOLD: Final = frozenset(
    {
        *("annotations", "attributes", "command", "config", "driver_opts", "entrypoint", "environment", "healthcheck"),
        *("labels", "options"),
    }
)
"""Keys below which a text may have another's secret in it; elsewhere, as in names, an equal text is one by chance."""

_WORD: Final = lazy_pattern(r"[A-Za-z]*|\d*")
_SHARED: Final = 8
"""An equal secret of fewer letters may be so by chance, and gets a variable of its own. So does a word."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """The file without its secrets, and these by the names of their variables."""

    file: Any
    variables: Mapping[str, str] = field(repr=False)


def extracted(
    tree: Any,
    *,
    known: Mapping[str, str],
    escape: Callable[[str], str],
    is_secret: Callable[[Path], bool] = names_secret_at,
    found: Mapping[str, str] = _NOTHING,
) -> Extracted:
    """Take the secrets out of plain data.

    ``known`` are the variables that have a value already: such a name is used again for the same value only.
    ``escape`` writes a text so that nothing in it is read as a variable. ``is_secret`` says of which keys the whole
    value is one, by their path, in which the name of an item is in the place of its number. ``found`` are variables
    that another part of the file needs; secrets of theirs are taken out of this one as well.
    """
    walk = _Walk(known, escape, is_secret, variables=dict(found))
    walk.value(tree, ())  # values that are secrets as a whole give the names to those that are parts of others
    walk.takes_parts = True
    # A secret that shows in one place may stand before it in another, where nothing tells that it is one.
    number = -1
    while number != len(walk.variables):
        number = len(walk.variables)
        walk.value(tree, ())
    return Extracted(walk.value(tree, ()), walk.variables)


@dataclass(slots=True)
class _Walk:
    known: Mapping[str, str] = field(repr=False)
    escape: Callable[[str], str]
    is_secret: Callable[[Path], bool]
    takes_parts: bool = False
    variables: dict[str, str] = field(default_factory=dict, repr=False)

    def value(self, tree: Any, path: Path) -> Any:
        match tree:
            case Mapping():
                return {key: self.value(part, (*path, str(key))) for key, part in tree.items()}
            case list() | tuple() if tree and all(isinstance(part, str) for part in tree):
                return self._texts(tree, path)
            case list() | tuple():
                return [self.value(part, (*path, *_named(part))) for part in tree]
            case str():
                return self._texts([tree], path)[0]
            case _:
                return tree

    def _texts(self, texts: Sequence[str], path: Path) -> list[str]:
        if path and self.is_secret(path):
            return [self._whole(text, path) for text in texts]
        spans = tuple(self._spans(_BETWEEN.join(texts), path)) if self.takes_parts else ()
        return list(self._without(texts, spans, path)) if spans else [self.escape(text) for text in texts]

    def _spans(self, text: str, path: Path) -> Iterator[Span]:
        """The secrets that show by their form, and those that are the whole value of something else."""
        yield from secrets_of_words(text)
        values = tuple(self.variables.values()) if _MAY_HOLD.intersection(path) else ()
        for value in dict.fromkeys((*values, *map(unquote, values))):  # the password of a URL may be encoded there
            if len(value) >= _SHARED and not _WORD.fullmatch(value):
                yield from (found.span() for found in re.finditer(re.escape(value), text))

    def _whole(self, text: str, path: Path) -> str:
        is_one = text and not is_switch(text) and not _MASKED.fullmatch(text) and not text.startswith("${")
        return self._variable(text, (path[-1],), path) if is_one else self.escape(text)

    def _without(self, texts: Sequence[str], spans: Iterable[Span], path: Path) -> Iterator[str]:
        """Each text with variables in place of the spans, which count over all of them."""
        found, start = tuple(merged_spans(spans)), 0
        for text in texts:
            end, parts, at = start + len(text), "", start
            for first, last in ((max(one, start), min(other, end)) for one, other in found):
                if first < last:
                    is_whole = (first, last) == (start, end) and len(texts) == 1
                    hint = path[-1:] if is_whole else (*path[-1:], "password")
                    parts += self.escape(text[at - start : first - start])
                    parts += self._variable(text[first - start : last - start], hint, path)
                    at = last
            yield parts + self.escape(text[at - start :])
            start = end + len(_BETWEEN)

    def _variable(self, secret: str, hint: Path, path: Path) -> str:
        same = next((name for name, value in self.variables.items() if value == secret), "")
        name = same if same and len(secret) >= _SHARED else self._name(secret, hint, path)
        self.variables[name] = secret
        return f"${{{name}}}"

    def _name(self, secret: str, hint: Path, path: Path) -> str:
        """A name that nothing else has: the key, else with its owner before it, else with a number.

        A key that is not chosen by a user, such as `secret`, says nothing without its owner.
        """
        owner = path[-3:-2] if path[-2:-1] and path[-2] in _MAY_HOLD else path[-2:-1]
        longer = [_name_of((*owner, *hint)), _name_of((*path[:-1], *hint))]
        is_alone = _OWN_WORDS.isdisjoint(path[-1:]) and _OF_OBJECTS.isdisjoint(path[-2:-1])
        names = [_name_of(hint), *longer] if is_alone else longer
        every = chain(names, (f"{longer[-1]}_{number}" for number in count(2)))
        taken = {**self.known, **self.variables}
        return next(name for name in every if taken.get(name) in (None, "", secret))


_OWN_WORDS: Final = frozenset({"command", "entrypoint", "password", "secret", "test"})
_OF_OBJECTS: Final = frozenset({"attributes", "config"})


def _named(item: Any) -> Path:
    """The name of an item of a list, if it has one."""
    found = (item.get(key) for key in ("clientId", "username", "alias", "name")) if isinstance(item, Mapping) else ()
    return tuple(str(name) for name in found if isinstance(name, str))[:1]


def _name_of(words: Iterable[str]) -> str:
    name = "_".join(filter(None, (_UNUSABLE.sub("_", _parted(word)).strip("_") for word in words)))
    return name if name[:1].isalpha() else f"SECRET_{name}".rstrip("_")


def _parted(word: str) -> str:
    """The word in capitals, with its parts apart: ``clientSecret`` becomes ``CLIENT_SECRET``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).upper()
