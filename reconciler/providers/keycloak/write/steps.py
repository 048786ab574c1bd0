"""Changes into steps, one HTTP request each; pure.

Which request: the object's own POST, PUT or DELETE; for a set of other objects the endpoint of that set; for a
mapper its own endpoint rather than a PUT of the whole client, as that disturbs nothing beside it.
Steps name objects by address, and perform.py finds the ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from reconciler.core.difference.change import Action, Change, diff
from reconciler.core.difference.compare import FieldChange
from reconciler.core.plan.plan import Step
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Resource
from reconciler.core.resource.values import ABSENT, Path, Value
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.kind import Links, RestKind
from reconciler.providers.keycloak.table.masked import masked_values, named
from reconciler.providers.keycloak.table.properties import as_map, without_absent
from reconciler.providers.keycloak.table.required_release import needed
from reconciler.record import Struct, replace
from reconciler.vocabulary.keycloak import REALM

CREATE: Final = "create"
UPDATE: Final = "update"
DELETE: Final = "delete"
ADD: Final = "add"
REMOVE: Final = "remove"
CREATE_PART: Final = "create part"
UPDATE_PART: Final = "update part"
DELETE_PART: Final = "delete part"
IMPORT: Final = "import"
REQUIRE: Final = "require"
SET_ASIDE: Final = "set aside"
NOTE: Final = "note"
FEWEST: Final = 20
"""From how many on objects are imported rather than made one by one."""
BATCH: Final = 100
"""What an import takes per object grows with their number (26.7: 4 ms at 50, 55 ms at 1,000)."""


def steps(changes: Sequence[Change]) -> Sequence[Step]:
    """The steps of all changes; those of one change are linked, the planner links changes with each other."""
    missing = {change.address: change.desired for change in changes if change.action is Action.CREATE}
    bodies = {realm: _Whole.of(realm, changes) for realm in missing if realm.kind == REALM}
    brought = frozenset(address for whole in bodies.values() for address in whole.brings)
    # Objects that come with a new realm or parent are not created: the next pass compares what the server made.
    creating = frozenset(
        address for address in missing if address not in brought and not _comes_by_itself(address, missing)
    )
    batches = list(_batches([change for change in changes if change.address in creating]))
    batched = {address: step.id for step in batches for address in step.covers}
    single = [step for change in changes if change.address not in batched for step in _steps(change, creating)]
    single = [bodies[step.address].put_in(step) if step.address in bodies else step for step in single]
    # Whatever waited for the creation of a batched object waits for its batch.
    found = _behind_others([*batches, *(_renamed(step, batched) for step in single)])
    # One step asks for all requirements of a realm, so that a server without one of them is left untouched.
    first = {step.address.path[0]: step for step in _required(changes)}
    return [*first.values(), *(_behind(first.get(step.address.path[0]), step) for step in found)]


def _required(changes: Sequence[Change]) -> Iterator[Step]:
    """One step for each realm that asks whether the server can hold it all, before anything is touched."""
    realms: dict[str, list[Value]] = {}
    for change in changes:
        kind = KINDS[change.address.kind]
        for need in needed(kind.requirements.since, kind.requirements.checks, change):
            said = {
                "address": str(change.address),
                "name": need.name,
                "asked": need.asked,
                "at": str(need.origin or ""),
            }
            realms.setdefault(change.address.path[0], []).append(said)
    for realm, needs in realms.items():
        yield _step(Address(REALM, (realm,)), REQUIRE, why="not every server has it", needs=needs)


def _behind_others(found: Sequence[Step]) -> Sequence[Step]:
    """The steps, each behind those that make or change the objects which its type has to come after."""
    writing: dict[tuple[str, str], set[str]] = {}
    for step in found:
        if step.verb not in _TAKING:
            writing.setdefault((step.address.kind, step.address.path[0]), set()).add(step.id)
    return [step if step.verb in _TAKING else _behind_writing(step, writing) for step in found]


def _behind_writing(step: Step, writing: Mapping[tuple[str, str], set[str]]) -> Step:
    kinds = KINDS[step.address.kind].dependencies.behind
    first = frozenset[str]().union(*(writing.get((kind, step.address.path[0]), ()) for kind in kinds))
    return replace(step, behind=step.behind | first) if first else step


_TAKING: Final = frozenset({DELETE, REMOVE, DELETE_PART})
"""The verbs that take something away: a step that does so waits for whoever lets go."""


def _behind(first: Step | None, step: Step) -> Step:
    return replace(step, after=step.after | {first.id}) if first else step


class _Whole(Struct, frozen=True):
    """The objects made together with a new realm, and the realm's body about them."""

    brings: frozenset[Address]
    body: Mapping[str, Value]

    @classmethod
    def of(cls, realm: Address, changes: Sequence[Change]) -> _Whole:
        brings: set[Address] = set()
        body: dict[str, Value] = {}
        for kind in KINDS.values():
            if kind.creation.with_realm:
                own = [each.desired for each in changes if each.desired and each.address.kind == kind.name]
                along, more = kind.creation.with_realm([each for each in own if kind.parent_of(each.address) == realm])
                brings |= {each.address for each in along}
                body |= more
        return cls(frozenset(brings), body)

    def put_in(self, step: Step) -> Step:
        """The realm's creation, with all that comes with it."""
        body = as_map(step.args["body"]) if step.verb == CREATE else {}
        return replace(step, args={**step.args, "body": {**body, **self.body}}) if body else step


