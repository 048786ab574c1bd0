"""The table of one Keycloak type, and its consequences: the core's table, the expected values,
the bodies of requests. All of it is pure; read/observe.py and write/perform.py do the talking.

A type is a `RestKind`: where its objects stand in a realm representation, under which path the Admin REST API
has them, its properties (properties.py), and how the server treats them (groups.py: facts of 26.7, measured).
`Links` are sets of other objects with an endpoint of their own, `Parts` objects without a life of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, TypeAlias

from reconciler.core.difference.kind import Field, Kind, Output
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import DocumentPath
from reconciler.core.resource.options import OPTIONS
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import ABSENT, Path, Spec, Value
from reconciler.providers.keycloak.table.connection import Live, Representation
from reconciler.providers.keycloak.table.coupled import forbidden, moved
from reconciler.providers.keycloak.table.groups import (
    Builtins,
    Creation,
    Dependencies,
    Paths,
    Pruning,
    Put,
    Reading,
    Replacement,
    Requirements,
    Wording,
)
from reconciler.providers.keycloak.table.properties import (
    MARK,
    Property,
    as_list,
    as_map,
    without_absent,
    without_masks,
)
from reconciler.record import Struct
from reconciler.vocabulary.keycloak import REALM


class Item(Struct, frozen=True):
    """One object in a realm representation: its natural keys below the realm, its place, and what it says."""

    keys: Path
    at: DocumentPath
    body: Representation


class Links(Struct, frozen=True):
    """A set of other objects that belong to this one, written through an endpoint of its own.

    ``path`` is below the item: with ``{target}`` it takes one object per call, otherwise a list of them.
    ``target`` makes an address of the realm, the keys that lead to a name inside the property, and the name.
    ``in_creation`` says that the POST of the object takes the property, too; ``waits`` that the objects have
    to be there before this one (not so where two may contain each other). ``by_id`` says that a POST takes one
    id as its whole body, and a DELETE takes it in its path.
    """

    path: str
    target: Callable[[str, Path, str], Address]
    in_creation: bool = False
    waits: bool = True
    by_id: bool = False

    @property
    def one_by_one(self) -> bool:
        return self.by_id or "{target}" in self.path

    def targets(self, realm: str, value: Value, keys: Path = ()) -> Iterator[Address]:
        """The addresses of all that a value of the property names."""
        if isinstance(value, Mapping):
            for key, part in value.items():
                yield from self.targets(realm, part, (*keys, key))
        elif isinstance(value, Sequence) and not isinstance(value, str):
            yield from (self.target(realm, keys, str(name)) for name in value)


class Parts(Struct, frozen=True):
    """Objects that only live inside this one, keyed by ``key`` in normal form; ``path`` is below the item.

    A PUT of one replaces it, so it is read right before. Parts that are ``named`` have their key in the path in
    place of an id, and no PUT. ``in_creation`` says that the POST of the object takes them, too; ``writer`` does
    what cannot be said so. ``takes`` are the objects that the server deletes with a part.
    ``label`` says what a part is called where that is more than its key.
    """

    path: str
    key: str
    properties: Mapping[str, Property]
    named: bool = False
    in_creation: bool = True
    writer: PartWriter | None = None
    takes: Callable[[str, Spec], Iterable[Address]] | None = None
    label: Callable[[Representation], str] | None = None

    def called(self, body: Representation) -> str:
        """The name of a part within its object."""
        return self.label(body) if self.label else str(body.get(self.key))


class PartWriter(Protocol):
    """Writes parts that need more than a request each."""

    def create(self, live: Live, address: Address, part: str, body: Mapping[str, Value]) -> None: ...

    def update(self, live: Live, address: Address, part: str, patch: Mapping[str, Value]) -> None: ...

    def delete(self, live: Live, address: Address, part: str) -> None: ...


Adjust: TypeAlias = Callable[[Resource, Observed, dict[str, Value]], Mapping[str, Value]]


def _as_it_is(_desired: Resource, _observed: Observed, expected: dict[str, Value]) -> Mapping[str, Value]:
    return expected


@dataclass(frozen=True)
class RestKind:
    """The table of one type: what it is called, which properties it has, and groups of what else it has (groups.py).

    ``objects`` finds those of a realm representation, and ``right`` is the role that may write them. A ``singleton``
    is there once for each parent and has its parent's keys. ``adjust`` corrects the expected properties by what is
    live. ``vital`` are the properties by which an account could lock itself out. With an object of a type that
    ``keeps_data`` data is lost that no file has.
    """

    name: str
    key: str
    properties: Mapping[str, Property]
    objects: Callable[[Representation], Iterator[Item]]
    paths: Paths
    right: str
    parent: str | None = REALM
    singleton: bool = False
    links: Mapping[str, Links] = field(default_factory=dict)
    parts: Mapping[str, Parts] = field(default_factory=dict)
    adjust: Adjust = _as_it_is
    outputs: Mapping[str, Output] = field(default_factory=dict)
    keeps_data: bool = False
    vital: frozenset[str] = frozenset()
    put: Put = field(default_factory=Put)
    creation: Creation = field(default_factory=Creation)
    builtins: Builtins = field(default_factory=Builtins)
    pruning: Pruning = field(default_factory=Pruning)
    dependencies: Dependencies = field(default_factory=Dependencies)
    replacement: Replacement | None = None
    requirements: Requirements = field(default_factory=Requirements)
    reading: Reading = field(default_factory=Reading)
    wording: Wording = field(default_factory=Wording)

    @cached_property
    def kind(self) -> Kind:
        """The table as the core reads it."""
        fields: Mapping[str, Field] = {name: row.field for name, row in self.properties.items()}
        renewal = self.replacement.obstacle if self.replacement else None
        return Kind(
            self.name,
            fields,
            self.outputs,
            self.parent,
            self.expect,
            renewal=renewal,
            keeps_data=self.keeps_data,
            forbids=self._forbids,
        )

    def _forbids(self, desired: Resource, observed: Observed) -> str:
        return forbidden(self.name, desired.spec, observed.spec)

    @property
    def is_setting(self) -> bool:
        """Returns whether it can't be made, only set: one for each parent, or one that exists when it is set."""
        return self.singleton or self.put.save is not None

    def id_of(self, body: Representation, address: Address) -> str:
        """The id in a representation; the name of what has none."""
        return str(body[self.paths.id_key]) if self.paths.id_key else address.name

    def named(self, body: Representation) -> str:
        """The name of an object of this type within its parent."""
        return self.wording.label(body) if self.wording.label else str(body.get(self.key))

    def address(self, realm: str, keys: Path) -> Address:
        return Address(self.name, (realm, *keys))

    def parent_of(self, address: Address) -> Address | None:
        """The address of what this object is in."""
        if self.parent is None:
            return None
        # There is one for each parent, so it has its parent's path.
        if self.singleton:
            return Address(self.parent, address.path)
        above = address.path[:-1]
        return Address(REALM if len(above) == 1 else self.nested_in, above)

    @property
    def nested_in(self) -> str:
        """The kind of a parent other than the realm."""
        return next((kind for kind in self.paths.collections if kind != REALM), REALM)

    def expect(self, desired: Resource, observed: Observed) -> Spec:
        """The declared properties, with what the server or others may have in them besides."""
        expected = {
            name: self.properties[name].expected(value, observed.spec.get(name, ABSENT))
            for name, value in desired.spec.items()
            if name in self.properties
        }
        expected = dict(self.adjust(desired, observed, expected))
        # Keycloak changes these along with what is declared, so a plan has to show them.
        expected |= moved(self.name, expected, observed.spec)
        # Last, since `ignore` is stronger than anything that the table expects.
        for pointer in ignored(desired.spec):
            expected = self._as_observed(expected, observed.spec, pointer)
        return expected

    def _as_observed(self, expected: dict[str, Value], observed: Spec, pointer: Path) -> dict[str, Value]:
        name = pointer[0] if pointer else ""
        # What is not declared is not compared, and needs no exception.
        if name not in expected:
            return expected
        normal = self.properties[name].normal
        live = normal(observed.get(name, ABSENT))
        return {**expected, name: _grafted(normal(expected[name]), live, pointer[1:])}

    def creation_body(self, resource: Resource, *, everything: bool = False) -> Mapping[str, Value]:
        """The body that makes the object, with all that is declared and that a POST takes; an import takes it all."""
        body: dict[str, Value] = {self.key: resource.address.name}
        for name, value in resource.spec.items():
            if name not in self.properties or not (everything or self.in_creation(name)):
                continue
            # A mask from an export must never be written back as a secret.
            normal = without_masks(self.properties[name].normal(value))
            if normal is not ABSENT and not self._is_without(name, normal):
                body[name] = self._listed(name, normal)
        owner = options_of(resource.spec).get("owner")
        if owner and self.pruning.mark:
            body["attributes"] = {**as_map(body.get("attributes", {})), MARK: self.pruning.mark(owner)}
        return self.creation.complete({**self.creation.defaults, **self.put.implied(body), **body})

    def _is_without(self, name: str, normal: Value) -> bool:
        """Returns whether a property that older servers refuse has the value of a server without it."""
        return name in self.requirements.since and normal == self.properties[name].normal(ABSENT)

    def in_creation(self, name: str) -> bool:
        """Returns whether the POST of an object takes this property."""
        elsewhere = self.links.get(name) or self.parts.get(name)
        return elsewhere is None or elsewhere.in_creation

    def _listed(self, name: str, normal: Value) -> Value:
        if name not in self.parts or not isinstance(normal, Mapping):
            return self.properties[name].wired(without_absent(normal))
        return as_list(self.parts[name].key)(without_absent(normal))

    def needs_live(self, patch: Mapping[str, Value]) -> bool:
        """Returns whether a PUT of this patch needs other values of the live object."""
        return (
            self.put.replaces
            or bool(self.put.always)
            or any(self.properties[name].whole or name in self.put.carries for name in patch)
        )

    def update(self, patch: Mapping[str, Value], live: Representation) -> Mapping[str, Value]:
        """The body of the PUT that changes what ``patch`` says, and nothing else."""
        return {**self.put.kept(patch, live), **self.put.implied(patch)} | {
            name: self.properties[name].sent(value, live.get(name, ABSENT)) for name, value in patch.items()
        }


