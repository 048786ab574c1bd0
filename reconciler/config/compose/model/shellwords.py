"""A command line as a list of words, split as the Compose CLI splits a ``command`` that is written as one text."""

from __future__ import annotations

from typing import Final

from reconciler.record import Struct, field

_SPACES: Final = " \t\r\n"
_ENDS: Final = ";&|<>"  # what follows is for a shell, and there is none
_ESCAPES: Final = {"t": "\t", "n": "\n"}


class Unbalanced(ValueError):
    """A quote, backtick or parenthesis without its counterpart, or a backslash at the end."""


def shell_words(line: str) -> list[str]:
    """The words of a command line. Raises Unbalanced."""
    splitter = _Splitter()
    for character in line:
        if not splitter.take(character):
            break
    return splitter.finish()


class _Splitter(Struct):
    """Reads character by character. ``quote`` is what is open: a quote, a backtick, or ``)`` for ``$(``."""

    words: list[str] = field(default_factory=list)
    word: str = ""
    begun: bool = False
    escaped: bool = False
    quote: str = ""

    def take(self, character: str) -> bool:
        """Add a character; False where the command line ends."""
        if self.escaped:
            self._escaped(character)
        # In single quotes a shell takes a backslash as it is.
        elif character == "\\" and self.quote != "'":
            self.escaped = True
        elif character in _SPACES and not self.quote:
            self._end_word()
        elif character in "'\"" and self.quote in ("", character):
            self.quote = "" if self.quote else character
            self.begun = True
        elif character in _ENDS and not self.quote:
            if character == ">" and self.word.isdecimal():
                self.begun = False  # `2>`: the number is part of the redirection
            return False
        else:
            self._plain(character)
        return True

    def finish(self) -> list[str]:
        if self.escaped or self.quote:
            raise Unbalanced
        self._end_word()
        return self.words

    def _escaped(self, character: str) -> None:
        self.escaped = False
        raw = self.quote in ("`", ")")
        self._add("\\" + character if raw else _ESCAPES.get(character, character))

    def _plain(self, character: str) -> None:
        if character == "`" and self.quote in ("", "`"):
            self.quote = "" if self.quote else "`"
        elif character == "(" and self.quote in ("", ")"):
            # A parenthesis alone is syntax of a shell, and no shell reads this command.
            if self.quote or not self.word.endswith("$"):
                raise Unbalanced
            self.quote = ")"
        elif character == ")" and self.quote in ("", ")"):
            if not self.quote:
                raise Unbalanced
            self.quote = ""
        self._add(character)

    def _add(self, text: str) -> None:
        self.word += text
        self.begun = True

    def _end_word(self) -> None:
        if self.begun:
            self.words.append(self.word)
        self.word, self.begun = "", False
