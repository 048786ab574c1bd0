from __future__ import annotations

import pytest

from reconciler.core.history.author import Author
from reconciler.core.resource.resource import Origin, Resource, Source
from tests.kit.build import address


@pytest.mark.parametrize(
    "origin", [Origin("a.yaml"), Origin("a.yaml", 1, 2), Origin("/x/a b:c.yaml", 10, 20), Origin("C:a.yaml", 3, 4)]
)
def test_a_place_is_read_as_it_is_written(origin):
    assert Origin.parse(str(origin)) == origin


def test_a_place_is_written_as_file_line_and_column():
    assert str(Origin("a.yaml", 3, 4)) == "a.yaml:3:4"
    assert str(Origin("a.yaml", 0, 4)) == "a.yaml"
    assert Origin.parse("a.yaml:3") == Origin("a.yaml:3")


def test_what_the_file_leaves_out_has_the_place_of_the_resource():
    places = {(): Origin("a.yaml", 1, 1), ("size",): Origin("a.yaml", 2, 3)}

    def locate(path):
        return Source(".".join(path), lambda: places[path]) if path in places else None

    made = Resource(address("memory.box/web"), {}, locate=locate)

    assert made.origin == places[()]
    assert made.place(("size",)) == places[("size",)]
    assert made.place(("wire",)) == places[()]
    assert made.place(()) == places[()]
    assert made.source() is None
    assert Resource(address("memory.box/web"), {}).place(("size",)) is None


def test_an_author_is_written_whole():
    author = Author(1.5, "UPDATE", "ann", "cli", "10.0.0.1")

    assert author.as_json() == {"at": 1.5, "act": "UPDATE", "user": "ann", "client": "cli", "address": "10.0.0.1"}