def options_of(spec: Spec) -> Mapping[str, Value]:
    """The value of ``x-reconcile``."""
    options = spec.get(OPTIONS)
    return options if isinstance(options, Mapping) else {}


def ignored(spec: Spec) -> Sequence[Path]:
    """The JSON pointers of ``x-reconcile.ignore``, as paths."""
    pointers = options_of(spec).get("ignore", ())
    assert isinstance(pointers, Sequence)
    return tuple(
        tuple(part.replace("~1", "/").replace("~0", "~") for part in str(pointer).split("/")[1:])
        for pointer in pointers
    )


def patched(part: Parts, patch: Mapping[str, Value], live: Representation) -> Mapping[str, Value]:
    """The body of the PUT that changes a part; it replaces, so all that is live goes along."""
    changed = {name: part.properties[name].sent(value, live.get(name, ABSENT)) for name, value in patch.items()}
    return {**live, **changed}


def _grafted(value: Value, live: Value, path: Path) -> Value:
    """The value with the live one at ``path``; there must be none where none is live."""
    if not path:
        return live
    if not isinstance(value, Mapping):
        return value
    inner = live.get(path[0], ABSENT) if isinstance(live, Mapping) else ABSENT
    return {**value, path[0]: _grafted(value.get(path[0], ABSENT), inner, path[1:])}
