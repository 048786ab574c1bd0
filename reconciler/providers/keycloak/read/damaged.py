"""Flows that stand on a subflow which is gone: what shows them is answered with error 500 from then on (26.7).

Deleting a subflow by REST leaves the execution that stands for it. The list that Keycloak's console shows has no
executions, and so still has an answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.message.errors import ProviderError, Rejected
from reconciler.providers.keycloak.table.connection import BASE, Connection, Representation

_OF_THE_CONSOLE: Final = "ui-ext/authentication-management/flows"


@contextmanager
def explained(connection: Connection, realm: str) -> Iterator[None]:
    """Names the damaged flows, and the way to get rid of them, where the server can't show a realm."""
    try:
        yield
    except Rejected as error:
        # Only after a failure: the flows are asked for one by one.
        said = "; ".join(_remedy(realm, flow) for flow in _damaged(connection, realm))
        if not said:
            raise
        raise Rejected(f"{error.args[0]}; {said}") from error


def _remedy(realm: str, flow: Representation) -> str:
    """The message about a damaged flow; one in use can't be deleted."""
    first = "bind another flow in its place, then " if flow.get("usedBy") else ""
    return (
        f"flow `{flow['alias']}` stands on a subflow that was deleted, so that Keycloak can't show the realm; {first}"
        f"delete it with `kcadm.sh delete authentication/flows/{flow['id']} -r {realm}`, and apply again to make it"
    )


def _damaged(connection: Connection, realm: str) -> Iterator[Representation]:
    base = BASE.format(realm=quote(realm, safe=""))
    found: Any = _answer(connection, f"{base}/{_OF_THE_CONSOLE}")
    for flow in found if isinstance(found, list) else ():
        if _answer(connection, f"{base}/authentication/flows/{quote(flow['alias'], safe='')}/executions") is None:
            yield flow


def _answer(connection: Connection, path: str) -> Any:
    """The answer, None where there is none."""
    try:
        return connection.get(path)
    except ProviderError:
        return None
