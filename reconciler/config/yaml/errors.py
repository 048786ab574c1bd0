"""The errors of the YAML parser, in words that give the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.config.yaml.builder import TOO_DEEP
from reconciler.config.yaml.textfile import TextFile
from reconciler.core.message.problem import SYNTAX, Problem

_AT_PROBLEM: Final[Mapping[str, str]] = {
    "mapping values are not allowed": "a `:` can't stand here; is the line indented as it should be, "
    "or does the text before need quotes?",
    "did not find expected key": "this line does not fit: it is indented differently from the lines above, "
    "or a quote or bracket before it is not closed",
    "did not find expected '-' indicator": "this line does not fit the list above; is the indentation right?",
    "block sequence entries are not allowed": "a list can't begin here; put it on a line of its own",
    "block collections are not allowed": "a block can't begin here; is the indentation right?",
    "found unknown escape character": "this `\\` escape means nothing in double quotes; "
    "write `\\\\`, or use single quotes",
    "did not find expected <document start>": "this does not belong to the document above; is it indented right?",
    "found undefined tag handle": "this tag is not known; put the text in quotes if it begins with `!`",
    "found duplicate": "says the same thing twice",
    "found invalid Unicode character escape code": "this `\\u` escape names no character",
    "did not find expected hexdecimal number": "a `\\x`, `\\u` or `\\U` escape needs hexadecimal digits",
    "control characters are not allowed": "contains a control character; remove it, or write it as an escape",
    "exceeded maximum nesting depth": TOO_DEEP,  # PyYAML from 6.0.4 stops at a thousand, before we hear of one
}
_AT_CONTEXT: Final[Mapping[str, str]] = {
    "could not find expected ':'": "a `:` is missing after the key",
    "did not find expected ',' or ']'": "the `[` here is not closed, or a `,` is missing after it",
    "did not find expected ',' or '}'": "the `{` here is not closed, or a `,` is missing after it",
    "found unexpected end of stream": "the quote here is never closed",
    "found unexpected document indicator": "the quote here is never closed",
    "did not find expected alphabetic or numeric character": "a text can't begin with `*` or `&`; put it in quotes",
}
_RESERVED: Final[Mapping[str, str]] = {
    "\t": "a tab can't indent YAML; use spaces",
    "@": "a text can't begin with `@`; put it in quotes",
    "`": "a text can't begin with a backtick; put it in quotes",
    "%": "a text can't begin with `%`; put it in quotes",
}


def plain_words(file: TextFile, error: Any) -> Problem:
    """The parser's error as a problem at the place that has to be changed."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return _unreadable_character(file, error)
    said = error.problem or ""
    line, column = mark.line + 1, mark.column + 1
    # PyYAML often notices a mistake lines after it; the context is where it began.
    context = getattr(error, "context_mark", None)
    if context is not None:
        for words, message in _AT_CONTEXT.items():
            if words in said:
                return file.problem(message, context.line + 1, context.column + 1, code=SYNTAX)
    if "cannot start any token" in said:
        character = file.lines[line - 1][column - 1 : column]
        return file.problem(
            _RESERVED.get(character, f"a text can't begin with `{character}`; quote it"), line, column, code=SYNTAX
        )
    # A tab in the indentation is reported by PyYAML as something else further on.
    tab = _tab_before(file, line)
    if tab:
        return file.problem(_RESERVED["\t"], line, tab, code=SYNTAX)
    message = next((text for words, text in _AT_PROBLEM.items() if words in said), f"is not valid YAML here: {said}")
    return file.problem(message, line, column, code=SYNTAX)


_JSON_FAULTS: Final = {
    "Expecting value": "a value is missing",
    "Expecting property name": "a name in double quotes is missing",
    "Expecting ':'": "a `:` is missing",
    "Expecting ','": "a `,` is missing",
    "Extra data": "there is more after the end",
    "Unterminated string": "a text has no closing quote",
    "control character": "a text has a control character in it",
    "escape": "an escape with `\\` means nothing",
    "trailing comma": "a comma is before the end of a list or mapping",
}
"""The parser's words, and ours."""


def json_fault(error: ValueError) -> str:
    """A fault of JSON in words, with its place."""
    said = getattr(error, "msg", "")
    words = next((ours for theirs, ours in _JSON_FAULTS.items() if theirs in said), "it can't be read")
    line, column = getattr(error, "lineno", 0), getattr(error, "colno", 0)
    return f"line {line}, column {column}: {words}" if line else words


def _tab_before(file: TextFile, line: int) -> int:
    """The column of a tab in the indentation of the line, 0 where there is none."""
    text = file.lines[line - 1] if line <= len(file.lines) else ""
    indentation = text[: len(text) - len(text.lstrip())]
    return indentation.find("\t") + 1


def _unreadable_character(file: TextFile, error: Any) -> Problem:
    position = getattr(error, "position", None)
    if position is None:
        return file.problem("is not valid YAML: has a character that YAML does not allow", code=SYNTAX)
    line, column = file.position(position)
    return file.problem(_AT_PROBLEM["control characters are not allowed"], line, column, code=SYNTAX)
