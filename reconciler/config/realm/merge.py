"""Fragments of one realm put together: sections by key, lists of objects by natural key, the later file winning."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.config.realm.file import Fragment, UsersFile
from reconciler.config.realm.keys import has_objects, natural_key
from reconciler.config.yaml.tree import Tree, TreePath, reached
from reconciler.record import Struct


class Part(Struct, frozen=True):
    """A fragment and the file that it stands in."""

    users: UsersFile
    fragment: Fragment


@dataclass(frozen=True, slots=True)
class Realm:
    """A realm put together of its parts, still in the words of the files."""

    name: str
    merged: Mapping[str, Tree]
    parts: tuple[Part, ...]
    _numbers: dict[int, Mapping[Hashable, int]] = field(default_factory=dict, compare=False, repr=False)

    def source(self, path: TreePath) -> tuple[UsersFile, TreePath]:
        """The file that says most of the value at ``path``, the later one where two do, and the path in there."""
        found = [(_depth(part.fragment.realm, own), part, own) for part in self.parts if (own := self._own(part, path))]
        if not found:
            first = self.parts[0]
            return first.users, first.fragment.path
        deepest = max(depth for depth, _, _ in found)
        part, own = next((part, own) for depth, part, own in reversed(found) if depth == deepest)
        return part.users, (*part.fragment.path, *own)

    def _own(self, part: Part, path: TreePath) -> TreePath:
        """The path as it is in one part, where items may have other numbers; as far as it leads there."""
        # Most realms are of one file, whose paths are those of the merged realm.
        if len(self.parts) == 1:
            return path
        own: list[str | int] = []
        names: tuple[str, ...] = ()
        merged: Tree = self.merged
        mine: Tree = part.fragment.realm
        for key in path:
            # Items are found by their keys, as the same object has another number in each file.
            if isinstance(key, int) and isinstance(merged, list) and isinstance(mine, list):
                index = self._same(names, merged[key] if key < len(merged) else None, mine)
                if index is None:
                    break
                merged, mine = merged[key], mine[index]
                own.append(index)
            elif isinstance(mine, dict) and key in mine:
                merged, mine, names = reached(merged, (key,)), mine[key], (*names, str(key))
                own.append(key)
            else:
                break
        return tuple(own)

    def _same(self, names: tuple[str, ...], wanted: Tree, among: list[Tree]) -> int | None:
        """The number of the item that is the same object as ``wanted``; there may be many thousand users."""
        key = natural_key(names, wanted)
        if key is None:
            return next((index for index, item in enumerate(among) if item == wanted), None)
        if id(among) not in self._numbers:  # the parts, and so their lists, live as long as the realm
            last_to_first = reversed(list(enumerate(among)))
            self._numbers[id(among)] = {natural_key(names, item): index for index, item in last_to_first}
        return self._numbers[id(among)].get(key)


def _depth(tree: Tree, path: TreePath) -> int:
    for depth, key in enumerate(path):
        try:
            tree = tree[key]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(path)


def realms(parts: Sequence[Part]) -> list[Realm]:
    """The realms that the parts make, in the order in which they are first named. Nameless parts are left out."""
    named: dict[str, list[Part]] = {}
    for part in parts:
        name = part.fragment.realm.get("realm")
        if isinstance(name, str) and name:
            named.setdefault(name, []).append(part)
    return [Realm(name, _merged_parts(own), tuple(own)) for name, own in named.items()]


def _merged_parts(parts: Sequence[Part]) -> Mapping[str, Tree]:
    merged: Any = parts[0].fragment.realm
    for part in parts[1:]:
        merged = _merged(merged, part.fragment.realm, ())
    return merged  # type: ignore[no-any-return]


def _merged(base: Tree, over: Tree, path: tuple[str, ...]) -> Tree:
    if isinstance(base, dict) and isinstance(over, dict):
        both = {key: _merged(base[key], over[key], (*path, key)) for key in over if key in base}
        return {**base, **over, **both}
    if isinstance(base, list) and isinstance(over, list):
        return _merged_lists(base, over, path)
    return over


def _merged_lists(base: list[Tree], over: list[Tree], path: tuple[str, ...]) -> list[Tree]:
    """Objects by natural key; any other list is replaced as a whole, since it says all that there is to be."""
    keys = [natural_key(path, item) for item in base]
    # Without keys on both sides nothing tells which objects are the same.
    if not has_objects(path) or None in keys or any(natural_key(path, item) is None for item in over):
        return over
    merged: dict[Hashable, Tree] = dict(zip(keys, base, strict=True))
    if len(merged) < len(base):
        return [*base, *over]  # twice the same in one file: said elsewhere
    # The order of the first file stays; new objects come after it.
    for item in over:
        key = natural_key(path, item)
        merged[key] = _merged(merged[key], item, path) if key in merged else item
    return list(merged.values())
