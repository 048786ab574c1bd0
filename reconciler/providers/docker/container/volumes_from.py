"""``volumes_from``: the volumes and directories of other containers, at the same places.

The engine copies them when a container is made, so what is compared is not whom they are from, but what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.core.resource.resource import Observed
from reconciler.core.resource.values import ABSENT, UNKNOWN, Spec, Value
from reconciler.providers.docker.container.mounts import ANONYMOUS, VOLUMES, anonymous_volumes
from reconciler.providers.docker.table.property import Json, Property, dig, nest
from reconciler.vocabulary.compose import CONTAINER


def sources(service: Json, container_name: Callable[[str], str]) -> Iterator[str]:
    """The containers whose volumes a service mounts, each as the engine takes it: its name and, unless rw, the mode."""
    for source in map(str, service.get("volumes_from") or ()):
        name, _, mode = source.removeprefix(CONTAINER).partition(":")
        called = name if source.startswith(CONTAINER) else container_name(name)
        yield f"{called}:ro" if mode == "ro" else called


def lent(
    services: Mapping[str, Json],
    service: Json,
    mounts_of: Callable[[Json], Sequence[Json]],
    own: Mapping[str, str],
) -> Sequence[Json]:
    """Lists the mounts that a service gets from others, also over several, where the files say what they are of.

    They are declared as its own, so that a plan shows at once all containers that get another mount. ``own`` has the
    services by the names of their containers.
    """
    kept = {mount["target"] for mount in mounts_of(service)}
    found: dict[str, Json] = {}
    for source in map(str, service.get("volumes_from") or ()):
        name, _, mode = source.removeprefix(CONTAINER).partition(":")
        lender = services.get(own.get(name, "") if source.startswith(CONTAINER) else name, {})
        # A lender may borrow as well, and what it mounts itself comes last, over what it borrows.
        for mount in (*lent(services, lender, mounts_of, own), *mounts_of(lender)):
            found.pop(mount["target"], None)
            if mount["type"] != "tmpfs" and mount.get("source") and mount["target"] not in kept:
                found[mount["target"]] = {**mount, "read_only": True} if mode == "ro" else mount
    return tuple(found.values())


def mounts(wanted: Value, inspected: Callable[[str], Json | None]) -> dict[str, Value]:
    """The mounts that containers share: target → mount, as :data:`VOLUMES` reads it. The last one counts."""
    return joined(wanted, lambda name: _shared(VOLUMES.read(inspected(name) or {})))


def joined(wanted: Value, lent_by: Callable[[str], Mapping[str, Any]]) -> dict[str, Value]:
    """Target → mount of all that the wanted containers lend, each with its mode. The last one counts."""
    found: dict[str, Value] = {}
    for name, _, mode in (str(source).partition(":") for source in wanted or ()):  # type: ignore[union-attr]
        for target, mount in lent_by(name).items():
            found[target] = {**mount, "read_only": mount["read_only"] or mode == "ro"}
    return found


def of_container(inspect: Json) -> dict[str, Value]:
    """The mounts that a container shares, with the names of all volumes: target → mount."""
    return _shared(identified(VOLUMES.read(inspect), anonymous_volumes(inspect)))


def _shared(volumes: Any) -> dict[str, Value]:
    # A tmpfs belongs to its container, and is lent to nobody.
    return {target: mount for target, mount in volumes.items() if mount["type"] != "tmpfs"}


def identified(volumes: Value, names: Mapping[str, Any]) -> dict[str, Value]:
    """Mounts with the names of volumes that nobody named: who shares one has to have that very one."""
    found: Any = volumes
    return {target: {**mount, "source": names[target]} if target in names else mount for target, mount in found.items()}


def unnamed(spec: Spec, names: Mapping[str, str], of_image: Collection[str]) -> dict[str, Value]:
    """The mounts without a name that a service's container lends: target → mount.

    ``names`` are those of its live volumes, which go from one container to the next, and ``of_image`` the targets
    that its image asks for. The name of one that is still to be made is not known.
    """
    declared: Any = spec.get("volumes") or {}
    asked = {target: mount for target, mount in declared.items() if mount.get("source") == ANONYMOUS}
    rest = {target: _OF_AN_IMAGE for target in of_image if target not in declared}
    return {target: {**mount, "source": names.get(target, UNKNOWN)} for target, mount in {**rest, **asked}.items()}


_OF_AN_IMAGE: Final[Mapping[str, Value]] = {"type": "volume", "read_only": False}


def expect(desired: Spec, expected: Spec, observed: Observed) -> Spec:
    """The volumes that inspect must show: what is lent is in place of what the image asks for."""
    shared: Any = observed.facts.get("lent") or {}
    own: Any = desired.get("volumes") or {}
    volumes: Any = expected["volumes"]
    if _lacks_a_source(desired, observed):  # what was copied from it can't be told from the rest
        live: Any = observed.spec["volumes"]
        return {"volumes": {**live, **volumes}}
    if not shared:
        return {}
    return {"volumes": {**volumes, **{target: mount for target, mount in shared.items() if target not in own}}}


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
