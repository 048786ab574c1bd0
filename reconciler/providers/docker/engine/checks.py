"""Checks of an engine itself, which those of its containers and those of a Swarm begin with. They only read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final, Protocol

from reconciler.core.diagnosis import Row, Suspect
from reconciler.core.message.errors import Denied, ProviderError, Unreachable
from reconciler.pattern import lazy_pattern
from reconciler.providers.answers import Limits, underneath
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.engine.versions import UnknownVersion

LIMITS: Final = Limits(seconds=10.0)
"""The limits of each answer: a check must end soon, whatever hangs."""
MOST_OFFSET_S: Final = 30.0


class Reached(Protocol):
    """An engine that is looked into, and this machine's clock."""

    @property
    def engine(self) -> Engine: ...

    @property
    def now(self) -> Callable[[], float]: ...


def _reached(site: Reached) -> ProviderError | None:
    """The error with which the engine answers, if it does."""
    try:
        site.engine.get("/info")
    except ProviderError as error:
        return error
    return None


def _silent(site: Reached) -> Iterator[Suspect]:
    error = _reached(site)
    if isinstance(error, Unreachable) and not isinstance(error, UnknownVersion) and not _is_forbidden(error):
        socket_path = site.engine.location.socket
        yield Suspect(
            "the engine",
            {
                "words": error,
                "remedy": "sudo systemctl start docker" if socket_path else "check DOCKER_HOST and `docker context ls`",
            },
        )


def _unspeakable(site: Reached) -> Iterator[Suspect]:
    if isinstance(error := _reached(site), UnknownVersion):
        yield Suspect("the engine", {"words": error})


def _forbidden(site: Reached) -> Iterator[Suspect]:
    error = _reached(site)
    if error and _is_forbidden(error):
        yield Suspect("the engine", {"words": error})


def _is_forbidden(error: ProviderError) -> bool:
    return isinstance(error, Denied) or underneath(error, PermissionError) is not None


def _wrong_time(site: Reached) -> Iterator[Suspect]:
    told = moment(site.engine.own.get("SystemTime"))
    offset_s = told - site.now()
    if told and abs(offset_s) > MOST_OFFSET_S:
        yield Suspect("the engine's machine", {"offset": f"{offset_s:+.0f} s"})


_MICROSECONDS: Final = lazy_pattern(r"(\.\d{6})\d+")


def moment(text: Any) -> float:
    """Seconds since 1970 of a time as an engine writes it; 0 for another text."""
    try:
        return datetime.fromisoformat(_MICROSECONDS.sub(r"\1", str(text))).timestamp()
    except ValueError:
        return 0.0


# ------------------------------------------------------------------ the table

CODES: Final = ("engine-unreachable", "engine-version", "engine-denied")
"""Findings after which nothing else of an engine can be checked."""

ROWS: Final[tuple[Row[Reached], ...]] = (
    Row("engine-unreachable", "the engine answers", "{words}", "{remedy}", _silent),
    Row("engine-version", "the engine speaks an API that reconcile knows", "{words}", "docker version", _unspeakable),
    Row(
        "engine-denied",
        "the account may use the engine",
        "{words}",
        'sudo usermod -aG docker "$USER"',
        _forbidden,
    ),
    Row(
        "engine-clock",
        "the engine's clock agrees with this machine's",
        "its clock differs by {offset}, so tokens are not valid yet or any more",
        "sudo timedatectl set-ntp true",
        _wrong_time,
        CODES,
    ),
)
