"""Rules on plans: they turn a plan into go, or into refusals that name the flag which allows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from reconciler.core.address import Address
from reconciler.core.change import Action, Change
from reconciler.core.errors import Refusal
from reconciler.core.kind import Effect
from reconciler.core.plan import Plan
from reconciler.core.resource import Observed

PRUNED: Final[Mapping[str, str]] = MappingProxyType({"docker.container": "owned", "docker.network": "owned"})
"""What is deleted when it is no longer declared, unless the files say otherwise: nothing that holds data."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the person at the command line, and the files, allow.

    ``deletes`` allows deleting at all; losing data needs the resource in ``may_lose``, and taking over what
    somebody else made needs it in ``may_adopt``. What is in ``protected`` is never deleted or replaced. ``prune``
    says for a kind whether what is no longer declared is deleted: "owned" or "off".
    """

    deletes: bool = False
    may_lose: frozenset[Address] = frozenset()
    may_adopt: frozenset[Address] = frozenset()
    protected: frozenset[Address] = frozenset()
    prune: Mapping[str, str] = field(default_factory=lambda: PRUNED)
    keeps_data: frozenset[str] = frozenset({"docker.volume", "keycloak.realm", "keycloak.user"})

    def prunes(self, orphan: Observed) -> bool:
        """Whether an owned resource that is no longer declared is to be deleted."""
        mode = self.prune.get(orphan.address.kind, "off")
        return mode == "owned" and orphan.owned and orphan.address not in self.protected


def refusals(plan: Plan, policy: Policy) -> tuple[Refusal, ...]:
    """Say what forbids this plan; empty means go."""
    return tuple(refusal for change in plan.changes for refusal in _rules(change, policy))


def _rules(change: Change, policy: Policy) -> Iterator[Refusal]:
    costs_data = change.effect is Effect.DATA_LOSS  # also of what a later pass does: said before anything is done
    if not change.acts and not costs_data:
        return
    address, is_gone = change.address, costs_data or change.action in (Action.DELETE, Action.REPLACE)
    if is_gone and address in policy.protected:
        yield Refusal(address, f"{address} is protected", "take it out of `protect` first")
    elif _loses_data(change, policy) and address not in policy.may_lose:
        verb = "deleted" if change.action is Action.DELETE else "replaced"
        yield Refusal(
            address, f"{address} would be {verb} and its data lost", f"allow it with `--allow-delete {address}`"
        )
    elif change.action is Action.DELETE and not policy.deletes and address not in policy.may_lose:
        yield Refusal(address, f"{address} would be deleted", "allow it with `--yes`")
    if change.observed and not change.observed.owned and address not in policy.may_adopt:
        yield Refusal(
            address,
            f"{address} is already there, but was not made by this project",
            f"remove or rename it, or take it over with `--adopt {address}`",
        )


def _loses_data(change: Change, policy: Policy) -> bool:
    if change.action is Action.DELETE:
        return change.address.kind in policy.keeps_data
    return change.effect is Effect.DATA_LOSS
