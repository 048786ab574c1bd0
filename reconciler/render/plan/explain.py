"""The differences inside two long values that are known to differ; the only place that imports deepdiff."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from reconciler.core.resource.values import ABSENT, Ref, Secret, Value
from reconciler.record import Struct
from reconciler.render.output.values import are_lists_of_objects, shown

Place: TypeAlias = tuple[str | int, ...]

_NAMES: Final = ("name", "alias", "id", "target")
"""Keys by which an object of a list is the same one in another place."""


class Difference(Struct, frozen=True):
    """One differing leaf: keys and indices that lead to it, and its values. An added or removed one has ABSENT.

    An object that ``is_moved`` has another place in its list, to which the path leads; it may differ inside, too.
    """

    path: Place
    before: Value
    after: Value
    is_moved: bool = False

    def __str__(self) -> str:
        if self.is_moved:
            return f"{_name_of(self.after)} moved to {place_of(self.path)}"
        if self.before is ABSENT:
            return f"+ {self._in_its_place()}{shown(self.after)}"
        if self.after is ABSENT:
            return f"- {self._in_its_place()}{shown(self.before)}"
        if isinstance(self.before, Secret) and isinstance(self.after, Secret):
            return f"{place_of(self.path)} (secret) → (another secret)"
        return f"{place_of(self.path)} {shown(self.before)} → {shown(self.after)}"

    def _in_its_place(self) -> str:
        """A whole item of a list says by itself what it is; the key of an object does not."""
        return "" if isinstance(self.path[-1], int) else f"{place_of(self.path)} "


def place_of(path: Place) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)


def explained(before: Value, after: Value) -> list[str]:
    """The single differences of two nested values: ``[3] a → b``, ``+ c``, ``- d``. Secrets stay hidden."""
    return [str(difference) for difference in differences(before, after)]


def differences(before: Value, after: Value) -> list[Difference]:
    """The leaves that differ. Objects of a list are compared with those of the same name, wherever they stand."""
    from deepdiff import DeepDiff

    # With a comparison of its own the library pairs what is left by position, where it would find what was inserted.
    pairing: dict[str, Any] = {"iterable_compare_func": _is_same} if are_lists_of_objects(before, after) else {}
    found: Mapping[str, Any] = DeepDiff(before, after, view="tree", zip_ordered_iterables=False, **pairing)
    return sorted((_leaf(kind, level) for kind, levels in found.items() for level in levels), key=_in_order)


def _in_order(leaf: Difference) -> tuple[Any, ...]:
    """The order in which a reader meets them; the library keeps its results in sets."""
    place = tuple((str(key), 0) if isinstance(key, str) else ("", key) for key in leaf.path)
    return place, leaf.is_moved, leaf.before is ABSENT


def _name_of(item: Value) -> str:
    named = (item[name] for name in _NAMES if name in item) if isinstance(item, Mapping) else ()
    return next((shown(name) for name in named), shown(item))


def _is_same(one: Any, other: Any, _level: Any = None) -> bool:
    from deepdiff.helper import CannotCompare

    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in _NAMES:
            if name in one and name in other:
                return bool(one[name] == other[name])
    raise CannotCompare


def _leaf(kind: str, level: Any) -> Difference:
    # What is inside a secret or a reference is no part of the value: the library looks into any object.
    around = level
    while around is not None:
        level = around if isinstance(around.t1, Secret | Ref) and isinstance(around.t2, Secret | Ref) else level
        around = around.up
    path = tuple(level.path(output_format="list"))
    match kind:
        case "iterable_item_added" | "dictionary_item_added":
            return Difference(path, ABSENT, level.t2)
        case "iterable_item_removed" | "dictionary_item_removed":
            return Difference(path, level.t1, ABSENT)
        case "iterable_item_moved":
            return Difference((*path[:-1], level.up.t2_child_rel.param), level.t1, level.t2, is_moved=True)
        case _:
            return Difference(path, level.t1, level.t2)
