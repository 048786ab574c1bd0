"""The encodings in which a text may show a secret, and the text without them: a row for each."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from html import unescape
from typing import Final

from reconciler.pattern import lazy_pattern
from reconciler.record import Struct


class Encoding(Struct, frozen=True):
    """An encoding of single characters: the ``marks`` that stand for others, and the bytes that one of them means."""

    marks: re.Pattern[str]
    decode: Callable[[re.Match[str]], bytes]


class Token(Struct, frozen=True):
    """An encoding of whole texts: a word that may be one, and the texts that it may mean."""

    words: re.Pattern[str]
    decoded: Callable[[str], Iterator[str]]


_CONTROLS: Final = {"a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_TO_STANDARD: Final = str.maketrans("-_", "+/")
_LAST_CHARACTER: Final = 0x10FFFF
_NOTHING: Final = "\u200b".encode()


def _bytes(character: str) -> bytes:
    """UTF-8; half of a pair of surrogates is no character, and is not seen."""
    return _NOTHING if "\ud800" <= character <= "\udfff" else character.encode()


def _unescaped(found: re.Match[str]) -> bytes:
    if found["pair"]:
        return bytes.fromhex(found["pair"].replace("\\u", "")).decode("utf-16-be").encode()
    if found["octal"]:
        return _bytes(chr(int(found["octal"], 8)))
    code = found["short"] or found["byte"] or found["long"] or found["braces"]
    if code:
        return _bytes(chr(int(code, 16))) if int(code, 16) <= _LAST_CHARACTER else _bytes(found[0])
    return _bytes(_CONTROLS.get(found["letter"], found["letter"]))


def _of_byte(found: re.Match[str]) -> bytes:
    return bytes([int(found["byte"], 16) if found["byte"] else int(found["octal"], 8)])


def _unquoted(found: re.Match[str]) -> bytes:
    return b" " if found[0] == "+" else bytes([int(found[0][1:], 16)])


def _of_entity(found: re.Match[str]) -> bytes:
    return unescape(found[0]).encode()


def _of_shell(found: re.Match[str]) -> bytes:
    return _bytes(found["character"] or "'")


def _halved(found: re.Match[str]) -> bytes:
    return _bytes(found[0][0])


ENCODINGS: Final = (
    Encoding(  # JSON, Python, C, Rust
        lazy_pattern(
            r"\\(?:u(?P<pair>[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2})"
            r"|u(?P<short>[0-9A-Fa-f]{4})|x(?P<byte>[0-9A-Fa-f]{2})|U(?P<long>[0-9A-Fa-f]{8})"
            r"|u\{(?P<braces>[0-9A-Fa-f]{1,6})\}|(?P<octal>[0-3][0-7]{2})|(?P<letter>[\"'\\/abefnrtv$]))"
        ),
        _unescaped,
    ),
    Encoding(lazy_pattern(r"\\(?:x(?P<byte>[0-9A-Fa-f]{2})|(?P<octal>[0-3][0-7]{2}))"), _of_byte),  # C, a shell: UTF-8
    Encoding(lazy_pattern(r"%[0-9A-Fa-f]{2}"), _unquoted),  # a URL
    Encoding(lazy_pattern(r"%[0-9A-Fa-f]{2}|\+"), _unquoted),  # a form as it is sent
    Encoding(
        lazy_pattern(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"), _of_entity
    ),  # HTML, XML
    Encoding(lazy_pattern(r"'\\''|'\"'\"'|\\(?P<character>[^\w\n])"), _of_shell),  # an argument of a shell
    Encoding(lazy_pattern(r"''|\"\""), _halved),  # SQL, YAML, CSV
    Encoding(lazy_pattern(r"\$\$"), _halved),  # a file with variables of Compose, or of Make
    Encoding(lazy_pattern(r"\$\$(?=[{(])"), _halved),  # a file with variables of a realm, where others stay
)
"""The encodings that leave most characters as they are."""


def _from_base64(word: str) -> Iterator[str]:
    """Decodes a text that is base64, from each of its letters that may be a first one."""
    # A word, a number or a digest; base64 of some length has capitals.
    if word == word.lower():
        return
    standard = word.rstrip("=").translate(_TO_STANDARD)
    for offset in range(4):
        part = standard[offset:]
        # A letter that fills no byte is left out.
        whole = part[:-1] if len(part) % 4 == 1 else part
        with suppress(ValueError):
            yield b64decode(whole + "=" * (-len(whole) % 4)).decode("utf-8", "replace")


def _from_hex(word: str) -> Iterator[str]:
    digits = _BETWEEN_BYTES.sub("", word)
    for offset in range(2):
        part = digits[offset:]
        yield bytes.fromhex(part[: len(part) // 2 * 2]).decode("utf-8", "replace")


_BETWEEN_BYTES: Final = lazy_pattern("[ :,-]")
_TOKENS: Final = (
    Token(lazy_pattern(r"[A-Za-z0-9+/_-]{8,}={0,2}"), _from_base64),
    Token(lazy_pattern(r"[0-9A-Fa-f]{12,}"), _from_hex),
    Token(
        lazy_pattern(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{2}(?:[ :,-][0-9A-Fa-f]{2}){5,}(?![0-9A-Za-z])"), _from_hex
    ),  # a dump
)


def decoded_words(text: str) -> Iterator[tuple[re.Match[str], str]]:
    """The words that may be a text in an encoding that leaves no character as it is, each with its meanings."""
    for token in _TOKENS:
        for found in token.words.finditer(text):
            yield from ((found, meaning) for meaning in token.decoded(found[0]))


def view(text: str, encoding: Encoding) -> tuple[str, Sequence[int]]:
    """The text decoded, and for each character of it where it begins in the text; one more for the end."""
    data, places, end = bytearray(), list[int](), 0

    def add(piece: bytes, place: int) -> None:
        data.extend(piece)
        places.extend([place] * len(piece))

    def add_plain(until: int) -> None:
        piece = text[end:until]
        if piece.isascii():
            data.extend(piece.encode("ascii"))
            places.extend(range(end, until))
            return
        for place in range(end, until):
            add(_bytes(text[place]), place)

    for found in encoding.marks.finditer(text):
        add_plain(found.start())
        add(encoding.decode(found), found.start())
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
