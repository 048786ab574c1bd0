"""Edits of a YAML text by position: whatever is not edited stays as it is, to the byte.

``run/commands/patch.py`` hands in a value in the file's form as it was and as it is to be. Their difference is written
into the text. What can't be edited without changing the meaning of something else raises ``Unwritable``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.config.yaml.parse import nodes
from reconciler.config.yaml.scalars import resolved
from reconciler.core.resource.values import ABSENT
from reconciler.pattern import lazy_pattern
from reconciler.record import Struct, field

_MERGE: Final = "<<"
_PROPERTIES: Final = lazy_pattern(r"(?:[&!]\S*\s+)*")
_PLAIN: Final = lazy_pattern(r"[A-Za-z0-9_./][\w./@+=~%$-]*(?:[: ][\w./@+=~%$*-]+)*", re.ASCII)
_NUMERIC: Final = lazy_pattern(r"[\d:._+-]+")
_OLD_WORDS: Final = ("y", "n", "yes", "no", "on", "off")
"""Truth values to older programs that read YAML."""
_VARIABLE: Final = lazy_pattern(r"\$[A-Za-z_{(]")
_SPECIAL: Final = lazy_pattern("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")

HIDDEN: Final = "\ue000secret\ue000"
"""The text in the place of a secret, which is never written."""


class Unwritable(Exception):
    """The reason why a value can't be written, in words that follow its name."""


class Node(Struct):
    """A value in the text, from ``start`` to the end of its last character; ``content`` is after anchor and tag."""

    kind: str
    start: int
    end: int
    key_start: int = -1
    content: int = 0
    text: str = ""
    is_plain: bool = False
    quote: str = ""
    is_flow: bool = False
    anchor: str = ""
    keys: list[Node] = field(default_factory=list)
    values: list[Node] = field(default_factory=list)

    def get(self, key: str) -> Node | None:
        """The value of an own key of a mapping."""
        found = (value for name, value in zip(self.keys, self.values, strict=False) if name.text == key)
        return next(found, None) if self.kind == "map" else None

    @property
    def plain(self) -> Any:
        """The value of a scalar, as it is read."""
        return resolved(self.text) if self.is_plain else self.text


class Splice(Struct, frozen=True):
    """A part of the text that is replaced."""

    start: int
    end: int
    text: str


