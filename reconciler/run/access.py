"""The access of users, as declared or as it is live; for `reconcile access`."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from reconciler.core.document import Document
from reconciler.providers.keycloak.access.grants import Grants, specs_of
from reconciler.run.export import connected
from reconciler.settings import Settings


def declared(document: Document, realms: Collection[str]) -> Iterator[tuple[str, Grants]]:
    """The realms of the files, or those of them that are named; what the files leave out they say nothing of."""
    for realm in document.realms or ():
        name = str(realm["realm"])
        if not realms or name in realms:
            yield name, Grants(name, specs_of(realm), complete=False)


def live(settings: Settings, realms: Collection[str], users: Collection[str]) -> Iterator[tuple[str, Grants]]:
    """Reads those realms, or the declared ones, live; raises ProviderError if one does not exist."""
    from reconciler.providers.keycloak.export import realm_of_access

    with connected(settings) as (client, document):
        in_files = (str(realm["realm"]) for realm in (document.realms if document else None) or ())
        for name in realms or dict.fromkeys(in_files):
            with client.understood():
                found = Grants(name, specs_of(realm_of_access(client, name, users)))
            yield name, found
