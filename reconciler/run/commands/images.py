"""The images that a project builds, by the services that they are for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.core.message.errors import UnknownAddress
from reconciler.core.provider import BuiltImage, ImageBuilder, Provider
from reconciler.core.resource.resource import Resource


def builder_of(providers: Iterable[Provider]) -> ImageBuilder | None:
    """The provider that builds images, if there is one."""
    return next((each for each in providers if isinstance(each, ImageBuilder)), None)


def built(builder: ImageBuilder | None, desired: Iterable[Resource], services: Sequence[str]) -> Sequence[BuiltImage]:
    """Lists the images built for these services, or for all. Raises UnknownAddress for a service without a build."""
    images = builder.images(desired) if builder else ()
    users = {name for image in images for name in image.services}
    for service in services:
        if service not in users:
            known = ", ".join(sorted(users)) or "no service"
            raise UnknownAddress(f"nothing is built for a service `{service}`; the stack builds for {known}")
    return [image for image in images if not services or {*services} & {*image.services}]
