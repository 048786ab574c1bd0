"""One resource's difference between desired and observed, and the action that follows from it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import Enum
from typing import Final

from reconciler.core.difference.cause import Cause
from reconciler.core.difference.compare import FieldChange, compare
from reconciler.core.difference.kind import Effect, Kind
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Observed, Origin, Resource
from reconciler.core.resource.values import ABSENT, Path, Ref, Value, is_empty, seal
from reconciler.record import Struct, replace


class Action(Enum):
    """The action for a resource."""

    KEEP = "keep"
    CREATE = "create"
    START = "start"
    RUN = "run"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    DEFERRED = "deferred"


ACTION_OF = {
    Effect.NOTE: Action.KEEP,
    Effect.START: Action.START,
    Effect.RUN: Action.RUN,
    Effect.LIVE: Action.UPDATE,
    Effect.RECONNECT: Action.UPDATE,
    Effect.RESTART: Action.UPDATE,
    Effect.HANDOVER: Action.REPLACE,
    Effect.REPLACE: Action.REPLACE,
    Effect.DATA_LOSS: Action.REPLACE,
    Effect.FIXED: Action.UPDATE,
}


_FEW: Final = 3


class Change(Struct, frozen=True):
    """A resource's action and the fields that ask for it; ``reason`` is for the reader only.

    Its ``cause`` is that of its costliest fields. A deferred change ``waits_for`` outputs that are not known yet, or
    for resources that come first; its action then is ``later``, as far as that is known. ``verb`` is the
    word of the trade for it, where there is a better one than the action's. ``along`` is what the server deletes with
    it besides, and ``goes_with`` the resource with which it would go itself. ``obstacle`` says why it can't be done.
    One that ``is_missing`` is never made by an apply: its creation fails, and counts as none. ``of_others`` is the
    advice where the live resource was not made by this project, though it is declared as the project's. ``left`` says
    why it is left alone in this run; nothing is done about it then. One that is ``unread`` can't be read, for that
    reason, and nothing is known about it.
    """

    address: Address
    action: Action
    fields: tuple[FieldChange, ...] = ()
    reason: str = ""
    desired: Resource | None = None
    observed: Observed | None = None
    waits_for: tuple[Address | Ref, ...] = ()
    verb: str = ""
    along: tuple[Address, ...] = ()
    goes_with: Address | None = None
    obstacle: str = ""
    later: Action | None = None
    is_missing: bool = False
    of_others: str = ""
    cause: Cause = Cause.UNKNOWN
    left: str = ""
    unread: str = ""

    @property
    def effect(self) -> Effect:
        """The greatest effect of the fields that differ."""
        return max((field.effect for field in self.fields), default=Effect.NOTE)

    def place(self, field: FieldChange) -> Origin | None:
        """The place in the files of a field that differs; of what the file leaves out, that of the resource."""
        return self.desired.place(field.path) if self.desired else None

    @property
    def origin(self) -> Origin | None:
        """The place in the files that a reader has to see: that of the costliest field which stands there."""
        worst = (self.place(field) for field in self.fields if field.effect is self.effect)
        own = self.desired.origin if self.desired else None
        return next((place for place in worst if place != own), own)

    @property
    def adopts(self) -> bool:
        """Returns whether it takes over a live resource that is not the project's."""
        return bool(self.intended is not Action.KEEP and self.desired and self.observed and not self.observed.owned)

    @property
    def is_takeover(self) -> bool:
        """Returns whether all that is to be done is to take over a live resource that is nobody's."""
        is_as_declared = self.action is Action.KEEP and self.desired is not None
        return bool(is_as_declared and self.observed and self.observed.claimable and not self.observed.owned)

    @property
    def loses_data(self) -> bool:
        """Returns whether data goes with the live resource."""
        return self.effect is Effect.DATA_LOSS and not (self.observed and self.observed.data_stays)

    @property
    def intended(self) -> Action:
        """The action of this pass or, where it is deferred, that of the later one, as far as it is known."""
        return self.later or self.action

    @property
    def is_left(self) -> bool:
        """Returns whether there is something to do about it that this run leaves alone."""
        return bool(self.left) and self.action is not Action.KEEP

    @property
    def acts(self) -> bool:
        """Returns whether anything is done about it in this pass."""
        return self.action not in (Action.KEEP, Action.DEFERRED) and not self.left


