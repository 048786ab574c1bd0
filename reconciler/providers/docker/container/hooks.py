"""Lifecycle hooks: commands that are run inside a container after its start and before its stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from reconciler.core.resource.values import Spec, Value
from reconciler.providers.docker.table import forms
from reconciler.providers.docker.table.property import Json

AFTER_START: Final = "post_start"
BEFORE_STOP: Final = "pre_stop"
TIMEOUT_S: Final = 600.0
"""How long a hook may take."""


def declared(service: Json) -> dict[str, Value]:
    """The hooks of a service as bodies of POST /containers/{id}/exec, by the moment at which they are run."""
    found = {moment: tuple(map(_body, service.get(moment) or ())) for moment in (AFTER_START, BEFORE_STOP)}
    return {moment: bodies for moment, bodies in found.items() if bodies}


def _body(hook: Json) -> Value:
    return {
        "AttachStdout": True,
        "AttachStderr": True,
        "Cmd": list(hook["command"]),
        "Env": forms.environment(hook.get("environment") or {}),
        "User": str(hook.get("user") or ""),
        "Privileged": bool(hook.get("privileged")),
        "WorkingDir": hook.get("working_dir") or "",
    }


def of(spec: Spec, moment: str) -> Sequence[Any]:
    """The hooks that a spec has for a moment."""
    found: Any = spec.get(moment)
    return found or ()
