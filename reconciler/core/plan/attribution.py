"""Causes of the changes of a plan, told from the memory of what was last applied; and what is put into that memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.core.difference.cause import Applied, Cause, Digest, Digests, Memory, digests
from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.compare import FieldChange, sides
from reconciler.core.difference.kind import Effect, Field, Kind
from reconciler.core.plan.plan import Plan
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Resource
from reconciler.core.resource.values import ABSENT, UNKNOWN, Path, Ref, Value, refs
from reconciler.record import Struct, replace

_FIRST: Final = (
    *(Cause.DECLARED, Cause.DEPENDENCY, Cause.IMAGE, Cause.DRIFT, Cause.INTERRUPTED, Cause.DEFAULT),
    Cause.UNKNOWN,
)
"""The cause of a change is the first of these that one of its costliest fields has."""


def attributed(
    plan: Plan, desired: Mapping[Address, Resource], kinds: Mapping[str, Kind], memory: Memory
) -> tuple[Change, ...]:
    """The changes of a plan with their causes. ``desired`` has the declarations with references in them."""
    asked = [change.address for change in plan.changes if change.fields or change.action is not Action.KEEP]
    # A quiet pass asks nothing of the history.
    if not asked:
        return plan.changes
    applied = memory.applied(asked)
    declarations = (_Declaration(change, desired.get(change.address), kinds) for change in plan.changes)
    return tuple(_attributed(each, applied.get(each.change.address), memory) for each in declarations)


def remembered(change: Change, resource: Resource, kind: Kind, digest: Digest) -> Applied:
    """The digests of a live resource that is as declared; ``resource`` is its declaration with references in it."""
    assert change.desired
    assert change.observed
    wanted, seen = dict[str, Digests](), dict[str, Digests]()
    expected = kind.expect(change.desired, change.observed)
    for name, row in kind.fields.items():
        if name in expected:
            before, after = sides(row, change.observed.spec.get(name, ABSENT), expected[name])
            wanted[name] = digests(after, digest)
            # Equal by the comparison and other in text: kept, so that the server's own form is not taken for drift
            # later.
            if before != after:
                seen[name] = digests(before, digest)
    # Several fields may come from one attribute of the file, which is remembered once under its own name.
    names = dict.fromkeys(row.given_by or name for name, row in kind.fields.items())
    declared = {name: digests(resource.spec[name], digest) for name in names if name in resource.spec}
    return Applied(wanted, seen, declared, change.observed.id)


class _Declaration(Struct, frozen=True):
    """The declaration of a resource, with the table that says where its fields come from."""

    change: Change
    resource: Resource | None
    kinds: Mapping[str, Kind]

    def row(self, field: FieldChange) -> Field:
        return self.kinds[self.change.address.kind].fields[field.path[0]]

    def of(self, field: FieldChange) -> Value:
        """The declared value from which the field comes, as deep as the declaration has it."""
        name, *rest = field.path
        value = self.resource.spec.get(self.row(field).given_by or name, ABSENT) if self.resource else ABSENT
        # A field that comes from another attribute has no path of its own in the file.
        for key in () if self.row(field).given_by else rest:
            if isinstance(value, Mapping):
                value = value.get(key, ABSENT)
        return value

    def cause_of_reference(self, reference: Ref) -> Cause:
        return self.kinds[reference.address.kind].cause


def _attributed(declaration: _Declaration, applied: Applied | None, memory: Memory) -> Change:
    change = declaration.change
    # It was made or removed as a whole, so its fields have no causes of their own.
    if change.observed is None or change.desired is None:
        cause = _of_existence(change, applied, memory)
        return replace(change, cause=cause, fields=tuple(replace(field, cause=cause) for field in change.fields))
    if applied is None:
        return change
    fields = tuple(replace(each, cause=_of_field(each, declaration, applied, memory.digest)) for each in change.fields)
    # Only the fields that decide about the action tell why it is taken.
    worst = [each.cause for each in fields if each.effect is change.effect is not Effect.NOTE]
    return replace(change, fields=fields, cause=next((cause for cause in _FIRST if cause in worst), Cause.UNKNOWN))


def _of_existence(change: Change, applied: Applied | None, memory: Memory) -> Cause:
    """The cause of a creation or deletion: was it there, as far as is known?"""
    if change.intended is Action.KEEP or change.unread:
        return Cause.UNKNOWN
    if change.desired is None:
        # With a memory of this provider a foreign resource is news: somebody has made it.
        is_foreign = bool(change.observed and not change.observed.owned)
        unheard_of = Cause.DRIFT if is_foreign and memory.knows(change.address.provider) else Cause.UNKNOWN
        return Cause.DECLARED if applied else unheard_of
    return Cause.DRIFT if applied else Cause.DECLARED if memory.knows(change.address.provider) else Cause.UNKNOWN


def _of_field(field: FieldChange, declaration: _Declaration, applied: Applied, digest: Digest) -> Cause:
    row = declaration.row(field)
    if field.after is not UNKNOWN and _is_asked_as_before(field, applied, digest):
        # Expected as before and live as before: no memory explains such a difference.
        is_as_left = _reached({**applied.wanted, **applied.seen}, field.path) == digests(field.before, digest)
        return Cause.UNKNOWN if is_as_left else row.drift
    now = declaration.of(field)
    path = (row.given_by,) if row.given_by else field.path
    # A declaration may be a list where the field is a mapping: then it is compared as far as it leads.
    was = _reached(applied.declared, path, as_far_as_it_leads=True)
    if was != digests(now, digest):
        return Cause.DECLARED
    # The same words with another value: a reference in them leads to a resource that changed.
    referred = [declaration.cause_of_reference(reference) for reference in refs(now)]
    return next((cause for cause in _FIRST if cause in referred), row.otherwise)


def _is_asked_as_before(field: FieldChange, applied: Applied, digest: Digest) -> bool:
    """Returns whether the last apply wanted the same value.

    It may have wanted more: of a part that nobody declares, whatever was live, such as the address of an endpoint. That
    is gone with the whole.
    """
    wanted, now = _reached(applied.wanted, field.path), digests(field.after, digest)
    if isinstance(wanted, str) or isinstance(now, str) or field.before is not ABSENT:
        return wanted == now
    declared = _reached(applied.declared, field.path, as_far_as_it_leads=True)
    undeclared = wanted.keys() - now.keys() - (set() if isinstance(declared, str) else declared.keys())
    return {key: part for key, part in wanted.items() if key not in undeclared} == now


def _reached(tree: Digests, path: Path, *, as_far_as_it_leads: bool = False) -> Digests:
    """The digests at a path; "" where there is nothing."""
    for key in path:
        if isinstance(tree, str):
            return tree if as_far_as_it_leads else ""
        tree = tree.get(key, "")
    return tree
