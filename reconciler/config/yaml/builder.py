"""YAML nodes into trees: anchors, merge keys, duplicate keys, tags, and the guards against hostile files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from reconciler.config.yaml.scalars import TAGS, NotThatType, as_date, resolved, spelled
from reconciler.config.yaml.suggest import suggestion
from reconciler.config.yaml.textfile import TextFile
from reconciler.config.yaml.tree import Items, Map, Place, Tree, TreePath, placed
from reconciler.core.message.problem import SYNTAX, Problem, Severity
from reconciler.record import Struct, field

MAX_DEPTH: Final = 100
TOO_DEEP: Final = f"is nested more than {MAX_DEPTH} levels deep"
_FREE_COPIES: Final = 100_000
_COPIES_PER_NODE: Final = 10
_STANDARD: Final = "tag:yaml.org,2002:"
_OF_SECTION: Final = 2
"""So many containers are open inside of the mapping under a key of the top level."""
_RESET: Final = "!reset"
_OVERRIDE: Final = "!override"
_MARKS: Final = (_RESET, _OVERRIDE)


class _Stop(Exception):
    """Ends the reading: the rest can't be parsed."""


class _Frame(Struct):
    """A container under construction; ``key`` is None where a mapping waits for its next one."""

    container: Any
    is_map: bool
    anchor: str | None
    start: Any
    first_node: int
    tag: str | None = None
    key: str | None = None
    key_mark: Any = None
    merged: list[tuple[Tree, Any]] = field(default_factory=list)
    merging: bool = False
    lines: dict[str, int] = field(default_factory=dict)


