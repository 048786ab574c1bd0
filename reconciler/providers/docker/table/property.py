"""A row of the container's table, and the shapes that most rows have.

A row answers six questions about one property: where the file declares it, how the engine's inspect shows it,
what it is where the file is silent, how the create body takes it, what changing it costs, and how a file would say it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from reconciler.core.difference.kind import Effect, Field
from reconciler.core.resource.values import ABSENT, Secret, Spec, Value
from reconciler.record import Struct, field

Json: TypeAlias = Mapping[str, Any]

REPLACED: Final = Field(Effect.REPLACE)


def _none(_info: Json) -> Sequence[Value]:
    return ()


def plain_of(value: Any) -> Any:
    """A value as plain data for a file."""
    match value:
        case Secret():
            return value.reveal()
        case Mapping():
            return {key: plain_of(part) for key, part in value.items()}
        case list() | tuple():
            return [plain_of(part) for part in value]
        case _:
            return value


def _keep(declared: Any, _image: Json, _observed: Value) -> Value:
    value: Value = declared
    return value


class Property(Struct, frozen=True):
    """One row of the table.

    ``declared`` takes a canonical service, ``read`` the answer of GET /containers/{id}/json. Both give the
    field's value in one form, ABSENT where there is none. ``silent`` and ``merge`` take the Config of the image
    that the container was made from; ``merge`` completes a declared value, ``silent`` stands in for a missing
    one (ABSENT: then not managed). ``write`` gives the property's part of the create body. ``live`` are the keys
    of POST /containers/{id}/update that change it in place; ``lifted`` is its part of that body that takes it away.
    ``said`` gives the part of a service that declares a value that was read. ``usual`` takes GET /info and lists the
    values that an engine gives by itself, where ``silent`` has none.
    """

    name: str
    declared: Callable[[Json], Value]
    read: Callable[[Json], Value]
    write: Callable[[Spec], Json]
    silent: Callable[[Json], Value]
    merge: Callable[[Any, Json, Value], Value] = _keep
    field: Field = field(default=REPLACED)
    live: tuple[str, ...] = ()
    lifted: Json | None = None
    paths: tuple[str, ...] = ()
    said: Callable[[Any], Json] | None = None
    usual: Callable[[Json], Sequence[Value]] = _none

    def expected(self, spec: Spec, image: Json, observed: Value) -> Value:
        """The inspect expected for this desired spec, with the engine's own part."""
        if self.name in spec:
            return self.merge(spec[self.name], image, observed)
        return self.silent(image)

    def declaration(self, value: Any) -> Json:
        """The part of a service that declares a value, as ``read`` has it; nothing for one that says nothing."""
        if self.said is not None:
            return self.said(value)
        plain = plain_of(value)
        return nest(self.name, plain) if plain not in ([], {}, "", None) else {}


def dig(tree: Any, path: str) -> Any:
    """The value at a dotted path, None where the way ends before."""
    for key in path.split("."):
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def nest(path: str, value: Any) -> Json:
    """A tree with the value at the dotted path: what :func:`dig` takes apart."""
    for key in reversed(path.split(".")):
        value = {key: value}
    tree: Json = value
    return tree


def merged(*trees: Json) -> dict[str, Any]:
    """Trees laid over each other; mappings are joined, a later leaf wins."""
    result: dict[str, Any] = {}
    for tree in trees:
        for key, value in tree.items():
            known = result.get(key)
            if isinstance(known, Mapping) and isinstance(value, Mapping):
                result[key] = merged(known, value)
            else:
                result[key] = value
    return result


def first(service: Json, *paths: str) -> tuple[str, Any] | None:
    """The first of the paths that the service declares with a value, and that value."""
    for path in paths:
        value = dig(service, path)
        if value is not None:
            return path, value
    return None


def numbered(value: Any, path: Sequence[str]) -> Iterator[str | int]:
    """The path in a declared value, with an item's number where the table has the name by which it knows the item."""
    for name in path:
        key: str | int = name
        if isinstance(value, Sequence) and not isinstance(value, str):
            key = next((number for number, item in enumerate(value) if _is_known_as(item, name)), name)
        yield key
        value = _part(value, key)


def has_part(value: Any, path: Sequence[str]) -> bool:
    """Returns whether a declared value has this very part, and not only something around it.

    >>> has_part([{"target": "/data", "read_only": False}], ["/data", "read_only"]), has_part({"a": None}, ["a", "b"])
    (True, False)
    """
    for key in numbered(value, path):
        value = _part(value, key)
    return value is not None


def _part(value: Any, key: str | int) -> Any:
    if isinstance(key, int):
        return value[key]
    return value.get(key) if isinstance(value, Mapping) else None


def _is_known_as(item: Any, name: str) -> bool:
    """Returns whether a declared item has this name: a target, a port with its protocol, a text or what it begins with.

    >>> _is_known_as({"target": 80, "protocol": "tcp"}, "80/tcp"), _is_known_as("host:10.0.0.1", "host")
    (True, True)
    """
    if isinstance(item, Mapping):
        values = set(map(str, item.values()))
        return name in values or set(name.split("/")) <= values
    return str(item) == name or str(item).startswith((f"{name}=", f"{name}:"))


def same(value: Any) -> Any:
    return value


def row(
    *paths: str,
    at: str,
    parse: Callable[[Any], Value] = same,
    load: Callable[[Any], Value] = same,
    dump: Callable[[Any], Any] = same,
    silent: Value = ABSENT,
    image: str = "",
    effect: Effect | Callable[[Value, Value], Effect] = Effect.REPLACE,
    unit: str = "",
    live: tuple[str, ...] = (),
    lifted: Any = None,
    name: str = "",
    said: Callable[[Any], Any] = plain_of,
    usual: Callable[[Json], Sequence[Value]] = _none,
) -> Property:
    """A property that is one attribute of the service and one key of inspect, of the same name in create.

    ``parse`` reads the file's form, ``load`` and ``dump`` the engine's; ``image`` is the key of the image's
    Config that fills in where the file is silent, ``silent`` what stands there in the end, ``lifted`` what takes
    it away in place. ``said`` puts a value that was read into the file's form; ``usual`` is that of :class:`Property`.
    """
    name = name or paths[0]

    def declared(service: Json) -> Value:
        found = first(service, *paths)
        return parse(found[1]) if found else ABSENT

    def without(config: Json) -> Value:
        # An empty value in the image says as little as none.
        return load(config[image]) if image and config.get(image) else silent

    def read(inspect: Json) -> Value:
        return load(dig(inspect, at))

    def write(spec: Spec) -> Json:
        return nest(at, dump(spec[name])) if name in spec else {}

    def declaration(value: Any) -> Json:
        return nest(name, said(value))

    shown = Field(effect, unit=unit)
    off = None if lifted is None else nest(at, lifted)
    rest: dict[str, Any] = {"field": shown, "live": live, "lifted": off, "paths": paths}
    return Property(name, declared, read, write, without, said=declaration, usual=usual, **rest)
