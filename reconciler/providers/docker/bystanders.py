"""The containers outside a plan that its changes would hurt: in a network or a namespace that goes, or linked to it.

What is in the plan looks after itself: a container of the project that loses its network is connected again. Everything
else on the engine is outside: containers of other projects and of nobody, of services that are not in the plan, and
those of ``compose run``. One list tells most of it; whose processes or memory a container shares is in its inspect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.kind import Effect
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Bystander
from reconciler.providers.docker.engine import ownership
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.kinds import container, image, network, volume
from reconciler.providers.docker.table.property import Json, dig

_NAMESPACES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "NetworkMode": "lives in its network and would be cut off",
        "PidMode": "lives among its processes and would be ended",
        "IpcMode": "shares its memory and would lose it",
    }
)
"""Key of HostConfig that names another container → what becomes of the one that has it when the other is stopped."""

_LINKS: Final = "Links"
_UNLINKED: Final = "is linked to it and would not find it again"


def bystanders(engine: Engine, changes: Sequence[Change]) -> Mapping[Address, tuple[Bystander, ...]]:
    """Lists the containers that each change would hurt; reads nothing if no change can hurt anybody."""
    others = _Others(engine, changes)
    found = {
        change.address: tuple(_USERS[change.address.kind](change, others))
        for change in changes
        if change.observed and _takes_away(change)
    }
    return {address: users for address, users in found.items() if users}


def _takes_away(change: Change) -> bool:
    """Returns whether others may lose something by it, now or, if it is deferred, in a later pass."""
    return change.intended is Action.DELETE or change.effect >= _FROM[change.address.kind]


class _Others:
    """The containers that are not in the plan, read when they are first asked for."""

    def __init__(self, engine: Engine, changes: Sequence[Change]) -> None:
        self._engine = engine
        self._in_plan = set(_container_ids(changes))

    @cached_property
    def listed(self) -> Sequence[Json]:
        return [item for item in self._engine.get("/containers/json", all=1) if item["Id"] not in self._in_plan]

    @cached_property
    def in_network(self) -> Mapping[str, Sequence[Json]]:
        """The containers of each network, by its id; by its name those that never ran."""
        return _indexed(self.listed, _networks_of)

    @cached_property
    def with_volume(self) -> Mapping[str, Sequence[Json]]:
        """The containers with each volume, by its name."""
        return _indexed(self.listed, lambda item: [mount.get("Name") for mount in item.get("Mounts") or ()])

    @cached_property
    def from_image(self) -> Mapping[str, Sequence[Json]]:
        """The containers made from each image, by the name that the list has for it."""
        return _indexed(self.listed, lambda item: [item["Image"]])

    @cached_property
    def in_namespace(self) -> Mapping[str, Sequence[tuple[Json, str]]]:
        """The containers attached to each one, by its id or name, with the key of HostConfig that says how."""
        found: dict[str, list[tuple[Json, str]]] = {}
        inspected = self._engine.side_by_side(self._inspect, self.listed)
        for item, inspect in zip(self.listed, inspected, strict=True):
            for key in _NAMESPACES if inspect else ():  # none if it is gone by now
                found.setdefault(_target(dig(inspect, f"HostConfig.{key}")), []).append((item, key))
            # A link leads to one container, and not to the next one of its name: "/web:/theirs/alias".
            for link in (dig(inspect, f"HostConfig.{_LINKS}") or ()) if inspect else ():
                found.setdefault(str(link).partition(":")[0].lstrip("/"), []).append((item, _LINKS))
        return found

    def _inspect(self, item: Json) -> Any:
        return self._engine.get(f"/containers/{item['Id']}/json")


def _indexed(items: Iterable[Json], keys_of: Callable[[Json], Iterable[Any]]) -> Mapping[str, Sequence[Json]]:
    """Key → the items that have it, in their order."""
    found: dict[str, list[Json]] = {}
    for item in items:
        for key in dict.fromkeys(keys_of(item)):
            found.setdefault(key, []).append(item)
    return found


def _networks_of(item: Json) -> Iterable[str]:
    endpoints = dig(item, "NetworkSettings.Networks") or {}
    # A container that ran knows the network by id; one that never did, by name.
    return [endpoint.get("NetworkID") or key for key, endpoint in endpoints.items()]


def _container_ids(changes: Sequence[Change]) -> Iterator[str]:
    for change in changes:
        is_in_plan = change.desired is not None or change.intended is Action.DELETE
        if change.address.kind == container.NAME and change.observed and is_in_plan:
            leftovers: Any = change.observed.facts.get("leftovers") or {}
            yield from (change.observed.id, *leftovers.values())


def _in_network(change: Change, others: _Others) -> Iterator[Bystander]:
    """Also those that are stopped: they could not be started again. One that never ran knows it by name only."""
    assert change.observed
    name, network_id = str(change.observed.spec["name"]), change.observed.id
    found = (item for known in (network_id, name) for item in others.in_network.get(known, ()))
    for item in {each["Id"]: each for each in found}.values():
        yield _bystander(item, "would be disconnected from it")


def _with_volume(change: Change, others: _Others) -> Iterator[Bystander]:
    """The engine removes no volume that a container has, whether it runs or not."""
    assert change.observed
    for item in others.with_volume.get(change.observed.id, ()):
        yield _bystander(item, "holds it", holds=True)


def _beside_container(change: Change, others: _Others) -> Iterator[Bystander]:
    """Lists containers in its namespaces. While it is only reconnected they lack its networks for a moment."""
    assert change.observed
    names = (change.observed.id, str(change.observed.spec["container_name"]))
    is_gone = change.intended is Action.DELETE or change.effect >= Effect.HANDOVER
    is_ended = is_gone or change.effect >= Effect.RESTART
    for item, key in (each for name in names for each in others.in_namespace.get(name, ())):
        if key == _LINKS:
            yield from [_bystander(item, _UNLINKED)] if is_gone else ()
        elif is_ended:
            yield _bystander(item, _NAMESPACES[key])
        # Another namespace than that of the network is not touched by a reconnect.
        elif key == "NetworkMode":
            yield _bystander(item, "lives in its network and would be without it for a moment", lasting=False)


def _target(mode: Any) -> str:
    """The container that a namespace is shared with."""
    kind, _, target = str(mode or "").partition(":")
    return target if kind == "container" else ""


def _from_image(change: Change, others: _Others) -> Iterator[Bystander]:
    """They keep the image that they have, until they are made anew under a name that means another one by then."""
    names = [change.address.name]
    if change.desired and change.desired.spec.get("build"):
        names += image.names(change.desired.spec["build"])
    for item in (each for name in dict.fromkeys(names) for each in others.from_image.get(name, ())):
        yield _bystander(item, "would get the new one when it is made anew", lasting=False)


def _bystander(item: Json, loss: str, *, lasting: bool = True, holds: bool = False) -> Bystander:
    called = ownership.called("container", str(item["Names"][0]).lstrip("/"), item.get("Labels"))
    return Bystander(str(item["Id"]), called, loss, lasting=lasting, holds=holds)


_USERS: Final[Mapping[str, Callable[[Change, _Others], Iterator[Bystander]]]] = MappingProxyType(
    {
        network.NAME: _in_network,
        volume.NAME: _with_volume,
        container.NAME: _beside_container,
        image.NAME: _from_image,
    }
)
_FROM: Final[Mapping[str, Effect]] = MappingProxyType(
    {
        network.NAME: Effect.REPLACE,
        volume.NAME: Effect.DATA_LOSS,
        container.NAME: Effect.RECONNECT,
        image.NAME: Effect.LIVE,
    }
)
"""Kind → the least effect of a change by which others can lose something."""
