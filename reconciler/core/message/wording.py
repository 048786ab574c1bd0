"""Words for lists of things that policies, remarks and renderers share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reconciler.core.resource.resource import Bystander

_MOST_BYSTANDERS: Final = 5


def listed(things: Sequence[object], at_most: int = 2) -> str:
    """The first few of many, and how many more there are."""
    texts = [str(thing) for thing in things]
    more = len(texts) - at_most
    return ", ".join(texts) if more <= 1 else f"{', '.join(texts[:at_most])} and {more} more"


def in_use_by(bystanders: Sequence[Bystander]) -> str:
    """The things outside the plan that use a resource, and their loss, in words; empty where there are none."""
    names: dict[str, list[str]] = {}
    for bystander in bystanders:
        names.setdefault(bystander.loss, []).append(bystander.name)
    parts = [f"{listed(users, _MOST_BYSTANDERS)}, which {loss}" for loss, users in names.items()]
    return f"in use by {'; and by '.join(parts)}" if parts else ""
