"""Admin events of realms: hints that somebody changed something, with the account and the address it came from.

Source: GET /admin/realms/{realm}/admin-events, newest first; a realm keeps them only if `adminEventsEnabled` is set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.provider import Hint
from reconciler.core.resource.address import Address
from reconciler.providers.keycloak.table.connection import BASE, Connection, Representation
from reconciler.vocabulary.keycloak import REALM

MOST: Final = 20
"""So many events are read at once. Older ones are no loss: one event makes the daemon look at everything."""


class AdminEvents:
    """The admin events of several realms, from the first poll on."""

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}

    def poll(self, connection: Connection, realms: Mapping[str, Representation]) -> Iterator[Hint]:
        """The events since the last poll, one request for each realm that records them."""
        for realm, live in realms.items():
            if live.get("adminEventsEnabled"):
                yield from self._new(realm, events_of(connection, realm, most=MOST))

    def _new(self, realm: str, events: Sequence[Mapping[str, Any]]) -> Iterator[Hint]:
        newest = max((int(each.get("time") or 0) for each in events), default=0)
        last = self._newest.get(realm, newest)
        self._newest[realm] = max(newest, last)
        for each in reversed(events):
            if int(each.get("time") or 0) > last:
                yield Hint(_words(realm, each), Address(REALM, (realm,)))


def events_of(
    connection: Connection, realm: str, *, most: int, since: float | None = None
) -> Sequence[Mapping[str, Any]]:
    """The admin events of a realm, newest first; none of a realm that is not there. ``since`` is in seconds."""
    begin = "" if since is None else f"&dateFrom={int(since * 1000)}"
    found = connection.get(f"{BASE.format(realm=quote(realm, safe=''))}/admin-events?max={most}{begin}")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _words(realm: str, event: Mapping[str, Any]) -> str:
    by = event.get("authDetails") or {}
    who = f"user {by.get('userId', '?')}, client {by.get('clientId', '?')}, address {by.get('ipAddress', '?')}"
    return f"realm {realm}: {event.get('operationType')} {event.get('resourcePath')} ({who})"
