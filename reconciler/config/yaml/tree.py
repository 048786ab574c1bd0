"""Values that remember where they were written.

A ``Map`` is a dict and an ``Items`` a list that also keep a ``Place`` for each of their values; a ``Tainted`` is a
text into which a secret flowed. All code on the way from YAML to the canonical model makes new ones out of old
ones and hands the places on, so that a value can be found in its file whatever became of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from reconciler.config.yaml.textfile import TextFile
from reconciler.core.message.problem import OTHER, Problem, Severity
from reconciler.core.resource.resource import Origin

Tree: TypeAlias = Any
"""A Map, Items, text, number, boolean or None; what a file says, of whatever type."""

TreePath: TypeAlias = tuple[str | int, ...]


class Place(NamedTuple):
    """The place of a value: its key (or its start, in a list) and the value itself."""

    file: TextFile
    line: int
    column: int
    value_line: int
    value_column: int

    @property
    def key(self) -> Origin:
        return self.file.origin(self.line, self.column)

    @property
    def value(self) -> Origin:
        return self.file.origin(self.value_line, self.value_column)

    def problem(
        self, message: str, *, at_value: bool = False, severity: Severity = Severity.ERROR, code: str = OTHER
    ) -> Problem:
        if at_value:
            return self.file.problem(message, self.value_line, self.value_column, severity, code=code)
        return self.file.problem(message, self.line, self.column, severity, code=code)


class Map(dict[str, Tree]):
    """A mapping whose ``places`` say where its values were written; made ones may have none."""

    __slots__ = ("places",)

    def __init__(
        self, values: Mapping[str, Tree] | Iterable[tuple[str, Tree]] = (), places: dict[str, Place] | None = None
    ) -> None:
        super().__init__(values)
        self.places: dict[str, Place] = {} if places is None else places


class Items(list[Tree]):
    """A list whose ``places`` say where its items were written, as far as they go."""

    __slots__ = ("places",)

    def __init__(self, values: Iterable[Tree] = (), places: Iterable[Place | None] = ()) -> None:
        super().__init__(values)
        self.places: list[Place | None] = list(places)


class Tainted(str):
    """A text with a secret in it, which no message tells: formatted, it is not itself.

    Cutting and joining texts loses the mark: hand it on with ``like``. ``str()`` gives the text.
    """

    __slots__ = ()

    def __format__(self, _spec: str) -> str:
        return "(secret)"

    def __repr__(self) -> str:
        return "(secret)"


def like(source: object, text: str) -> str:
    """The text, tainted if what it was made of is."""
    return Tainted(text) if isinstance(source, Tainted) else text


def placed(container: Tree, key: str | int) -> Place | None:
    """The place of a value in its container, where it has one."""
    if isinstance(container, Map) and isinstance(key, str):
        return container.places.get(key)
    if isinstance(container, Items) and isinstance(key, int) and key < len(container.places):
        return container.places[key]
    return None


def with_places(values: Mapping[str, Tree], source: Tree) -> Map:
    """A Map of these values, each standing where its namesake in ``source`` does."""
    known = source.places if isinstance(source, Map) else {}
    return Map(values, {key: known[key] for key in values if key in known})


def from_pairs(pairs: Iterable[tuple[str, Tree, Place | None]]) -> Map:
    """A Map of key, value and place; of equal keys the last one counts."""
    made = Map()
    for key, value, place in pairs:
        made[key] = value
        if place:
            made.places[key] = place
    return made


def from_items(items: Iterable[tuple[Tree, Place | None]]) -> Items:
    pairs = tuple(items)
    return Items((value for value, _ in pairs), (place for _, place in pairs))


def entries(container: Tree) -> Iterable[tuple[Tree, Place | None]]:
    """The items of a list with their places."""
    return ((value, placed(container, index)) for index, value in enumerate(container))


def each(container: Items, change: Callable[[Tree], Tree]) -> Items:
    """The list with every item changed, each at its place."""
    return Items(map(change, container), container.places if isinstance(container, Items) else ())


def deepest(tree: Tree, path: Sequence[str | int]) -> tuple[Place | None, int]:
    """The place of the value at ``path``, or of the nearest one around it, and how many steps lead there."""
    found: tuple[Place | None, int] = (None, 0)
    for depth, key in enumerate(path, start=1):
        place = placed(tree, key)
        if place:
            found = (place, depth)
        try:
            tree = tree[key]
        except (KeyError, IndexError, TypeError):
            break
    return found


def bare(tree: Tree) -> Tree:
    """The tree in plain dicts, lists and texts, as a library that knows only those wants it."""
    match tree:
        case Tainted():
            return str(tree)
        case dict():
            return {key: bare(value) for key, value in tree.items()}
        case list():
            return [bare(value) for value in tree]
        case _:
            return tree


def tainted(tree: Tree) -> bool:
    """Returns whether a secret is anywhere in the tree."""
    match tree:
        case Tainted():
            return True
        case dict():
            return any(map(tainted, tree.values()))
        case list():
            return any(map(tainted, tree))
        case _:
            return False


def reached(tree: Tree, path: Sequence[str | int]) -> Tree:
    """The value at a path; None where it leads nowhere."""
    for key in path:
        try:
            tree = tree[key]
        except (KeyError, IndexError, TypeError):
            return None
    return tree


def pruned(tree: Tree, paths: Collection[TreePath]) -> Tree:
    """The tree without the values at these paths."""
    if not paths:
        return tree
    # Grouped by their first key, so that the tree is walked once for all of them.
    below: dict[str | int, list[TreePath]] = {}
    for path in paths:
        below.setdefault(path[0], []).append(path[1:])
    gone = {key for key, rests in below.items() if () in rests}
    if isinstance(tree, Map):
        kept = {key: pruned(value, below.get(key, ())) for key, value in tree.items() if key not in gone}
        return with_places(kept, tree)
    if isinstance(tree, Items):
        return from_items(
            (pruned(value, below.get(index, ())), place)
            for index, (value, place) in enumerate(entries(tree))
            if index not in gone
        )
    return tree


def dotted(path: Sequence[str | int]) -> str:
    """The path as one would say it: `services.web.ports[0]`."""
    shown = ""
    for key in path:
        shown += f"[{key}]" if isinstance(key, int) else f".{key}" if shown else key
    return shown
