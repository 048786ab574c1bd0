"""A live realm as a file has it; for `reconcile export`."""

from __future__ import annotations

from typing import Any

from reconciler.config import load
from reconciler.config.minimal import minimal
from reconciler.run.session import completed_sources, connection_of
from reconciler.settings import Settings


def exported(settings: Settings, realm: str) -> dict[str, Any]:
    """The realm without what every new realm has. Where Keycloak is, the files and the environment say."""
    from reconciler.providers.keycloak.client import AdminClient
    from reconciler.providers.keycloak.client import Settings as Account
    from reconciler.providers.keycloak.whole import new_realm, whole

    declared = load(completed_sources(settings)).document.connection if settings.users_files else {}
    client = AdminClient(Account.of(connection_of(declared, settings)))
    try:
        return minimal(whole(client, realm), new_realm(client, realm))
    finally:
        client.close()
