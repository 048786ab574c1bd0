"""``volumes_from``: the volumes and directories of other containers, at the same places.

The engine copies them when a container is made, so what is compared is not whom they are from, but what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.core.resource.resource import Observed
from reconciler.core.resource.values import ABSENT, Spec, Value
from reconciler.providers.docker.container.mounts import VOLUMES
from reconciler.providers.docker.table.property import Json, Property, dig, nest

_OF_A_CONTAINER: Final = "container:"


def sources(service: Json, container_name: Callable[[str], str]) -> Iterator[str]:
    """The containers whose volumes a service mounts, each as the engine takes it: its name and, unless rw, the mode."""
    for source in map(str, service.get("volumes_from") or ()):
        name, _, mode = source.removeprefix(_OF_A_CONTAINER).partition(":")
        called = name if source.startswith(_OF_A_CONTAINER) else container_name(name)
        yield f"{called}:ro" if mode == "ro" else called


def named(services: Mapping[str, Json], service: Json) -> Sequence[Json]:
    """Lists the named volumes mounted by other services, which must be there first. The last one counts."""
    own = {mount["target"] for mount in service.get("volumes") or ()}
    found: dict[str, Json] = {}
    for source in map(str, service.get("volumes_from") or ()):
        name, _, mode = source.partition(":")
        lender = services.get(name, {}) if not source.startswith(_OF_A_CONTAINER) else {}
        # A lender may borrow as well, and what it mounts itself comes last, over what it borrows.
        for mount in (*named(services, lender), *(lender.get("volumes") or ())):
            if mount["type"] == "volume" and mount.get("source") and mount["target"] not in own:
                found[mount["target"]] = {**mount, "read_only": True} if mode == "ro" else mount
    return tuple(found.values())


def mounts(wanted: Value, inspected: Callable[[str], Json | None]) -> dict[str, Value]:
    """The mounts that containers share: target → mount, as :data:`VOLUMES` reads it. The last one counts."""
    found: dict[str, Value] = {}
    for name, _, mode in (str(source).partition(":") for source in wanted or ()):  # type: ignore[union-attr]
        volumes: Any = VOLUMES.read(inspected(name) or {})
        for target, mount in volumes.items():
            # A tmpfs belongs to its container, and is lent to nobody.
            if mount["type"] != "tmpfs":
                found[target] = {**mount, "read_only": mount["read_only"] or mode == "ro"}
    return found


def expect(desired: Spec, expected: Spec, observed: Observed) -> Spec:
    """The volumes that inspect must show: what is lent is in place of what the image asks for."""
    lent: Any = observed.facts.get("lent") or {}
    own: Any = desired.get("volumes") or {}
    volumes: Any = expected["volumes"]
    if _lacks_a_source(desired, observed):  # what was copied from it can't be told from the rest
        live: Any = observed.spec["volumes"]
        return {"volumes": {**live, **volumes}}
    if not lent:
        return {}
    return {"volumes": {**volumes, **{target: mount for target, mount in lent.items() if target not in own}}}


def _lacks_a_source(desired: Spec, observed: Observed) -> bool:
    """Returns whether volumes come from a container outside the project that is gone."""
    wanted: Any = desired.get("outside", ())
    there: Any = observed.facts.get("outside", {})
    return any(each["path"] == "volumes_from" and each["container"] not in there for each in wanted)


VOLUMES_FROM = Property(
    "volumes_from",
    declared=lambda service: tuple(service.get("volumes_from") or ()) or ABSENT,
    read=lambda inspect: tuple(dig(inspect, "HostConfig.VolumesFrom") or ()),
    write=lambda spec: nest("HostConfig.VolumesFrom", list(spec["volumes_from"])) if "volumes_from" in spec else {},  # type: ignore[arg-type]
    silent=lambda _: ABSENT,
    merge=lambda _declared, _image, observed: observed,
    paths=("volumes_from",),
)
