"""The two schema libraries: one decides, the other explains, and they agree."""

from __future__ import annotations

import copy
import random
from pathlib import Path

import jsonschema
import pytest

from reconciler.config.schema.validator import compiled, load_schema
from reconciler.config.yaml.parse import parse_plain
from reconciler.config.yaml.textfile import TextFile
from reconciler.config.yaml.tree import Tainted
from tests.kit.variables import with_defaults

ROOT = Path(__file__).parents[4]
WRONG = [
    None,
    "",
    0,
    -1,
    1.5,
    True,
    "text",
    [],
    {},
    ["a"],
    {"a": "b"},
    [1],
    [None],
    [["x"]],
    {"a": [1]},
    ["a", "a"],
    "é",
    10**20,
]


def places(tree, path=()):
    """Every place in a tree: the container and the key."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield tree, key
        yield from places(value, (*path, key))


def spoiled(tree, chance):
    """A copy with something wrong in it, or perhaps not."""
    made = copy.deepcopy(tree)
    container, key = chance.choice(list(places(made)))
    match chance.randrange(3):
        case 0:
            container[key] = chance.choice(WRONG)
        case 1 if isinstance(container, dict):
            container["unknwon"] = 1
        case _:
            del container[key]
    return made


@pytest.mark.parametrize(
    ("name", "file"),
    [("stack", "stack.yaml"), ("stack", "tests/cases/config/every_attribute.stack.yaml"), ("users", "users.yaml")],
)
def test_the_two_libraries_agree_and_every_no_is_explained(name, file):
    schema = load_schema(name)
    explainer = jsonschema.Draft202012Validator(dict(schema.document))
    original = parse_plain(TextFile(file, with_defaults((ROOT / file).read_text(encoding="utf-8"))))[0]
    chance = random.Random(name + file)
    assert schema.faults(original) == ()

    for _ in range(80):
        tree = spoiled(original, chance)
        faults = schema.faults(tree)

        assert bool(faults) is not explainer.is_valid(tree)
        assert not [fault for fault in faults if "under any of the given schemas" in fault.message]


def test_where_only_the_gate_says_no_its_own_words_are_told():
    schema = compiled({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}})

    class Never:
        """An explainer that finds nothing."""

        def iter_errors(self, _tree):
            return iter(())

    faults = schema.faults({"a": 1, "b": Tainted("pw")}, explainer=Never())

    assert [fault.message for fault in faults] == ['a: 1 is not of type "string"', "b is not possible"]


def test_of_a_long_list_only_wrong_items_are_looked_at_and_keep_their_numbers():
    schema = compiled({"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}})
    items = [{"n": number} for number in range(500)]
    items[77], items[333] = {"n": "x"}, "y"

    assert [(fault.path, fault.message) for fault in schema.faults(items)] == [
        ((77, "n"), "[77].n must be a whole number, but is the text `x`"),
        ((333,), "[333] must be a mapping, but is the text `y`"),
    ]


def test_a_fault_of_a_long_list_itself_is_found_beside_those_of_its_items():
    schema = compiled({"type": "array", "items": {"type": "integer"}, "uniqueItems": True})
    items = [*range(100), "x", 5]

    assert {fault.path for fault in schema.faults(items)} == {(100,), ()}
