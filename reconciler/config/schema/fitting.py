"""Scalars without quotes in the type that the schema wants at their place: `lastName: 49` is a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.config.schema.validator import Schema
from reconciler.config.yaml.scalars import resolved, written
from reconciler.config.yaml.tree import Tree, TreePath, reached


def fitted(tree: Tree, schema: Schema) -> Tree:
    """The tree of plain values, with those in their other type that fit only so. Most trees fit as they are."""
    others = {path: _other(reached(tree, path)) for path in schema.refused(tree)}
    others = {path: other for path, other in others.items() if other is not None}
    if not others:
        return tree
    still = set(schema.refused(_with(tree, others)))
    return _with(tree, {path: other for path, other in others.items() if path not in still})


def _other(value: Tree) -> Tree:
    """A number or truth value as a text, a text as what it means without quotes; None where there is no other."""
    match value:
        case bool() | int() | float():
            return written(value)
        case str():
            meant = resolved(value)
            return None if isinstance(meant, str) else meant
        case list():
            return [written(item) if isinstance(item, bool | int | float) else item for item in value]
        case _:
            return None


def _with(tree: Tree, values: Mapping[TreePath, Tree]) -> Tree:
    """The tree with other values at these paths; what they do not lead to is the same."""
    if () in values:
        return values[()]
    below: dict[str | int, dict[TreePath, Tree]] = {}
    for (key, *rest), value in values.items():
        below.setdefault(key, {})[tuple(rest)] = value
    made: Any = dict(tree) if isinstance(tree, dict) else list(tree)
    for key, parts in below.items():
        made[key] = _with(made[key], parts)
    return made
