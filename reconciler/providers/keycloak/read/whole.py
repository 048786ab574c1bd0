"""A realm as one representation: by an export where the account may have one, else by single requests."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote

from reconciler.core.message.errors import Denied, NoLogin
from reconciler.core.resource.values import ABSENT
from reconciler.providers.keycloak.read.damaged import explained
from reconciler.providers.keycloak.read.single import CLIENTS, GROUPS, SingleReads, parts_read
from reconciler.providers.keycloak.table.connection import BASE, EXPORT, Connection, Representation
from reconciler.record import Struct, field

FLAGS: Final = (CLIENTS, GROUPS)
LOOKING: Final[Mapping[str, str]] = {
    "view-realm": "settings, roles, flows, required actions, components, the user profile, texts",
    "view-clients": "clients **with their secrets**, client roles, client scopes, scope mappings",
    "view-users": "users, groups, service accounts",
    "view-identity-providers": "identity providers and their mappers",
    "view-authorization": "authorization services of clients",
    "view-organizations": "organizations",
}
"""The roles with which an account may look at a realm, and change nothing, each with what it shows."""
_ONLY_WITH_RIGHTS: Final = "accessTokenLifespan"  # in every realm, but not in what is shown without view-realm


class Shown(Struct, frozen=True):
    """A realm as far as the account sees it; ``unread`` are the types that it can't see, each with a reason.

    ``by_parts`` says that the account may not export it.
    """

    body: Representation
    unread: Mapping[str, str] = field(default_factory=dict)
    by_parts: bool = False

    def require(self, *kinds: str) -> Representation:
        """Returns the realm. Raises Denied if the account can't see one of these types."""
        for reason in (self.unread[kind] for kind in kinds if kind in self.unread):
            raise Denied(reason)
        return self.body


def shown(
    connection: Connection, realm: str, flags: Collection[str] = FLAGS, *, flows: Collection[str] = ()
) -> Shown | None:
    """The realm with what these flags of an export stand for; None where there is no such realm.

    ``flows`` are the names of those that are looked for. Raises Denied if not even the realm's settings are shown.
    """
    base = BASE.format(realm=quote(realm, safe=""))
    query = "&".join(f"{flag}={str(flag in flags).lower()}" for flag in FLAGS)
    try:
        with explained(connection, realm):
            answer = connection.ask(f"{base}/{EXPORT}?{query}")
    except NoLogin:
        raise
    except Denied as error:
        answer = connection.get(base)
        if answer is ABSENT or not is_whole(answer):
            raise Denied(f"{error.args[0]}; {_roles(realm)}") from error
        return _by_parts(SingleReads(connection, base, answer, flows), flags)
    return None if answer is ABSENT else Shown(answer)


def _by_parts(reads: SingleReads, flags: Collection[str]) -> Shown:
    body, unread = parts_read(reads, flags)
    return Shown(body, unread, by_parts=True)


def is_whole(settings: Representation) -> bool:
    """Returns whether these are all settings of a realm: an account with few rights is shown its name alone."""
    return _ONLY_WITH_RIGHTS in settings


def _roles(realm: str) -> str:
    return (
        f"to read realm {realm} the account needs the roles manage-realm, view-clients and query-groups in it, or to "
        f"look at it only {', '.join(LOOKING)}"
    )


@contextmanager
def needing(roles: str, realm: str) -> Iterator[None]:
    """Names the roles that reading takes, where it is refused."""
    try:
        yield
    except NoLogin:
        raise
    except Denied as error:
        raise Denied(f"{error.args[0]}; to read realm {realm} the account needs the roles {roles} in it") from error
