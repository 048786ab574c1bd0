"""The log of requests at ``--verbose``: one line for each request that a provider sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from reconciler.providers.answers import Request

Note: TypeAlias = Callable[[str, Request], None]
"""Gets the name of a provider and a request of it that has ended. Called from several threads."""


def ignored(_provider: str, _request: Request) -> None:
    """Keeps no log."""


def logged(log: Any) -> Note:
    """Writes each request to the log, together with an id that all requests of this run share."""
    import secrets

    bound = log.bind(run=secrets.token_hex(4))

    def note(provider: str, request: Request) -> None:
        of_provider, fields = bound.bind(provider=provider), {"method": request.method, "path": request.path}
        if request.error:
            of_provider.debug("request failed", **fields, ms=request.ms, error=request.error)
        else:
            of_provider.debug("request", **fields, status=request.status, ms=request.ms)

    return note
