"""The images that a stack builds, by the services that they are for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from reconciler.core.errors import ReconcileError
from reconciler.core.resource import Resource
from reconciler.core.values import Spec
from reconciler.providers.docker.kinds import image as image_kind


def built(desired: Iterable[Resource], services: Sequence[str]) -> Sequence[Resource]:
    """Lists the images built for these services, or for all. Raises ReconcileError for a service without a build."""
    images = [each for each in desired if each.address.kind == image_kind.NAME and image_kind.is_built(each.spec)]
    users = {name: image for image in images for name in _users(image.spec)}
    for service in services:
        if service not in users:
            known = ", ".join(sorted(users)) or "no service"
            raise ReconcileError(f"nothing is built for a service `{service}`; the stack builds for {known}")
    return [image for image in images if not services or {*services} & {*_users(image.spec)}]


def names(image: Resource) -> Sequence[str]:
    """All names of an image under which it can be pushed: those that the file gives it."""
    build: Any = image.spec["build"]
    own = [str(image.spec["ref"])] if image.spec["is_named"] else []
    return [*own, *map(str, build.get("tags") or ())]


def _users(spec: Spec) -> Sequence[str]:
    users: Any = spec["services"]
    return tuple(users)
