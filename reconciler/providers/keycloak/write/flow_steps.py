"""The order in which flows give way: a login works at every moment, and nothing goes before its successor is in use.

Keycloak deletes a flow along with the execution that stands for it, or with the flow around it (26.7). What is left
of the realm then can't be read, nor can anybody log in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from reconciler.core.difference.change import Action, Change
from reconciler.core.plan.plan import Step
from reconciler.core.resource.address import Address
from reconciler.providers.keycloak.kinds.flow import old_name
from reconciler.providers.keycloak.write.steps import DELETE, DELETE_PART
from reconciler.record import replace
from reconciler.vocabulary.keycloak import CLIENT, FLOW, FLOW_BINDINGS, IDENTITY_PROVIDER

_BOUND: Final = frozenset({FLOW, FLOW_BINDINGS, CLIENT, IDENTITY_PROVIDER})
"""The kinds that are made of flows, or bind them."""


def old_flows_last(changes: Sequence[Change], steps: Sequence[Step]) -> Sequence[Step]:
    """Returns the steps with every removal of flows and executions after all that makes or binds flows of its realm."""
    observed = {change.address: change for change in changes if change.address.kind == FLOW}
    names = {address: _old_name(change) for address, change in observed.items() if change.action is Action.REPLACE}
    first: dict[str, set[str]] = {}
    for step in steps:
        # Steps that make or bind flows: until they are done, the old flow is the login of everybody.
        if step.address.kind in _BOUND and not _removes(step):
            first.setdefault(step.address.path[0], set()).add(step.id)
    return [
        _trailing(_under_old_name(step, observed[step.address], names), first.get(step.address.path[0], set()))
        if _removes(step)
        else step
        for step in steps
    ]


def _removes(step: Step) -> bool:
    return step.address.kind == FLOW and step.verb in (DELETE, DELETE_PART)


def _trailing(step: Step, first: set[str]) -> Step:
    return replace(step, after=step.after | first, trailing=True)


def _old_name(change: Change) -> str:
    assert change.observed is not None
    return old_name(change.address.name, change.observed.id)


def _under_old_name(step: Step, change: Change, names: Mapping[Address, str]) -> Step:
    """The removal of an execution whose flow has got another name, as its successor has the old one."""
    if step.verb != DELETE_PART or change.observed is None:
        return step
    part = str(step.args["part"])
    for subflow in change.observed.along.get((str(step.args["field"]), part), ()):
        # Executions are named by their subflows, which have other names by then.
        if subflow in names and part.partition(" #")[0] == subflow.name.partition(" #")[0]:
            return replace(step, args={**step.args, "part": names[subflow] + part[len(subflow.name) :]})
    return step
