"""Policies of authorization services, and what applies them: their order, and which have to be made again."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from typing import Any

from reconciler.core.message.errors import Rejected
from reconciler.core.resource.values import Value


def listed(value: Value) -> Sequence[Value] | None:
    """The list that a setting of a policy is, also as a text of JSON; None where it is none."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        with suppress(ValueError):
            return tuple(json.loads(value))
    return value if isinstance(value, Sequence) and not isinstance(value, str) else None


def applied(policy: Mapping[str, Any]) -> Sequence[str]:
    """The names of the policies that one applies."""
    return tuple(map(str, listed((policy.get("config") or {}).get("applyPolicies")) or ()))


def in_order(policies: Mapping[str, Mapping[str, Value]]) -> Sequence[str]:
    """All names, each after those that it applies."""
    try:
        order = TopologicalSorter({name: applied(body) for name, body in policies.items()}).static_order()
        return [name for name in order if name in policies]
    except CycleError as error:
        raise Rejected(f"policies apply each other in a circle: {' → '.join(error.args[1])}") from error


def made_again(before: Mapping[str, Mapping[str, Value]], after: Mapping[str, Mapping[str, Value]]) -> Collection[str]:
    """The policies that get another type, which no write does (26.7), and those that go with their last policy."""
    found = {name for name in before.keys() & after.keys() if before[name].get("type") != after[name].get("type")}
    for name in in_order(before):
        if found.intersection(applied(before[name])):
            found.add(name)
    return found & after.keys()
