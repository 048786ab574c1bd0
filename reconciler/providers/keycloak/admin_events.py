"""Admin events of realms: hints that somebody changed something, with the account and the address it came from.

Source: GET /admin/realms/{realm}/admin-events, newest first; a realm keeps them only if `adminEventsEnabled` is set.
Switching that off is an event too. Keycloak 26.7 records none for the user profile, client policies and localization
texts, nor for what users do with their own accounts: only a full look finds those.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from time import monotonic
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.provider import Hint
from reconciler.core.resource.address import Address
from reconciler.providers.keycloak.table.connection import BASE, Connection, Representation
from reconciler.vocabulary.keycloak import REALM

MOST: Final = 20
"""So many events are read at once. Older ones are no loss: one event makes the daemon look at everything."""

FRESH_S: Final = 5.0
"""A poll longer ago than this says nothing about the present: it was overdue twice."""


class AdminEvents:
    """The admin events of several realms, from the first poll on. Used from several threads.

    ``changes`` differs once anything may have changed: an event came, or those of before can't be told from new ones.
    """

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self.changes, self._now = 0, now
        self._seen: dict[str, frozenset[str]] = {}
        self._polled_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def poll(self, connection: Connection, realms: Mapping[str, Representation]) -> Iterator[Hint]:
        """The events since the last poll, one request for each realm that records them."""
        for realm, live in realms.items():
            if live.get("adminEventsEnabled"):
                yield from self._new(realm, events_of(connection, realm, most=MOST))

    def changed(self) -> None:
        """Something was changed whose event comes later."""
        with self._lock:
            self.changes += 1

    def cover(self, realms: Collection[str]) -> bool:
        """Returns whether each of these realms records its events, and was polled a moment ago."""
        oldest = self._now() - FRESH_S
        return all(self._polled_at.get(realm, oldest) > oldest for realm in realms)

    def _new(self, realm: str, events: Sequence[Mapping[str, Any]]) -> Iterator[Hint]:
        # By their ids: an event is seen when its transaction ends, which may be after that of a younger one.
        found = {str(each.get("id") or (each.get("time"), each.get("resourcePath"))): each for each in events}
        seen = self._seen.get(realm)
        # The first poll only learns which events there were before it.
        new = [each for identity, each in found.items() if seen is not None and identity not in seen]
        with self._lock:
            self._seen[realm], self._polled_at[realm] = frozenset(found), self._now()
            # An event that is gone from the list may have taken newer ones along, so something may have changed unseen.
            if seen is None or new or not seen <= found.keys():
                self.changes += 1
        for each in reversed(new):
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
