"""A look of the daemon at Keycloak: the poll of the admin events decides whether the realm is read again."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.message.errors import ProviderError
from reconciler.core.plan.plan import Step
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Resource
from reconciler.providers.keycloak.provider import KeycloakProvider
from tests.kit.keycloak.scripted import ScriptedConnection

REALM = {"id": "1", "realm": "shop", "adminEventsEnabled": True, "accessTokenLifespan": 300, "displayName": "Shop"}
DESIRED = [Resource(Address("keycloak.realm", ("shop",)), {"displayName": "Shop"})]
EVENTS = "GET shop/admin-events?max=20"


class Watched:
    """A provider whose events are polled, and the requests that it makes."""

    def __init__(self, **realm: Any) -> None:
        self.answers: dict[str, Any] = {"GET shop": {**REALM, **realm}, EVENTS: []}
        self.connection = ScriptedConnection(self.answers)
        self.provider = KeycloakProvider({}, client=self.connection)

    def poll(self) -> list[str]:
        return [str(hint) for hint in self.provider.hint_sources()["admin events"]()]

    def glance(self, desired: Any = DESIRED) -> list[str]:
        """The requests of a glance."""
        self.connection.sent.clear()
        self.seen = list(self.provider.glance(desired))
        return self.connection.requests


@pytest.fixture
def watched() -> Watched:
    made = Watched()
    made.glance()
    made.poll()
    made.glance()
    return made


def test_while_no_event_comes_nothing_is_asked_and_the_same_is_seen(watched: Watched) -> None:
    before = watched.seen
    watched.poll()

    assert watched.glance() == []
    assert watched.seen == before


def test_what_came_before_the_first_poll_is_read_once_more() -> None:
    made = Watched()
    made.glance()
    made.answers["GET shop"] = {**REALM, "displayName": "changed"}
    made.answers[EVENTS] = [{"id": "1", "time": 1}]
    made.poll()

    assert made.glance() == ["GET shop"]
    assert made.seen[0].spec["displayName"] == "changed"


def test_an_event_has_the_realm_read_again_once(watched: Watched) -> None:
    watched.answers[EVENTS] = [{"id": "1", "time": 1}]
    watched.poll()

    assert [watched.glance(), watched.glance()] == [["GET shop"], []]


def test_a_realm_that_records_no_events_is_read_each_time() -> None:
    made = Watched(adminEventsEnabled=False)
    made.glance()
    made.poll()

    assert [made.glance(), made.glance()] == [["GET shop"]] * 2


def test_other_resources_are_read(watched: Watched) -> None:
    other = [Resource(Address("keycloak.realm", ("shop",)), {"displayName": "Shop", "enabled": True})]

    assert watched.glance(other) == ["GET shop"]


def test_a_write_of_ours_has_it_read_again_before_its_event_comes(watched: Watched) -> None:
    with pytest.raises(ProviderError):
        watched.provider.perform(Step("s", DESIRED[0].address, "no verb", {}))

    assert watched.glance() == ["GET shop"]


def test_a_full_look_reads_it(watched: Watched) -> None:
    watched.connection.sent.clear()

    list(watched.provider.observe(DESIRED))

    assert watched.connection.requests == ["GET shop"]