def _batches(creations: Sequence[Change]) -> Iterator[Step]:
    """Imports of many objects each, by realm, where a type has them and there are enough to make it worth it."""
    groups: dict[tuple[str, str], list[Change]] = {}
    for change in creations:
        kind = KINDS[change.address.kind]
        if kind.creation.imported and not kind.builtins.arises(change.address.path):
            groups.setdefault((kind.name, change.address.path[0]), []).append(change)
    for (name, realm), found in groups.items():
        for start in range(0, len(found) if len(found) >= FEWEST else 0, BATCH):
            yield _import(KINDS[name], realm, found[start : start + BATCH])


def _import(kind: RestKind, realm: str, creations: Sequence[Change]) -> Step:
    resources = [change.desired for change in creations if change.desired]
    bodies = tuple(
        kind.creation.imported(realm, kind.creation_body(each, everything=True))
        for each in resources
        if kind.creation.imported
    )
    covers = tuple(change.address for change in creations)
    why = f"{len(covers)} do not exist"
    return replace(_step(covers[0], IMPORT, why=why, bodies=bodies), covers=covers)


def _renamed(step: Step, batched: Mapping[Address, str]) -> Step:
    """The step after the imports of what it would have waited for."""
    names = {f"{address}:{CREATE}": step_id for address, step_id in batched.items()} if step.after else {}
    return replace(step, after=frozenset(names.get(each, each) for each in step.after))


def _comes_by_itself(address: Address, missing: Mapping[Address, Resource | None]) -> bool:
    """Returns whether the server makes it with its realm or parent; the next pass sees it and compares."""
    kind = KINDS[address.kind]
    parent = kind.parent_of(address)
    if parent is None:
        return False
    is_new = not missing.keys().isdisjoint({Address(REALM, address.path[:1]), parent})
    above = missing.get(parent)
    is_inside = kind.builtins.comes_inside and parent.kind == kind.name and parent in missing
    is_brought = (
        is_new
        and kind.builtins.is_builtin(address.path)
        and kind.builtins.comes_with(address.path, above.spec if above else {})
    )
    if is_inside or is_brought:
        return True
    return kind.singleton and _comes_by_itself(parent, missing)


def _steps(change: Change, creating: frozenset[Address]) -> Iterable[Step]:
    found = tuple(_written(change, creating))
    return (*found, *_noted(change, found))


def _noted(change: Change, written: Sequence[Step]) -> Iterator[Step]:
    """The step that keeps digests of the secrets which the server masks, once they are written."""
    kind, desired = KINDS[change.address.kind], change.desired
    if not written or desired is None:
        return
    values = masked_values(kind, desired.spec)
    is_new = change.action in (Action.CREATE, Action.REPLACE)
    if values and (is_new or any(field.path == path[: len(field.path)] for field in change.fields for path in values)):
        step = _step(change.address, NOTE, why="Keycloak does not show its secrets", values=named(values))
        yield replace(step, after=frozenset(each.id for each in written))


