"""A wrong answer at any request to a real Keycloak: said, and made good by one apply.

RECONCILE_TEST_FAULTS=all spoils every request of a look and of a change in every way; otherwise a few of them.
"""

from __future__ import annotations

import http.client
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from reconciler.core.execution.report import Event, Report
from reconciler.core.message.errors import ProviderError
from reconciler.core.plan.policy import Policy
from reconciler.providers.answers import Limits
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.providers.keycloak.server.client import AdminClient, Settings
from reconciler.run.reconciliation.once import Look, Reconciler
from tests.kit.clock import TurnedClock
from tests.kit.faulty import FAULTS, Fault, Proxy, faulty, over_http
from tests.kit.keycloak.server import Server, document

LIMITS = Limits(seconds=8.0, size_bytes=32 << 20)
EVERY = 1 if os.environ.get("RECONCILE_TEST_FAULTS") == "all" else 97
SLOW = ("dripping",)


def lab(name: str, lifespan: int) -> dict[str, Any]:
    """Two states between which a realm goes to and fro; each differs from the other in one object of each sort."""
    text = str(lifespan)
    return {
        "realm": name,
        "accessTokenLifespan": lifespan,
        "roles": {"realm": [{"name": "one", "description": text}]},
        "groups": [{"name": "ones", "attributes": {"a": [text]}, "realmRoles": ["one"]}],
        "clients": [{"clientId": "app", "name": text, "protocolMappers": []}],
        "users": [{"username": "ann", "email": f"ann{text}@example.org", "firstName": text, "groups": ["/ones"]}],
    }


class World:
    """A realm, and a line to it that may fail."""

    def __init__(self, server: Server, proxy: Proxy, name: str) -> None:
        self.proxy, self.name, self._lifespan = proxy, name, 300
        connection = {**server.connection(), "url": proxy.url}
        self.client = AdminClient(Settings.of(connection, limits=LIMITS), pause=lambda _seconds: None)
        self.provider = KeycloakProvider({}, client=self.client)

    def turn(self) -> None:
        """Makes the other state the desired one from now on."""
        self._lifespan = 600 - self._lifespan + 300

    def reconciler(self) -> Reconciler:
        wanted = document(lab(self.name, self._lifespan))
        return Reconciler(wanted, {"keycloak": self.provider}, TurnedClock(), Policy(deletes=True))

    def look(self) -> Look:
        return self.reconciler().look()

    def run(self) -> Report:
        happened = self.reconciler().converge(lambda _look: None)
        return Report(tuple(event for event in happened if isinstance(event, Event)))


@contextmanager
def world(server: Server, name: str) -> Iterator[World]:
    host = urlsplit(server.url)
    assert host.hostname
    upstream = over_http(lambda: http.client.HTTPConnection(host.hostname or "", host.port or 80, timeout=120))
    with faulty(upstream, limits=LIMITS) as proxy:
        made = World(server, proxy, name)
        try:
            assert not made.run().failed
            yield made
        finally:
            made.client.close()


def is_told(error: ProviderError) -> bool:
    text = str(error)
    named = any(f"{method} /" in text for method in ("GET", "POST", "PUT", "DELETE"))
    return "unexpected" not in text and (named or "account" in text or "realms/master" in text)


def spoiled(made: World, fault: Fault, number: int, *, is_look: bool) -> None:
    """One run in which one answer is wrong, and the one after it."""
    made.client.close()  # so that the token is one of the requests
    if not is_look:
        made.turn()
    made.proxy.spoil(fault, number)
    errors: list[ProviderError] = []
    try:
        report = Report() if is_look and made.look() else made.run()
        errors = [event.error for event in report.failed if isinstance(event.error, ProviderError)]
        assert len(errors) == len(report.failed)
    except ProviderError as error:
        errors = [error]
    asked = made.proxy.asked[number] if number < len(made.proxy.asked) else "nothing"
    about = f"{fault} at request {number}, {asked}: {[str(error) for error in errors]}"
    made.proxy.heal()
    again = made.run()

    assert all(map(is_told, errors)), about
    assert made.proxy.asked_elsewhere == [], about
    assert not again.failed, (about, [event.note for event in again.failed])
    assert made.look().plan.in_sync, about


def requests(made: World, *, is_look: bool) -> int:
    made.client.close()
    if not is_look:
        made.turn()
    made.proxy.heal()
    made.look() if is_look else made.run()
    return len(made.proxy.asked)


@pytest.mark.parametrize("is_look", [True, False], ids=["look", "change"])
def test_a_wrong_answer_is_said_and_made_good(server: Server, fresh: str, is_look: bool) -> None:
    with world(server, fresh) as made:
        count = requests(made, is_look=is_look)
        cases = [(fault, number) for fault in FAULTS.values() for number in range(count)]
        for fault, number in cases[::EVERY]:
            if EVERY == 1 or str(fault) not in SLOW:
                spoiled(made, fault, number, is_look=is_look)
