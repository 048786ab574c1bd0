"""Containers that have to be started after another one was made or started.

With ``depends_on`` and ``restart: true`` a container has to be started after what it needs was made. A container that
is attached to another one, by a namespace or a link on the default bridge, got that at its own start: it has to be
started after the other one was started, by whomever.

Both are read off the times that the engine keeps, so the next run repairs what an interrupted one left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.core.difference.cause import Cause
from reconciler.core.difference.kind import Effect, Field, Output
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import UNKNOWN, Value
from reconciler.providers.docker.table.property import Json, dig

CREATED: Final = "created"
STARTED: Final = "started"
UP: Final = ("running", "paused")
"""The states in which a container has its namespaces."""

_BEFORE: Final = "started before it"
_AFTER: Final = "started after it"
_ANEW: Final = "made after it"


def _is_a_start(before: Value, effect: Effect) -> bool:
    """Returns whether a change starts the container anew. One that is paused keeps its namespaces."""
    return before != "paused" and effect in (Effect.START, Effect.RUN, Effect.RESTART)


OUTPUTS: Final[Mapping[str, Output]] = {
    CREATED: Output(held=True),
    STARTED: Output(held=True, stale_when=_is_a_start),
}
"""When a container was made and last started: not known where that is still to be done, which differs for certain."""


def _effect(_before: Value, after: Value) -> Effect:
    return Effect.REPLACE if after == _ANEW else Effect.RESTART


FIELD: Final = Field(_effect, given_by="restarts_with", otherwise=Cause.DEPENDENCY)


def needed(services: Mapping[str, Json], name: str) -> Iterator[str]:
    """The services with which this one is restarted, and those with which they are."""
    seen, frontier = {name}, [name]
    while frontier:
        edges = (services[frontier.pop()].get("depends_on") or {}).items()
        found = [other for other, edge in edges if edge.get("restart") and other in services and other not in seen]
        seen.update(found)
        frontier += found
        yield from found


def outputs(inspect: Json) -> dict[str, Value]:
    """The times of a container; no start where it is not up, since nobody can be attached to it then."""
    is_up = dig(inspect, "State.Status") in UP
    return {CREATED: str(inspect["Created"]), STARTED: str(dig(inspect, "State.StartedAt") or "") if is_up else ""}


def observed(desired: Resource | None) -> Value:
    """The field as long as nothing else is known: every other container came first."""
    return dict.fromkeys((*_times(desired, "restarts_with"), *_attached_outside(desired)), _BEFORE)


def expect(desired: Resource, live: Observed) -> dict[str, Value]:
    """The field as it has to be; it differs for each container that was made or started later than this one."""
    created, attached = _times(desired, "restarts_with"), _times(desired, "attached_to")
    # Containers outside of the project have no resource, so their times come with this one's facts.
    outside: Any = live.facts.get("outside", {})
    started, is_up = moment(live.facts.get("started")), live.spec.get("state") in UP

    def asked(key: str, made: Value, began: Value) -> Value:
        # A container that joined another one's network holds that one's id, so it has to be made anew with it.
        if _is_later(made, started) and (is_up or key in attached):
            return _ANEW if key in attached else _AFTER
        return _AFTER if is_up and _is_later(began, started) else _BEFORE

    own = {key: asked(key, made, attached.get(key, "")) for key, made in created.items()}
    others = (key for key in _attached_outside(desired) if key not in own)
    return own | {key: asked(key, "", outside.get(key, {}).get(STARTED, "")) for key in others}


def _is_later(time: Value, started: str) -> bool:
    return time is UNKNOWN or moment(time) > started


def _times(desired: Resource | None, name: str) -> Mapping[str, Value]:
    found: Any = desired.spec.get(name, {}) if desired else {}
    return found if isinstance(found, Mapping) else {}


def _attached_outside(desired: Resource | None) -> Iterator[str]:
    references: Any = desired.spec.get("outside", ()) if desired else ()
    return (each["container"] for each in references if each["is_attached"])


def moment(time: Any) -> str:
    """A time of the engine as one that sorts: it leaves out the zeroes at the end of a fraction."""
    seconds, _, fraction = str(time or "").removesuffix("Z").partition(".")
    return f"{seconds}.{fraction.ljust(9, '0')}"
