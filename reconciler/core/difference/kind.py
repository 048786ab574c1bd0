"""The vocabulary of a provider's tables: a kind of resource, its fields, and what changing one costs."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from enum import IntEnum

from reconciler.core.difference.cause import Cause
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import Spec, Value
from reconciler.record import Struct, field


class Effect(IntEnum):
    """The cost of bringing a field to its desired value, from nothing to everything."""

    NOTE = 0  # worth saying, not worth doing
    START = 1  # it is not running; starting it disturbs nobody
    RUN = 2  # a job that has to run (again)
    LIVE = 3
    RECONNECT = 4
    RESTART = 5
    HANDOVER = 6  # replaced, and the old one serves until the new one is ready
    REPLACE = 7
    DATA_LOSS = 8
    FIXED = 9  # set for good when it is made; a new one would lose what belongs to the old one


def same(value: Value) -> Value:
    """The normalisation of a field that has one form only."""
    return value


class Field(Struct, frozen=True):
    """One row of a kind's table.

    ``effect`` may depend on the values (before, after) of the differing part. ``normalise`` brings either
    side to one form: a mapping is then compared key by key, anything else as a whole. ``unit`` is how a
    number is to be shown: "bytes" or "seconds". ``given_by`` is the name in the spec from which the field comes, where
    that is another one. ``otherwise`` is the cause of another expected value whose declaration is the same, and
    ``drift`` that of another live value where the expected one is as before.
    """

    effect: Effect | Callable[[Value, Value], Effect] = Effect.LIVE
    normalise: Callable[[Value], Value] = same
    equal: Callable[[Value, Value], bool] = operator.eq
    secret: bool = False
    unit: str = ""
    given_by: str = ""
    otherwise: Cause = Cause.DEFAULT
    drift: Cause = Cause.DRIFT

    def cost(self, before: Value, after: Value) -> Effect:
        return self.effect(before, after) if callable(self.effect) else self.effect


def never(_before: Value, _effect: Effect) -> bool:
    """The answer of outputs that no change makes worthless by its cost alone."""
    return False


class Output(Struct, frozen=True):
    """A value that a live resource offers to others.

    ``declared_by`` is the field that, when declared, already is this value; ``stale_on`` are the fields
    whose change makes the observed output worthless, and ``stale_when`` says so of any field, by its observed value
    and what the change costs. ``held`` says that an unknown value defers nobody: it differs for certain, and the
    user is treated in the same pass.
    """

    declared_by: str | None = None
    stale_on: frozenset[str] = frozenset()
    stale_when: Callable[[Value, Effect], bool] = never
    held: bool = False


def one_at_a_time(_desired: Resource, _observed: Observed) -> str:
    """The answer of kinds of which there can't be two, one beside the other."""
    return "there can't be two of it at a time"


def _nothing_is_forbidden(_desired: Resource, _observed: Observed) -> str:
    return ""


def as_declared(desired: Resource, _observed: Observed) -> Spec:
    """The expectation of kinds whose server adds nothing of its own to declared fields."""
    return desired.spec


class Kind(Struct, frozen=True):
    """A type of resource.

    ``parent`` is the kind whose address leads to this one's (the address without its last segments).
    ``late`` are fields whose value the server finds out by itself when it creates the resource, so that an
    unknown one does not defer a creation. ``verb`` is the word of the trade for creating or updating one,
    where there is a better one than these two. ``alone`` says why a new one can't be
    up beside the old one that it is to replace, and is empty where it can. ``is_up`` says of a live one that it has to
    be stopped before it is replaced. ``renewal`` is there where a new one can be
    made while the old one still serves, and says why a certain one can't be. ``singular`` are fields whose names end
    with an s and mean one thing. ``forbids`` says why a live one can't become what is declared, and is empty where it
    can.

    ``section`` is the name of the kind in `prune` of a stack file, "" where that can't name it. A ``prunable`` one is
    deleted once it is no longer declared, unless the files forbid it. With one that ``keeps_data`` data is lost. One
    that is ``left_in_use`` is not deleted while others use it. ``goes_down`` says that it ends with its project.
    A project without any of a ``needed`` one is rather a mistake.
    ``is_never_made`` says of a resource that it has to be there already: no apply creates a missing one.
    ``of_others`` is the advice for one that is declared as the project's and that somebody else has made.
    ``cause`` is that of a change of who refers to such a resource, if it gives another value.
    """

    name: str
    fields: Mapping[str, Field]
    outputs: Mapping[str, Output] = field(default_factory=dict)
    parent: str | None = None
    expect: Callable[[Resource, Observed], Spec] = as_declared
    late: frozenset[str] = frozenset()
    verb: Callable[[Resource], str] = lambda _desired: ""
    alone: Callable[[Resource, Observed], str] = one_at_a_time
    is_up: Callable[[Observed], bool] = lambda _observed: True
    renewal: Callable[[Resource, Observed], str] | None = None
    singular: frozenset[str] = frozenset()
    forbids: Callable[[Resource, Observed], str] = _nothing_is_forbidden
    section: str = ""
    prunable: bool = False
    keeps_data: bool = False
    left_in_use: bool = False
    goes_down: bool = False
    needed: bool = False
    is_never_made: Callable[[Resource], bool] = lambda _desired: False
    of_others: str = ""
    cause: Cause = Cause.DEPENDENCY

    @property
    def holds_data(self) -> bool:
        """Returns whether a change of such a resource can cost its data."""
        return any(field.effect is Effect.DATA_LOSS for field in self.fields.values())
