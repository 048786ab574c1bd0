"""The container that this process runs in, and a container apart that can take its place away and give it back.

A process that stops its own container can't start the next one. So another container of the same image does that: it
has the same files, networks and rights, and runs until the replacement is finished or taken back.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from reconciler.core.message.errors import ProviderError
from reconciler.core.resource.values import Value
from reconciler.pattern import lazy_pattern
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.table import labels
from reconciler.providers.docker.table.property import Json

VARIABLE: Final = "RECONCILE_CONTAINER"
"""The id of the container, where it can't be seen from inside."""

SUFFIX: Final = ".apart"
AGAIN_AFTER: Final = timedelta(minutes=10)
"""A replacement that failed is not tried again before, unless something else is to be done."""

LAST_LINES: Final = 5
_MOUNTS: Final = Path("/proc/self/mountinfo")
_OWN_FILE: Final = lazy_pattern(r"/containers/([0-9a-f]{64})/(?:hostname|hosts|resolv\.conf) ")
_NOT_TAKEN: Final = ("PortBindings", "RestartPolicy", "AutoRemove", "ContainerIDFile", "Links", "PublishAllPorts")


def own_container(environment: Mapping[str, str], mounts: Path = _MOUNTS) -> str:
    """The id of the container that this process runs in; "" outside of one.

    The engine mounts three files into each container from a folder that has the container's id as its name.
    """
    if given := environment.get(VARIABLE):
        return given
    text = ""
    with suppress(OSError):
        text = mounts.read_text(encoding="utf-8", errors="replace")
    found = _OWN_FILE.search(text)
    return found[1] if found else ""


def run_apart(engine: Engine, container: str, arguments: Sequence[str], purpose: str) -> str:
    """Begins the program with these arguments in a container apart; returns why not, if a try of late has failed.

    Another one that is still at work is left to it. Raises ProviderError.
    """
    own = engine.inspected(container)
    if own is None:
        return "its container is gone"
    name, mark = f"{own['Name'].lstrip('/')}{SUFFIX}", _digest([purpose, *arguments])
    found = engine.get(f"/containers/{name}/json")
    if found:
        # One apart is at work, perhaps begun by an earlier daemon; a second one would meet it at the same names.
        if found["State"]["Running"]:
            return ""
        if reason := _reason_not_again(engine, found, mark):
            return reason
        engine.delete(f"/containers/{found['Id']}", force=1, v=1)
    body, networks = _body(own, arguments, mark)
    made = engine.post("/containers/create", body, name=name)["Id"]
    # The create request of older APIs takes one network; the others are joined before the start.
    for network in networks:
        engine.post(f"/networks/{network}/connect", {"Container": made})
    engine.post(f"/containers/{made}/start")
    return ""


def clear_away(engine: Engine, container: str) -> None:
    """Removes the container apart of a replacement that is finished. Raises ProviderError."""
    own = engine.inspected(container)
    name = f"{own['Name'].lstrip('/')}{SUFFIX}" if own else ""
    found = engine.get(f"/containers/{name}/json") if name else None
    if found and not found["State"]["Running"]:
        engine.delete(f"/containers/{found['Id']}", force=1, v=1)


def _reason_not_again(engine: Engine, found: Json, mark: str) -> str:
    """Explains the failure of the last try, as long as it is not to be tried again."""
    state = found["State"]
    is_same = found["Config"]["Labels"].get(labels.APART) == mark
    ended = _moment(state.get("FinishedAt") or "")
    # Another purpose, or enough time since the failure: then it is worth another try.
    if not is_same or not state.get("ExitCode") or ended is None or datetime.now(UTC) - ended > AGAIN_AFTER:
        return ""
    try:
        pieces = engine.logs(found["Id"], tail=LAST_LINES)
        lines = b"".join(pieces).decode(errors="replace").splitlines()[-LAST_LINES:]
    except ProviderError:
        lines = []
    again = (ended + AGAIN_AFTER).strftime("%H:%M UTC")
    return f"a replacement by another container failed, and is tried again at {again}: {' / '.join(lines)}"


def _body(own: Json, arguments: Sequence[str], mark: str) -> tuple[dict[str, Value], Sequence[str]]:
    """The body of a container like this one with other arguments, and the networks besides the first one."""
    config, host = own["Config"], own["HostConfig"]
    marks = {key: config["Labels"][key] for key in labels.OF_WHICH if key in (config.get("Labels") or {})}
    networks = list(own["NetworkSettings"]["Networks"])
    is_named = host["NetworkMode"] in networks
    body: dict[str, Any] = {
        **{key: config.get(key) for key in ("Env", "User", "WorkingDir", "Entrypoint", "StopSignal")},
        "Image": own["Image"],
        "Cmd": list(arguments),
        # The image's health check is that of a daemon with a page, which this container does not have.
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": {**marks, labels.ONEOFF: "True", labels.APART: mark},
        "HostConfig": {key: value for key, value in host.items() if key not in _NOT_TAKEN},
    }
    return body, [name for name in networks if name != host["NetworkMode"]] if is_named else ()


def _digest(words: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(words)).encode()).hexdigest()[:32]


def _moment(text: str) -> datetime | None:
    """A time of the engine, which has nanoseconds."""
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text))
    except ValueError:
        return None
