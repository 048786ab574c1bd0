"""Foreign text made harmless: the words of containers, servers and files can't steer a terminal or a CI system."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from reconciler.pattern import lazy_pattern

PAINT: Final = "\ufdd0"
"""Stands before and after the number of a colour until the text is written: a character that no text may have."""

_COLOUR: Final = lazy_pattern(f"{PAINT}([0-9;]*){PAINT}")
_FOREIGN_COLOUR: Final = lazy_pattern("\x1b\\[([0-9;]*)m")
_PALETTE: Final = lazy_pattern("[34]8;(?:5;[0-9]+|2;[0-9]+;[0-9]+;[0-9]+)")
_CONCEALED: Final = "8"
_STEERS: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but for tab and newline, DEL, and C1
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e"  # invisible
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # zero width, separators, bidi overrides and isolates
    "\ud800-\udfff\ufffe\uffff\U000e0000-\U000e0fff"  # lone surrogates, what XML forbids, tags
)
_STEERING: Final = lazy_pattern(f"[{_STEERS}]")

_UNSEEN: Final = (
    f"{_STEERS}\\s"
    "\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"  # variants of the character before, and fillers
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # marks of shorthand and of music
)
_PAINTED: Final = f"{PAINT}[0-9;]*{PAINT}"
IGNORED: Final = lazy_pattern(f"{_PAINTED}|[{_UNSEEN}]+|{PAINT}")
"""The parts of a text that the search for a secret ignores: whatever a reader does not see, blanks and line breaks."""

UNPAINTED: Final = lazy_pattern(f"[{_UNSEEN}{PAINT}]+")
"""The same where a foreign text has the mark of a colour before a digit of its own."""

BREAKS: Final = lazy_pattern(f"[\r\n]+[ \t]*|{_PAINTED}|[{_STEERS}]+|{PAINT}")
"""The same but for blanks, which part words."""

SEQUENCES: Final = (
    "(?:(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, and moves of the cursor
    "|\x1b[\\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\\\)"  # titles and links
    "|\x1b[ -/]*[0-~]"
    f"|{_PAINTED}|[{_UNSEEN}{PAINT}])*"
)
"""An expression for what may stand between two letters for a terminal that shows them side by side."""
_COMMAND: Final = lazy_pattern(r"^([ \t]*)(?=::)", re.MULTILINE)
_OLD_COMMAND: Final = lazy_pattern(r"##(?=\[|vso\[)")


_IN_ASCII: Final = str.maketrans(
    {
        "→": "->",
        "…": "...",
        "±": "-/+",
        "✓": "ok",
        "✗": "x",
        "↩": "<-",
        "↑": "^",
        "⚠": "!",
        "‖": "||",
        "≈": "about",
        "·": "-",
        "├": "|",
        "└": "`",
        "─": "-",
        "│": "|",
    }
)


def encodable(text: str, encoding: str) -> str:
    """The text as an output of this encoding can have it: symbols of ours in ASCII, foreign characters written out."""
    try:
        # The whole text or none of it: one line with an arrow and the next with `->` reads like two meanings.
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_IN_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    return text


def painted(text: str, code: str) -> str:
    """The text in a colour, once it is written."""
    return f"{PAINT}{code}{PAINT}{text}{PAINT}0{PAINT}" if code else text


def with_its_colours(line: str, *, shown: bool) -> str:
    """A container's line with its colours where colours are ``shown``, else without; text is never concealed."""

    def repainted(found: re.Match[str]) -> str:
        # The 8 in `38;5;8` is a colour of the palette; alone it conceals the text that follows.
        is_concealed = _CONCEALED in _PALETTE.sub("", found[1]).split(";")
        return f"{PAINT}{found[1]}{PAINT}" if shown and not is_concealed else ""

    coloured_line = _FOREIGN_COLOUR.sub(repainted, line)
    return f"{coloured_line}{PAINT}0{PAINT}" if PAINT in coloured_line else coloured_line


def one_line(text: str) -> str:
    """The text as one line: a newline that came with it is written out."""
    return (
        text.replace("\r\n", "\n").replace("\n", "\\n").replace("\r", "\\r") if "\n" in text or "\r" in text else text
    )


def joined(lines: Iterable[str]) -> str:
    """Lines of our own as one text; each stays one, whatever is in it."""
    return "\n".join(map(one_line, lines))


def plain_line(text: str) -> str:
    """The text as one line that is no command, among lines that are."""
    return harmless(one_line(text))


def indented(text: str) -> str:
    """A message in which the lines that came with foreign text can't be taken for messages of their own."""
    first, *others = text.split("\n")
    return "\n".join((first, *(line if line.startswith(" ") else f"    {line}" for line in others)))


def harmless(text: str, *, commands: bool = False) -> str:
    """The text with control characters written out, and no line that a CI system takes for a command.

    ``commands`` is for text whose own lines are commands.
    """
    text = _STEERING.sub(_written_out, text.replace("\r\n", "\n"))
    # Azure and the first GitHub runners look for `##[` and `##vso[` anywhere in a line.
    text = _OLD_COMMAND.sub("#\\\\#", text)
    return text if commands else _COMMAND.sub(r"\1\\", text)


def harmless_json(text: str) -> str:
    """The same for JSON, which has most characters written out already; it stays the same document."""
    return _OLD_COMMAND.sub("#\\\\u0023", text).replace("\x7f", "\\u007f")


def steers(text: str) -> bool:
    """Returns whether the text has control characters that must be written out."""
    return harmless(text) != text


def harmless_yaml(text: str) -> str:
    """The same for YAML in which every text that steers is in double quotes."""
    return _OLD_COMMAND.sub("#\\\\x23", text)


def coloured(text: str) -> str:
    """The text as a terminal takes it, with its colours as escape sequences."""
    return _COLOUR.sub("\033[\\1m", text).replace(PAINT, "")


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
