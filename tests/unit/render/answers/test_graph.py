"""The graph of needs in its formats."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from reconciler.core.plan.graph import needs_of, ordered
from reconciler.providers.memory import MemoryProvider
from reconciler.render.answers.graph import Graph, graph_dot, graph_mermaid, graph_of, graph_svg, graph_text
from tests.kit.build import resource

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*resources) -> Graph:
    by_address = {each.address: each for each in resources}
    needs = needs_of(by_address, MemoryProvider.kinds)
    return graph_of(ordered(by_address, needs), needs, str)


def a_chain() -> Graph:
    """An app that needs a started cache and a database, and the disk only through it."""
    return drawn(
        resource("memory.box/disk"),
        resource("memory.box/db", after=["memory.box/disk"]),
        resource("memory.box/cache"),
        resource(
            "memory.box/app",
            after={"memory.box/db": "", "memory.box/disk": "", "memory.box/cache": "started"},
        ),
    )


def test_text_lists_the_needs_of_each_without_those_that_follow():
    lines = graph_text(a_chain()).splitlines()

    at = lines.index("memory.box/app")
    assert lines[at + 1 : at + 3] == ["    needs memory.box/db", "    needs memory.box/cache (started)"]
    assert lines[-1] == lines[at + 2]


@pytest.mark.parametrize(("milestone", "kept"), [("started", True), ("", False)])
def test_a_need_follows_only_if_it_is_met_as_far_as_it_has_to_be(milestone, kept):
    graph = drawn(
        resource("memory.box/db"),
        resource("memory.box/worker", after={"memory.box/db": milestone}),
        resource("memory.box/app", after=["memory.box/db", "memory.box/worker"]),
    )

    assert ("memory.box/db" in graph.needs["memory.box/app"]) is kept


def test_dot_has_each_name_and_edge_with_quotes_escaped():
    graph = Graph(('a"b', "c\\"), {'a"b': {}, "c\\": {'a"b': "started"}})

    assert graph_dot(graph).splitlines()[3:] == [
        '  "a\\"b";',
        '  "c\\\\";',
        '  "a\\"b" -> "c\\\\" [label="started"];',
        "}",
    ]


def test_mermaid_has_nothing_of_a_name_as_markup():
    graph = Graph(('a"]; click n0 "x', "b"), {'a"]; click n0 "x': {}, "b": {'a"]; click n0 "x': "started"}})

    assert graph_mermaid(graph).splitlines() == [
        "flowchart LR",
        '  n0["a#34;#93;#59; click n0 #34;x"]',
        '  n1["b"]',
        "  n0 -->|started| n1",
    ]


def test_svg_has_a_box_for_each_name_and_an_arrow_for_each_need():
    root = ET.fromstring(graph_svg(a_chain()))

    texts = [each.text for each in root.iter(f"{SVG}text")]
    assert {"memory.box/disk", "memory.box/db", "memory.box/cache", "memory.box/app", "started"} == {*texts}
    assert len(list(root.iter(f"{SVG}rect"))) == 4
    assert len(list(root.iter(f"{SVG}path"))) == 2 * 3


def test_svg_has_no_boxes_that_overlap_and_arrows_only_to_the_right():
    graph = drawn(
        *(resource(f"memory.box/{number}", after=[f"memory.box/{number // 2}"] * (number > 0)) for number in range(40))
    )

    root = ET.fromstring(graph_svg(graph))
    boxes = [
        tuple(float(each.get(key, "")) for key in ("x", "y", "width", "height")) for each in root.iter(f"{SVG}rect")
    ]
    _, _, width, height = map(float, root.get("viewBox", "").split())

    for number, (x, y, w, h) in enumerate(boxes):
        assert x + w <= width
        assert y + h <= height
        assert all(x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y for x2, y2, w2, h2 in boxes[:number])
    place = {each.text: x for each, (x, *_) in zip(root.iter(f"{SVG}text"), boxes, strict=True)}
    assert all(place[need] < place[name] for name in graph.names for need in graph.needs[name])


def test_nothing_is_an_empty_picture():
    assert ET.fromstring(graph_svg(Graph((), {}))).tag == f"{SVG}svg"
    assert graph_text(Graph((), {})) == ""
