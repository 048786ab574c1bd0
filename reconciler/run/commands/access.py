"""The access of users, as declared or as it is live; for `reconcile access`."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from reconciler.core.plan.access import Grants
from reconciler.core.provider import GrantSource
from reconciler.run.commands.export import servers
from reconciler.run.session.session import Session
from reconciler.settings import Settings


def declared(session: Session, realms: Collection[str]) -> Iterator[tuple[str, Grants]]:
    """The realms of the files, or those of them that are named; what the files leave out they say nothing of."""
    for source in session.providers.values():
        if isinstance(source, GrantSource):
            for realm in session.document.realms or ():
                name = str(realm["realm"])
                if not realms or name in realms:
                    yield name, source.declared_grants(realm)


def live(settings: Settings, realms: Collection[str], users: Collection[str]) -> Iterator[tuple[str, Grants]]:
    """Reads those realms, or the declared ones, live; raises ProviderError if one does not exist."""
    with servers(settings) as (providers, document):
        for source in providers:
            if isinstance(source, GrantSource):
                in_files = (str(realm["realm"]) for realm in document.realms or ())
                for name in realms or dict.fromkeys(in_files):
                    yield name, source.live_grants(name, users)
