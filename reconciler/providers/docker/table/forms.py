"""The one form of values that file and engine write differently; used by the rows of the tables."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from reconciler.core.message.secrecy import holds_secret, looks_secret
from reconciler.core.resource.values import Secret, Value
from reconciler.providers.docker.table.property import Json


def given(**values: Value) -> dict[str, Value]:
    """The values that say something, by their keys."""
    return {key: value for key, value in values.items() if value}


def text(value: Any) -> str:
    return "" if value is None else str(value)


def texts(values: Any) -> tuple[Value, ...]:
    return tuple(value if isinstance(value, Secret) else str(value) for value in values or ())


def text_set(values: Any) -> tuple[str, ...]:
    return tuple(sorted({str(value) for value in values or ()}))


def _plain(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def text_map(values: Any) -> dict[str, Value]:
    return {key: value if isinstance(value, Secret) else text(value) for key, value in (values or {}).items()}


def capabilities(values: Any) -> tuple[str, ...]:
    return text_set(str(value).upper().removeprefix("CAP_") for value in values or ())


SYSTEM_PATHS: Final = "systempaths=unconfined"
"""The option that is none to the engine: the command lines turn it into empty lists of paths."""

_TRUE: Final = ("no-new-privileges=true", "no-new-privileges=1")
_PROFILE: Final = "seccomp={"


def security(values: Any) -> tuple[str, ...]:
    """Options with one sign between name and value, and profiles in one form of JSON."""
    spelled = (_spelled(str(value)) for value in values or ())
    return text_set(option for option in spelled if option != SYSTEM_PATHS)


def _spelled(option: str) -> str:
    text = option if "=" in option else option.replace(":", "=", 1)
    if text.startswith(_PROFILE):
        profile = json.loads(text.partition("=")[2])
        return f"seccomp={json.dumps(profile, separators=(',', ':'), sort_keys=True)}"
    return "no-new-privileges" if text in _TRUE else text


def shown_security(options: Any) -> Any:
    """Options with a digest in place of a profile, which is too long to be shown."""
    if not isinstance(options, tuple):
        return options
    return tuple(
        f"seccomp={sha256(option.encode()).hexdigest()[:12]}" if str(option).startswith(_PROFILE) else option
        for option in options
    )


def selinux(options: Any) -> tuple[str, ...]:
    """The security options that are labels of SELinux."""
    return tuple(option for option in options or () if str(option).startswith("label="))


def hosts(values: Any) -> tuple[str | Secret, ...]:
    """Hosts as the engine takes them, ``HOST:ADDRESS``; the file also has ``HOST=ADDRESS``."""

    def entry(text: str) -> str:
        return re.sub(r"^([^=:]+)=", r"\1:", text)

    found = {value.derive(entry) if isinstance(value, Secret) else entry(str(value)) for value in values or ()}
    return tuple(sorted(found, key=_plain))


def devices(values: Any) -> tuple[str, ...]:
    def text(device: Any) -> str:
        if isinstance(device, str):
            # Missing parts are empty; whatever is behind the permissions is not read.
            source, target, permissions = (*device.split(":"), "", "")[:3]
        else:
            source = device.get("source") or device.get("PathOnHost")
            target = device.get("target") or device.get("PathInContainer")
            permissions = device.get("permissions") or device.get("CgroupPermissions")
        return f"{source}:{target or source}:{permissions or 'rwm'}"

    return text_set(text(device) for device in values or ())


def device_bodies(values: Sequence[str]) -> list[Json]:
    keys = ("PathOnHost", "PathInContainer", "CgroupPermissions")
    return [dict(zip(keys, value.split(":"), strict=True)) for value in values]


def ulimits(values: Any) -> dict[str, Value]:
    if isinstance(values, Mapping):
        return {
            name: {"soft": limit, "hard": limit} if isinstance(limit, int) else dict(limit)
            for name, limit in values.items()
        }
    return {limit["Name"]: {"soft": limit["Soft"], "hard": limit["Hard"]} for limit in values or ()}


def ulimit_bodies(values: Mapping[str, Any]) -> list[Json]:
    return [{"Name": name, "Soft": limit["soft"], "Hard": limit["hard"]} for name, limit in values.items()]


def restart(policy: Json) -> str:
    """``no`` is sent as such by the Docker CLI, and left out by others: the engine then shows an empty name."""
    name, retries = policy.get("Name") or "no", policy.get("MaximumRetryCount") or 0
    return f"{name}:{retries}" if name == "on-failure" and retries else str(name)


def declared_restart(policy: Any) -> str:
    """``restart``, or ``deploy.restart_policy`` in its words, as Compose understands it."""
    if isinstance(policy, str):
        return policy or "no"
    condition = str(policy.get("condition") or "any")
    # These are the words of a Swarm for what `restart` says.
    name = {"any": "always", "none": "no"}.get(condition, condition)
    retries = int(policy.get("max_attempts") or 0)
    return f"{name}:{retries}" if name == "on-failure" and retries else name


def said_restart_policy(value: str) -> Json:
    """A restart policy in the words of ``deploy.restart_policy``."""
    name, _, retries = value.partition(":")
    condition = {"always": "any", "no": "none"}.get(name, name)
    return {"condition": condition, **({"max_attempts": int(retries)} if retries else {})}


def restart_body(value: str) -> Json:
    name, _, retries = value.partition(":")
    return {"Name": name, "MaximumRetryCount": int(retries or 0)}


def whole_seconds(value: Any) -> int:
    return 10 if value is None else int(value)


def cpus(value: Any) -> float:
    return float(value or 0)


def positive(value: Any) -> int:
    """No limit has several spellings: null, 0 and -1."""
    return max(int(value or 0), 0)


def environment(values: Any) -> list[str | Secret]:
    """Variables as the engine takes them; one without a value takes the image's away."""

    def entry(key: str, value: Any) -> str | Secret:
        if isinstance(value, Secret):
            return value.derive(lambda text: f"{key}={text}")
        return key if value is None else f"{key}={value}"

    return [entry(key, value) for key, value in values.items()]


def variables(entries: Any) -> dict[str, Value]:
    """Variables as the engine shows them; one without "=" is kept as such: it takes the image's variable away."""
    result: dict[str, Value] = {}
    for entry in entries or ():
        key, sign, value = str(entry).partition("=")
        result[key] = None if not sign else Secret(value) if looks_secret(key) or holds_secret(value) else value
    return result


# ------------------------------------------------------------------ as a file has them

_UNITS: Final = (("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10))


def said_size(value: Any) -> str | int:
    """A number of bytes in the largest unit that divides it."""
    size = int(value)
    unit = next(((name, factor) for name, factor in _UNITS if size > 0 and size % factor == 0), None)
    return f"{size // unit[1]}{unit[0]}" if unit else size


def said_devices(values: Sequence[str]) -> list[str]:
    """Devices in their short form."""

    def entry(text: str) -> str:
        source, target, permissions = text.rsplit(":", 2)
        if permissions != "rwm":
            return text
        return source if source == target else f"{source}:{target}"

    return [entry(value) for value in values]


def said_ulimits(limits: Mapping[str, Any]) -> dict[str, Any]:
    """Limits, each as one number where the soft and the hard one are the same."""
    return {name: limit["soft"] if limit["soft"] == limit["hard"] else dict(limit) for name, limit in limits.items()}
