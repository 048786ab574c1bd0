"""One-shot services: nothing keeps them running, so one that ends with exit code 0 has done what it is for.

That is what a restart policy of ``no`` (Compose's default) or ``on-failure`` says, in whichever words. A service that
is meant to stay is told apart by the file: it publishes ports, has a health check, is waited for until it is healthy,
or runs nothing but what an image with ports of its own runs. ``x-reconcile.job: false`` says so as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.core.resource.options import ServiceOptions
from reconciler.core.resource.values import Spec, Value
from reconciler.providers.docker.table.property import Json

FINISHED: Final = "exited (0)"
NAME: Final = "one_shot"
_LETS_IT_END: Final = ("no", "on-failure")


def declared(service: Json, *, restart: Value, awaited_healthy: bool) -> dict[str, Value]:
    """The entry of a container's spec that says it may end; nothing where it is meant to stay."""
    check = service.get("healthcheck") or {}
    job = ServiceOptions.of(service).job
    is_checked = bool(check) and not check.get("disable") and check.get("test") not in (["NONE"], ("NONE",))
    # A published port or a health check is a sign of something that is meant to stay.
    stays = job is False or awaited_healthy or is_checked or bool(service.get("ports"))
    if stays or str(restart).partition(":")[0] not in _LETS_IT_END:
        return {}
    return {NAME: {"own_command": bool(service.get("command") or service.get("entrypoint"))}}


def may_end(spec: Spec | Mapping[str, Any], ports: Any) -> bool:
    """Returns whether a container with this spec and these exposed ports is done after exit code 0."""
    found: Any = spec.get(NAME)
    return bool(found) and (found["own_command"] or not ports)
