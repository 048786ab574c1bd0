"""Words for saying, in a table, what form a value takes in the canonical model.

A ``Shape`` makes the canonical value of a long-form one. Those here are put together to the tables of ``model.py``;
they keep places and taint, and leave out what Compose leaves out when it prints its model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from reconciler.config.compose.model.shellwords import Unbalanced, shell_words
from reconciler.config.variables.casts import NotCastable, boolean
from reconciler.config.variables.casts import integer as whole_number
from reconciler.config.yaml.quantities import duration, go_text, single, size
from reconciler.config.yaml.tree import (
    Items,
    Map,
    Place,
    Tree,
    entries,
    from_items,
    from_pairs,
    like,
    placed,
    tainted,
    with_places,
)
from reconciler.core.message.problem import SCHEMA, Problem
from reconciler.core.resource.units import BadQuantity
from reconciler.record import Struct

Shape: TypeAlias = Callable[[Tree], Tree]


_UNTOLD: Final = "a secret stands here, and does not fit"


class Malformed(ValueError):
    """A value that can't be brought to its canonical form: what is wrong, and where as far as it is known yet."""

    def __init__(self, *faults: str | Problem) -> None:
        super().__init__(*map(str, faults))
        self.faults = faults

    def about(self, value: Tree) -> Malformed:
        """The same, but not telling the value where it is a secret."""
        if not tainted(value):
            return self
        return Malformed(*(_UNTOLD if isinstance(fault, str) else fault for fault in self.faults))

    def at(self, place: Place | None) -> list[str | Problem]:
        """The faults, those without a place now at this one."""
        if place is None:
            return list(self.faults)
        return [
            place.problem(fault, at_value=True, code=SCHEMA) if isinstance(fault, str) else fault
            for fault in self.faults
        ]


class Given(Struct, frozen=True):
    """A field that is kept whenever the file gives it, even if it is zero or empty."""

    shape: Shape


class Always(Struct, frozen=True):
    """A field that is always there, ``default`` where the file is silent."""

    shape: Shape
    default: Callable[[], Tree] = lambda: None


Field: TypeAlias = Shape | Given | Always


def shaped(pairs: Iterable[tuple[Tree, Shape, Place | None]]) -> list[Tree]:
    """Every value in its shape. Raises Malformed with the faults of all of them."""
    done: list[Tree] = []
    faults: list[str | Problem] = []
    for value, shape, place in pairs:
        try:
            done.append(shape(value))
        except Malformed as error:
            faults.extend(error.about(value).at(place))
        except BadQuantity as error:
            faults.extend(Malformed(str(error)).about(value).at(place))
    if faults:
        raise Malformed(*faults)
    return done


def is_empty(value: Tree) -> bool:
    return value is None or value is False or (value in ("", 0) and not isinstance(value, bool)) or value in ([], {})


def record(fields: Mapping[str, Field]) -> Shape:
    """A mapping with these keys; what is empty is left out, ``x-`` keys stay as they are."""
    defaults = {key: field.default for key, field in fields.items() if isinstance(field, Always)}

    def shape(value: Tree) -> Map:
        # In the file's order, so that messages come from top to bottom.
        known = [key for key in value if key in fields and value[key] is not None]
        done = shaped((value[key], _shape(fields[key]), placed(value, key)) for key in known)
        # An empty value and no value mean the same, unless the model always has the key.
        kept = {key: new for key, new in zip(known, done, strict=True) if not (is_empty(new) and callable(fields[key]))}
        missing = {key: default() for key, default in defaults.items() if key not in kept}
        extensions = {key: value[key] for key in value if key.startswith("x-")}
        return with_places({**kept, **missing, **extensions}, value)

    return shape


def _shape(field: Field) -> Shape:
    return field.shape if isinstance(field, Given | Always) else field


def each(shape: Shape) -> Shape:
    """A list of these; a single one stands for a list of one."""

    def all_of(value: Tree) -> Items:
        if not isinstance(value, list):
            return Items([shape(value)])
        done = shaped((item, shape, place) for item, place in entries(value))
        return from_items(zip(done, (place for _, place in entries(value)), strict=True))

    return all_of


def _nothing(_value: Tree) -> None:
    return None


def by_name(shape: Shape) -> Shape:
    """A mapping from free names to these; null stays null."""

    def all_of(value: Tree) -> Map:
        done = shaped((item, _nothing if item is None else shape, placed(value, name)) for name, item in value.items())
        return from_pairs((name, new, placed(value, name)) for name, new in zip(value, done, strict=True))

    return all_of


def same(value: Tree) -> Tree:
    return value


def text(value: Tree) -> str:
    return value if isinstance(value, str) else go_text(value)


def flag(value: Tree) -> bool:
    return cast(boolean, value) if isinstance(value, str) else bool(value)


def integer(value: Tree) -> int:
    return cast(whole_number, value) if isinstance(value, str) else int(value)


