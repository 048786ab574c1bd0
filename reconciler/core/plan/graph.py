"""The graph of needs: edges from references, parents and declared dependencies; nobody writes an order of kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from reconciler.core.difference.kind import Kind
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import Problem
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Origin, Resource
from reconciler.core.resource.values import refs

Needs: TypeAlias = Mapping[Address, Mapping[Address, str]]
"""For each resource what must come first, and which milestone of it is enough ("" means all of it)."""


def is_within(address: Address, ancestor: Address, kinds: Mapping[str, Kind]) -> bool:
    """Returns whether a resource is a part of another: a client of a realm, a subgroup, the flows that a realm uses."""
    if address == ancestor or address.path[: len(ancestor.path)] != ancestor.path:
        return False
    # A path alone proves nothing: a client and a group of a realm may have the same name.
    kind: str | None = address.kind
    while kind is not None:
        if kind == ancestor.kind:
            return True
        kind = kinds[kind].parent if kind in kinds else None
    return False


def needs_of(resources: Mapping[Address, Resource], kinds: Mapping[str, Kind]) -> Needs:
    """The edges among the desired resources.

    Whoever needs a resource of another provider also needs its parts: a container that waits for a realm waits for
    the realm's clients. Within a provider a need means what it names: a list of default scopes names a scope, and
    not the roles that are mapped to it. Raises ConfigError where a need names nothing that is declared.
    """
    problems: list[Problem] = []
    parts = {address: _parts(address, resources, kinds) for address in _needed_from_outside(resources)}
    result: dict[Address, dict[Address, str]] = {}
    for address, resource in resources.items():
        wanted = result[address] = {}
        for need, milestone in _direct(resource).items():
            if need in resources:
                wanted[need] = milestone
            # A need of a provider without files in this run can't be judged here.
            elif any(kind.partition(".")[0] == need.provider for kind in kinds):
                problems.append(_undeclared(resource, need))
            if address.provider != need.provider:
                wanted |= {part: "" for part in parts[need] if part not in wanted}
    if problems:
        raise ConfigError(problems)
    return result


def ordered(resources: Mapping[Address, Resource], needs: Needs) -> Sequence[Address]:
    """The resources in an order in which each comes after what it needs; stable. Raises ConfigError on a cycle."""
    try:
        return tuple(TopologicalSorter({address: needs[address].keys() for address in resources}).static_order())
    except CycleError as error:
        cycle: list[Address] = error.args[1]
        # graphlib names each node before the one that needs it; people read a circle the other way round.
        names = " → ".join(map(str, reversed(cycle)))
        origin = next((resources[a].origin for a in cycle if resources[a].origin), None)
        message = f"these need each other: {names}; take one of these dependencies away"
        raise ConfigError([Problem(message, origin or Origin("stack.yaml"))]) from error


def _direct(resource: Resource) -> Mapping[Address, str]:
    return {ref.address: "" for ref in refs(resource.spec)} | dict(resource.after)


def _needed_from_outside(resources: Mapping[Address, Resource]) -> set[Address]:
    needs = ((address, need) for address, resource in resources.items() for need in _direct(resource))
    return {need for address, need in needs if need.provider != address.provider}


def _parts(address: Address, resources: Mapping[Address, Resource], kinds: Mapping[str, Kind]) -> list[Address]:
    return [other for other in resources if is_within(other, address, kinds)]


def _undeclared(resource: Resource, need: Address) -> Problem:
    return Problem(
        f"{resource.address} needs {need}, which is not declared; declare it or take the dependency away",
        resource.origin or Origin("stack.yaml"),
        address=resource.address,
    )
