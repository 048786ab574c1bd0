"""``depends_on`` with ``restart: true``: a container has to be started after what it needs was made.

That is read off the times that the engine keeps, so that a run that was interrupted is made good by the next one. What
the engine starts again by itself, after a crash or a reboot, was made before, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.core.kind import Effect, Field, Output
from reconciler.core.resource import Observed, Resource
from reconciler.core.values import UNKNOWN, Value
from reconciler.providers.docker.property import Json

CREATED: Final = "created"
OUTPUT: Final = Output(held=True)
"""When a container was made: not known where it is to be made anew, which differs for certain."""

_BEFORE: Final = "started before it"
_AFTER: Final = "started after it"
_ANEW: Final = "made after it"


def _effect(_before: Value, after: Value) -> Effect:
    return Effect.REPLACE if after == _ANEW else Effect.RESTART


FIELD: Final = Field(_effect)


def needed(services: Mapping[str, Json], name: str) -> Iterator[str]:
    """The services with which this one is restarted, and those with which they are."""
    seen, frontier = {name}, [name]
    while frontier:
        edges = (services[frontier.pop()].get("depends_on") or {}).items()
        found = [other for other, edge in edges if edge.get("restart") and other in services and other not in seen]
        seen.update(found)
        frontier += found
        yield from found


def observed(desired: Resource | None) -> Value:
    """What is there as long as nothing else is known: all of it was started at its time."""
    needs: Any = desired.spec.get("restarts_with", {}) if desired else {}
    return dict.fromkeys(needs, _BEFORE)


def expect(desired: Resource, live: Observed) -> dict[str, Value]:
    """What has to be otherwise, of each need: nothing where the container was started after it was made."""
    needs: Any = desired.spec.get("restarts_with", {})
    lent: Any = desired.spec.get("lent_by", ())
    started = moment(live.facts.get("started"))

    def asked(key: str, created: Value) -> Value:
        if created is not UNKNOWN and moment(created) <= started:
            return _BEFORE
        return _ANEW if key in lent else _AFTER

    return {key: asked(key, created) for key, created in needs.items()}


def moment(time: Any) -> str:
    """A time of the engine as one that sorts: it leaves out the zeroes at the end of a fraction."""
    seconds, _, fraction = str(time or "").removesuffix("Z").partition(".")
    return f"{seconds}.{fraction.ljust(9, '0')}"