def _written(change: Change, creating: frozenset[Address]) -> Iterable[Step]:
    kind = KINDS[change.address.kind]
    match change.action:
        case Action.CREATE if change.address not in creating:
            return _decided(kind, change)
        case Action.CREATE:
            made = tuple(_creation(kind, change))
            later = (replace(step, after=frozenset({made[0].id})) for step in _decided(kind, change))
            return _after_creations((*made, *later), creating)
        case Action.UPDATE:
            return _after_creations(_update(kind, change), creating)
        case Action.REPLACE:
            return _after_creations(_renewed(kind, change), creating)
        case Action.DELETE:
            return (_step(change.address, DELETE, why=change.reason),)
        case _:
            return ()


def _step(address: Address, verb: str, *names: str, why: str, **args: Value) -> Step:
    return Step(":".join((str(address), verb, *names)), address, verb, args, why)


def _after_creations(found: Iterable[Step], creating: frozenset[Address]) -> Iterator[Step]:
    """Each step after the creation of what it names: composites may go round in circles, these steps don't."""
    for step in found:
        targets = texts(step.args.get("targets", ()))
        waits = {f"{target}:{CREATE}" for target in targets if Address.parse(target) in creating}
        yield replace(step, after=step.after | waits)


def texts(value: Value) -> tuple[str, ...]:
    """The addresses that a step has as texts."""
    assert isinstance(value, Sequence)
    return tuple(map(str, value))


def linked(step: Step) -> Mapping[str, Value]:
    """The objects that a step adds, as a body of the object that gets them would name them."""
    return {str(step.args["field"]): tuple(Address.parse(each).name for each in texts(step.args["targets"]))}


# ------------------------------------------------------------------ create


def _creation(kind: RestKind, change: Change) -> Iterator[Step]:
    resource = change.desired
    assert resource is not None
    first: tuple[Step, ...] = ()
    if kind.is_setting:
        first = tuple(_put(kind, change, _by_name(change)))
        yield from first
    elif not kind.builtins.arises(change.address.path):
        named = tuple(_named_in_body(kind, resource))
        first = (_step(change.address, CREATE, why=change.reason, body=kind.creation_body(resource), targets=named),)
        yield from first
    before = frozenset(step.id for step in first)
    outside = {name: found for name, found in _by_name(change).items() if not kind.in_creation(name)}
    yield from (replace(step, after=step.after | before) for step in _parts(kind, change.address, outside))
    for name, links in kind.links.items():
        # The POST has taken these links already, if there was one.
        if name in resource.spec and not (first and links.in_creation):
            value = kind.properties[name].normal(resource.spec[name])
            added = tuple(links.targets(change.address.path[0], value))
            for step in _linked(change.address, name, links, ADD, added):
                yield replace(step, after=before)


def _decided(kind: RestKind, change: Change) -> Iterator[Step]:
    """The step that writes all of a new object, where the server gives something to later ones because of it."""
    if change.desired and kind.creation.decides(change.desired.spec):
        yield from _put(kind, change, _by_name(change))


def _renewed(kind: RestKind, change: Change) -> Iterator[Step]:
    """The old object gets another name; the new one has what is declared, and else what the old one has."""
    desired, observed = change.desired, change.observed
    assert desired is not None
    assert observed is not None
    assert kind.replacement is not None
    whole = kind.replacement.successor(desired, observed)
    aside = _step(change.address, SET_ASIDE, why=change.reason, id=observed.id)
    yield aside
    for step in _creation(kind, replace(diff(kind.kind, whole, None), reason=change.reason)):
        yield replace(step, after=step.after | {aside.id})


def _named_in_body(kind: RestKind, resource: Resource) -> Iterator[str]:
    """The names in the body; the server silently drops unknown scopes, and answers 500 to unknown groups."""
    for name, links in kind.links.items():
        if links.in_creation and name in resource.spec:
            value = kind.properties[name].normal(resource.spec[name])
            yield from map(str, links.targets(resource.address.path[0], value))


# ------------------------------------------------------------------ update


def _update(kind: RestKind, change: Change) -> Iterator[Step]:
    by_name = _by_name(change)
    # The object's own PUT comes first: its parts and links may depend on a property of it.
    first = tuple(_put(kind, change, by_name))
    yield from first
    before = frozenset(step.id for step in first)
    rest = [*_parts(kind, change.address, by_name), *_all_links(kind, change.address, by_name)]
    yield from (replace(step, after=step.after | before) for step in rest)


