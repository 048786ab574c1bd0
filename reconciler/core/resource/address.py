"""Names of resources: what a person calls a thing, never an id that a server made up."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, unquote

_PLAIN = " @:+,()"  # besides letters, digits and "_.-~", what a segment may show as it is


class Address(NamedTuple):
    """The address of a resource: its kind and the natural keys that lead to it.

    ``str()`` gives ``KIND/KEY/…`` with percent-encoded segments; :meth:`parse` is its inverse.
    """

    kind: str
    path: tuple[str, ...]

    def __str__(self) -> str:
        return "/".join((self.kind, *(quote(segment, safe=_PLAIN) for segment in self.path)))

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address as it is written; raises ValueError where it names no kind and key."""
        kind, *path = text.split("/")
        if "." not in kind or not path or not all(path):
            raise ValueError(f"`{text}` is not a valid address; expected KIND/NAME, for example docker.container/redis")
        return cls(kind, tuple(unquote(segment) for segment in path))

    @property
    def provider(self) -> str:
        """The name of the provider that looks after this kind: what stands before the first dot."""
        return self.kind.partition(".")[0]

    @property
    def name(self) -> str:
        """The last segment: what the resource is called within its parent."""
        return self.path[-1]
