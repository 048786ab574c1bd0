"""The Admin REST API as far as the provider uses it, as protocols that clients and fakes implement."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol, TypeAlias

from reconciler.core.provider import Verdict
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import Secret, Value

Representation: TypeAlias = Mapping[str, Any]
"""An object as Keycloak's JSON has it, in a file or in an answer."""

BASE: Final = "admin/realms/{realm}"
EXPORT: Final = "partial-export"
"""A realm without its clients, groups, roles and users, below its path."""
WHOLE_EXPORT: Final = f"{EXPORT}?exportClients=true&exportGroupsAndRoles=true"
"""A realm with its clients, groups and roles, below its path."""


class Connection(Protocol):
    """The Admin REST API, as far as we use it; what server/client.py is, and what tests stand in for.

    Paths are relative to the server's URL. Failures are ProviderErrors.
    """

    def get(self, path: str) -> Any:
        """The answer; ABSENT where there is no such thing."""
        ...

    def ask(self, path: str) -> Any:
        """The answer to a POST that only reads; ABSENT where there is no such thing."""
        ...

    def post(self, path: str, body: Value = None) -> None: ...

    def create(self, path: str, body: Value) -> str:
        """Send a new object, and return the last part of the place where the server put it."""
        ...

    def put(self, path: str, body: Value = None) -> None: ...

    def delete(self, path: str, body: Value = None) -> None: ...

    def put_text(self, path: str, text: str) -> None:
        """Send a text as it is, which a few paths want in place of JSON."""
        ...

    def takes(self, realm: str, username: str, password: Secret) -> bool:
        """Returns whether a user could log in with this password; raises Rejected if the realm hides it."""
        ...

    def login(self) -> None:
        """Take a new token: the old one does not know rights that came later."""
        ...

    def is_account(self, address: Address) -> bool:
        """Returns whether this is the account in use, or the realm that it lives in."""
        ...


class View(Protocol):
    """The live system as a rule sees it that judges a body: as it is, or as a plan will make it."""

    def once(self, path: str) -> Any:
        """An answer that is good for the whole pass; ABSENT where there is no such thing, or nobody can tell yet."""
        ...

    def find(self, address: Address) -> str | None:
        """The id of an object, "" of one that is yet to be made, None where there will be none."""
        ...


class Live(Protocol):
    """The live system as a step sees it; what functions of the tables get that do more than one request."""

    @property
    def connection(self) -> Connection: ...

    @property
    def settled(self) -> set[tuple[Address, Value]]:
        """The unreadable values that this process has written; it outlives a pass."""
        ...

    def id(self, address: Address) -> str:
        """The id of an object; raises Conflict where there is none."""
        ...

    def path(self, template: str, address: Address, **more: str) -> str:
        """A path of a table with the names and ids filled in that it asks for."""
        ...


class Client(Connection, Protocol):
    """A connection as the provider holds it."""

    def ready(self) -> Verdict:
        """Done when the server answers and takes our account; Pending while it starts. Raises Denied."""
        ...

    def openly(self, path: str, *, host: str = "") -> tuple[int, Mapping[str, Any]]:
        """The status and the JSON of what anybody may read, if it is JSON; asked for under another host's name."""
        ...

    def clock_offset_s(self) -> float:
        """The seconds by which the server's clock is ahead of ours."""
        ...

    def understood(self) -> AbstractContextManager[None]:
        """Whatever is raised while answers are used becomes a ProviderError that names the last request."""
        ...

    def close(self) -> None: ...
