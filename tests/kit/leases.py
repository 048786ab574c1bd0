"""A place for marks of locks, in memory."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from reconciler.core.message.errors import Unreachable


def _never(_verb: str, _name: str) -> None:
    pass


class MemoryLeases:
    """A lease store whose ``fails`` may raise for a call: (verb, name)."""

    def __init__(self, lease_noun: str = "volume") -> None:
        self.lease_noun = lease_noun
        self.marks: dict[str, Mapping[str, str]] = {}
        self.data: set[str] = set()
        self.fails: Callable[[str, str], object] = _never

    def put_lease(self, name: str, mark: Mapping[str, str]) -> None:
        self.fails("put", name)
        self.marks[name] = dict(mark)

    def leases(self) -> Mapping[str, Mapping[str, str]]:
        self.fails("list", "")
        return dict(self.marks)

    def drop_lease(self, name: str) -> None:
        self.fails("drop", name)
        self.marks.pop(name, None)

    def holds_data(self, name: str) -> bool:
        return name in self.data


class EventfulLeases(MemoryLeases):
    """One that also tells when a mark comes or goes, while somebody listens, and counts its requests."""

    def __init__(self) -> None:
        super().__init__()
        self.requests, self.is_cut_off = 0, False
        self.listeners: list[queue.SimpleQueue[tuple[str, bool] | None]] = []
        self.fails = self._count

    def put_lease(self, name: str, mark: Mapping[str, str]) -> None:
        super().put_lease(name, mark)
        self.tell(name, is_gone=False)

    def drop_lease(self, name: str) -> None:
        super().drop_lease(name)
        self.tell(name, is_gone=True)

    @contextmanager
    def lease_events(self) -> Iterator[Iterator[tuple[str, bool]]]:
        if self.is_cut_off:
            raise Unreachable("cut off")
        listener: queue.SimpleQueue[tuple[str, bool] | None] = queue.SimpleQueue()
        self.listeners.append(listener)
        yield iter(listener.get, None)

    def tell(self, name: str, *, is_gone: bool) -> None:
        for listener in self.listeners:
            listener.put((name, is_gone))

    def cut_off(self) -> None:
        """End all connections, and let nobody connect again."""
        self.is_cut_off = True
        for listener in self.listeners:
            listener.put(None)
        self.listeners.clear()

    def _count(self, _verb: str, _name: str) -> None:
        self.requests += 1
