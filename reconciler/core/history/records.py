"""The rows of the history, as those who write and read them see them."""

from __future__ import annotations

from typing import Any

from reconciler.core.history.author import Author
from reconciler.record import Struct


class Run(Struct, frozen=True):
    """One run of a command that changed something, or tried to.

    ``began`` is in seconds since 1970. ``exit`` and ``seconds`` are None while it goes on, and for ever after a kill.
    ``trigger`` is what made a daemon look, and ``revision`` that of the files, as far as they are known.
    """

    id: int
    command: str
    began: float
    user: str = ""
    host: str = ""
    trigger: str = ""
    revision: str = ""
    exit: int | None = None
    seconds: float | None = None


class FieldRecord(Struct, frozen=True):
    """One field of a change. Values are plain data; a secret is ``{"sensitive": true, "digest": …}``.

    ``unit`` is that of numbers, as in the table of the kind. ``reaction`` is what changing the field alone takes, as in
    a plan, and ``removed`` tells that the files no longer declared it; rows of older versions have neither.
    """

    path: str
    before: Any
    after: Any
    cause: str
    source: str = ""
    unit: str = ""
    reaction: str = ""
    removed: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "before": self.before,
            "after": self.after,
            "cause": self.cause,
            "source": self.source,
            "unit": self.unit,
            "reaction": self.reaction,
            "removed": self.removed,
        }


class ChangeRecord(Struct, frozen=True):
    """One change of one resource in one run.

    ``result`` is ``begun``, ``done``, ``failed``, ``rolled back``, ``skipped``, ``interrupted`` or ``not started``.
    ``seconds`` is the time of its steps, and ``outage`` the seconds in which nothing served; None where that is not
    known. ``stopped_first`` is the reason for which the old one was stopped before a new one started, if it was.
    """

    address: str
    action: str
    cause: str = "unknown"
    reason: str = ""
    disruption: str = "none"
    source: str = ""
    fields: tuple[FieldRecord, ...] = ()
    authors: tuple[Author, ...] = ()
    began: float = 0.0
    result: str = "begun"
    seconds: float | None = None
    outage: float | None = None
    note: str = ""
    stopped_first: str = ""
    run: Run | None = None
