"""A row of a service's table: one field, its place in the ServiceSpec, its form there and in the file, and its cost.

A Swarm keeps what it is sent and merges nothing of an image into it, so a field that the file leaves out has a fixed
value. It compares whole task templates and not their meaning: null beside ``{}`` is enough for new tasks. So an update
is the live specification with only the differing places changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from reconciler.core.difference.kind import Effect, Field
from reconciler.core.resource.values import ABSENT, Value
from reconciler.providers.docker.table.property import Json, dig, first, nest, plain_of, same
from reconciler.record import Struct

NEW_TASKS: Final = Effect.REPLACE
"""The cost of all that is in the task template: each task is replaced by another one."""


def _nothing(_live: Any) -> Json:
    return {}


class Row(Struct, frozen=True):
    """One field of a service.

    ``declared`` takes a service of the canonical model with ids in place of names, ``load`` the part of a ServiceSpec
    that is ``at`` a dotted path, None where there is nothing. Both give ABSENT for nothing, and so does ``silent``
    where the file says nothing. ``dump`` gives the part for a value, None to leave it out. ``kept`` is the part of a
    live mapping that nobody declares. ``said`` puts a value into the form of a file, for the ``attribute`` if that is
    not the first path; it is None where that takes more than the value.
    """

    name: str
    at: str
    declared: Callable[[Json], Value]
    load: Callable[[Any], Value]
    dump: Callable[[Any], Any]
    silent: Value = ABSENT
    field: Field = Field(NEW_TASKS)
    paths: tuple[str, ...] = ()
    kept: Callable[[Any], Json] = _nothing
    said: Callable[[Any], Any] | None = plain_of
    attribute: str = ""

    def declaration(self, value: Value) -> Json:
        """The part of a service that declares a value, as ``read`` has it; nothing for what a Swarm has by itself."""
        if self.said is None or value in (ABSENT, self.silent, {}, ()):
            return {}
        return nest(self.place, self.said(value))

    @property
    def place(self) -> str:
        """The dotted path of the attribute that says the value in the form of ``said``."""
        return self.attribute or (self.paths[0] if self.paths else self.name)

    def read(self, spec: Json) -> Value:
        """The value in a live ServiceSpec."""
        return self.load(dig(spec, self.at))

    def written(self, value: Value, live: Any) -> Any:
        """The part of the ServiceSpec for a value, in the place of a live one; None for nothing."""
        part = None if value in (ABSENT, {}, ()) else self.dump(value)
        kept = self.kept(live)
        return {**kept, **(part or {})} if kept else part


def row(
    *paths: str,
    at: str,
    parse: Callable[[Any], Value] = same,
    load: Callable[[Any], Value] = same,
    dump: Callable[[Any], Any] = same,
    silent: Value = ABSENT,
    effect: Effect = NEW_TASKS,
    unit: str = "",
    name: str = "",
    kept: Callable[[Any], Json] = _nothing,
    normalise: Callable[[Value], Value] = same,
    said: Callable[[Any], Any] | None = plain_of,
) -> Row:
    """A field that is one attribute of the service, or the first one of several, and one place of the ServiceSpec.

    ``parse`` reads the file's form, ``load`` and ``dump`` the Swarm's. A value that says nothing is none.
    """

    def declared(service: Json) -> Value:
        found = first(service, *paths)
        return _told(parse(found[1])) if found else ABSENT

    def loaded(part: Any) -> Value:
        value = ABSENT if part is None else _told(load(part))
        return silent if value is ABSENT else value

    shown = Field(effect, normalise=normalise, unit=unit)
    return Row(name or paths[0], at, declared, loaded, dump, silent, shown, paths, kept, said)


def _told(value: Value) -> Value:
    """The value, or ABSENT for one that says nothing."""
    return ABSENT if value in (None, "", False, 0, (), {}) else value


def patched(live: Json, changes: Iterable[tuple[Row, Value]]) -> dict[str, Any]:
    """A ServiceSpec with other values in the places of these rows, and all else as it was."""
    result: Json = live
    for each, value in changes:
        result = _with(result, each.at.split("."), each.written(value, dig(live, each.at)))
    return dict(result)


def _with(tree: Any, path: list[str], leaf: Any) -> Json:
    key, *rest = path
    known = dict(tree) if isinstance(tree, Mapping) else {}
    if rest:
        if leaf is None and not isinstance(known.get(key), Mapping):
            return known
        return {**known, key: _with(known.get(key), rest, leaf)}
    return {**{name: part for name, part in known.items() if name != key}, **({} if leaf is None else {key: leaf})}
