"""The form of each attribute of a service, read from the schema.

The tables of shapes, merge rules, unique keys and secrets take their rows from it. By name they list only the
attributes whose form does not say the rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, TypeVar

from reconciler.config.schema.validator import schema_document
from reconciler.config.yaml.tree import reached

_SCALARS: Final[Mapping[str, frozenset[str]]] = {
    "string": frozenset({"string", "null"}),
    "boolean": frozenset({"boolean", "string"}),
    "integer": frozenset({"integer", "string"}),
}
"""Scalar forms with the types that each may allow; a text is always possible, since a variable gives one."""

_Rule = TypeVar("_Rule")


@cache
def forms(definition: str) -> Mapping[str, str]:
    """The form of each attribute of ``service`` or ``container``.

    A form is a named definition of the schema, such as ``texts``, or the type of a scalar; it is empty for an
    attribute that the schema describes in place.
    """
    schema = schema_document("stack")
    attributes = schema["$defs"][definition]["properties"]
    return {name: _form(schema, node) for name, node in attributes.items() if not name.startswith("x-")}


def by_form(definition: str, rules: Mapping[str, _Rule]) -> Mapping[str, _Rule]:
    """The rule of each attribute whose form has one."""
    return {name: rules[form] for name, form in forms(definition).items() if form in rules}


def _form(schema: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    if "$ref" in node:
        *above, name = node["$ref"].removeprefix("#/").split("/")
        # A container refers to an attribute of the service, which has the form.
        return name if above == ["$defs"] else _form(schema, reached(schema, (*above, name)))
    types = {kind for branch in node.get("anyOf", [node]) for kind in _types(branch)}
    return next((name for name, allowed in _SCALARS.items() if types <= allowed), "")


def _types(node: Mapping[str, Any]) -> list[str]:
    types = node.get("type", "")
    return [types] if isinstance(types, str) else types
