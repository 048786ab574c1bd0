"""A line to the simulator: the provider's own client, with the simulated server in place of sockets and tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from reconciler.core.provider import Done, Verdict
from reconciler.core.resource.values import Secret, Value
from reconciler.providers.answers import Answer
from reconciler.providers.keycloak.server.client import AdminClient, Settings, Token
from tests.kit.keycloak.simulator.server import SimulatedKeycloak

CONNECTION: Final[Mapping[str, Value]] = {
    "url": "http://keycloak.test",
    "auth": {"username": "admin", "password": Secret("admin's own")},
}


class _Wire:
    """The transport of the client's requests."""

    def __init__(self, server: SimulatedKeycloak) -> None:
        self._server = server

    def send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        is_text = (headers or {}).get("Content-Type", "") == "text/plain"
        content = None if body is None else body.decode() if is_text else json.loads(body)
        answer = self._server.request(method, path, content)
        return Answer(
            f"{method} /{path.partition('?')[0]}", answer.status, {"Location": answer.location}, answer.content
        )


class SimulatedClient(AdminClient):
    """The client of the provider; what it makes of answers is its own."""

    def __init__(self, server: SimulatedKeycloak) -> None:
        super().__init__(Settings.of(CONNECTION), pause=lambda _seconds: None)
        self._server, self._wire = server, _Wire(server)

    def _reader(self) -> _Wire:
        return self._wire

    def _writer(self) -> _Wire:
        return self._wire

    def _fresh(self) -> Token:
        return Token("t", "", 0.0, 0.0)

    @property
    def _has_answered(self) -> bool:
        return True

    def login(self) -> None:
        """Tokens of the simulator know every realm."""

    def takes(self, realm: str, username: str, password: Secret) -> bool:
        return self._server.takes(realm, username, password.reveal())

    def ready(self) -> Verdict:
        return Done()

    def close(self) -> None:
        """Nothing is open."""
