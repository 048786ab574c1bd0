"""The providers there are, by name; each is imported when a document first needs it."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.document import Document
from reconciler.core.provider import Provider


def connect(document: Document, environment: Mapping[str, str]) -> Mapping[str, Provider]:
    """The providers that a document needs, those that others are served by first; nothing is contacted yet."""
    providers: dict[str, Provider] = {}
    if document.stack is not None:
        from reconciler.providers.docker.provider import DockerProvider

        providers["docker"] = DockerProvider(document.project, environment)
    if document.realms is not None:
        from reconciler.providers.keycloak.provider import KeycloakProvider

        providers["keycloak"] = KeycloakProvider(document.connection)
    return providers
