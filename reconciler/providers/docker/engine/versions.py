"""The version of the Engine API in use. Pure."""

from __future__ import annotations

from typing import Final, TypeAlias

from reconciler.core.message.errors import Unreachable

Version: TypeAlias = tuple[int, int]


class UnknownVersion(Unreachable):
    """The engine speaks no version of its API that we know."""


OLDEST_API: Final = (1, 41)
"""That of Docker 20.10, the oldest engine that the tests run against."""

TESTED_API: Final = (1, 51)
"""The newest that the tests run against; a newer engine is spoken to in this one."""


def spoken(oldest: Version, newest: Version, asked: str) -> Version:
    """The version to speak with an engine that offers these: the newest that both sides know.

    ``asked`` is DOCKER_API_VERSION, which decides otherwise within these bounds; beyond them it is an error and not
    tried, as the Docker CLI would, because what nobody tried might be read wrongly. Raises Unreachable.
    """
    if newest < OLDEST_API:
        raise UnknownVersion(
            f"the Docker engine speaks API {text_of(newest)}, {_KNOWN}; update it to Docker 20.10 or newer"
        )
    if oldest > TESTED_API:
        raise UnknownVersion(f"the Docker engine speaks API {text_of(oldest)} or newer, {_KNOWN}; update reconcile")
    first, last = max(oldest, OLDEST_API), min(newest, TESTED_API)
    if asked and not first <= version_of(asked) <= last:
        may_be = f"{text_of(first)} to {text_of(last)}"
        raise UnknownVersion(f"DOCKER_API_VERSION is {asked}; this engine supports only {may_be}; unset it")
    return version_of(asked) if asked else last


def text_of(version: Version) -> str:
    return ".".join(map(str, version))


def version_of(text: str) -> Version:
    """The version that a text says; one that says none is older than all."""
    major, _, minor = text.removeprefix("v").partition(".")
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else (0, 0)


_KNOWN: Final = f"and reconcile {text_of(OLDEST_API)} to {text_of(TESTED_API)}"