class TreeBuilder(Struct):
    """Makes the documents of a file out of its nodes, and notes all that is wrong on the way.

    ``is_plain`` ones have no places, their texts keep their spelling, and tags that mean nothing are errors; else these
    are warnings, as to Compose.
    Where a key is there twice, which is an error, with ``last_counts`` it is a warning. ``most`` is the number of keys
    that the mapping under a key of the top level may have; the reading ends at the first one too many.
    """

    file: TextFile
    is_plain: bool = False
    last_counts: bool = False
    most: Mapping[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    documents: list[Tree] = field(default_factory=list)
    nodes: int = 0
    copies: int = 0
    frames: list[_Frame] = field(default_factory=list)
    anchors: dict[str, tuple[Tree, int, Any, str | None] | None] = field(default_factory=dict)
    marked: dict[int, tuple[Tree, list[str]]] = field(default_factory=dict)
    """Mappings by their identity, with their keys whose values are under ``!reset`` or ``!override``."""

    def cleared(self) -> tuple[tuple[TreePath, ...], ...]:
        """Lists for each document the paths to remove from the files before it."""
        return tuple(tuple(self._cleared(document, ())) for document in self.documents) if self.marked else ()

    def _cleared(self, tree: Tree, path: TreePath) -> Iterator[TreePath]:
        if isinstance(tree, dict):
            yield from ((*path, key) for key in self._marks(tree))
            for key, value in tree.items():
                yield from self._cleared(value, (*path, key))

    def _marks(self, container: Tree) -> list[str]:
        return self.marked.get(id(container), (container, []))[1]

    def _mark(self, container: Tree, keys: Iterable[str]) -> None:
        self.marked.setdefault(id(container), (container, []))[1].extend(keys)

    def take(self, nodes: Iterable[tuple[str, Any]]) -> None:
        take = {
            "scalar": self._scalar,
            "map": self._open_map,
            "list": self._open_list,
            "end": self._close,
            "alias": self._alias,
            "document": self._end_document,
        }
        with suppress(_Stop):
            for kind, event in nodes:
                take[kind](event)

    # --- events

    def _scalar(self, event: Any) -> None:
        self.nodes += 1
        frame = self.frames[-1] if self.frames else None
        if frame and frame.is_map and frame.key is None and not frame.merging:
            self._key(frame, event)
            return
        value = self._value(event)
        if event.anchor:
            self.anchors[event.anchor] = (value, 1, event.start_mark, event.tag)
        self._add(value, event.start_mark, event.tag)

    def _key(self, frame: _Frame, event: Any) -> None:
        text = event.value
        if event.implicit[0]:
            if text == "<<":
                frame.merging, frame.key_mark = True, event.start_mark
                return
            key = text if self.is_plain else resolved(text)
            if not isinstance(key, str) or (as_date(text) and not self.is_plain):
                self._error(f"the key `{text}` is no text; put it in quotes", event.start_mark)
        if event.anchor:
            self.anchors[event.anchor] = (text, 1, event.start_mark, None)
        self._named(frame, text, event.start_mark)

    def _named(self, frame: _Frame, key: str, mark: Any) -> None:
        first = frame.lines.get(key)
        if first is not None and self.last_counts:
            self._warn(f"the key `{key}` is already there in line {first}; the last one counts, as to Keycloak", mark)
        elif first is not None:
            self._error(f"the key `{key}` is already there in line {first}; keep one of the two", mark)
        frame.lines[key] = mark.line + 1
        section = self.frames[0].key if len(self.frames) == _OF_SECTION else None
        most = self.most.get(section or "")
        if most is not None and len(frame.lines) > most:
            self._stop(f"{section} has more than the {most} entries that it may have", mark)
        frame.key, frame.key_mark = key, mark

    def _open_map(self, event: Any) -> None:
        self._open(event, {} if self.is_plain else Map(), is_map=True)

    def _open_list(self, event: Any) -> None:
        self._open(event, [] if self.is_plain else Items(), is_map=False)

    def _open(self, event: Any, container: Any, *, is_map: bool) -> None:
        self.nodes += 1
        if len(self.frames) >= MAX_DEPTH:
            self._stop(TOO_DEEP, event.start_mark)
        above = self.frames[-1] if self.frames else None
        if above and above.is_map and above.key is None and not above.merging:
            self._stop("a key must be a text; a list or mapping can't be one", event.start_mark)
        self._check_tag(event)
        if event.anchor:
            self.anchors[event.anchor] = None  # open: an alias to it would never end
        self.frames.append(_Frame(container, is_map, event.anchor, event.start_mark, self.nodes, event.tag))

    def _close(self, _event: Any) -> None:
        frame = self.frames.pop()
        if frame.merged:
            self._merge(frame)
        if frame.anchor:
            self.anchors[frame.anchor] = (frame.container, self.nodes - frame.first_node + 1, frame.start, frame.tag)
        self._add(frame.container, frame.start, frame.tag)

    def _alias(self, event: Any) -> None:
        name = event.anchor
        if name not in self.anchors:
            hint = suggestion(name, list(self.anchors))
            self._stop(f"nothing is called `&{name}` before this `*{name}`{hint}", event.start_mark)
        anchored = self.anchors[name]
        # The anchor is known and its value is not finished, so the alias stands inside of it.
        if anchored is None:
            self._stop(f"`*{name}` is inside the very value that `&{name}` names; it would never end", event.start_mark)
        assert anchored is not None
        value, size, mark, tag = anchored
        self.nodes += size
        self.copies += size
        # A few kilobytes of nested aliases can stand for billions of nodes; their size is counted, not their number.
        if self.copies > max(_FREE_COPIES, _COPIES_PER_NODE * (self.nodes - self.copies)):
            self._stop("its aliases multiply to more than can be sensible; write it without them", event.start_mark)
        # An alias may also be the key of a mapping.
        frame = self.frames[-1] if self.frames else None
        if frame and frame.is_map and frame.key is None and not frame.merging:
            self._named(frame, str(value), event.start_mark)
        else:
            self._add(value, mark, tag)

    def _end_document(self, _event: Any) -> None:
        self.anchors.clear()

    # --- values

    def _value(self, event: Any) -> Tree:
        text, tag = event.value, event.tag
        if tag and tag != "!":
            return self._tagged(event, text, tag)
        if tag or not event.implicit[0]:
            return text
        value = spelled(text) if self.is_plain else resolved(text)
        if type(value) is float and not math.isfinite(value):
            said = f"`{text}` is no number that can be used here; put it in quotes if it is a text"
            self._error(said, event.start_mark)
        elif isinstance(value, str) and value[:1].isdigit() and not self.is_plain:
            return self._perhaps_date(event, value)
        return value

    def _perhaps_date(self, event: Any, text: str) -> str:
        date = as_date(text)
        if not date:
            return text
        self._warn(f"Compose reads a date here, and makes it `{date}`; put it in quotes", event.start_mark)
        return date

    def _tagged(self, event: Any, text: str, tag: str) -> Tree:
        convert = TAGS.get(tag.removeprefix(_STANDARD)) if tag.startswith(_STANDARD) else None
        if convert:
            try:
                return convert(text)
            except NotThatType:
                self._error(f"`{text}` is no `!!{tag.removeprefix(_STANDARD)}`", event.start_mark)
                return text
        self._check_tag(event)
        return text

    def _check_tag(self, event: Any) -> None:
        tag = event.tag
        if tag in _MARKS and any(frame.tag == _OVERRIDE for frame in self.frames):
            self._error(f"`{tag}` means nothing inside of `{_OVERRIDE}`; leave the value out", event.start_mark)
        if not tag or tag == "!" or tag.startswith(_STANDARD) or (tag in _MARKS and not self.is_plain):
            return
        if self.is_plain:
            self._error(f"the tag `{tag}` means nothing here; remove it", event.start_mark)
        else:
            self._warn(f"the tag `{tag}` means nothing here and is ignored", event.start_mark)

    def _add(self, value: Tree, mark: Any, tag: str | None) -> None:
        """Put a finished value into what is under construction."""
        if not self.frames:
            self.documents.append(value)
            return
        frame = self.frames[-1]
        if frame.merging:
            frame.merged.append((value, frame.key_mark))
            frame.merging = False
        elif not frame.is_map:
            # `!reset` in a list takes the item out of the list.
            if tag != _RESET:
                frame.container.append(value)
                if not self.is_plain:
                    frame.container.places.append(self._place(mark, mark))
        else:
            self._set(frame, value, mark, tag)

    def _set(self, frame: _Frame, value: Tree, mark: Any, tag: str | None) -> None:
        key, frame.key = frame.key, None
        assert key is not None
        if tag in _MARKS:
            self._mark(frame.container, [key])
        if tag == _RESET:
            return
        frame.container[key] = value
        if not self.is_plain:
            frame.container.places[key] = self._place(frame.key_mark, mark)

    def _merge(self, frame: _Frame) -> None:
        """Add what ``<<`` names; a key that stands here wins, then the earlier of several sources."""
        for value, mark in frame.merged:
            sources = value if isinstance(value, list) else [value]
            if not all(isinstance(source, dict) for source in sources):
                self._error("`<<` merges mappings; expected an alias to one, or a list of such", mark)
                continue
            for source in sources:
                if marks := self._marks(source):
                    self._mark(frame.container, marks)
                for key, merged in source.items():
                    # A key that stands in the mapping itself wins, wherever `<<` stands.
                    if key not in frame.container:
                        frame.container[key] = merged
                        place = placed(source, key)
                        if place:
                            frame.container.places[key] = place

    # --- messages

    def _place(self, key: Any, value: Any) -> Place:
        return Place(self.file, key.line + 1, key.column + 1, value.line + 1, value.column + 1)

    def _error(self, message: str, mark: Any) -> None:
        self.problems.append(self.file.problem(message, mark.line + 1, mark.column + 1, code=SYNTAX))

    def _warn(self, message: str, mark: Any) -> None:
        self.problems.append(self.file.problem(message, mark.line + 1, mark.column + 1, Severity.WARNING, code=SYNTAX))

    def _stop(self, message: str, mark: Any) -> None:
        self._error(message, mark)
        raise _Stop
