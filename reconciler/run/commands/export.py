"""A live realm as a file has it; for `reconcile export`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from reconciler.config.realm.minimal import minimal
from reconciler.core.provider import ExportSource, Provider
from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Origin
from reconciler.providers.registry import connect
from reconciler.record import replace
from reconciler.run.session.session import connection_of, read
from reconciler.settings import Settings


def live_realm(
    settings: Settings, realm: str, *, with_secrets: bool = False
) -> tuple[Mapping[str, Any], Sequence[str]]:
    """The realm without what every new realm has, and remarks. The files and the environment name the server."""
    with servers(settings) as (providers, _):
        source = next(each for each in providers if isinstance(each, ExportSource))
        found = source.exported(realm, with_secrets=with_secrets)
        return minimal(found.realm, found.new, found.samples), found.remarks


@contextmanager
def servers(settings: Settings) -> Iterator[tuple[Collection[Provider], Document]]:
    """The providers of realms, reached as the files and the environment say, and the document, empty without files."""
    document = read(settings)[0].document if settings.users_files else _without_files(settings)
    providers = connect(replace(document, stack=None, realms=document.realms or ()), settings.environment).values()
    try:
        yield providers, document
    finally:
        for provider in providers:
            provider.close()


def _without_files(settings: Settings) -> Document:
    connection = connection_of({}, settings)
    return Document("", str(settings.directory), lambda _path: Origin(""), connection=connection)
