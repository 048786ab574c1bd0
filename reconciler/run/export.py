"""A live realm as a file has it; for `reconcile export`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reconciler.config import load
from reconciler.config.realm.minimal import minimal
from reconciler.core.document import Document
from reconciler.run.session import completed_sources, connection_of
from reconciler.settings import Settings

if TYPE_CHECKING:
    from reconciler.providers.keycloak.table.connection import Client


def exported(settings: Settings, realm: str) -> dict[str, Any]:
    """The realm without what every new realm has. Where Keycloak is, the files and the environment say."""
    from reconciler.providers.keycloak.export import new_realm, whole

    with connected(settings) as (client, _), client.understood():
        return minimal(whole(client, realm), new_realm(client, realm))


@contextmanager
def connected(settings: Settings) -> Iterator[tuple[Client, Document | None]]:
    """A line to the Keycloak that the files and the environment name, and the files, if there are any."""
    from reconciler.providers.keycloak.server.client import AdminClient
    from reconciler.providers.keycloak.server.client import Settings as Account

    document = load(completed_sources(settings)).document if settings.users_files else None
    client = AdminClient(Account.of(connection_of(document.connection if document else {}, settings)))
    try:
        yield client, document
    finally:
        client.close()