def diff(kind: Kind, desired: Resource | None, observed: Observed | None) -> Change:
    """Compare one resource; at least one side is given."""
    if desired is None:
        assert observed is not None
        return Change(observed.address, Action.DELETE, reason="not declared", observed=observed)
    if observed is None:
        # All fields of a new resource are shown, but none of them decides: the creation itself is the change.
        declared = tuple(replace(field, effect=Effect.NOTE) for field in compare(kind, desired.spec, {}))
        change = Change(desired.address, Action.CREATE, declared, "does not exist", desired, verb=kind.verb(desired))
        return replace(change, is_missing=kind.is_never_made(desired))
    fields = tuple(compare(kind, kind.expect(desired, observed), observed.spec))
    # The old one may serve until the new one is ready, unless something forbids that both run at the same time.
    if any(field.effect is Effect.REPLACE for field in fields) and not kind.alone(desired, observed):
        fields = tuple(_handed_over(field) for field in fields)
    change = Change(desired.address, Action.KEEP, fields, desired=desired, observed=observed)
    action = ACTION_OF[change.effect]
    verb = kind.verb(desired) if action is Action.UPDATE else ""
    reason = reason_of(change, kind.singular)
    # An external one is somebody else's, and declared to be.
    is_foreign = not observed.owned and not kind.is_never_made(desired)
    return replace(
        change,
        action=action,
        reason=reason,
        verb=verb,
        obstacle=_obstacle(fields) or (observed.obstacle or kind.forbids(desired, observed) if fields else ""),
        of_others=kind.of_others if is_foreign else "",
    )


def stopped_first(change: Change, kind: Kind) -> str:
    """The reason for stopping the old one before a new one starts; empty where that is not what is done."""
    if change.desired is None or change.observed is None or change.effect is not Effect.REPLACE:
        return ""
    return kind.alone(change.desired, change.observed) if kind.is_up(change.observed) else ""


def declared_fields(change: Change, kind: Kind) -> tuple[FieldChange, ...]:
    """The fields of a change for a reader, in the order of the kind's table.

    Of what does not exist yet these are also the declared ones that a server would give by itself: such a one asks
    for nothing, but who declares that a user is not enabled wants to read it.
    """
    if change.observed is not None or change.desired is None:
        return change.fields
    found: dict[str, list[FieldChange]] = {name: [] for name in kind.fields}
    for field in change.fields:
        found[field.path[0]].append(field)
    for name, differing in found.items():
        if name in change.desired.spec:
            differing.extend(tuple(_usual(name, differing, change.desired, secret=kind.fields[name].secret)))
    return tuple(field for differing in found.values() for field in differing)


def _usual(name: str, differing: Sequence[FieldChange], desired: Resource, *, secret: bool) -> Iterator[FieldChange]:
    """A declared field that asks for nothing, or its parts that do; a normal form leaves empty ones out."""
    value = desired.spec[name]
    declared: Mapping[Path, Value] = {(name,): seal(value) if secret else value}
    if differing and isinstance(value, Mapping):
        declared = {(name, key): part for key, part in value.items() if is_empty(part)}
    elif differing:
        return
    known = {path for field in differing for path in _reached(field)}
    for path, part in declared.items():
        if path not in known and desired.declares(path):
            yield FieldChange(path, ABSENT, part, Effect.NOTE)


def _reached(field: FieldChange) -> Iterator[Path]:
    """The path of a field's part, or the paths of its parts."""
    yield field.path[:2]
    if len(field.path) == 1 and isinstance(field.after, Mapping):
        yield from ((*field.path, key) for key in field.after)


def _obstacle(fields: Sequence[FieldChange]) -> str:
    """Explains why fields that are fixed once made can't be changed."""
    names = [".".join(field.path) for field in fields if field.effect is Effect.FIXED]
    if not names:
        return ""
    return f"can't get another {', '.join(names)}: it is set for good when it is made; give the new one another name"


def _handed_over(field: FieldChange) -> FieldChange:
    return replace(field, effect=Effect.HANDOVER) if field.effect is Effect.REPLACE else field


def reason_of(change: Change, singular: Collection[str] = ()) -> str:
    """A few words on why: the fields with the greatest effect."""
    worst = [field for field in change.fields if field.effect is change.effect]
    if change.effect is Effect.NOTE or not worst:
        return ""
    names = list(dict.fromkeys(field.path[0] for field in worst))
    return differ(names, singular)


def differences(change: Change) -> str:
    """All fields that differ, in a few words; those with the greatest effect come first."""
    fields = sorted((each for each in change.fields if each.effect is not Effect.NOTE), key=lambda each: -each.effect)
    names = list(dict.fromkeys(each.path[0] for each in fields))
    return differ(names) if len(names) > 1 else change.reason


def differ(names: Sequence[str], singular: Collection[str] = ()) -> str:
    """Says in words that fields of these names differ; ``singular`` ones end with an s and mean one thing."""
    listed = ", ".join(names[:_FEW]) + (f" and {len(names) - _FEW} more" if len(names) > _FEW else "")
    is_one = len(names) == 1 and (not names[0].endswith("s") or names[0] in singular)
    return f"{listed} {'differs' if is_one else 'differ'}"
