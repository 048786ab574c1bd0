"""Admin events of realms: hints that somebody changed something, with the account and the address it came from.

Source: GET /admin/realms/{realm}/admin-events, newest first; a realm keeps them only if `adminEventsEnabled` is set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.address import Address
from reconciler.core.provider import Hint
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
                path = f"{BASE.format(realm=quote(realm, safe=''))}/admin-events?max={MOST}"
                yield from self._new(realm, connection.get(path))

    def _new(self, realm: str, found: Any) -> Iterator[Hint]:
        events = [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
        newest = max((int(each.get("time") or 0) for each in events), default=0)
        last = self._newest.get(realm, newest)
        self._newest[realm] = max(newest, last)
        for each in reversed(events):
            if int(each.get("time") or 0) > last:
                yield Hint(_words(realm, each), Address(REALM, (realm,)))


def _words(realm: str, event: Mapping[str, Any]) -> str:
    by = event.get("authDetails") or {}
    who = f"user {by.get('userId', '?')}, client {by.get('clientId', '?')}, address {by.get('ipAddress', '?')}"
    return f"realm {realm}: {event.get('operationType')} {event.get('resourcePath')} ({who})"
