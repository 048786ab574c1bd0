"""The layers of a graph of needs, for a picture of it: each name behind what it needs, near what it belongs to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, TypeVar

Name = TypeVar("Name")

_SWEEPS: Final = 4


def layers_of(needs: Mapping[Name, Collection[Name]]) -> list[list[Name]]:
    """The layers, from what needs nothing on; ``needs`` has each name after those that it needs.

    The layer of a name is one behind the last of its needs. The same graph gives the same layers.
    """
    depth: dict[Name, int] = {}
    for name, own in needs.items():
        depth[name] = 1 + max((depth[need] for need in own), default=-1)
    layers: list[list[Name]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    users: dict[Name, list[Name]] = {name: [] for name in needs}
    for name, own in needs.items():
        layers[depth[name]].append(name)
        for need in own:
            users[need].append(name)
    # A few sweeps down and up untangle most of the lines; the best order of all is a hard problem.
    for _ in range(_SWEEPS):
        _sort(layers, needs)
        _sort(layers[::-1], users)
    return layers


def _sort(layers: Sequence[list[Name]], neighbours: Mapping[Name, Collection[Name]]) -> None:
    """Sorts each layer by the mean place of the neighbours of its names, which makes edges cross less."""
    place: dict[Name, float] = {}
    for layer in layers:
        own = {name: float(number) for number, name in enumerate(layer)}
        wanted = {name: _mean([place[each] for each in neighbours[name] if each in place], own[name]) for name in layer}
        layer.sort(key=wanted.__getitem__)
        place |= {name: float(number) for number, name in enumerate(layer)}


def _mean(numbers: Sequence[float], otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise
