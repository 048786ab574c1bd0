"""Admin events become hints: each once, only those after the first poll, with who did it."""

from __future__ import annotations

from typing import Any

from reconciler.core.resource.address import Address
from reconciler.providers.keycloak.admin_events import FRESH_S, AdminEvents

RECORDS = {"shop": {"adminEventsEnabled": True}}


class Server:
    """Answers with the events it has, newest first."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.asked: list[str] = []

    def get(self, path: str) -> Any:
        self.asked.append(path)
        return list(self.events)

    def happens(self, time: int, path: str = "users/1") -> None:
        by = {"userId": "u-1", "clientId": "security-admin-console", "ipAddress": "10.0.0.7"}
        event = {"time": time, "operationType": "UPDATE", "resourcePath": path, "authDetails": by}
        self.events.insert(0, event)


def polled(events: AdminEvents, server: Any, realms: Any = RECORDS) -> list[str]:
    return [str(hint) for hint in events.poll(server, realms)]


def test_events_of_before_the_first_poll_are_none() -> None:
    server, events = Server(), AdminEvents()
    server.happens(1)

    assert polled(events, server) == []


def test_each_later_event_is_a_hint_once_with_who_did_it() -> None:
    server, events = Server(), AdminEvents()
    polled(events, server)
    server.happens(1)
    server.happens(2, "clients/2")

    hints = list(events.poll(server, RECORDS))  # type: ignore[arg-type]

    who = "(user u-1, client security-admin-console, address 10.0.0.7)"
    assert [str(hint) for hint in hints] == [
        f"realm shop: UPDATE users/1 {who}",
        f"realm shop: UPDATE clients/2 {who}",
    ]
    assert hints[0].concerns(Address("keycloak.user", ("shop", "alice")))
    assert not hints[0].concerns(Address("keycloak.user", ("other", "alice")))
    assert polled(events, server) == []


def test_a_realm_that_records_none_is_not_asked() -> None:
    server = Server()

    assert polled(AdminEvents(), server, {"shop": {"adminEventsEnabled": False}, "other": {}}) == []
    assert server.asked == []


def test_events_that_the_server_has_deleted_are_not_new_when_others_come() -> None:
    server, events = Server(), AdminEvents()
    server.happens(5)
    polled(events, server)
    server.events.clear()
    polled(events, server)
    server.happens(6)

    assert len(polled(events, server)) == 1


def test_events_that_end_later_than_a_younger_one_are_seen_as_well() -> None:
    server, events = Server(), AdminEvents()
    server.happens(5)
    polled(events, server)
    server.happens(9)
    polled(events, server)
    server.happens(7, "users/2")

    assert len(polled(events, server)) == 1


def test_changes_differ_once_something_may_have_changed() -> None:
    server, events = Server(), AdminEvents()
    seen = [events.changes]

    polled(events, server)  # the first poll can't tell what came before it
    seen.append(events.changes)
    polled(events, server)
    assert events.changes == seen[-1]
    server.happens(1)
    polled(events, server)
    seen.append(events.changes)
    server.events.clear()  # by hand; what came between the polls is gone with them
    polled(events, server)
    seen.append(events.changes)
    events.changed()
    seen.append(events.changes)

    assert len(set(seen)) == len(seen)


def test_realms_are_covered_while_each_is_polled() -> None:
    now = [100.0]
    server, events = Server(), AdminEvents(lambda: now[0])
    assert not events.cover({"shop"})

    polled(events, server)
    now[0] += FRESH_S - 1
    assert events.cover({"shop"})
    assert not events.cover({"shop", "other"})
    now[0] += 2
    assert not events.cover({"shop"})
