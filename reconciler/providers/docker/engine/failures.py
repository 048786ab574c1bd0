"""Translates the answers of an engine, and its silence, into errors with a cause and a remedy."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any, Final

from reconciler.core.message.errors import (
    Conflict,
    Denied,
    ProviderError,
    Rejected,
    Throttled,
    Unobtainable,
    Unreachable,
)
from reconciler.providers.answers import Answer, underneath, why
from reconciler.providers.docker.engine.location import Location
from reconciler.providers.docker.engine.versions import version_of

WHO: Final = "the Docker engine"


class NeedsBuildKit(Rejected):
    """The classic builder can't carry out a build file."""


class NoReference(Rejected):
    """The engine does not accept a text as the name of an image."""


BETWEEN_TWO_RUNS_S: Final = 0.5
BETWEEN_TWO_TRIES_S: Final = 1.0


def offered_versions(answer: Answer, location: Location) -> tuple[tuple[int, int], tuple[int, int]]:
    """The oldest and the newest version, by the engine's answer."""
    try:
        found = json.loads(answer.content)
        return version_of(found.get("MinAPIVersion") or ""), _version(found["ApiVersion"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # An engine behind TLS answers plain HTTP with a sentence that says so.
        hint = "; set DOCKER_TLS_VERIFY and DOCKER_CERT_PATH" if _WANTS_TLS in answer.content else ""
        said = message_of(answer) or _unworded(answer)
        raise Unreachable(
            f"what answers at {location} is no Docker engine that we can speak with: {said}{hint}"
        ) from error


def _version(text: str) -> tuple[int, int]:
    found = version_of(text)
    if found == (0, 0):
        raise ValueError(f"{text} is no version")
    return found


_WANTS_TLS: Final = b"HTTP request to an HTTPS server"


def unreachable(location: Location, error: Exception, asked: str = "") -> str:
    """Explains why the engine does not answer, and the remedy."""
    words = why(error)
    # Failures of TLS have remedies of their own.
    if location.tls:
        folder = location.tls.folder
        for sign, remedy in _TLS_REMEDIES:
            if sign in words:
                return f"{WHO} at {location} can't be spoken with: {words}; {remedy.format(folder=folder)}"
    where = f" at {location}" if location.said_by else ""
    if location.socket and underneath(error, PermissionError):
        return f"you may not use {WHO}{where} ({words}); join the group that owns {location.socket}"
    if asked and _broke_off(error):
        return f"{WHO}{where} gave no whole answer to {asked} ({words})"
    return f"{WHO}{where} does not answer ({words}); start it, or set DOCKER_HOST to where it is"


def _broke_off(error: Exception) -> bool:
    from http.client import HTTPException

    return any(underneath(error, sort) for sort in (ConnectionResetError, BrokenPipeError, HTTPException, zlib.error))


_OURS: Final = "cert.pem and key.pem in {folder} must be there, valid, and of its authority"
_NO_TLS: Final = "it does not speak TLS there; is the port right? Else unset DOCKER_TLS_VERIFY"
_TLS_REMEDIES: Final = (
    ("certificate verify failed", "ca.pem in {folder} must be that of the engine's authority, and the name must fit"),
    ("alert", f"it does not take our certificate: {_OURS}"),
    ("EOF occurred", f"it may not take our certificate: {_OURS}"),  # it hangs up, and what it said before is lost
    ("reset by peer", f"it may not take our certificate: {_OURS}"),
    ("key values mismatch", "cert.pem and key.pem in {folder} do not belong together"),
    ("wrong version number", _NO_TLS),
    ("record layer failure", _NO_TLS),
)


def message_of(answer: Any) -> str:
    """The engine's own words, "" if there are none."""
    try:
        return str(json.loads(answer.content)["message"]).strip()
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def error_of(answer: Any, asked: str, message: str = "") -> ProviderError:
    status = answer.status_code
    words = message or message_of(answer)
    text = (
        f"the engine says: {words} ({status}) to {asked}"
        if words
        else f"the engine answers {asked} with {_unworded(answer)}"
    )
    # Between two runs of a crashing container the engine refuses for a moment what it allows right after.
    if any(sign in words for sign in _BETWEEN_TWO_RUNS):
        return Throttled(text, retry_in=BETWEEN_TWO_RUNS_S)
    match status:
        case 401 | 403:
            return Denied(text)
        case 404 | 409:
            return Conflict(text)
        case 429:
            return Throttled(text, retry_in=BETWEEN_TWO_TRIES_S)
        case 502 | 503 | 504:
            return Unreachable(text)
        case _:
            return _refused_fetch(text) if _PULL in asked else rejected(text)


def _unworded(answer: Any) -> str:
    """The status, and the beginning of what somebody else than the engine says."""
    first = answer.content[:_EXCERPT].decode(errors="replace").strip().partition("\n")[0]
    return f"{first} ({answer.status_code})" if first else f"{answer.status_code}, and no reason"


_EXCERPT: Final = 200
_BETWEEN_TWO_RUNS: Final = ("cannot update a stopped", "cannot update a deleted process", "sandbox ")
"""The state of a container whose process has ended, which the engine is about to notice or to start again (20.10)."""


def raise_error_in(line: Mapping[str, Any]) -> None:
    """A failed pull or build answers 200 and says so in its stream (docker-py #2286)."""
    if "error" in line:
        raise _refused_fetch(str(line["error"]).strip())


def _refused_fetch(text: str) -> Rejected:
    """The error of a pull or build; the engine has the same status and form for a value and for the network."""
    return Unobtainable(text) if any(sign in text for sign in _NO_WAY) else rejected(text)


def rejected(text: str) -> Rejected:
    """The error with these words of the engine, of a type of its own where a caller has an answer to it."""
    return next((sort for sign, sort in _ANSWERED if sign in text), Rejected)(text)


_PULL: Final = "/images/create"
# The words of Go's network library, with which the engine reports a registry that it can't reach.
_NO_WAY: Final = (
    *("no such host", "server misbehaving", "name resolution", "dial tcp", "connection refused", "no route to host"),
    *("network is unreachable", "i/o timeout", "TLS handshake", "context deadline exceeded", "Client.Timeout"),
    *("proxyconnect", "certificate signed by unknown authority", "failed to verify certificate"),
)
_ANSWERED: Final[tuple[tuple[str, type[Rejected]], ...]] = (
    ("BuildKit", NeedsBuildKit),
    ("invalid reference format", NoReference),
)
