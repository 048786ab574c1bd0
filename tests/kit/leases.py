"""A place for marks of locks, in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping


def _never(_verb: str, _name: str) -> None:
    pass


class MemoryLeases:
    """A lease store whose ``fails`` may raise for a call: (verb, name)."""

    def __init__(self) -> None:
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
