"""A line to the simulator: the provider's own client, with the simulated server in place of sockets and tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from requests import Response

from reconciler.core.provider import Done, Verdict
from reconciler.core.resource.values import Secret, Value
from reconciler.providers.keycloak.server.client import AdminClient, Settings, checked
from tests.kit.keycloak.simulator.server import SimulatedKeycloak

if TYPE_CHECKING:
    from keycloak import KeycloakOpenIDConnection

CONNECTION: Final[Mapping[str, Value]] = {
    "url": "http://keycloak.test",
    "auth": {"username": "admin", "password": Secret("admin's own")},
}


class _Asked:
    """As much of a request as its answer is asked for."""

    def __init__(self, method: str, path: str) -> None:
        self.method, self.path_url = method, f"/{path}"


class _Wire:
    """The four verbs of python-keycloak's connection."""

    def __init__(self, server: SimulatedKeycloak) -> None:
        self._server = server

    def raw_get(self, path: str) -> Response:
        return self.sent("GET", path)

    def raw_post(self, path: str, content: str | None) -> Response:
        return self.sent("POST", path, content)

    def raw_put(self, path: str, content: str | None) -> Response:
        return self.sent("PUT", path, content)

    def raw_delete(self, path: str, content: str | None) -> Response:
        return self.sent("DELETE", path, content)

    def sent(self, method: str, path: str, content: str | None = None) -> Response:
        answer = self._server.request(method, path, None if content is None else json.loads(content))
        response = Response()
        response.status_code, response._content = answer.status, answer.content
        response.request = cast("Any", _Asked(method, path))
        if answer.location:
            response.headers["Location"] = answer.location
        return response


class SimulatedClient(AdminClient):
    """The client of the provider; what it makes of answers is its own."""

    def __init__(self, server: SimulatedKeycloak) -> None:
        super().__init__(Settings.of(CONNECTION), pause=lambda _seconds: None)
        self._server, self._wire = server, _Wire(server)

    def _fresh(self) -> KeycloakOpenIDConnection:
        return cast("KeycloakOpenIDConnection", self._wire)

    @property
    def _has_answered(self) -> bool:
        return True

    def login(self) -> None:
        """Tokens of the simulator know every realm."""

    def put_text(self, path: str, text: str) -> None:
        with self._translated(f"PUT /{path}"):
            checked(self._wire.sent("PUT", path, json.dumps(text)))

    def takes(self, realm: str, username: str, password: Secret) -> bool:
        return self._server.takes(realm, username, password.reveal())

    def ready(self) -> Verdict:
        return Done()

    def close(self) -> None:
        """Nothing is open."""
