"""The access of users to clients, and its changes by a plan."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from reconciler.core.resource.values import Spec
from reconciler.record import Struct


class Inside(Struct, frozen=True):
    """The claims about one user within an organization: groups, and roles, each with its sources."""

    organization: str
    roles: Mapping[str, tuple[str, ...]]
    groups: tuple[str, ...]


class Access(Struct, frozen=True):
    """The claims about one user for a client: roles, each with its sources ("" is the user), and groups.

    ``inside`` is what holds within an organization only.
    """

    realm: str
    user: str
    clients: tuple[str, ...]
    roles: Mapping[str, tuple[str, ...]]
    groups: tuple[str, ...]
    inside: tuple[Inside, ...] = ()


class AccessChange(Struct, frozen=True):
    """The access that one or more users of a realm gain and lose; without names it is everybody.

    ``note`` stands in place of all that where it can't be told, and says why.
    """

    realm: str
    users: tuple[str, ...] = ()
    gains: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()
    note: str = ""


class Matches(Struct, frozen=True):
    """The first names that a server finds, and how many it has in all."""

    names: tuple[str, ...]
    total: int


class Grants(Protocol):
    """The roles and groups of one realm, and what they lead to."""

    @property
    def users(self) -> Mapping[str, Spec]:
        """All users, by name."""
        ...

    @property
    def groups(self) -> Collection[str]:
        """The paths of all groups."""
        ...

    @property
    def clients(self) -> Collection[str]:
        """The names of all clients."""
        ...

    def open_clients(self) -> Collection[str]:
        """The clients that each user can log in to."""
        ...

    def entries(self, user: str, clients: Collection[str] = ()) -> Iterable[Access]:
        """The access of one user, to these clients or to all."""
        ...
