"""Pauses: resources that the daemon leaves alone for a while, because a person asked for it.

They are kept in the project's state directory, so that they outlive a restart. A lost file ends them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final

from reconciler.atomicfile import file_text, replace_file
from reconciler.record import Struct, asdict
from reconciler.run.session.session import Session

FILE: Final = "pauses.json"
EVERYTHING: Final = "*"
"""The subject of a pause of the whole project."""

MOST: Final = 1_000


class Pause(Struct, frozen=True):
    """A pause of one resource, or of everything. Times are in seconds since 1970."""

    subject: str
    owner: str
    reason: str
    began: float
    until: float


class Pauses:
    """The pauses of one project. Without a ``file`` they end with the process. May be used by several threads."""

    def __init__(self, file: Path | None = None) -> None:
        self._file, self._lock = file, threading.Lock()
        self._pauses: Mapping[str, Pause] = _read(file) if file else {}

    def active(self, now: float) -> Mapping[str, Pause]:
        """The pauses that have not expired, by their subjects."""
        return MappingProxyType({subject: each for subject, each in self._pauses.items() if now < each.until})

    def add(self, pause: Pause) -> None:
        """Begin a pause, or replace that of the same subject. Raises OSError where it can't be kept."""
        with self._lock:
            kept = {**self.active(pause.began), pause.subject: pause}
            self._write(dict(list(kept.items())[-MOST:]))

    def end(self, subject: str, now: float) -> bool:
        """End a pause; returns whether there was one. Raises OSError where that can't be kept."""
        with self._lock:
            found = dict(self.active(now))
            was_paused = found.pop(subject, None) is not None
            self._write(found)
            return was_paused

    def _write(self, pauses: Mapping[str, Pause]) -> None:
        if self._file:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            text = json.dumps([asdict(each) for each in pauses.values()], indent=1)
            if not replace_file(self._file, file_text(self._file), text, mode=0o600):
                raise OSError(f"{self._file} was written by another process meanwhile")
        self._pauses = pauses


def pauses_of(session: Session) -> Pauses:
    """The pauses of a session's project."""
    folder = session.settings.state(session.document.project)
    return Pauses(folder / FILE if folder else None)


def _read(file: Path) -> Mapping[str, Pause]:
    with suppress(OSError, ValueError, TypeError):
        found = [Pause(**each) for each in json.loads(file.read_text(encoding="utf-8"))]
        return {each.subject: each for each in found}
    return {}
