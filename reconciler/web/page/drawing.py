"""The graph of dependencies as a drawing: layers from left to right, the same for the same graph."""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import TopologicalSorter
from typing import Final
from urllib.parse import urlencode

from reconciler.core.plan.graph import Needs
from reconciler.core.resource.address import Address
from reconciler.record import Struct
from reconciler.render.answers.graph import not_implied
from reconciler.render.answers.layers import layers_of
from reconciler.web.page.model import Model, Row, Sign

MOST_NODES: Final = 150
_WIDTH: Final = 200
_ACROSS: Final = 250
_DOWN: Final = 48
_MARGIN: Final = 10
_LONGEST: Final = 24


class Cell(Struct, frozen=True):
    """A resource to draw: its state, a few words about it, and where it leads."""

    address: Address
    sign: Sign
    note: str
    href: str


class Node(Struct, frozen=True):
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


class Drawing(Struct, frozen=True):
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


def cell_of(row: Row) -> Cell:
    """The cell of a row, which leads to the page of its resource."""
    return Cell(row.address, row.sign, row.note, f"/resource?{urlencode({'address': str(row.address)})}")


def drawing(cells: Sequence[Cell], needs: Needs) -> Drawing:
    """The drawing of these cells. Edges that others lead along are left out."""
    shown = {cell.address: cell for cell in cells}
    # In the order of addresses, so that two looks at one graph give one drawing and nothing jumps about.
    own = {
        address: {need: milestone for need, milestone in needs.get(address, {}).items() if need in shown}
        for address in sorted(shown)
    }
    # A drawing with each implied edge is a ball of wool.
    direct = not_implied(TopologicalSorter(own).static_order(), own)
    columns = layers_of(direct)
    place = {
        address: (_MARGIN + column * _ACROSS, _MARGIN + at * _DOWN)
        for column, addresses in enumerate(columns)
        for at, address in enumerate(addresses)
    }
    nodes = tuple(
        _node(shown[address], place[address], tuple(direct[address])) for column in columns for address in column
    )
    edges = tuple(_edge(place[need], place[address]) for address in shown for need in direct[address])
    height = max((len(column) for column in columns), default=0) * _DOWN + 2 * _MARGIN
    return Drawing(nodes, edges, len(columns) * _ACROSS + 2 * _MARGIN, height)


def _node(cell: Cell, place: tuple[int, int], needs: Sequence[Address]) -> Node:
    address, sign = cell.address, cell.sign
    name = address.name if len(address.name) <= _LONGEST else f"{address.name[: _LONGEST - 1]}…"
    title = f"{address}: {sign.word}{f', {cell.note}' if cell.note else ''}"
    return Node(cell.href, title, name, address.kind, sign.css, sign.mark, *place, tuple(map(str, needs)))


def _edge(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1, x2, y2 = start[0] + _WIDTH, start[1] + 18, end[0], end[1] + 18
    middle = (x1 + x2) // 2
    return f"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}"
