"""The access of users to clients, and its changes by a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Inside:
    """The claims about one user within an organization: groups, and roles, each with its sources."""

    organization: str
    roles: Mapping[str, tuple[str, ...]]
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Access:
    """The claims about one user for a client: roles, each with its sources ("" is the user), and groups.

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
    """The access that one or more users of a realm gain and lose; without names it is everybody.

    ``note`` stands in place of all that where it can't be told, and says why.
    """

    realm: str
    users: tuple[str, ...] = ()
    gains: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()
    note: str = ""
