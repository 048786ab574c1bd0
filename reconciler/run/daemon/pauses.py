"""Pauses: resources that the daemon and `apply` leave alone for a while, because a person asked for it.

They are kept in the project's state directory, so that they outlive a restart. A lost file ends them; one that can't be
read pauses everything, since somebody has asked for something. Every command and the daemon read and write the file
here, and each sees at once what another has written.
"""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from reconciler.atomicfile import alone, file_text, replace_file
from reconciler.core.resource.address import Address
from reconciler.record import Struct, asdict, convert
from reconciler.render.answers.history import moment
from reconciler.run.session.session import Session
from reconciler.settings import Settings

FILE: Final = "pauses.json"
EVERYTHING: Final = "*"
"""The subject of a pause of the whole project."""

MOST: Final = 1_000

_END_OF_TIME: Final = 253402300799.0
"""The last second of the year 9999."""


class Pause(Struct, frozen=True):
    """A pause of one resource, or of everything. Times are in seconds since 1970."""

    subject: str
    owner: str
    reason: str
    began: float
    until: float

    def __str__(self) -> str:
        return f"paused by {self.owner} until {moment(self.until)}{f': {self.reason}' if self.reason else ''}"


class Pauses:
    """The pauses of one project. Without a ``file`` they end with the process. May be used by several threads."""

    def __init__(self, file: Path | None = None) -> None:
        self.file, self._lock = file, threading.RLock()
        self._pauses: Mapping[str, Pause] = {}
        self._seen: tuple[int, int, int] | None = None

    def active(self, now: float) -> Mapping[str, Pause]:
        """The pauses that have not expired, by their subjects."""
        with self._lock:
            self._follow_file()
            return MappingProxyType({subject: each for subject, each in self._pauses.items() if now < each.until})

    def reasons(self, now: float) -> Callable[[Address], str]:
        """A function that gives the pause of a resource in words, "" if it is not paused."""
        active = self.active(now)
        return lambda address: str(pause_for(active, address) or "")

    def add(self, pause: Pause) -> None:
        """Begin a pause, or replace that of the same subject. Raises OSError where it can't be kept."""
        with self._alone():
            kept = {**self.active(pause.began), pause.subject: pause}
            if len(kept) > MOST:
                raise OSError(errno.ENOSPC, f"there are {MOST:,} pauses already; end one with `reconcile resume`")
            self._write(kept)

    def end(self, subject: str, now: float) -> bool:
        """End a pause; returns whether there was one. Raises OSError where that can't be kept."""
        with self._alone():
            found = dict(self.active(now))
            was_paused = found.pop(subject, None) is not None
            self._write(found)
            return was_paused

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep out other threads, and other processes that change the file as well."""
        with self._lock:
            if self.file is None:
                yield
                return
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with alone(self.file):
                yield

    def _follow_file(self) -> None:
        """Read the file again where somebody has written it since."""
        if self.file is not None and (mark := _mark(self.file)) != self._seen:
            self._pauses, self._seen = _read(self.file), mark

    def _write(self, pauses: Mapping[str, Pause]) -> None:
        if self.file:
            text = json.dumps([asdict(each) for each in pauses.values()], indent=1)
            if not replace_file(self.file, file_text(self.file), text, mode=0o600):
                raise OSError(f"{self.file} was written by another program meanwhile")
            self._seen = _mark(self.file)
        self._pauses = pauses


def pause_for(active: Mapping[str, Pause], address: Address) -> Pause | None:
    """The pause of a resource: its own, or that of everything."""
    return active.get(str(address)) or active.get(EVERYTHING)


def pauses_of(session: Session) -> Pauses:
    """The pauses of a session's project."""
    return Pauses(file_of(session.settings, session.document.project))


def file_of(settings: Settings, project: str) -> Path | None:
    """The file of a project's pauses; None where there is no place for it."""
    folder = settings.state(project)
    return folder / FILE if folder else None


def _mark(file: Path) -> tuple[int, int, int] | None:
    """A mark of the file's content, another one for each that is put in its place; None where there is no file."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(file: Path) -> Mapping[str, Pause]:
    """The pauses of a file. Fields that another version has written besides are passed over."""
    try:
        found = convert(json.loads(file.read_text(encoding="utf-8")), list[Pause])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        # A pause that can't be read must not end by that, so everything rests until a person has looked.
        reason = f"{file} can't be read ({error}); `reconcile resume` begins a new one, without its pauses"
        return {EVERYTHING: Pause(EVERYTHING, "reconcile", reason, 0.0, _END_OF_TIME)}
    return {each.subject: each for each in found}
