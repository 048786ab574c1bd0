"""Names that Keycloak refuses for new objects (26.7, each character written); pure.

An object that an older release has made, or that comes with a new realm's body, may have such a name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

MOST: Final = 255
"""The length that the database takes; a longer name is answered with status 500."""
_RESERVED: Final = frozenset("/\\?#;:&=+,*()[]$!@")
_OF_SCOPES: Final = frozenset(map(chr, range(0x21, 0x7F))) - {'"', "\\"}


def too_long(name: str) -> str:
    """Explains why a name is too long, "" if it is not."""
    return f"the name has {len(name)} characters, and Keycloak takes {MOST} at most" if len(name) > MOST else ""


def of_flow(name: str) -> str:
    return too_long(name) or _with(name, (each for each in name if each in _RESERVED))


def of_path(name: str) -> str:
    """The rule for names that stand in addresses of a login: no blanks either."""
    return too_long(name) or _with(name, (each for each in name if each in _RESERVED or each.isspace()))


def of_scope(name: str) -> str:
    """The rule of OAuth for the token of a scope."""
    return too_long(name) or _with(name, (each for each in name if each not in _OF_SCOPES))


def _with(name: str, wrong: Iterable[str]) -> str:
    found = ", ".join("a blank" if each.isspace() else f"`{each}`" for each in dict.fromkeys(wrong))
    return f"the name `{name}` can't have {found} in it" if found else ""
