"""Patterns of paths, such as `services.*.ports`, and the places of a document that they match."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.config.yaml.tree import Place, Tree, TreePath, placed


def not_yet(path: TreePath, reason: str) -> str:
    """The message for an attribute that is understood, but not supported."""
    return f"`{path[-1]}` is not supported yet: {reason}"


def matches(
    tree: Tree, pattern: tuple[str, ...], path: TreePath = (), place: Place | None = None
) -> Iterator[tuple[TreePath, Tree, Place | None]]:
    """Path, value and place of all that a pattern leads to; "*" is any key or item."""
    if not pattern:
        yield path, tree, place
        return
    key, rest = pattern[0], pattern[1:]
    for each in _keys(tree, key):
        yield from matches(tree[each], rest, (*path, each), placed(tree, each))


def _keys(tree: Tree, key: str) -> Iterator[str | int]:
    if isinstance(tree, dict):
        yield from tree if key == "*" else (key,) if key in tree else ()
    elif isinstance(tree, list) and key == "*":
        yield from range(len(tree))