class Text:
    """A YAML text as a tree of nodes. ``escape`` writes the characters of a text that would name a variable."""

    def __init__(self, text: str, escape: Callable[[str], str]) -> None:
        self.text, self._escape = text, escape
        self.eol = "\r\n" if "\r\n" in text else "\n"
        self.documents: list[Node] = []
        self.anchors: dict[str, Node] = {}
        self._used: set[str] = set()
        self._read()
        # JSON is YAML, and a file that began as JSON must end as JSON.
        self.is_json = text.lstrip()[:1] in ("{", "[") and '"' in text

    def _read(self) -> None:
        above: list[Node] = []
        for kind, event in nodes(self.text):
            if kind == "document":
                continue
            if kind == "end":
                node = above.pop()
                # PyYAML ends a block with the next token, which would take the comments after it along.
                node.end = event.end_mark.index if node.is_flow or not node.values else node.values[-1].end
                continue
            node = self._node(kind, event)
            if not above:
                self.documents.append(node)
            # Keys and values alternate: with as many values as keys, this one is a key.
            elif above[-1].kind == "map" and len(above[-1].keys) == len(above[-1].values):
                above[-1].keys.append(node)
            else:
                parent = above[-1]
                node.key_start = parent.keys[-1].start if parent.kind == "map" else -1
                parent.values.append(node)
            if kind in ("map", "list"):
                above.append(node)

    def _node(self, kind: str, event: Any) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        # The end mark of a plain scalar is behind the blanks and comments that follow it.
        node = Node(kind, start, start + len(self.text[start:end].rstrip()), anchor=event.anchor or "")
        node.content = _PROPERTIES.match(self.text, start).end() if event.anchor or getattr(event, "tag", "") else start  # type: ignore[union-attr]
        if kind == "alias":
            self._used.add(event.anchor)
            node.anchor, node.text = "", event.anchor
        elif kind == "scalar":
            node.text, node.is_plain, node.quote = event.value, event.implicit[0], event.style or ""
        else:
            node.is_flow = bool(event.flow_style)
        if node.anchor:
            self.anchors[node.anchor] = node
        return node

    # ------------------------------------------------------------------ looking

    def at(self, line: int, column: int, name: str) -> Node | None:
        """The mapping at a place: that under the key ``name``, else the outermost that begins there."""
        index = self._index(line, column)
        here = [each for each in self._all() if index in (each.start, each.key_start) and each.kind == "map"]
        named = (each for each in here if each.key_start == index and self._key_at(index) == name)
        begun = (each for each in here if each.start == index and each.key_start != index)
        return next(named, None) or next(begun, None)

    def _index(self, line: int, column: int) -> int:
        starts = [0, *(found.end() for found in re.finditer("\r\n|[\r\n\x85\u2028\u2029]", self.text))]
        return starts[line - 1] + column - 1 if 0 < line <= len(starts) else -1

    def _key_at(self, index: int) -> str:
        keys = (key for node in self._all() for key in node.keys)
        return next((key.text for key in keys if key.start == index), "")

    def _all(self) -> Iterator[Node]:
        waiting = [*reversed(self.documents)]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.values))

    def real(self, node: Node) -> Node:
        """The node that an alias means."""
        return self.anchors.get(node.text, node) if node.kind == "alias" else node

    def found(self, node: Node, key: str) -> Node | None:
        """The value of a key, its own or one of a merge key."""
        own = node.get(key)
        if own is not None or node.kind != "map":
            return own
        merged = node.get(_MERGE)
        sources = [] if merged is None else merged.values if merged.kind == "list" else [merged]
        inherited = (self.found(self.real(source), key) for source in sources)
        return next((each for each in inherited if each is not None), None)

    def has_variable(self, node: Node) -> bool:
        """Returns whether a variable is anywhere in the value."""
        node = self.real(node)
        if node.kind == "scalar":
            # Two dollars are one in the value, and no variable.
            return bool(_VARIABLE.search(node.text.replace("$$", "")))
        return any(map(self.has_variable, (*node.keys, *node.values)))

    # ------------------------------------------------------------------ editing

    def with_attribute(self, owner: Node, path: Sequence[str], wanted: Any, live: Any, *, whole: bool) -> list[Splice]:
        """The edits by which the value at a path of a mapping is as it is live; raises Unwritable."""
        key, *rest = path
        self._require_own(owner)
        own = owner.get(key)
        # As deep as the file goes; what it lacks on the way is written as one new value.
        if rest and own is not None and own.kind == "map":
            return self.with_attribute(own, rest, wanted, live, whole=whole)
        for name in reversed(rest):
            wanted = ABSENT if wanted is ABSENT else {name: wanted}
            live = ABSENT if live is ABSENT else {name: live}
        return self._with_keys(
            owner, {} if wanted is ABSENT else {key: wanted}, {} if live is ABSENT else {key: live}, whole
        )

    def without_item(self, items: Node, number: int) -> list[Splice]:
        """The edits that take an item out of a list."""
        return self._deleted(items, [number])

    def _require_own(self, node: Node) -> None:
        if node.anchor in self._used:
            raise Unwritable(f"is shared: `*{node.anchor}` means the same value elsewhere; edit it by hand")

    def _changed(self, node: Node, wanted: Any, live: Any, whole: bool) -> list[Splice]:  # noqa: FBT001
        if wanted == live:
            return []
        # An alias stands for a value that others use, too: it is written out here and stays as it is there.
        if node.kind == "alias":
            return self._replaced(node, live)
        self._require_own(node)
        if whole:
            return self._replaced(node, live)
        if isinstance(wanted, Mapping) and isinstance(live, Mapping):
            if node.kind == "map":
                return self._with_keys(node, wanted, live, whole)
            if node.kind == "list":
                return self._with_items(node, _entries(wanted), _entries(live))
        if _is_list(wanted) and _is_list(live) and node.kind == "list":
            return self._with_items(node, wanted, live)
        return self._replaced(node, live)

    def _with_keys(self, node: Node, wanted: Mapping[str, Any], live: Mapping[str, Any], whole: bool) -> list[Splice]:  # noqa: FBT001
        splices: list[Splice] = []
        gone: list[int] = []
        new: dict[str, Any] = {}
        for key in dict.fromkeys((*wanted, *live)):
            before, after = wanted.get(key, ABSENT), live.get(key, ABSENT)
            if before == after:
                continue
            own = node.get(key)
            if after is ABSENT:
                gone.append(self._number_of(node, own))
            elif own is not None:
                splices += self._changed(own, before, after, whole)
            else:
                # A key of a merge is not edited: its mapping has other users. The own key that is added here wins
                # over it.
                inherited = self.found(node, key)
                if inherited is not None:
                    self.require_constant(inherited)
                new[key] = after
        return [*splices, *self._deleted(node, gone, self._entry_texts(node, new)), *self._added(node, new, gone)]

    def _number_of(self, node: Node, own: Node | None) -> int:
        """The place of an entry that is to go among those of its mapping; raises Unwritable."""
        if own is None:
            raise Unwritable("is not written here; it comes from elsewhere, such as another file or an anchor")
        self.require_constant(own)
        return node.values.index(own)

    def _entry_texts(self, node: Node, new: Mapping[str, Any]) -> list[str]:
        """The new entries where they take the places of all old ones."""
        column = self._column(node.start)
        return [f"{self._key(key)}:{self._value(value, column, node.is_flow)}" for key, value in new.items()]

    def _with_items(self, node: Node, wanted: Sequence[Any], live: Sequence[Any]) -> list[Splice]:
        """The list without the items that are wanted and not live, and with those that are live and not wanted."""
        fresh = [each for each in live if each not in wanted]
        gone = [number for number, each in enumerate(node.values) if self._is_one_of(each, wanted, live)]
        for number in gone:
            self.require_constant(node.values[number])
        # A changed item takes the place of an old one, so that comments and order stay.
        pairs = list(zip(gone, fresh, strict=False))
        splices = [part for number, value in pairs for part in self._replaced(node.values[number], value)]
        return [*splices, *self._deleted(node, gone[len(pairs) :]), *self._appended(node, fresh[len(pairs) :])]

    def _is_one_of(self, node: Node, wanted: Sequence[Any], live: Sequence[Any]) -> bool:
        value = self.tree(node)
        return any(_alike(value, each) for each in wanted) and not any(_alike(value, each) for each in live)

    def tree(self, node: Node) -> Any:
        """The value of a node as plain data, with variables as they are written."""
        node = self.real(node)
        if node.kind == "map":
            return {key.text: self.tree(value) for key, value in zip(node.keys, node.values, strict=True)}
        return [self.tree(each) for each in node.values] if node.kind == "list" else node.plain

    def require_constant(self, node: Node) -> None:
        if self.has_variable(node):
            raise Unwritable("comes from a variable; set that one instead")

    def _replaced(self, node: Node, value: Any) -> list[Splice]:
        self.require_constant(node)
        # Written anew, it would lose the anchor that an alias elsewhere needs.
        if node.kind in ("map", "list") and (node.anchor or any(each.anchor for each in node.values)):
            raise Unwritable("has an anchor inside; edit it by hand")
        if not isinstance(value, str | int | float | None) and node.kind == "map":
            value = dict(value) if isinstance(value, Mapping) else value
        start = node.content
        if node.key_start < 0 or isinstance(value, str | int | float | None) or self._in_flow(node):
            column = self._column(node.start) - (2 if node.key_start < 0 else 0)
            return [Splice(start, node.end, self._value(value, column, self._in_flow(node), node).lstrip(" "))]
        colon = self._colon(node)
        return [Splice(colon, node.end, self._value(value, self._column(node.key_start), False))]  # noqa: FBT003

    def _in_flow(self, node: Node) -> bool:
        return any(each.is_flow and each.start < node.start and node.end <= each.end for each in self._all())

    def _colon(self, node: Node) -> int:
        """The position after the colon of the node's key."""
        key = next(key for each in self._all() for key in each.keys if key.start == node.key_start)
        return self.text.index(":", key.end) + 1

    def _line_start(self, index: int) -> int:
        return max(self.text.rfind("\n", 0, index), self.text.rfind("\r", 0, index)) + 1

    def _next_line(self, index: int) -> int:
        found = re.compile("\r\n|[\r\n]").search(self.text, index)
        return found.end() if found else len(self.text)

    def _column(self, index: int) -> int:
        return index - self._line_start(index)

    def _deleted(self, node: Node, gone: Sequence[int], instead: Sequence[str] = ()) -> list[Splice]:
        starts = [each.start for each in node.keys] or [self._dash(node, each) for each in node.values]
        ends = [each.end for each in node.values]
        if not gone:
            return []
        if node.is_flow:
            return self._deleted_in_flow(node, starts, ends, gone, instead)
        if len(gone) == len(node.values):
            return self._emptied(node, starts[0], ends[-1], instead)
        return [self._without_lines(starts, ends, number) for number in gone]

    def _without_lines(self, starts: Sequence[int], ends: Sequence[int], number: int) -> Splice:
        start, after = starts[number], self._next_line(ends[number])
        # The usual entry has its lines for itself, and goes with them, its comment at the end included.
        if not self.text[self._line_start(start) : start].strip():
            return Splice(self._line_start(start), after, "")
        # The first entry stands behind the dash of its item, which stays.
        if "#" in self.text[ends[number] : starts[number + 1]]:
            raise Unwritable("has a comment that would be lost; remove it by hand")
        return Splice(start, starts[number + 1], "")

    def _emptied(self, node: Node, start: int, end: int, instead: Sequence[str]) -> list[Splice]:
        """The edits of a block of which nothing stays."""
        if instead:
            return [Splice(start, end, (self.eol + " " * self._column(start)).join(instead))]
        if node.key_start < 0:
            raise Unwritable("would leave nothing; remove it by hand")
        colon = self._colon(node)
        empty = " []" if node.kind == "list" else " {}"
        return [Splice(colon, colon, empty), Splice(self._line_start(start), self._next_line(end), "")]

    def _deleted_in_flow(
        self, node: Node, starts: Sequence[int], ends: Sequence[int], gone: Sequence[int], instead: Sequence[str]
    ) -> list[Splice]:
        if len(gone) == len(node.values):
            return [Splice(starts[0], ends[-1], ", ".join(instead))]
        # Before the first that stays, the comma behind an entry goes along; after it, the comma before.
        first = next(number for number in range(len(node.values)) if number not in gone)
        return [
            Splice(starts[number], starts[number + 1], "")
            if number < first
            else Splice(ends[number - 1], ends[number], "")
            for number in gone
        ]

    def _dash(self, node: Node, item: Node) -> int:
        return item.start if node.is_flow else self.text.rindex("-", 0, item.start + 1)

    def _added(self, node: Node, new: Mapping[str, Any], gone: Sequence[int]) -> list[Splice]:
        if not new or (gone and len(gone) == len(node.values)):  # they took the places of the old ones
            return []
        return self._inserted(node, self._entry_texts(node, new))

    def _appended(self, node: Node, fresh: Sequence[Any]) -> list[Splice]:
        if not fresh:
            return []
        if node.is_flow:
            return self._inserted(node, [self._value(each, 0, True).strip() for each in fresh])  # noqa: FBT003
        column = self._column(self._dash(node, node.values[0]))
        return self._inserted(node, [f"-{self._item(each, column)}" for each in fresh])

    def _inserted(self, node: Node, texts: Sequence[str]) -> list[Splice]:
        """The edits that put entries behind the last one."""
        if node.is_flow and not node.values:
            return [Splice(node.end - 1, node.end - 1, ", ".join(texts))]
        last = node.values[-1]
        start = node.keys[-1].start if node.keys else self._dash(node, last)
        margin = self.text[self._line_start(start) : start]
        if node.is_flow:
            between = f",{self.eol}{margin}" if len(node.values) and not margin.strip() else ", "
            return [Splice(last.end, last.end, "".join(between + text for text in texts))]
        at = self._next_line(last.end)
        indent = " " * self._column(start)
        lines = self.eol.join(indent + text for text in texts)
        # The last line of a file may lack its line break, and the new one then lacks it as well.
        is_ended = self.text[at - 1 : at] in ("\n", "\r")
        return [Splice(at, at, lines + self.eol if is_ended else self.eol + lines)]

    # ------------------------------------------------------------------ writing

    def _value(self, value: Any, column: int, is_flow: bool, old: Node | None = None) -> str:  # noqa: FBT001
        """The text of a value behind its key, whose column is given."""
        if value is ABSENT:
            raise Unwritable("is not there; remove it by hand")
        if isinstance(value, Mapping | list | tuple) and value and not is_flow:
            inner = column + 2
            if isinstance(value, Mapping):
                lines = [f"{self._key(key)}:{self._value(part, inner, False)}" for key, part in value.items()]  # noqa: FBT003
            else:
                lines = [f"-{self._item(part, inner)}" for part in value]
            return "".join(f"{self.eol}{' ' * inner}{line}" for line in lines)
        return f" {self._inline(value, old, is_flow=is_flow)}"

    def _item(self, value: Any, column: int) -> str:
        """The text of an item behind its dash."""
        if isinstance(value, Mapping) and value:
            inner = column + 2
            pairs = [f"{self._key(key)}:{self._value(part, inner, False)}" for key, part in value.items()]  # noqa: FBT003
            return " " + f"{self.eol}{' ' * inner}".join(pairs)
        return self._value(value, column, False)  # noqa: FBT003

    def _inline(self, value: Any, old: Node | None, *, is_flow: bool) -> str:
        match value:
            case None:
                return "null"
            case bool():
                return "true" if value else "false"
            case int() | float():
                return self._number(value, old)
            case Mapping():
                pairs = (f"{self._key(key)}: {self._inline(part, None, is_flow=True)}" for key, part in value.items())
                return f"{{{', '.join(pairs)}}}"
            case list() | tuple():
                return f"[{', '.join(self._inline(part, None, is_flow=True) for part in value)}]"
            case _:
                return self._string(str(value), old, is_flow=is_flow)

    def _number(self, value: float, old: Node | None) -> str:
        text = str(value)
        # A number in quotes is a text for its reader, and stays one.
        return f"{old.quote}{text}{old.quote}" if old is not None and old.quote in ("'", '"') else text

    def _key(self, key: str) -> str:
        return self._string(key, None, is_flow=True)

    def _string(self, text: str, old: Node | None, *, is_flow: bool) -> str:
        if HIDDEN in text:
            raise Unwritable("is a secret, which is never written; set its variable instead")
        written = self._escape(text)
        quote = old.quote if old is not None else ""
        if self.is_json:
            return _double(written)
        if old is not None and old.is_plain and not isinstance(old.plain, str) and not isinstance(resolved(text), str):
            return text  # a number or truth value stays without quotes
        if not quote and _is_plain(written, is_flow=is_flow):
            return written
        return _single(written) if quote == "'" and not _SPECIAL.search(written) else _double(written)


