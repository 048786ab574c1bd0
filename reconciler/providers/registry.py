"""The providers there are, by name; each is imported when a document first needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from reconciler.core.difference.kind import Kind
from reconciler.core.provider import Provider
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.providers.answers import Request

if TYPE_CHECKING:
    from reconciler.providers.docker.provider import DockerProvider
    from reconciler.providers.swarm.provider import SwarmProvider


def all_kinds() -> Mapping[str, Kind]:
    """The kinds of all providers, for readers of their tables."""
    from reconciler.providers.docker.provider import DockerProvider
    from reconciler.providers.keycloak.registry import KINDS
    from reconciler.providers.swarm.provider import SwarmProvider

    return {**DockerProvider.kinds, **SwarmProvider.kinds, **{name: kind.kind for name, kind in KINDS.items()}}


def _engines(
    document: Document, environment: Mapping[str, str], note: Callable[[str, Request], None]
) -> Mapping[str, DockerProvider]:
    """The provider of the only engine, or those of all."""
    from reconciler.providers.docker.engines.placement import USUAL, environment_of, placement
    from reconciler.providers.docker.provider import DockerProvider

    where = placement(document)
    if not where.is_several:
        own = environment_of(environment, document.options.engine)
        return {USUAL: DockerProvider(document.project, own, note=partial(note, USUAL))}
    from reconciler.providers.docker.engines.provider import connected

    return connected(document, where, environment, note)


def _as_container(service: str) -> Address:
    """The address that a service has where only its realms are managed."""
    return Address("docker.container", (service,))


def _ignored(_provider: str, _request: Request) -> None:
    pass


def stack_sources(project: str, environment: Mapping[str, str]) -> Iterator[DockerProvider | SwarmProvider]:
    """The providers whose live resources can be written as a stack file, the likeliest first; each as it is needed."""
    from reconciler.providers.docker.provider import DockerProvider
    from reconciler.providers.swarm.provider import SwarmProvider

    yield DockerProvider(project, environment)
    yield SwarmProvider(project, environment)


def connect(
    document: Document, environment: Mapping[str, str], note: Callable[[str, Request], None] = _ignored
) -> Mapping[str, Provider]:
    """The providers that a document needs, those that others are served by first; nothing is contacted yet.

    ``note`` gets the name of the provider and each request that has ended.
    """
    providers: dict[str, Provider] = {}
    address_of: Callable[[str], Address] = _as_container
    if document.options.engine == "swarm":
        from reconciler.providers.swarm.provider import SwarmProvider

        swarm = SwarmProvider(document.project, environment, note=partial(note, "swarm"))
        providers["swarm"], address_of = swarm, swarm.service_address
    elif document.stack is not None:
        found = _engines(document, environment, note)
        providers |= found
        address_of = next(iter(found.values())).service_address
    if document.realms is not None:
        from reconciler.providers.keycloak.provider import KeycloakProvider

        providers["keycloak"] = KeycloakProvider(
            document.connection, address_of=address_of, note=partial(note, "keycloak")
        )
    return providers
