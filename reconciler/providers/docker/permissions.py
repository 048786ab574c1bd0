"""The requests that an engine has to admit for what is declared, each with what it is for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Resource
from reconciler.providers.docker.container import files, hooks
from reconciler.providers.docker.engine.endpoints import ALWAYS, Use, needed
from reconciler.providers.docker.kinds import container, image


def endpoints(document: Document, desired: Iterable[Resource]) -> Mapping[str, tuple[str, str]]:
    """Request → what it is for, and its pattern; nothing where nothing is declared."""
    uses = {use for resource in desired for use in (*ALWAYS, *_uses(resource))}
    # A secret may be changed and tried by commands in containers.
    if uses and any(rotation.change or rotation.check for rotation in document.rotations.values()):
        uses.add(Use.HOOK)
    return {str(each): (f"{each.use.value}: {each.reason}", each.pattern) for each in needed(uses)}


def _uses(resource: Resource) -> Iterator[Use]:
    spec: Mapping[str, Any] = resource.spec
    if resource.address.kind == image.NAME:
        yield Use.BUILD if image.is_built(spec) else Use.PULL
        if image.is_built(spec):
            yield Use.PULL  # its base, and its names
    if resource.address.kind == container.NAME:
        if any(hooks.of(spec, moment) for moment in (hooks.AFTER_START, hooks.BEFORE_STOP)):
            yield Use.HOOK
        if files.copied(spec.get("mounted") or ()):
            yield Use.FILE
