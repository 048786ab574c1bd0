"""Images: pulled, or built from a context. A built image remembers in a label what it was built from."""

from __future__ import annotations

from typing import Any, Final

from reconciler.core.kind import Effect, Field, Kind, Output
from reconciler.core.resource import Observed, Resource
from reconciler.core.units import bytes_of
from reconciler.core.values import Spec
from reconciler.providers.docker import forms, labels
from reconciler.providers.docker.property import Json, dig

NAME: Final = "docker.image"


def read(image: Json) -> Spec:
    """The spec of an image in the engine."""
    return {"inputs": str((dig(image, "Config.Labels") or {}).get(labels.INPUTS) or "")}


def is_built(spec: Spec) -> bool:
    """Whether the image is to come from its context, and not from a registry or from whoever put it there."""
    return "build" in spec and spec.get("pull_policy") != "never"


def expect(desired: Resource, observed: Observed) -> Spec:
    """An image that is built must come from the context as it is now; the hash of that is read, not declared."""
    return {"inputs": observed.facts["inputs"]} if is_built(desired.spec) else {}


KIND: Final = Kind(
    NAME,
    fields={"inputs": Field(Effect.LIVE)},
    outputs={"id": Output(stale_on=frozenset({"inputs"}))},
    expect=expect,
)


def build_options(build: Any, inputs: str, dockerfile: str = "Dockerfile") -> dict[str, Any]:
    """What the engine's builder is told: the keyword arguments of ``Engine.build``.

    ``dockerfile`` is its name in the context that is sent.
    """
    options: dict[str, Any] = {
        "dockerfile": dockerfile,
        "buildargs": {key: value for key, value in (build.get("args") or {}).items() if value is not None},
        "labels": {**(build.get("labels") or {}), labels.INPUTS: inputs},
        "nocache": bool(build.get("no_cache")),
        "pull": bool(build.get("pull")),
        "target": build.get("target") or None,
        "network_mode": build.get("network") or None,
        "shmsize": bytes_of(build["shm_size"]) if build.get("shm_size") else None,
        "extra_hosts": list(forms.hosts(build.get("extra_hosts"))),
        "cache_from": list(build.get("cache_from") or ()) or None,
    }
    return {key: value for key, value in options.items() if value not in (None, {}, [])}
