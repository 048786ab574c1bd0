"""Answers of the engine that still hold: no event was reported since, and the list shows the container as it was.

A look of the daemon then takes three lists. Nothing is kept unless all streams of events are connected: without them
each look reads everything.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from reconciler.pattern import lazy_pattern
from reconciler.providers.docker.engine.client import Engine

_MARKS_OF_STATUS: Final = lazy_pattern(r"^\w+|\([^)]*\)")
"""The words of a status that do not change with time, as in ``Up 5 minutes (healthy)``."""


class Unchanged:
    """The answers about single objects, for looks of one project. Safe to use from several threads.

    ``streams`` are the names of the streams of events that have to be connected.
    """

    def __init__(self, streams: Collection[str]) -> None:
        self._missing = set(streams)
        self._answers: dict[str, tuple[Any, Any]] = {}
        self._asked: set[str] = set()
        self._changes = 0
        self._lock = threading.Lock()

    # -------------------------------------------------------------- looks

    @contextmanager
    def look(self, *, full: bool) -> Iterator[None]:
        """One look: a ``full`` one asks for everything anew. Answers that it had no use for are dropped."""
        if full:
            self.forget()
        self._asked.clear()
        yield
        with self._lock:
            self._answers = {asked: kept for asked, kept in self._answers.items() if asked in self._asked}

    def get(self, engine: Engine, path: str, mark: Any = None, **params: Any) -> Any:
        """The engine's answer, kept for as long as the ``mark`` is the same and no event says that it has changed."""
        question = f"{path} {params}"
        with self._lock:
            self._asked.add(question)
            changes, (known, kept) = self._changes, self._answers.get(question, (None, None))
            if question in self._answers and known == mark:
                return kept
        answer = engine.get(path, **params)
        with self._lock:
            # An event that came during the request may be about what the answer does not show yet.
            if changes == self._changes and not self._missing:
                self._answers[question] = mark, answer
        return answer

    def container(self, engine: Engine, item: Mapping[str, Any]) -> Any:
        """The details of a container that the list has shown as this item."""
        marks = tuple(_MARKS_OF_STATUS.findall(str(item.get("Status") or "")))
        return self.get(engine, _of_container(item["Id"]), {**item, "Status": marks})

    # -------------------------------------------------------------- events

    @contextmanager
    def followed(self, stream: str) -> Iterator[None]:
        """A stream of events is connected for the time of the block."""
        with self._lock:
            self._missing.discard(stream)
            # Events before the connection were missed, so nothing that was kept can be trusted.
            self._changed()
        try:
            yield
        finally:
            with self._lock:
                self._missing.add(stream)
                self._changed()

    def happened(self, event: Mapping[str, Any]) -> None:
        """Forgets what the event may have changed."""
        actor = event.get("Actor") or {}
        attributes = actor.get("Attributes") or {}
        match event.get("Type"):
            case "container":
                self._forget(_of_container(actor.get("ID")))
            # An event of a network is about the container that joins or leaves it, whose inspect shows that.
            case "network":
                self._forget(_of_container(attributes.get("container")))
            case kind:
                self._forget(f"/{kind}s/")

    def forget(self) -> None:
        """Asks for everything anew from now on."""
        with self._lock:
            self._changed()

    def _changed(self) -> None:
        self._changes += 1
        self._answers.clear()

    def _forget(self, beginning: str) -> None:
        with self._lock:
            self._changes += 1
            self._answers = {asked: kept for asked, kept in self._answers.items() if not asked.startswith(beginning)}


def _of_container(container_id: Any) -> str:
    return f"/containers/{container_id}/json"
