"""Who gets into what, and who gains or loses access by a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Inside:
    """What clients are told of one user within an organization: groups, and roles, each with those it comes from."""

    organization: str
    roles: Mapping[str, tuple[str, ...]]
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Access:
    """What clients are told of one user: roles, each with what it comes through ("" is the user), and groups.

    ``inside`` is what holds within an organization only.
    """

    realm: str
    user: str
    clients: tuple[str, ...]
    roles: Mapping[str, tuple[str, ...]]
    groups: tuple[str, ...]
    inside: tuple[Inside, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessChange:
    """What one or more users of a realm gain and lose; without names it is everybody.

    ``note`` stands in place of all that where it can't be told, and says why.
    """

    realm: str
    users: tuple[str, ...] = ()
    gains: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()
    note: str = ""
