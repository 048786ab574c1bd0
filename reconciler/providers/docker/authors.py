"""Acts on the engine behind our back: its events, of which it keeps the last 256. It records no user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from reconciler.core.history.author import Author
from reconciler.core.resource.address import Address
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.table.names import CONTAINER_ACTS
from reconciler.providers.docker.table.property import Json

_ACTS: Final = [*CONTAINER_ACTS, "connect", "disconnect", "remove", "tag", "untag", "delete", "pull"]
_DETAILS: Final[Mapping[str, str]] = {"kill": "signal", "die": "exitCode", "rename": "oldName"}
_NANOSECOND: Final = 1e9
_MOST: Final = 20


def authors(engine: Engine, ids: Mapping[Address, Sequence[str]], since: float) -> Mapping[Address, Sequence[Author]]:
    """The acts on these resources since a time, newest first, by the ids that they have or had."""
    filters = {"type": ["container", "network", "volume", "image"], "event": _ACTS}
    with engine.events(filters, since=since, until=datetime.now(UTC).timestamp()) as events:
        happened = [*events]
    acts = {address: [*_acts(happened, identities)][-_MOST:] for address, identities in ids.items()}
    return {address: tuple(reversed(found)) for address, found in acts.items() if found}


def _acts(happened: Sequence[Json], identities: Sequence[str]) -> Iterator[Author]:
    for event in happened:
        actor: Any = event.get("Actor") or {}
        attributes: Any = actor.get("Attributes") or {}
        if actor.get("ID") in identities or attributes.get("container") in identities:
            act = str(event.get("Action"))
            more = [
                attributes.get(_DETAILS.get(act, "")),
                attributes.get("name") if "container" in attributes else None,
            ]
            yield Author(int(event.get("timeNano") or 0) / _NANOSECOND, " ".join([act, *filter(None, more)]))
