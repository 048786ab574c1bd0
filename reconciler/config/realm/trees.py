"""Parts of a tree in the form that is wanted; nothing where the file has something else, which the schema says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.config.yaml.tree import Tree


def as_list(value: Tree) -> list[Tree]:
    return value if isinstance(value, list) else []


def as_dict(value: Tree) -> dict[str, Tree]:
    return value if isinstance(value, dict) else {}


def items(holder: Mapping[str, Tree], section: str) -> Iterator[Mapping[str, Tree]]:
    """The objects of a list."""
    return map(as_dict, as_list(holder.get(section)))


def names(section: Tree, key: str = "name") -> set[str]:
    """The names of the objects of a list."""
    return {str(item[key]) for item in as_list(section) if isinstance(item, dict) and item.get(key)}
