"""The grammar of ``.env`` and ``env_file``, as Compose reads it.

``NAME=value``, ``NAME: value``, ``export``, comments, quotes with escapes and over several lines, variables from
earlier lines and from outside; a bare ``NAME`` takes the value from outside. Pure: texts in, values and problems out.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping
from typing import Final

from reconciler.config.variables.template import Fault, Variables, interpolate
from reconciler.config.yaml.textfile import TextFile
from reconciler.core.message.problem import SYNTAX, Problem, Severity
from reconciler.pattern import lazy_pattern
from reconciler.record import Struct, field

_GAP: Final = lazy_pattern(r"(?:\s|#[^\n]*)*")
_EXPORT: Final = lazy_pattern(r"export[^\S\n]+")
_NAME: Final = lazy_pattern(r"(?:[\w.\-\[\]]|[^\S\n])*")
_SPACE: Final = lazy_pattern(r"[^\S\n]*")
_ESCAPE: Final = lazy_pattern(r"\\(?:[abfnrtv$\"\\]|0[0-9]{0,3})")
_OCTAL: Final = lazy_pattern(r"[0-3][0-7]{2}")
_TELLING_LENGTH: Final = 12
_ESCAPES: Final[Mapping[str, str]] = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "$": "$$",  # for the variables, which are filled in afterwards
    '"': '"',
    "\\": "\\",
}


class EnvFile(Struct, frozen=True):
    """The variables of a file, in its order, and what is wrong with it."""

    values: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)
    tainted: frozenset[str] = frozenset()


def parse_env(file: TextFile, outside: Variables, *, earlier: Mapping[str, str] | None = None) -> EnvFile:
    """Read ``NAME=value`` lines. ``outside`` wins over ``earlier`` files, and those over lines above."""
    return _Reader(file, outside, dict(earlier or {})).read()


def parse_raw(file: TextFile, outside: Variables) -> EnvFile:
    """Read an env_file of ``format: raw``: nothing is quoted, nothing is filled in."""
    values: dict[str, str] = {}
    problems: list[Problem] = []
    lines: dict[str, int] = {}
    for number, line in enumerate(file.text.split("\n"), start=1):
        text = line.removesuffix("\r").lstrip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not name or re.search(r"\s", name):
            problems.append(file.problem("expected `NAME=value`, without a space in the name", number, 1, code=SYNTAX))
            continue
        # A name alone takes the value of the environment, and stays unset if there is none.
        known = value if equals else outside.get(name)
        if known is not None:
            values[name], lines[name] = known, number
    return EnvFile(values, tuple(problems), lines)


class _Reader(Struct):
    file: TextFile
    outside: Variables
    values: dict[str, str]
    own: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    tainted: set[str] = field(default_factory=set)

    def read(self) -> EnvFile:
        text, index = self.file.text, 0
        while (index := _end(_GAP, text, index)) < len(text):
            index = self._statement(index)
        return EnvFile(self.own, tuple(self.problems), self.lines, frozenset(self.tainted))

    def _statement(self, start: int) -> int:
        text = self.file.text
        # `export` in front is allowed, so that a shell can read the same file.
        begin = _end(_EXPORT, text, start) if _EXPORT.match(text, start) else start
        end = _end(_NAME, text, begin)
        name = text[begin:end].rstrip()
        after = text[end : end + 1]
        if after and after not in "=:\n":
            return self._skip_line(f"`{after}` can't be part of a variable's name", end)
        if " " in name or not name:
            return self._skip_line("expected `NAME=value`, without a space in the name", begin)
        self.lines[name] = self.file.position(begin)[0]
        if after in ("", "\n"):
            value = self.outside.get(name)
            if value is not None:
                self._set(name, value)
            return end + 1
        return self._assign(name, _end(_SPACE, text, end + 1))

    def _assign(self, name: str, start: int) -> int:
        text = self.file.text
        quote = text[start : start + 1]
        if quote not in tuple("'\""):
            stop = _line_end(text, start)
            # A `#` begins a comment only after a space; within a word it is part of the value.
            raw = text[start:stop].split(" #", 1)[0].rstrip()
            self._set(name, self._filled(name, raw, start))
            return stop + 1
        closing = _closing_quote(text, start)
        if closing is None:
            return self._skip_line(f"the quote that begins the value of `{name}` is never closed", start)
        # As in a shell, nothing is filled in between single quotes.
        inner = text[start + 1 : closing].replace(f"\\{quote}", quote) if quote == "'" else None
        if inner is None:
            inner = self._filled(name, _unescaped(text[start + 1 : closing]), start + 1)
        self._set(name, inner)
        return closing + 1

    def _set(self, name: str, value: str) -> None:
        self.values[name] = self.own[name] = value

    def _filled(self, name: str, raw: str, start: int) -> str:
        if "$" not in raw:
            return raw
        merged = Variables(ChainMap(self.outside.values, self.values), self.outside.declared)  # type: ignore[arg-type]
        value, faults = interpolate(raw, merged)
        for fault in faults:
            self._report(fault, raw, start)
        if type(value) is not str:
            self.tainted.add(name)
        return str(value)

    def _report(self, fault: Fault, raw: str, start: int) -> None:
        severity = Severity.WARNING if fault.undefined else Severity.ERROR
        index = self.file.text.find(raw[fault.index : fault.index + _TELLING_LENGTH], start)
        message = _UNSET if fault.undefined else f"{fault.message}; {_QUOTED}"
        self.problems.append(self.file.problem(message, *self.file.position(max(index, start)), severity, code=SYNTAX))

    def _skip_line(self, message: str, index: int) -> int:
        self.problems.append(self.file.problem(message, *self.file.position(index), code=SYNTAX))
        return _line_end(self.file.text, index) + 1


_QUOTED: Final = "in single quotes a `$` stands for itself"
# Not with the variable's name, which may be a part of a password.
_UNSET: Final = f"here `$` begins the name of a variable that is not set, and nothing is put in its place; {_QUOTED}"


def _end(pattern: re.Pattern[str], text: str, index: int) -> int:
    match = pattern.match(text, index)
    return match.end() if match else index


def _line_end(text: str, index: int) -> int:
    end = text.find("\n", index)
    return len(text) if end < 0 else end


def _closing_quote(text: str, opening: int) -> int | None:
    """The index of the quote that closes the one at ``opening``; a backslash escapes the next character."""
    index, quote = opening + 1, text[opening]
    while index < len(text):
        if text[index] == "\\":
            index += 2
            continue
        if text[index] == quote:
            return index
        index += 1
    return None


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_meaning, text)


def _meaning(match: re.Match[str]) -> str:
    code = match[0][1:]
    if code[0] != "0":
        return _ESCAPES[code]
    digits = code[1:]  # where they name no character, Compose takes the zero away and leaves the rest
    return chr(int(digits, 8)) if _OCTAL.fullmatch(digits) else f"\\{digits}"
