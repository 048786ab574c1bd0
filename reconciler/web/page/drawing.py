"""The graph of dependencies as a drawing: layers from left to right, the same for the same graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from reconciler.core.address import Address
from reconciler.core.graph import Needs
from reconciler.web.page.model import Model, Row, Sign

MOST_NODES: Final = 150
_WIDTH: Final = 200
_ACROSS: Final = 250
_DOWN: Final = 48
_MARGIN: Final = 10
_LONGEST: Final = 24
_SWEEPS: Final = 4


@dataclass(frozen=True, slots=True)
class Node:
    """A resource in the drawing; all texts are whole but ``name``, which is cut to fit."""

    href: str
    title: str
    name: str
    kind: str
    css: str
    mark: str
    x: int
    y: int
    needs: tuple[str, ...]
    width: int = _WIDTH


@dataclass(frozen=True, slots=True)
class Drawing:
    """Nodes in the order of what they need, and edges as paths of SVG."""

    nodes: tuple[Node, ...]
    edges: tuple[str, ...]
    width: int
    height: int


def chosen(model: Model, *, focus: Address | None, depth: int) -> tuple[Row, ...]:
    """The rows to draw: those around one resource, else the troubled ones and what leads to them, as many as fit."""
    if focus is None:
        ranked = sorted(model.tree(), key=lambda row: (row.sign is Sign.IN_SYNC, row.level))[:MOST_NODES]
        wanted = {row.address for row in ranked}
    else:
        wanted = _around(model, focus, depth)
    return tuple(row for row in model.rows if row.address in wanted)[:MOST_NODES]


def _around(model: Model, focus: Address, depth: int) -> set[Address]:
    found, edge = {focus}, {focus}
    for _ in range(depth):
        near = {other for each in edge for other in (*model.needs.get(each, {}), *model.needed_by.get(each, ()))}
        edge = near - found
        found |= edge
        if len(found) > MOST_NODES:
            break
    return found


def drawing(rows: Sequence[Row], needs: Needs) -> Drawing:
    """The drawing of these rows. Edges that others lead along are left out."""
    shown = {row.address: row for row in rows}
    own = {address: tuple(need for need in needs.get(address, {}) if need in shown) for address in shown}
    layer: dict[Address, int] = {}
    for address in shown:  # rows of a tree are not always after what they need
        _layer(address, own, layer)
    direct = {address: _direct(address, own) for address in shown}
    columns = _columns(layer, direct)
    place = {
        address: (_MARGIN + column * _ACROSS, _MARGIN + at * _DOWN)
        for column, addresses in enumerate(columns)
        for at, address in enumerate(addresses)
    }
    nodes = tuple(_node(shown[address], place[address], direct[address]) for column in columns for address in column)
    edges = tuple(_edge(place[need], place[address]) for address in shown for need in direct[address])
    height = max((len(column) for column in columns), default=0) * _DOWN + 2 * _MARGIN
    return Drawing(nodes, edges, len(columns) * _ACROSS + 2 * _MARGIN, height)


def _layer(address: Address, needs: Mapping[Address, Sequence[Address]], layer: dict[Address, int]) -> int:
    """The longest way to something that needs nothing; needs never form a circle."""
    stack = [address]
    while stack:
        current = stack[-1]
        open_needs = [need for need in needs[current] if need not in layer]
        if open_needs:
            stack += open_needs
        else:
            layer[current] = max((layer[need] + 1 for need in needs[current]), default=0)
            stack.pop()
    return layer[address]


def _direct(address: Address, needs: Mapping[Address, Sequence[Address]]) -> tuple[Address, ...]:
    """The needs of which no other need has need itself."""
    further = {other for need in needs[address] for other in needs[need]}
    return tuple(need for need in needs[address] if need not in further)


def _columns(layer: Mapping[Address, int], needs: Mapping[Address, Sequence[Address]]) -> list[list[Address]]:
    """The layers, each ordered by the middle of its neighbours, so that few edges cross."""
    columns: list[list[Address]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for address in sorted(layer):
        columns[layer[address]].append(address)
    users: dict[Address, list[Address]] = {}
    for address, wanted in needs.items():
        for need in wanted:
            users.setdefault(need, []).append(address)
    for sweep in range(_SWEEPS):
        near: Mapping[Address, Sequence[Address]] = needs if sweep % 2 == 0 else users
        at = {address: index for column in columns for index, address in enumerate(column)}
        for column in columns:
            column.sort(key=lambda each: (_middle([at[other] for other in near.get(each, ())], at[each]), each))
    return columns


def _middle(places: Sequence[int], otherwise: int) -> float:
    return sum(places) / len(places) if places else float(otherwise)


def _node(row: Row, place: tuple[int, int], needs: Sequence[Address]) -> Node:
    address, sign = row.address, row.sign
    href = f"/resource?{urlencode({'address': str(address)})}"
    name = address.name if len(address.name) <= _LONGEST else f"{address.name[: _LONGEST - 1]}…"
    title = f"{address}: {sign.word}{f', {row.note}' if row.note else ''}"
    return Node(href, title, name, address.kind, sign.css, sign.mark, *place, tuple(map(str, needs)))


def _edge(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1, x2, y2 = start[0] + _WIDTH, start[1] + 18, end[0], end[1] + 18
    middle = (x1 + x2) // 2
    return f"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}"
