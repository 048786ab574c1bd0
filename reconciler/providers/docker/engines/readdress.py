"""Addresses of one engine among several: inside it is the only one, outside its kinds have its name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final, TypeVar

from reconciler.core.plan.plan import Step
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import Secret
from reconciler.record import Struct, replace

T = TypeVar("T")

_LEAVES: Final = frozenset({str, int, float, bool, bytes, type(None), Secret})
_OTHER: Final = "not "
"""Stands before the name of a provider of which another one has the name."""

_IDS: Final = ("id", "after", "behind")
"""The parts of a step that are its own id and those of other steps."""

_CLAIMS: Final = ("takes", "frees")
"""The parts of a step that are things of which an engine has one, such as a port. Another engine has its own."""


class Renamed(Struct, frozen=True):
    """A change of kinds in everything that has addresses. The ids of steps begin with an address, so they change too.

    ``before`` and ``after`` are the names of a provider. What had the name ``after`` already is another engine's, and
    gets a name that nothing has; on the way back it gets its own again.
    """

    before: str
    after: str

    def __call__(self, value: T) -> T:
        """The same value with other addresses; itself where it has none."""
        return value if self.before == self.after else self._made(value)

    def _made(self, value: Any) -> Any:
        if type(value) in _LEAVES or callable(value):
            return value
        match value:
            case Address():
                return self._address(value)
            case Mapping():
                return {self._made(key): self._made(part) for key, part in value.items()}
            case tuple() | list() | frozenset() | set():
                return type(value)(self._made(part) for part in value)
            case Step():
                ids = {name: self._named(getattr(value, name)) for name in _IDS}
                claims = {name: self._claimed(getattr(value, name)) for name in _CLAIMS}
                return self._rebuilt(value, ids | claims)
            case Struct():
                return self._rebuilt(value, {})
            case _ if is_dataclass(value):
                return self._rebuilt(value, {})
        return value

    def _address(self, address: Address) -> Address:
        return Address(self._renamed(address.kind), address.path)

    def _renamed(self, text: str) -> str:
        """A text that begins with the name of a provider, with its other name."""
        provider, dot, rest = text.partition(".")
        names = {self.before: self.after, self.after: f"{_OTHER}{self.after}", f"{_OTHER}{self.before}": self.before}
        return f"{names.get(provider, provider)}{dot}{rest}"

    def _rebuilt(self, value: Any, done: Mapping[str, Any]) -> Any:
        names = value.__struct_fields__ if isinstance(value, Struct) else [each.name for each in fields(value)]
        parts = {name: self._made(getattr(value, name)) for name in names if name not in done}
        changed = {**done, **{name: part for name, part in parts.items() if part is not getattr(value, name)}}
        return replace(value, **changed)

    def _claimed(self, claims: frozenset[str]) -> frozenset[str]:
        known = (claim.removeprefix(f"{self.before}: ") for claim in claims)
        return frozenset(f"{self.after}: {claim}" for claim in known)

    def _named(self, texts: Any) -> Any:
        return self._renamed(texts) if isinstance(texts, str) else frozenset(map(self._renamed, texts))
