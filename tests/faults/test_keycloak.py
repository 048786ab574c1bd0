"""An answer to Keycloak's client that is wrong in any way is said as what it is, and the account goes nowhere else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from reconciler.core.message.errors import ProviderError
from reconciler.core.resource.values import Secret
from reconciler.providers.keycloak.server.client import AdminClient, Settings
from tests.kit.faulty import FAULTS, Fault, Given, Proxy, faulty

LONGEST_S = 10.0
LAB = "admin/realms/lab"

CALLS: Mapping[str, Callable[[AdminClient], Any]] = {
    "a list": lambda client: client.get(f"{LAB}/users?first=0&max=1000"),
    "an object": lambda client: client.get(LAB),
    "an export": lambda client: client.ask(f"{LAB}/partial-export?exportClients=true"),
    "a creation": lambda client: client.create(f"{LAB}/users", {"username": "ann"}),
    "a change": lambda client: client.put(f"{LAB}/users/1", {"enabled": True}),
    "a text": lambda client: client.put_text(f"{LAB}/localization/en/label", "ours"),
    "a deletion": lambda client: client.delete(f"{LAB}/users/1"),
    "a password": lambda client: client.takes("lab", "ann", Secret("pw")),
    "ready": lambda client: client.ready(),
}


def right(method: str, path: str, _body: bytes, _headers: Mapping[str, str]) -> Given:
    """A Keycloak in which all goes well."""
    path = path.partition("?")[0]
    if path.endswith("/token"):
        found: Any = {"access_token": "t", "refresh_token": "r", "expires_in": 60}
    elif method == "GET" and path.endswith("/users"):
        found = [{"id": "1", "username": "ann"}]
    elif method == "GET" or path.endswith("/partial-export"):
        found = {"realm": "lab"}
    else:
        return Given(204, b"")
    return Given(200, json.dumps(found).encode())


@contextmanager
def line(fault: Fault) -> Iterator[tuple[AdminClient, Proxy]]:
    with faulty(right, limits=fault.limits) as proxy:
        auth = {"username": "me", "password": "secret-of-the-account"}
        client = AdminClient(
            Settings.of({"url": proxy.url, "auth": auth}, limits=fault.limits), pause=lambda _seconds: None
        )
        try:
            yield client, proxy
        finally:
            client.close()


def told(name: str, client: AdminClient) -> None:
    """The call succeeds, as reads do when they are tried again, or says what was asked. Nothing else is raised."""
    began = time.monotonic()
    try:
        CALLS[name](client)
    except ProviderError as error:
        text = str(error)
        is_asked = any(f"{method} /" in text for method in ("GET", "POST", "PUT", "DELETE"))
        assert is_asked or any(words in text for words in OTHER_WORDS), text
    assert time.monotonic() - began < LONGEST_S


OTHER_WORDS = (
    "Keycloak does not accept the account `me`",
    "the account's realm `master` does not exist",
    "for realms/master",
    "does not tell whether a password",
)
"""Of those who are not known, of a server that is not up, and of a realm."""


@pytest.mark.parametrize("fault", FAULTS.values(), ids=str)
def test_a_wrong_answer_to_a_login_is_said_and_the_account_goes_nowhere_else(fault: Fault) -> None:
    with line(fault) as (client, proxy):
        proxy.spoil(fault, 0)

        told("a list", client)

        assert proxy.asked_elsewhere == []


@pytest.mark.parametrize("fault", FAULTS.values(), ids=str)
def test_a_wrong_answer_to_a_request_is_said_and_no_write_is_sent_again(fault: Fault) -> None:
    with line(fault) as (client, proxy):
        client.login()
        for name in CALLS:
            proxy.spoil(fault, 0)

            told(name, client)

            writes = [request for request in proxy.asked if "/admin/" in request and not request.startswith("GET")]
            is_renewed = "status 401" in str(fault)  # refused for its token, so it had no effect
            assert proxy.asked_elsewhere == []
            assert len(writes) <= 1 or is_renewed or name == "an export"