def _by_name(change: Change) -> Mapping[str, Sequence[FieldChange]]:
    """The differences, by the property they are in."""
    by_name: dict[str, list[FieldChange]] = {}
    for difference in change.fields:
        by_name.setdefault(difference.path[0], []).append(difference)
    return by_name


def _put(kind: RestKind, change: Change, by_name: Mapping[str, Sequence[FieldChange]]) -> Iterator[Step]:
    elsewhere = {*kind.links, *kind.parts}
    own = [each for name, found in by_name.items() if name not in elsewhere for each in found]
    if own:
        yield _step(change.address, UPDATE, why=_why(own), patch=patch_of(own))


def patch_of(differences: Iterable[FieldChange], depth: int = 0) -> Mapping[str, Value]:
    """The differences as one nested map, without the first ``depth`` names of their paths; ABSENT removes."""
    patch: dict[str, Value] = {}
    for difference in differences:
        name, *below = difference.path[depth:]
        if below:
            inner = patch.setdefault(name, {})
            assert isinstance(inner, dict)
            _put_at(inner, below, difference.after)
        else:
            patch[name] = difference.after
    return patch


def _put_at(patch: dict[str, Value], path: Sequence[str], value: Value) -> None:
    *above, name = path
    for key in above:
        inner = patch.setdefault(key, {})
        assert isinstance(inner, dict)
        patch = inner
    patch[name] = value


def _why(differences: Iterable[FieldChange]) -> str:
    return ", ".join(".".join(difference.path) for difference in differences)


# ------------------------------------------------------------------ parts


def _parts(kind: RestKind, address: Address, by_name: Mapping[str, Sequence[FieldChange]]) -> Iterator[Step]:
    for name in kind.parts:
        parts: dict[str, list[FieldChange]] = {}
        for difference in by_name.get(name, ()):
            parts.setdefault(difference.path[1], []).append(difference)
        for part, differences in parts.items():
            yield _part(address, name, part, differences)


def _part(address: Address, name: str, part: str, differences: Sequence[FieldChange]) -> Step:
    whole = differences[0] if len(differences[0].path) == 2 else None
    why = _why(differences)
    if whole is None:
        patch = patch_of(differences, depth=2)
        return _step(address, UPDATE_PART, name, part, why=why, field=name, part=part, patch=patch)
    if whole.after is ABSENT:
        return _step(address, DELETE_PART, name, part, why=why, field=name, part=part)
    return _step(address, CREATE_PART, name, part, why=why, field=name, part=part, body=without_absent(whole.after))


# ------------------------------------------------------------------ links


def _all_links(kind: RestKind, address: Address, by_name: Mapping[str, Sequence[FieldChange]]) -> Iterator[Step]:
    """First what goes: a client scope must leave one list before it may enter the other."""
    gone: dict[str, Step] = {}
    for name, links in kind.links.items():
        removed = tuple(_targets(links, address, by_name.get(name, ()), old=True))
        for step in _linked(address, name, links, REMOVE, removed):
            gone |= dict.fromkeys(texts(step.args["targets"]), step)
            yield step
    for name, links in kind.links.items():
        added = tuple(_targets(links, address, by_name.get(name, ()), old=False))
        for step in _linked(address, name, links, ADD, added):
            yield replace(step, after=frozenset(gone[t].id for t in texts(step.args["targets"]) if t in gone))


def _targets(links: Links, address: Address, differences: Iterable[FieldChange], *, old: bool) -> Iterator[Address]:
    """The targets that only the old value names, or only the new one."""
    for difference in differences:
        before, after = (
            tuple(links.targets(address.path[0], value, difference.path[1:]))
            for value in (difference.before, difference.after)
        )
        here, there = (before, after) if old else (after, before)
        yield from (target for target in here if target not in there)


def _linked(address: Address, name: str, links: Links, verb: str, targets: Sequence[Address]) -> Iterator[Step]:
    """One step for each target, or for each group of targets that one request may name."""
    batches: dict[Path, list[Address]] = {}
    for target in targets:
        batches.setdefault(_batch(links, target), []).append(target)
    for key, batch in batches.items():
        why = f"{name} {'+' if verb == ADD else '-'} {', '.join(target.name for target in batch)}"
        yield _step(address, verb, name, *key, why=why, field=name, targets=tuple(map(str, batch)))


def _batch(links: Links, target: Address) -> Path:
    if links.one_by_one:
        return target.path[1:]
    return target.path[1:-1] if "{client}" in links.path else ()
