"""Builders: resources, observations and documents with only what a test speaks of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Health, Observed, Origin, Resource, Status, at

HERE = Origin("stack.yaml", 1, 1)


def address(text: str) -> Address:
    return Address.parse(text)


def resource(where: str, after: Mapping[str, str] | Iterable[str] = (), **spec: Any) -> Resource:
    needs = after if isinstance(after, Mapping) else dict.fromkeys(after, "")
    return Resource(address(where), spec, after={address(need): how for need, how in needs.items()}, locate=at(HERE))


def live(
    where: str, *, owned: bool = True, health: Health = Health.OK, uses: Iterable[str] = (), **spec: Any
) -> Observed:
    return Observed(address(where), "id", spec, owned=owned, status=Status(health), after=frozenset(map(address, uses)))


def a_document(stack: Mapping[str, Any] | None = None, **rest: Any) -> Document:
    return Document("test", "/project", lambda path: HERE, stack, **rest)  # noqa: ARG005
