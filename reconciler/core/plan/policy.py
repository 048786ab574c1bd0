"""Rules on plans: they turn a plan into go, or into refusals that name the flag which allows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.compare import FieldChange
from reconciler.core.difference.kind import Effect, Kind
from reconciler.core.message.errors import Refusal
from reconciler.core.message.wording import in_use_by
from reconciler.core.plan.plan import Plan
from reconciler.core.plan.risk import Risk
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Unmade
from reconciler.core.resource.resource import Bystander, Observed
from reconciler.core.resource.values import ABSENT
from reconciler.record import Struct, field, replace

A_FEW: Final = 5

_PAST: Final[Mapping[Action, str]] = MappingProxyType({Action.DELETE: "deleted", Action.REPLACE: "replaced"})


class Policy(Struct, frozen=True):
    """The permissions that the command line and the files give.

    ``deletes`` allows deleting at all; losing data needs the resource in ``may_lose``, taking over what somebody else
    made needs it in ``may_adopt``, and a change that hurts others who use the resource needs it in ``may_disrupt``;
    a deletion of what is ``left_in_use`` is then left out instead. ``most_surplus`` is how many of one kind may go at
    once because the files want no others; None is a few, or a fifth of them. What is in ``protected`` is never deleted
    or replaced; :meth:`covering` adds what is inside of it. ``prune`` says for a kind whether what is no longer
    declared is deleted: "owned" or "off". Nothing is made that has one of the ``risks``. Losing the way to data
    that stays needs the resource in ``may_begin_empty``, and of a ``needed`` kind some are declared.
    """

    deletes: bool = False
    may_lose: frozenset[Address] = frozenset()
    may_adopt: frozenset[Address] = frozenset()
    may_disrupt: frozenset[Address] = frozenset()
    may_begin_empty: frozenset[Address] = frozenset()
    protected: frozenset[Address] = frozenset()
    prune: Mapping[str, str] = field(default_factory=dict)
    most_surplus: int | None = None
    keeps_data: frozenset[str] = frozenset()
    left_in_use: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()
    risks: tuple[Risk, ...] = ()

    @classmethod
    def of(cls, kinds: Iterable[Kind], *, prune: Mapping[str, str] = MappingProxyType({}), **allowed: Any) -> Policy:
        """Returns the rules that the tables of these kinds give; ``prune`` of the files goes before them."""
        tables = tuple(kinds)
        return cls(
            prune={**{kind.name: "owned" for kind in tables if kind.prunable}, **prune},
            keeps_data=frozenset(kind.name for kind in tables if kind.keeps_data),
            left_in_use=frozenset(kind.name for kind in tables if kind.left_in_use),
            needed=frozenset(kind.name for kind in tables if kind.needed),
            **allowed,
        )

    def covering(self, observed: Mapping[Address, Observed]) -> Policy:
        """Returns the policy that also protects what is in a protected resource, and would be deleted along with it."""
        inside = (observed[each].along.get((), ()) for each in self.protected if each in observed)
        return replace(self, protected=self.protected.union(*inside)) if self.protected else self

    def prunes(self, orphan: Observed) -> bool:
        """Returns whether a resource that is not declared is to be deleted."""
        is_owned = self.prune.get(orphan.address.kind, "off") == "owned" and orphan.owned
        return (is_owned or orphan.surplus) and orphan.address not in self.protected and not self.leaves(orphan)

    def leaves(self, live: Observed) -> bool:
        """Returns whether a resource that would be deleted stays, because others use it."""
        return live.address.kind in self.left_in_use and bool(self.disrupted(live))

    def disrupted(self, live: Observed) -> tuple[Bystander, ...]:
        """Lists resources outside the plan that a change would hurt for good, against the policy."""
        is_allowed = live.address in self.may_disrupt
        return tuple(each for each in live.bystanders if each.lasting and (each.holds or not is_allowed))


def refusals(plan: Plan, policy: Policy) -> tuple[Refusal, ...]:
    """Say what forbids this plan; empty means go. What is left alone is not judged."""
    judged = tuple(change for change in plan.changes if not change.left)
    return (
        *_floods(plan, policy),
        *(refusal for change in judged for refusal in (*_rules(change, policy), *_risks(change, policy))),
    )


def refusals_of_new(plan: Plan, unmade: Iterable[Unmade]) -> Iterator[Refusal]:
    """Lists mistakes in what a plan makes, which are none in what exists already."""
    made = {change.address for change in plan.changes if change.action is Action.CREATE and not change.left}
    for each in unmade:
        if each.address in made:
            remedy = f"correct it there, as {each.address} does not exist yet and will have only what is declared"
            yield Refusal(each.address, f"{each.origin}: {each.message}", remedy)


def refusals_of_emptied(plan: Plan, policy: Policy) -> Iterator[Refusal]:
    """Lists deletions that leave nothing of a kind that each project has: rather a part of the files is missing."""
    for kind in sorted(policy.needed):
        every = [change for change in plan.changes if change.address.kind == kind]
        gone = [change for change in every if change.intended is Action.DELETE and not change.left]
        if gone and len(gone) == len(every) and len(gone) > (policy.most_surplus or 0):
            option = ("--max-delete", str(len(gone)))
            remedy = f"see whether a part of the files is missing, or allow it with `{' '.join(option)}`"
            for change in gone:
                message = f"{change.address} would be deleted, and the files declare no {kind} at all"
                yield Refusal(change.address, message, remedy, option)


def refusals_of_left_data(plan: Plan, left: Mapping[Address, Sequence[str]], policy: Policy) -> Iterator[Refusal]:
    """Lists resources that would lose the way to data, which stays where it is and is easily taken for lost."""
    for change in plan.changes:
        if not change.left and change.address not in policy.may_begin_empty:
            for words in left.get(change.address, ()):
                yield _allowed_with("--allow-empty", change.address, f"{change.address} would get {words}")


def refusals_of_obstacles(plan: Plan) -> Iterator[Refusal]:
    """Lists the steps of a plan that are known to fail before the first one; what is left alone has none."""
    # Their failure comes in the middle of a run: what others did for the same change by then would stay half done.
    acting = {address for step in plan.steps for address in (step.address, *step.covers)}
    for each in plan.obstacles:
        if each.address in acting:
            yield _known_to_fail(each.address, f"{each.origin}: " if each.origin.file else "", each.message)


def as_applied(plan: Plan) -> Plan:
    """The plan with every refusal that ends an apply of it, also those for steps that are known to fail."""
    return replace(plan, refusals=(*plan.refusals, *refusals_of_obstacles(plan)))


def _known_to_fail(address: Address | None, place: str, why: str) -> Refusal:
    remedy = f"nothing is done while a step is known to fail; `apply --exclude {address}` leaves it out"
    return Refusal(address, f"{place}{address} {why}", remedy, ("--exclude", str(address)))


def _floods(plan: Plan, policy: Policy) -> Iterator[Refusal]:
    """So many deletions that rather the file is wrong than all of these objects."""
    for kind in dict.fromkeys(change.address.kind for change in plan.changes if _is_surplus(change)):
        live = [change for change in plan.changes if change.address.kind == kind and change.observed]
        gone = sum(map(_is_surplus, live))
        # A fifth of a handful is nobody, so a few are always allowed.
        most = max(A_FEW, len(live) // 5) if policy.most_surplus is None else policy.most_surplus
        if gone > most:
            message = f"{gone} of {len(live)} {kind} are not declared and would be deleted"
            remedy = f"see whether a part of the files is missing, or allow it with `--max-delete {gone}`"
            yield Refusal(None, message, remedy, ("--max-delete", str(gone)))


def _is_surplus(change: Change) -> bool:
    is_deleted = change.intended is Action.DELETE and not change.left
    return is_deleted and change.observed is not None and change.observed.surplus


def _rules(change: Change, policy: Policy) -> Iterator[Refusal]:
    """Also for what only a later pass does: it is refused before anything is done."""
    yield from _cascades(change, policy)
    address, action = change.address, change.intended
    if action in (Action.KEEP, Action.DEFERRED) and change.effect is not Effect.DATA_LOSS:
        return
    is_gone = change.effect is Effect.DATA_LOSS or action in (Action.DELETE, Action.REPLACE)
    if lost := _lost(change):
        yield Refusal(
            address,
            f"{address} is what reconcile works with, and a change of {lost} could lock it out",
            "take that out of the file, or work with another account",
        )
    if is_gone and address in policy.protected:
        yield Refusal(address, f"{address} is protected", "take it out of `protect` first")
    # The loss of data says more than the deletion, so there is one refusal for both, with the stronger option.
    elif _loses_data(change, policy) and address not in policy.may_lose:
        verb = _PAST.get(action, "replaced")
        stays = change.observed is not None and change.observed.data_stays
        what = "no longer lead to its data, which stays where it is" if stays else "its data lost"
        yield _allowed_with("--allow-delete", address, f"{address} would be {verb} and {what}")
    elif action is Action.DELETE and not policy.deletes and address not in policy.may_lose:
        yield Refusal(address, f"{address} would be deleted", "allow it with `--yes`", ("--yes",))
    # These come on top: each refusal names an option of its own, and a user wants to see all of them at once.
    if change.observed and not change.observed.owned and address not in policy.may_adopt:
        yield _foreign(change, change.observed)
    if change.observed and (disrupted := policy.disrupted(change.observed)):
        # The server refuses a deletion of anything that is held. Others would only be disrupted, which may be allowed.
        held = [each for each in disrupted if each.holds]
        message = f"{address} would be {_PAST.get(action, 'changed')}, but is {in_use_by(held or disrupted)}"
        if held:
            yield Refusal(address, message, "remove what uses it first")
        else:
            yield _allowed_with("--allow-disrupt", address, message)


def _foreign(change: Change, live: Observed) -> Refusal:
    """Taking over what somebody else made, which ends where it would be replaced."""
    address = change.address
    called = f" as {live.called}" if live.called else ""
    verb = "have it removed and made anew" if change.intended is Action.REPLACE else "take it over"
    return Refusal(
        address,
        f"{address} is already there{called}, but was not made by this project",
        f"remove or rename it, or {verb} with `--adopt {address}`",
        ("--adopt", str(address)),
    )


def _risks(change: Change, policy: Policy) -> Iterator[Refusal]:
    """Risks of what is made. One that a person has made is still started and repaired in place."""
    is_made = change.intended in (Action.CREATE, Action.REPLACE) or change.effect >= Effect.HANDOVER
    if policy.risks and is_made and change.desired is not None:
        for risk in policy.risks:
            if risk.is_of(change.address):
                yield Refusal(change.address, f"{risk.origin}: {risk.message}", risk.remedy)


def _allowed_with(option: str, address: Address, message: str) -> Refusal:
    return Refusal(address, message, f"allow it with `{option} {address}`", (option, str(address)))


def _cascades(change: Change, policy: Policy) -> Iterator[Refusal]:
    """Deletions that take along what is to stay."""
    if change.obstacle:
        place = f"{change.origin}: " if change.origin else ""
        # To leave out what would only go along with another one keeps nothing of it.
        if change.acts:
            yield _known_to_fail(change.address, place, change.obstacle)
        else:
            yield Refusal(change.address, f"{place}{change.address} {change.obstacle}", "declare it otherwise")
    for other in change.along:
        if other in policy.protected:
            message = f"{other} is protected, and would be deleted along with {change.address}"
            yield Refusal(change.address, message, "take it out of `protect` first, or keep what it is in")


def _lost(change: Change) -> str:
    """Names of the changes that take something away from the account in use."""
    vital = change.observed.vital if change.observed else frozenset()
    found = (field for field in change.fields if field.path[0] in vital and _takes_away(field))
    return ", ".join(".".join(field.path) for field in found)


def _takes_away(field: FieldChange) -> bool:
    """Returns whether less is left than before; a value that is no list can only be another one."""
    match field.before, field.after:
        case (tuple() as before, tuple() as after):
            return not set(before) <= set(after)
        case _:
            return field.before not in (ABSENT, ())


def _loses_data(change: Change, policy: Policy) -> bool:
    if change.intended is Action.DELETE:
        return change.address.kind in policy.keeps_data
    return change.effect is Effect.DATA_LOSS
