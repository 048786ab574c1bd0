"""Data that a new container would no longer have: where it had a volume, it gets another one that is new and empty.

A volume whose key in the file was renamed is another volume to Compose: the service begins empty, without an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.kind import Effect
from reconciler.core.resource.address import Address
from reconciler.providers.docker.container.mounts import ANONYMOUS
from reconciler.providers.docker.kinds import container, volume

_OF_A_VOLUME: Final = "volume"


def left_behind(changes: Sequence[Change]) -> Mapping[Address, Sequence[str]]:
    """Returns for each container that is replaced the volumes that it gets in place of others, in words."""
    created = {
        str(each.desired.spec["name"])
        for each in changes
        if each.address.kind == volume.NAME and each.intended is Action.CREATE and each.desired and not each.is_missing
    }
    found = {
        each.address: tuple(_exchanged(each, created))
        for each in changes
        if each.address.kind == container.NAME and each.effect >= Effect.HANDOVER
    }
    return {address: words for address, words in found.items() if words}


def _exchanged(change: Change, created: set[str]) -> Iterator[str]:
    live: Any = change.observed.spec.get("volumes") if change.observed else None
    wanted: Any = change.desired.spec.get("volumes") if change.desired else None
    for target, old in (live or {}).items():
        new = (wanted or {}).get(target) or {}
        is_other = old.get("source") != new.get("source")
        if (
            is_other
            and old.get("type") == new.get("type") == _OF_A_VOLUME
            and new.get("source") in {ANONYMOUS, *created}
        ):
            yield f"{_named(new)}, new and empty, at {target} in place of {_named(old)} and its data"


def _named(mount: Mapping[str, Any]) -> str:
    source = str(mount.get("source"))
    return "a volume without a name" if source == ANONYMOUS else f"volume {source}"
