"""The two schema libraries: one decides, the other explains, and they agree."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler.config.schema.validator import compiled, load_schema, schema_document
from reconciler.config.yaml.masking import masked
from reconciler.config.yaml.parse import parse_plain
from reconciler.config.yaml.textfile import TextFile
from reconciler.config.yaml.tree import Tainted
from reconciler.core.message.secrecy import names_secret
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


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every mapping within a schema."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes(child)


@pytest.mark.parametrize("name", ["stack", "users"])
def test_every_pattern_says_in_words_what_it_wants(name):
    patterns = [each for each in _nodes(schema_document(name)) if isinstance(each.get("pattern"), str)]

    assert patterns
    assert [each for each in patterns if not each.get("x-expected")] == []


NAMED_AFTER_SECRETS = {
    *("auth", "authorizationSettings", "credential_spec", "credentials", "credentialData", "requiredCredentials"),
    *("issuedVerifiableCredentials", "key", "secrets", "token_file", "value", "verifiableCredentials"),
}
"""Keys that look like a secret's, and whose values are mappings, lists, or best not shown."""
SWITCHES = {"revokeRefreshToken", "storeToken"}


@pytest.mark.parametrize("name", ["stack", "users"])
def test_no_setting_is_taken_for_a_secret_for_the_words_in_its_name(name):
    document = schema_document(name)
    properties = {key: value for each in _nodes(document) for key, value in each.get("properties", {}).items()}
    secrets = {key for key, value in properties.items() if value.get("writeOnly") or names_secret(key)} - SWITCHES
    settings = properties.keys() - secrets - NAMED_AFTER_SECRETS - {"token_file", "value"} | {
        "revokeRefreshToken",
        "storeToken",
    }

    assert [key for key in sorted(settings) if masked(f"{key}: five") != f"{key}: five"] == []


@pytest.mark.parametrize("key", ["accessTokenLifespan", "refreshTokenMaxReuse", "revokeRefreshToken"])
def test_a_wrong_number_or_switch_is_shown_whatever_its_name(key):
    (fault,) = load_schema("users").faults({"realm": "r", key: "five"}, is_plain=True)

    assert "`five`" in fault.message


def test_a_secret_in_the_place_of_a_switch_is_not_shown():
    (fault,) = load_schema("users").faults({"realm": "r", "revokeRefreshToken": f"ghp_{'a' * 36}"}, is_plain=True)

    assert "aaaa" not in fault.message
