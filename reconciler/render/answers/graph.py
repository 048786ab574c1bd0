"""The graph of needs as text, DOT, Mermaid or SVG. Edges that follow from others are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from reconciler.core.plan.graph import Needs
from reconciler.core.resource.address import Address
from reconciler.record import Struct
from reconciler.render.answers.layers import layers_of
from reconciler.render.output.plain import joined


class Graph(Struct, frozen=True):
    """Names in an order in which each comes after its needs, and for each its direct needs with the milestone."""

    names: tuple[str, ...]
    needs: Mapping[str, Mapping[str, str]]


def graph_of(order: Sequence[Address], needs: Needs, clean: Callable[[str], str]) -> Graph:
    """The graph to draw, with the edges that are left."""
    names = {address: clean(str(address)) for address in order}
    drawn = {
        names[address]: {names[need]: milestone for need, milestone in own.items()}
        for address, own in not_implied(order, needs).items()
    }
    return Graph(tuple(names.values()), drawn)


def not_implied(order: Iterable[Address], needs: Needs) -> Needs:
    """The needs without those that another need implies, unless one waits for a milestone of its own.

    ``order`` has each address after those that it needs, and so has the result.
    """
    order = tuple(order)
    bits = {address: 1 << number for number, address in enumerate(order)}
    begun: dict[Address, int] = {}
    ready: dict[Address, int] = {}
    found: dict[Address, dict[Address, str]] = {}
    for address in order:
        own = needs[address]
        # Once something began, its own needs have come as far as it needed them: ready, or to a milestone.
        implied_begun, implied_ready = _union(begun, own), _union(ready, own)
        found[address] = {
            each: milestone
            for each, milestone in own.items()
            if not bits[each] & (implied_begun if milestone else implied_ready)
        }
        begun[address] = implied_begun | _union(bits, own)
        ready[address] = implied_ready | _union(bits, [each for each in own if not own[each]])
    return found


def _union(sets: Mapping[Address, int], members: Iterable[Address]) -> int:
    found = 0
    for each in members:
        found |= sets[each]
    return found


def graph_text(graph: Graph) -> str:
    """Each resource with its needs under it."""
    return joined(line for name in graph.names for line in _lines(name, graph.needs[name]))


def _lines(name: str, needs: Mapping[str, str]) -> Iterator[str]:
    yield name
    yield from (f"    needs {need}{f' ({milestone})' if milestone else ''}" for need, milestone in needs.items())


def graph_dot(graph: Graph) -> str:
    """The graph for Graphviz; an arrow leads from a need to its user, in the direction of the start."""
    nodes = [f"  {_quoted(name)};" for name in graph.names]
    edges = [
        f"  {_quoted(need)} -> {_quoted(name)}{f' [label={_quoted(milestone)}]' if milestone else ''};"
        for name, need, milestone in _edges(graph)
    ]
    return joined(["digraph reconcile {", "  rankdir=LR;", "  node [shape=box];", *nodes, *edges, "}"])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def graph_mermaid(graph: Graph) -> str:
    """The graph for Mermaid, which GitHub and GitLab draw in Markdown."""
    ids = {name: f"n{number}" for number, name in enumerate(graph.names)}
    nodes = [f'  {ids[name]}["{_entities(name)}"]' for name in graph.names]
    edges = [
        f"  {ids[need]} -->{f'|{_entities(milestone)}|' if milestone else ''} {ids[name]}"
        for name, need, milestone in _edges(graph)
    ]
    return joined(["flowchart LR", *nodes, *edges])


def _entities(text: str) -> str:
    """The text in Mermaid's own form of entities, so that nothing in it is markup."""
    return "".join(each if each.isalnum() or each in " ./_:-" else f"#{ord(each)};" for each in text)


def _edges(graph: Graph) -> Iterator[tuple[str, str, str]]:
    for name in graph.names:
        yield from ((name, need, milestone) for need, milestone in graph.needs[name].items())


_LETTER, _HEIGHT, _GAP, _SPACE, _MARGIN = 7.3, 28, 12, 70, 16
"""Sizes in pixels: a letter's width, a box, and the distances of boxes and of columns."""


class _Box(Struct, frozen=True):
    x: float
    y: float
    width: float


def graph_svg(graph: Graph) -> str:
    """The graph as a picture: a column for each step of the start, from left to right."""
    boxes, width = _placed(layers_of(graph.needs))
    height = max((box.y for box in boxes.values()), default=0) + _HEIGHT + _MARGIN
    root = Element("svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width:.0f} {height:.0f}")
    root.set("font-family", "monospace")
    root.set("font-size", "12")
    # Edges first, so that the boxes lie over their ends.
    for name, need, milestone in _edges(graph):
        _draw_edge(root, boxes[need], boxes[name], milestone)
    for name, box in boxes.items():
        place = {"x": f"{box.x:.0f}", "y": f"{box.y:.0f}", "width": f"{box.width:.0f}", "height": str(_HEIGHT)}
        SubElement(root, "rect", {**place, "rx": "4", "fill": "#f6f8fa", "stroke": "#57606a"})
        text = {"x": f"{box.x + 8:.0f}", "y": f"{box.y + 18:.0f}", "fill": "#24292f"}
        SubElement(root, "text", text).text = name
    indent(root)
    return tostring(root, encoding="unicode")


def _placed(columns: Sequence[Sequence[str]]) -> tuple[dict[str, _Box], float]:
    boxes: dict[str, _Box] = {}
    x = float(_MARGIN)
    for column in columns:
        width = max(map(len, column)) * _LETTER + 16
        for number, name in enumerate(column):
            boxes[name] = _Box(x, _MARGIN + number * (_HEIGHT + _GAP), width)
        x += width + _SPACE
    return boxes, x - _SPACE + _MARGIN if boxes else float(_MARGIN)


def _draw_edge(root: Element, need: _Box, user: _Box, milestone: str) -> None:
    x1, y1, x2, y2 = need.x + need.width, need.y + _HEIGHT / 2, user.x, user.y + _HEIGHT / 2
    bend = (x1 + x2) / 2
    line = f"M{x1:.0f} {y1:.0f} C{bend:.0f} {y1:.0f} {bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
    SubElement(root, "path", d=line, fill="none", stroke="#8c959f")
    head = f"M{x2 - 6:.0f} {y2 - 4:.0f} L{x2:.0f} {y2:.0f} L{x2 - 6:.0f} {y2 + 4:.0f}"
    SubElement(root, "path", d=head, fill="none", stroke="#8c959f")
    if milestone:
        place = {"x": f"{x2 - 10:.0f}", "y": f"{y2 - 6:.0f}", "text-anchor": "end", "fill": "#57606a"}
        SubElement(root, "text", {**place, "font-size": "10"}).text = milestone
