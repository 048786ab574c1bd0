"""Images: pulled, or built from a context. A built image remembers in a label what it was built from."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from reconciler.core.difference.cause import Cause
from reconciler.core.difference.kind import Effect, Field, Kind, Output
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.units import bytes_of, nanoseconds
from reconciler.core.resource.values import Spec
from reconciler.providers.docker.table import forms, labels
from reconciler.providers.docker.table.property import Json, dig

NAME: Final = "docker.image"
_SPANS: Final = {"always": "0", "daily": "1d", "weekly": "1w"}
_EVERY: Final = "every_"
_USUAL_SPAN: Final = "1d"


def read(image: Json, asked: str = "") -> Spec:
    """The spec of an image in the engine; ``asked`` is the digest that its registry has, where it was asked."""
    inputs = str((dig(image, "Config.Labels") or {}).get(labels.INPUTS) or "")
    digests = sorted(digest.partition("@")[2] for digest in image.get("RepoDigests") or ())
    return {
        "inputs": inputs,
        "tags": tuple(sorted(image.get("RepoTags") or ())),
        "digest": asked if asked in digests else "".join(digests[:1]),
    }


def names(build: Any) -> tuple[str, ...]:
    """The further names of an image that is built, as the engine shows them."""
    return tuple(_familiar(str(tag)) for tag in build.get("tags") or ())


def _familiar(name: str) -> str:
    short = name.removeprefix("docker.io/").removeprefix("library/")
    return short if ":" in short.rpartition("/")[2] else f"{short}:latest"


def is_built(spec: Spec) -> bool:
    """Returns whether the image is to come from its context, and not from a registry or from whoever put it there."""
    return "build" in spec and spec.get("pull_policy") != "never"


def users_and_names(spec: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The services that a built image is for, and the names that the file gives it, under which it can be pushed."""
    own = [str(spec["ref"])] if spec["is_named"] else []
    return tuple(spec["services"]), (*own, *map(str, spec["build"].get("tags") or ()))


def refresh_s(service: Json) -> float | None:
    """After how many seconds the registry is to be asked again for a service's image; None for never."""
    policy, after = str(service.get("pull_policy") or ""), service.get("pull_refresh_after")
    if service.get("build") or "@" in str(service.get("image")):
        return None  # it comes from elsewhere, or can't be another one
    span = _SPANS.get(policy) or (policy.removeprefix(_EVERY) if policy.startswith(_EVERY) else "")
    if not span and (policy == "refresh" or (after and not policy)):
        span = str(after or _USUAL_SPAN)
    return nanoseconds(span) / 1e9 if span else None


def is_due(spec: Any, image: Json, now: datetime) -> bool:
    """Returns whether the registry is to be asked; a pull names the image again, and that has a date."""
    if spec.get("refresh_s") is None:
        return False
    named = named_at(image)
    return named is None or named + timedelta(seconds=spec["refresh_s"]) <= now


def named_at(image: Json) -> datetime | None:
    """The time when an image was last named, which a pull and a build do; to whole seconds."""
    named = str(dig(image, "Metadata.LastTagTime") or "0001")
    return None if named.startswith("0001") else datetime.fromisoformat(named[:19] + "+00:00")


def is_ours(image: Json) -> bool:
    """Returns whether we built it."""
    return labels.INPUTS in (dig(image, "Config.Labels") or {})


def is_from_compose(spec: Any, image: Json) -> bool:
    """Returns whether Compose built it for one of these services. Its classic builder does not name the service."""
    found = dig(image, "Config.Labels") or {}
    return found[labels.SERVICE] in spec["services"] if labels.SERVICE in found else labels.IMAGE_BUILDER in found


def is_named_since(image: Json, changed_at: datetime) -> bool:
    """Returns whether it got its name after the last change of its files, the only trace of what Compose built from."""
    named = named_at(image)
    return named is not None and changed_at.replace(microsecond=0) <= named


def other_platform(spec: Any, image: Json) -> str:
    """The platform of an image in words, if another one is declared; "" else."""
    wanted = str((spec.get("build") or spec).get("platform") or "").lower()
    live = [str(image.get(key) or "").lower() for key in ("Os", "Architecture", "Variant")]
    parts = [_ARCHITECTURES.get(part, part) for part in wanted.split("/")]
    # A variant is not compared: engines leave it out, or fill it in.
    if not wanted or not live[1] or all(part in live for part in parts[:2]):
        return ""
    return f"it is for {'/'.join(filter(None, live))}, and not for {wanted}; pull or build it for that platform"


_ARCHITECTURES: Final = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "armel": "arm"}


def expect(desired: Resource, observed: Observed) -> Spec:
    """An image that is built must come from the context as it is now, and another be the one in the registry.

    Both are read, not declared; a registry that could not be asked says nothing.
    """
    if is_built(desired.spec):
        there: Any = observed.spec.get("tags", ())
        tags = tuple(sorted({*there, *names(desired.spec["build"])}))
        return {"inputs": observed.facts["inputs"], "tags": tags}
    return {"digest": observed.facts["asked"]} if observed.facts.get("asked") else {}


def verb(desired: Resource) -> str:
    """The verb that gets it."""
    if is_built(desired.spec):
        return "build"
    return "missing, never pulled" if is_never_pulled(desired) else "pull"


def is_never_pulled(desired: Resource) -> bool:
    """Returns whether an image that is not built has to be in the engine already."""
    return not is_built(desired.spec) and desired.spec.get("pull_policy") == "never"


KIND: Final = Kind(
    NAME,
    fields={
        "inputs": Field(Effect.LIVE, given_by="build", otherwise=Cause.IMAGE),
        "tags": Field(Effect.LIVE, given_by="build"),
        "digest": Field(Effect.LIVE, given_by="ref", otherwise=Cause.IMAGE),
    },
    outputs={"id": Output(stale_on=frozenset({"inputs", "digest"}))},
    expect=expect,
    verb=verb,
    is_never_made=is_never_pulled,
    cause=Cause.IMAGE,
)


def build_options(build: Any, inputs: str, dockerfile: str = "Dockerfile", *, platform: str = "") -> dict[str, Any]:
    """The keyword arguments of ``Engine.build`` for the engine's classic builder.

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
        "platform": platform or None,
        "ulimits": forms.ulimit_bodies(forms.ulimits(build.get("ulimits"))),
    }
    # Left out rather than sent empty, so that the engine's own default holds.
    return {key: value for key, value in options.items() if value not in (None, {}, [])}