def cast(read: Callable[[str], Any], value: str) -> Any:
    try:
        return read(value)
    except NotCastable as error:
        raise Malformed(f"expected {error.wanted}, but found `{value}`") from error


def processors(value: Tree) -> float:
    """A number of processors: single precision, as Compose keeps it."""
    try:
        rounded = single(value)
    except ValueError:
        raise Malformed(f"expected a number of processors such as 0.5, but found `{value}`") from None
    return int(rounded) if rounded.is_integer() else rounded


def ratio(value: Tree) -> float | None:
    """A part of a whole, in single precision; None for nothing."""
    return processors(value) or None


def byte_count(value: Tree) -> str:
    return like(value, size(value))


def file_mode(value: Tree) -> str:
    """The rights of a file as an octal number; a text is one already."""
    try:
        number = int(value, 8) if isinstance(value, str) else int(value)
    except ValueError:
        raise Malformed(f"expected the rights of a file such as 0440, but found `{value}`") from None
    return f"0{number:o}"


def device_count(value: Tree) -> int:
    """The number of devices; -1 for all of them."""
    return -1 if isinstance(value, str) and value.lower() == "all" else integer(value)


def byte_size(value: Tree) -> str | None:
    """Bytes as text; None for none at all, which is as good as nothing said."""
    return like(value, found) if (found := size(value)) != "0" else None


def time_span(value: Tree) -> str:
    return like(value, duration(value))


def some_time(value: Tree) -> str | None:
    """A time span; None for none at all."""
    return None if (found := time_span(value)) == "0s" else found


def command(value: Tree) -> Items | None:
    """A list of arguments; one text is split as a shell would."""
    if isinstance(value, str):
        try:
            return Items(like(value, word) for word in shell_words(value))
        except Unbalanced:
            raise Malformed("a quote or parenthesis is not closed; close it, or write the command as a list") from None
    return Items(value, value.places if isinstance(value, Items) else ())


def health_test(value: Tree) -> Items:
    return Items(["CMD-SHELL", value]) if isinstance(value, str) else Items(value, getattr(value, "places", ()))


def _pairs(value: Tree, separators: tuple[str, ...]) -> Iterable[tuple[str, str | None, Place | None]]:
    """Key and value of each `KEY=value` of a list; None where there is no separator."""
    for item, place in entries(value):
        whole = text(item)
        # The first separator of the list wins, not the first in the text: `host:::1` has colons in its address.
        separator = next((each for each in separators if each in whole), None)
        key, found, rest = whole.partition(separator) if separator else (whole, "", "")
        yield str(key), like(item, rest) if found else None, place


def mapping(value: Tree, separator: str = "=") -> Map:
    """A mapping of texts, or a list of `KEY=value`; what has no value has the empty one."""
    if isinstance(value, list):
        return from_pairs((key, found or "", place) for key, found, place in _pairs(value, (separator,)))
    return from_pairs((key, text(found), placed(value, key)) for key, found in value.items())


def variables(value: Tree) -> Map:
    """As ``mapping``, but what has no value is null: its value is looked up outside."""
    if isinstance(value, list):
        for item, place in entries(value):
            key = str(item).partition("=")[0]
            if key != key.rstrip():
                raise Malformed(*Malformed(f"the name `{key}` has a space at its end").at(place))
        return from_pairs(_pairs(value, ("=",)))
    return from_pairs((key, None if found is None else text(found), placed(value, key)) for key, found in value.items())


def repeated(value: Tree) -> Map:
    """A mapping of lists of texts; a single value stands for a list of one."""
    return from_pairs((key, each(text)(found), placed(value, key)) for key, found in value.items())


def agents(value: Tree) -> Items:
    """SSH agents by name, with the path of a key where there is one."""
    pairs = variables(value)
    return from_items(
        (key if path is None else like(path, key + "=" + str(path)), placed(pairs, key)) for key, path in pairs.items()
    )


def host_list(value: Tree) -> Items:
    """``extra_hosts`` as a sorted list of `HOST=ADDRESS`."""
    found: list[tuple[str, Place | None]] = []
    for host, addresses, place in _hosts(value):
        if not host or any(mark in host for mark in ":="):
            raise Malformed(f"`{host}` is no host name")
        found.extend((like(address, "=".join((host, _unbracketed(address)))), place) for address in addresses)
    return from_items(sorted(found, key=lambda pair: pair[0]))


def _hosts(value: Tree) -> Iterable[tuple[str, list[str], Place | None]]:
    if isinstance(value, list):
        for host, address, place in _pairs(value, ("=", ":")):
            if address is None:
                raise Malformed(*Malformed(f"`{host}` has no address; expected HOST=ADDRESS").at(place))
            yield host, [like(address, part) for part in address.split(",")], place
        return
    for host, addresses in value.items():
        yield host, addresses if isinstance(addresses, list) else [text(addresses)], placed(value, host)


def _unbracketed(address: str) -> str:
    return address[1:-1] if len(address) > len("[]") and address[0] == "[" and address[-1] == "]" else address
