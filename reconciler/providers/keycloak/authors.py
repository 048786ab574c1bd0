"""Acts on a realm behind our back: its admin events, if it records them (`adminEventsEnabled`).

An event names the account by ids of the realm in which it logged in; their names are looked up in that realm and in
ours, and an id without a name stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, unquote

from reconciler.core.history.author import Author
from reconciler.core.message.errors import Denied
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import ABSENT
from reconciler.providers.keycloak.admin_events import events_of
from reconciler.providers.keycloak.table.connection import BASE, Connection
from reconciler.vocabulary.keycloak import REALM

_MOST: Final = 200
_MOST_OF_ONE: Final = 20
_REALM_ITSELF: Final = "REALM"


def authors(
    connection: Connection, own_realm: str, ids: Mapping[Address, Sequence[str]], since: float
) -> Mapping[Address, Sequence[Author]]:
    """The acts on these objects since a time, newest first, by the ids that they have or had."""
    found: dict[Address, Sequence[Author]] = {}
    for realm in dict.fromkeys(address.path[0] for address in ids):
        # An administrator may be a user of this realm, or of the one that our account is in.
        names = _Names(connection, tuple(dict.fromkeys((realm, own_realm))))
        events = events_of(connection, realm, most=_MOST, since=since)
        for address, identities in ids.items():
            if address.path[0] == realm:
                own = [event for event in events if _is_about(event, address, identities)][:_MOST_OF_ONE]
                found |= {address: tuple(map(names.author, own))} if own else {}
    return found


def _is_about(event: Mapping[str, Any], address: Address, identities: Sequence[str]) -> bool:
    path = str(event.get("resourcePath") or "")
    if address.kind == REALM:
        return event.get("resourceType") == _REALM_ITSELF
    segments = [unquote(segment) for segment in path.split("/")]
    return any(identity in segments for identity in identities)


class _Names:
    """The names of users and clients, looked up once each."""

    def __init__(self, connection: Connection, realms: Sequence[str]) -> None:
        self._connection, self._realms = connection, realms
        self._known: dict[tuple[str, str], str] = {}

    def author(self, event: Mapping[str, Any]) -> Author:
        who: Mapping[str, Any] = event.get("authDetails") or {}
        act = " ".join(str(event[key]).lower() for key in ("operationType", "resourceType") if event.get(key))
        return Author(
            float(event.get("time") or 0) / 1000,
            act.replace("_", " "),
            self._name("users", "username", str(who.get("userId") or "")),
            self._name("clients", "clientId", str(who.get("clientId") or "")),
            str(who.get("ipAddress") or ""),
        )

    def _name(self, section: str, key: str, identity: str) -> str:
        if identity and (section, identity) not in self._known:
            self._known[section, identity] = next(self._found(section, key, identity), identity)
        return self._known.get((section, identity), "")

    def _found(self, section: str, key: str, identity: str) -> Iterator[str]:
        for realm in self._realms:
            try:
                base = BASE.format(realm=quote(realm, safe=""))
                found = self._connection.get(f"{base}/{section}/{quote(identity, safe='')}")
            # Not allowed to see users there: the id has to do for a name.
            except Denied:
                continue
            if found is not ABSENT:
                yield str(found.get(key) or identity)