def spliced(text: str, splices: Sequence[Splice]) -> str:
    """The text with these parts replaced; of several insertions at one place the first comes first."""
    parts: list[str] = []
    at = 0
    for splice in sorted(splices, key=lambda each: (each.start, each.end)):
        if splice.start < at:
            raise Unwritable("can't be changed together with what is beside it; edit it by hand")
        parts += (text[at : splice.start], splice.text)
        at = splice.end
    return "".join((*parts, text[at:]))


def _entries(values: Mapping[str, Any]) -> list[str]:
    """A mapping as a list of texts, as environments and labels may be written; of names alone where nothing is said."""
    return [
        key if part in (None, {}, "") and not isinstance(part, str) else f"{key}={part}" for key, part in values.items()
    ]


def _alike(written: Any, value: Any) -> bool:
    if isinstance(written, dict | list) or isinstance(value, Mapping | list | tuple):
        return bool(written == value)
    return str(written) == str(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _is_plain(text: str, *, is_flow: bool) -> bool:
    if not _PLAIN.fullmatch(text) or _NUMERIC.fullmatch(text) or (is_flow and ":" in text):
        return False
    if text.lower() in _OLD_WORDS:
        return False
    return resolved(text) == text


def _single(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _double(text: str) -> str:
    shown = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _SPECIAL.sub(lambda found: f"\\u{ord(found[0]):04x}", shown).replace("\\u000a", "\\n") + '"'
