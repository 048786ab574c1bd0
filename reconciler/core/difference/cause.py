"""Causes of differences, and the memory that tells them: digests of the state in which each resource was last seen
to be as declared. The memory may be lost without harm; then a cause is unknown."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import Enum
from typing import Protocol, TypeAlias, Union

from reconciler.core.resource.address import Address
from reconciler.core.resource.values import ABSENT, Value, revealed
from reconciler.record import Struct, field


class Cause(Enum):
    """The reason why a live field is not as declared."""

    DECLARED = "declared"
    """The files ask for something new."""

    DRIFT = "drift"
    """The live resource was changed by somebody else."""

    INTERRUPTED = "interrupted"
    """A run of our own was killed in the midst of a change, and left this."""

    IMAGE = "image"
    """An image or its build context changed, and the files did not."""

    DEPENDENCY = "dependency"
    """Another resource, to which the declaration refers, gives another value."""

    DEFAULT = "default"
    """The value follows from others, or is a default that changed."""

    UNKNOWN = "unknown"


Digests: TypeAlias = Union[str, Mapping[str, "Digests"]]
"""A value with a digest in place of each leaf; mappings keep their shape, sequences are leaves."""

Digest: TypeAlias = Callable[[str], str]


class Applied(Struct, frozen=True):
    """The digests of one resource when it was last seen to be as declared.

    ``wanted`` are its fields as they were expected, ``seen`` those that the server shows otherwise and that count as
    equal. ``declared`` are the declarations, with references to other resources as they are written. ``id`` is the
    one that the server gave it.
    """

    wanted: Mapping[str, Digests] = field(default_factory=dict)
    seen: Mapping[str, Digests] = field(default_factory=dict)
    declared: Mapping[str, Digests] = field(default_factory=dict)
    id: str = ""


class Memory(Protocol):
    """The memory of what was last applied."""

    def applied(self, addresses: Collection[Address]) -> Mapping[Address, Applied]:
        """The digests of those resources that are known."""
        ...

    def knows(self, provider: str) -> bool:
        """Returns whether anything of this provider is known."""
        ...

    def digest(self, text: str) -> str:
        """The digest of a leaf, with the key of this memory."""
        ...


class NoMemory:
    """The memory of those who have none."""

    def applied(self, addresses: Collection[Address]) -> Mapping[Address, Applied]:  # noqa: ARG002
        return {}

    def knows(self, provider: str) -> bool:  # noqa: ARG002
        return False

    def digest(self, text: str) -> str:
        return text


def digests(value: Value, digest: Digest) -> Digests:
    """The digests of a value; what is absent has an empty one, as has what is not in a mapping."""
    if isinstance(value, Mapping):
        return {key: digests(part, digest) for key, part in value.items() if part is not ABSENT}
    return "" if value is ABSENT else digest(_text(value))


def _text(value: Value) -> str:
    """A leaf as text. A number is the same as its text, since a sealed value is a text."""
    plain = revealed(value)
    if isinstance(plain, Sequence) and not isinstance(plain, str):
        return json.dumps([_text(part) if not isinstance(part, Mapping) else part for part in plain], default=str)
    return str(plain)
