"""The places of values in a large file, found by a second run over it, and only on request.

Keeping a place for each of a million values would cost more than reading them. So the run notes the sections and
their items alone; what is inside an item is found by reading that item once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple

from reconciler.config.yaml.textfile import STACK_LIMIT, TextFile
from reconciler.config.yaml.tree import Place, Tree, TreePath, deepest
from reconciler.core.message.errors import ConfigError
from reconciler.pattern import lazy_pattern
from reconciler.record import Struct

_KEPT_ITEMS: Final = 512
_ALIAS: Final = lazy_pattern(r"[\s,\[{:-]\*\w")


class _Span(NamedTuple):
    """The place of a node's key and value, and where the value's text begins and ends."""

    line: int
    column: int
    value_line: int
    value_column: int
    start: int
    end: int


class _Open(Struct):
    """A container that the run is in, with the place of its own key and value."""

    is_map: bool
    own_key_mark: Any = None
    own_mark: Any = None
    key: str | None = None
    key_mark: Any = None
    count: int = 0


class Outline(Struct, eq=False, dict=True):
    """Finds values of one file. ``depth`` is how many steps lead to an item: what is deeper is read when asked for."""

    file: TextFile
    depth: int
    _spans: dict[TreePath, _Span] | None = None

    def __post_init__(self) -> None:
        self._inside = lru_cache(_KEPT_ITEMS)(self._read_inside)

    @cached_property
    def _whole(self) -> Sequence[Tree]:
        """All documents with their places, where the file has aliases: their values stand at other places of it."""
        from reconciler.config.yaml.parse import nodes_as_far_as_possible, parse

        if len(self.file.text) > STACK_LIMIT or not _ALIAS.search(self.file.text):
            return ()
        try:
            has_alias = any(kind == "alias" for kind, _ in nodes_as_far_as_possible(self.file.text))
            return parse(self.file).documents if has_alias else ()
        except ConfigError:
            return ()

    def find(self, path: TreePath) -> Place:
        """The place of the value at a path (the number of the document first), or of the nearest around it."""
        match path:
            case (int(number), *rest) if number < len(self._whole):
                place, _ = deepest(self._whole[number], rest)
                return place or Place(self.file, 1, 1, 1, 1)
        if self._spans is None:
            self._spans = _spans(self.file, self.depth)
        for length in range(min(len(path), self.depth), 0, -1):
            span = self._spans.get(path[:length])
            if span:
                return self._deeper(path, length, span)
        return Place(self.file, 1, 1, 1, 1)

    def _deeper(self, path: TreePath, length: int, span: _Span) -> Place:
        if len(path) > length:
            inside = self._inside(path[:length])
            place, _ = deepest(inside, path[length:])
            if place:
                line, column = self._outside(span, place.line, place.column)
                return Place(self.file, line, column, *self._outside(span, place.value_line, place.value_column))
        return Place(self.file, span.line, span.column, span.value_line, span.value_column)

    def _outside(self, span: _Span, line: int, column: int) -> tuple[int, int]:
        """The place in the file of a place inside of an item."""
        right = span.value_column - 1 if line == 1 and self._is_flow(span) else 0
        return line + span.value_line - 1, column + right

    def _is_flow(self, span: _Span) -> bool:
        return self.file.text[span.start] in "{["

    def _read_inside(self, path: TreePath) -> Tree:
        from reconciler.config.yaml.parse import parse

        assert self._spans is not None
        span = self._spans[path]
        # Its further lines are indented as they are in the file, so the first has to be; brackets need no indentation,
        # and may stand a million characters to the right.
        indentation = 0 if self._is_flow(span) else span.value_column - 1
        text = " " * indentation + self.file.text[span.start : span.end]
        try:
            return parse(TextFile(self.file.name, text)).documents[0]
        except (ConfigError, IndexError):
            return None  # an alias to something outside; the item's own place has to do


def _spans(file: TextFile, depth: int) -> dict[TreePath, _Span]:
    """The spans of every node of at most this depth. What can't be read any more is left out."""
    from reconciler.config.yaml.parse import nodes_as_far_as_possible

    spans: dict[TreePath, _Span] = {}
    path: list[str | int] = []
    frames = [_Open(is_map=False)]  # the list of documents
    for kind, event in nodes_as_far_as_possible(file.text):
        frame = frames[-1]
        if kind == "document":
            continue
        if kind == "end":
            frames.pop()
            if len(path) <= depth:
                spans[tuple(path)] = _span(frame.own_key_mark, frame.own_mark, event.end_mark)
            path.pop()
        # In a mapping the event is a key, which has no path of its own.
        elif frame.is_map and frame.key is None:
            frame.key, frame.key_mark = getattr(event, "value", ""), event.start_mark
        else:
            path.append(frame.key if frame.key is not None else frame.count)
            key_mark = frame.key_mark if frame.is_map else event.start_mark
            frame.key, frame.count = None, frame.count + 1
            # The end of a container is known with its end event, and its span is made there.
            if kind in ("map", "list"):
                frames.append(_Open(kind == "map", key_mark, event.start_mark))
                continue
            if len(path) <= depth:
                spans[tuple(path)] = _span(key_mark, event.start_mark, event.end_mark)
            path.pop()
    return spans


def _span(key: Any, value: Any, end: Any) -> _Span:
    return _Span(key.line + 1, key.column + 1, value.line + 1, value.column + 1, value.index, end.index)
