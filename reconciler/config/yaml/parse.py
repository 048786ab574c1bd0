"""YAML text into Maps and Items that know their places, or into plain dicts and lists where there are too many.

The only home of PyYAML. Own loops over its events instead of its constructors: several times as fast, and free to
read scalars as Compose does, to name both places of a duplicate key and to stop an alias bomb early.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from reconciler.config.yaml.builder import MAX_DEPTH, TreeBuilder
from reconciler.config.yaml.errors import plain_words
from reconciler.config.yaml.scalars import spelled
from reconciler.config.yaml.textfile import TextFile, in_file_order
from reconciler.config.yaml.tree import Tree, TreePath
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import Problem, Severity
from reconciler.record import Struct

_NO_LIMITS: Final[Mapping[str, int]] = {}


class Parsed(Struct, frozen=True):
    """The documents of a file, and what is odd about them but no error.

    ``cleared`` are, for each document, the paths that it marks with ``!reset`` or ``!override``; empty where there are
    none in the whole file.
    """

    documents: tuple[Tree, ...]
    warnings: tuple[Problem, ...] = ()
    cleared: tuple[tuple[TreePath, ...], ...] = ()


def parse(file: TextFile, *, most: Mapping[str, int] = _NO_LIMITS) -> Parsed:
    """Every document of the file, with places, as Compose reads it. Raises ConfigError with all that is wrong.

    ``most`` is the number of keys that the mapping under a key of the top level may have.
    """
    return _built(file, TreeBuilder(file, most=most))


def parse_plain(file: TextFile) -> tuple[Tree, ...]:
    """Every document in plain containers, for files of many thousand objects. Raises ConfigError.

    Texts keep their spelling, and so do keys.
    """
    documents = _quickly(file.text)
    return documents if documents is not None else _built(file, TreeBuilder(file, is_plain=True)).documents


def keys_twice(file: TextFile) -> tuple[Problem, ...]:
    """Warnings of the keys that are in one object twice. Raises ConfigError where it is no YAML."""
    return _built(file, TreeBuilder(file, is_plain=True, last_counts=True)).warnings


def _built(file: TextFile, builder: TreeBuilder) -> Parsed:
    import yaml

    try:
        builder.take(nodes(file.text))
    except yaml.YAMLError as error:
        builder.problems.append(plain_words(file, error))
    errors = [problem for problem in builder.problems if problem.severity is Severity.ERROR]
    if errors:
        raise ConfigError(in_file_order(errors))
    return Parsed(tuple(builder.documents), tuple(builder.problems), builder.cleared())


def _quickly(text: str) -> tuple[Tree, ...] | None:  # noqa: C901, PLR0912  # a call per event costs a third more time
    """The documents of an ordinary file. None for one with anything unusual in it, or wrong: TreeBuilder reads that."""
    import yaml

    documents: list[Tree] = []
    above: list[tuple[Any, bool]] = []
    inside: Any = documents
    is_map, key = False, None
    starts = {yaml.MappingStartEvent: dict, yaml.SequenceStartEvent: list}
    ends = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
    with suppress(yaml.YAMLError):
        for event in events(text):
            kind = type(event)
            if kind in ends:
                inside, is_map = above.pop()
                continue
            if kind is yaml.ScalarEvent and not event.anchor and not event.tag:
                value = event.value
                if is_map and key is None:
                    # A key twice needs both places in its message, and `<<` a merge: the slow way knows both.
                    if value in inside or (event.implicit[0] and value == "<<"):
                        return None
                    key = value
                    continue
                if event.implicit[0]:
                    value = spelled(value)
            elif kind in starts and not event.anchor and not event.tag and len(above) < MAX_DEPTH:
                value = starts[kind]()
            # Anchors, tags, aliases and great depth are rare in files of users, and left to the slow way.
            elif isinstance(event, yaml.NodeEvent):
                return None
            else:
                continue
            if not is_map:
                inside.append(value)
            elif key is not None:
                inside[key] = value
                key = None
            else:
                # A mapping or a list as a key.
                return None
            if kind in starts:
                above.append((inside, is_map))
                inside, is_map = value, kind is yaml.MappingStartEvent
        return tuple(documents)
    return None


def events(text: str) -> Iterator[Any]:
    """The events of the C parser, or of the Python one where the former is missing."""
    import yaml

    try:
        from yaml.cyaml import CParser  # type: ignore[attr-defined]

        parser: Any = CParser(text)
    except ImportError:  # PyYAML without libyaml: an order of magnitude slower, otherwise the same
        parser = yaml.SafeLoader(text)
    get_event, last = parser.get_event, yaml.StreamEndEvent
    while True:
        event = get_event()
        yield event
        if type(event) is last:
            return


def nodes(text: str) -> Iterator[tuple[str, Any]]:
    """The events by what they are about: "map", "list", "scalar", "alias", the "end" of a container or "document"."""
    import yaml

    kinds = {
        yaml.MappingStartEvent: "map",
        yaml.SequenceStartEvent: "list",
        yaml.ScalarEvent: "scalar",
        yaml.AliasEvent: "alias",
        yaml.MappingEndEvent: "end",
        yaml.SequenceEndEvent: "end",
        yaml.DocumentEndEvent: "document",
    }
    return ((kinds[type(event)], event) for event in events(text) if type(event) in kinds)


def nodes_as_far_as_possible(text: str) -> Iterator[tuple[str, Any]]:
    """The same, until an error ends it."""
    import yaml

    with suppress(yaml.YAMLError):
        yield from nodes(text)


def _never(_text: str) -> bool:
    return False


def yaml_text(value: Any, *, is_escaped: Callable[[str], bool] = _never, only_ascii: bool = False) -> str:
    """The value as YAML, for people: keys in their order, no anchors.

    Texts for which ``is_escaped`` says so are in double quotes, and on one line.
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, _data: Any) -> bool:
            return True

    def text(dumper: Dumper, written: str) -> yaml.ScalarNode:
        style = '"' if is_escaped(written) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", written, style=style)

    Dumper.add_representer(str, text)
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=not only_ascii, width=120)
