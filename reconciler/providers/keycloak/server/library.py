"""Requests to one Keycloak by python-keycloak, and its exceptions as those of the standard library.

The only file that knows the library, whose import takes 0.4 s. Of it we use the raw verbs: its methods for single types
make more calls than a table needs.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

from keycloak import ConnectionManager
from keycloak.exceptions import KeycloakConnectionError

from reconciler.core.message.errors import ReconcileError
from reconciler.deadlines import watch
from reconciler.providers.answers import Answer, Limits, Note, read_within, underneath
from reconciler.providers.transport import is_loopback

_POOL: Final[Mapping[str, Any]] = {
    "max_retries": 0,  # the library would send a POST again whose answer was lost
    "pool_maxsize": 8,
}


class Library:
    """Requests below one URL; used from several threads. Follows no redirect.

    Raises ConnectionError where no answer came, and what was raised while it was read.
    """

    def __init__(
        self, url: str, who: str, limits: Limits, note: Note, *, connect_s: float, ca_file: str | None = None
    ) -> None:
        self._url, self._ca_file = url, ca_file
        self._timeout: Any = (connect_s, limits.seconds)  # as requests takes it
        self._read = read_within(who, limits, note)
        self._managers: dict[tuple[str, ...], ConnectionManager] = {}
        self._lock = threading.Lock()

    def send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """The answer to a request, read to its end."""
        manager = self._manager(headers or {})
        try:
            # A GET of the library takes no body.
            content = () if method == "GET" else (body,)
            return Answer.of(getattr(manager, f"raw_{method.lower()}")(path, *content))
        except KeycloakConnectionError as error:
            if ours := underneath(error, ReconcileError):
                raise ours from None  # of what read the answer
            raise ConnectionError(str(error)) from error

    def _manager(self, headers: Mapping[str, str]) -> ConnectionManager:
        """A connection of the library: its headers are a property, so requests share one if they differ by a token."""
        with self._lock:
            kind = tuple(f"{name}: {value}" for name, value in headers.items() if name != "Authorization")
            manager = self._managers[kind] = self._managers.get(kind) or self._made()
            manager.headers = dict(headers)
            return manager

    def _made(self) -> ConnectionManager:
        """No proxy of the environment for this very machine, for others what NO_PROXY leaves; and whom to trust.

        The certificate is set afterwards, as the constructor hands it to httpx as well, which does not take a path.
        """
        manager = ConnectionManager(self._url, timeout=self._timeout, **_POOL)
        for adapter in manager._s.adapters.values():  # noqa: SLF001
            watch(adapter)
        manager._s.hooks["response"].append(self._read)  # noqa: SLF001  # the session of requests
        if is_loopback(self._url):
            manager._s.trust_env = False  # noqa: SLF001  # there is no other way to say so
        if self._ca_file:
            manager.verify = self._ca_file
        return manager

    def close(self) -> None:
        """Closes all connections; the library does so only when it is collected."""
        with self._lock:
            for manager in self._managers.values():
                manager._s.close()  # noqa: SLF001
            self._managers.clear()
