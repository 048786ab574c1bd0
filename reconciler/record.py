"""Values with named fields: `Struct`, and dataclasses for the few that need more, such as a cached property.

The program has about 250 such classes. A dataclass writes and compiles Python for each of them at every start; a struct
is made in C, in a fortieth of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct, convert, field
from msgspec.structs import asdict
from msgspec.structs import replace as _replaced

__all__ = ["Discreet", "Struct", "asdict", "convert", "field", "replace"]

T = TypeVar("T")


class Discreet(Struct, frozen=True):
    """A struct whose representation, as in a traceback or a log, shows no value: secrets are among them."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


if TYPE_CHECKING:
    from dataclasses import replace  # under this name mypy checks the fields' names and types
else:

    def replace(value: T, /, **changes: Any) -> T:
        """A copy of a struct or a dataclass with other values of some fields."""
        if isinstance(value, Struct):
            return _replaced(value, **changes)
        from dataclasses import replace as replaced

        return replaced(value, **changes)
