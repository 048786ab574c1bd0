"""A place for marks of locks, in memory."""

from __future__ import annotations


class MemoryLeases:
    """A lease store whose ``fails`` may raise for a call: (verb, name)."""

    def __init__(self):
        self.marks = {}
        self.data = set()
        self.fails = lambda verb, name: None  # noqa: ARG005

    def put_lease(self, name, mark):
        self.fails("put", name)
        self.marks[name] = dict(mark)

    def leases(self):
        self.fails("list", "")
        return dict(self.marks)

    def drop_lease(self, name):
        self.fails("drop", name)
        self.marks.pop(name, None)

    def holds_data(self, name):
        return name in self.data
