"""Images: pulled, or built from a context. A built image remembers in a label what it was built from."""

from __future__ import annotations

from typing import Any, Final

from reconciler.core.kind import Effect, Field, Kind, Output
from reconciler.core.resource import Observed, Resource
from reconciler.core.values import Spec
from reconciler.providers.docker import labels
from reconciler.providers.docker.property import Json, dig

NAME: Final = "docker.image"


def read(image: Json) -> Spec:
    """The spec of an image in the engine."""
    return {"inputs": str((dig(image, "Config.Labels") or {}).get(labels.INPUTS) or "")}


def expect(desired: Resource, observed: Observed) -> Spec:
    """An image that is built must come from the context as it is now; the hash of that is read, not declared."""
    return {"inputs": observed.facts["inputs"]} if "build" in desired.spec else {}


KIND: Final = Kind(
    NAME,
    fields={"inputs": Field(Effect.LIVE)},
    outputs={"id": Output(stale_on=frozenset({"inputs"}))},
    expect=expect,
)


def build_options(build: Any, inputs: str) -> dict[str, Any]:
    """What the engine's builder is told: the keyword arguments of ``Engine.build``."""
    options: dict[str, Any] = {
        "dockerfile": build.get("dockerfile") or "Dockerfile",
        "buildargs": {key: value for key, value in (build.get("args") or {}).items() if value is not None},
        "labels": {**(build.get("labels") or {}), labels.INPUTS: inputs},
        "nocache": bool(build.get("no_cache")),
        "pull": bool(build.get("pull")),
        "target": build.get("target") or None,
        "network_mode": build.get("network") or None,
        "cache_from": list(build.get("cache_from") or ()) or None,
    }
    return {key: value for key, value in options.items() if value not in (None, {})}
