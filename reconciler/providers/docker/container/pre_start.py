"""``pre_start``: containers that are run to their end, one after the other, before a service's own is first started.

Each is the service's container with what the hook says laid over it, sees its volumes, and is gone before the next one
begins. They belong to a new container: one that has been started before is started again without them. Those that are
run once for all containers of a service go before its first one.

The engine does not tell what was run, so a label of the service's container says it. What has ended is not looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.core.difference.kind import Effect, Field
from reconciler.core.resource.values import Value, has_secret, revealed
from reconciler.providers.docker.container import files
from reconciler.providers.docker.table import labels
from reconciler.providers.docker.table.property import Json, dig, merged

NAME: Final = "pre_start"
SUFFIX: Final = ".init"
"""What is appended to the name of a container for those that are run before it."""

TIMEOUT_S: Final = 600.0
"""How long one of them may take."""

FIELD: Final = Field(Effect.REPLACE)


def definition(service: Json, *, leaving_out: frozenset[str]) -> Value:
    """The hooks' own part, without the service's: when it changes, they run again."""
    return tuple(
        {key: _heard(hook[key]) for key in sorted(hook) if key not in leaving_out and hook[key] != service.get(key)}
        for hook in service.get(NAME) or ()
    )


def _heard(value: Value) -> Value:
    """A mount's declaration, without keys that have no effect."""
    match value:
        case Mapping():
            return {key: part for key, part in value.items() if key != "consistency"}
        case tuple():
            return tuple(map(_heard, value))
        case _:
            return value


def of(service: Json, *, is_first: bool) -> Iterator[tuple[str, Any]]:
    """The hooks that are run before one of the service's containers, each with what it is called."""
    for index, hook in enumerate(service.get(NAME) or ()):
        if is_first or hook.get("per_replica"):
            yield f"{NAME}[{index}]", hook


def body(made: Json, *, owner: Mapping[str, str], beside: str) -> dict[str, Any]:
    """The body of POST /containers/create for one that sees the volumes of the container ``beside``.

    Compose takes containers with the label of a hook away, and neither lists them nor counts them as the service's.
    """
    marks = {key: value for key, value in owner.items() if key in labels.OF_WHICH} | labels.OF_A_HOOK
    others = made["HostConfig"].get("VolumesFrom") or ()
    sees: Json = {"HostConfig": {"VolumesFrom": [*others, beside]}, "Labels": marks}
    return merged(made, sees)


# ------------------------------------------------------------------ what a container was started after


def digest(defined: Value) -> str:
    """One text for the hooks as they are defined; "" where there are none."""
    if not defined:
        return ""
    content = json.dumps(revealed(defined), sort_keys=True).encode()
    return files.digest(content, salt=labels.BEFORE_START, is_secret=has_secret(defined))


def label(defined: Value) -> dict[str, str]:
    """The label that says which hooks a container is started after."""
    found = digest(defined)
    return {labels.BEFORE_START: found} if found else {}


def read(inspect: Json) -> str:
    """Reads the label; "" without one."""
    marks = dig(inspect, "Config.Labels") or {}
    return str(marks.get(labels.BEFORE_START, ""))


def expect(now: Value, observed: Value, *, ours: bool) -> Value:
    """The expected label: a foreign container has none and is left alone; removed hooks ask for nothing."""
    return now if now and (ours or observed) else observed
