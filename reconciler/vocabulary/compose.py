"""Facts about stacks that the reader of the files and the providers share: words, and paths in options of volumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.pattern import lazy_pattern

SERVICE: Final = "service:"
CONTAINER: Final = "container:"
"""The beginnings of values that name another service, or a container outside the project."""

NAMESPACES: Final = ("network_mode", "ipc", "pid", "uts", "cgroup")
"""The attributes that may put a container into a namespace of another one."""

FOLDERS: Final[Mapping[str, str]] = {"configs": "/", "secrets": "/run/secrets"}
"""The folders in a container in which a config or a secret without a target of its own stands."""

USUAL_MODE: Final = "0444"
"""The rights of such a file where none are declared."""

ANY_ADDRESS: Final = ("", "0.0.0.0", "::")  # noqa: S104 (compared, not bound)
"""The addresses of a published port that mean all of the machine's."""

# ------------------------------------------------------------------ paths of the machine in the options of a volume

# Source: mount(8), and the local driver of the engine, which mounts whatever it is given. The loader confines these
# paths, and the provider warns of some.
_BOUND: Final = frozenset({"bind", "rbind"})
_REMOTE: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph"})
"""Types of mounts whose device is a share of the network."""

_LAYERS: Final = lazy_pattern(r"(?:lower|upper|work|data)dir\+?")
_KEYS: Final = frozenset({"credentials", "cred", "secretfile"})
"""Options of a mount whose value is a file."""


def paths_of_options(driver: str, options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name of an option → a path in it, as the engine sees it."""
    for key, value in options.items():
        # Another driver takes what it likes; a whole value that looks like a path is one.
        found = _of_a_mount(str(key), options) if driver == "local" else iter((str(value),))
        yield from ((key, path) for path in found)


def _of_a_mount(key: str, options: Mapping[str, Any]) -> Iterator[str]:
    flags = [flag.strip().partition("=") for flag in str(options.get("o") or "").split(",")]
    is_bound = any(name in _BOUND for name, _, _ in flags)
    value = str(options[key] or "")
    if key == "o":
        holders = ((_LAYERS.fullmatch(name) or name in _KEYS, paths) for name, _, paths in flags)
        found = [each for holds, paths in holders for each in paths.split(":") if each and (holds or each[0] == "/")]
    else:
        # A bind takes any type; without one the device of a share is a path on its server.
        is_share = key == "device" and str(options.get("type")) in _REMOTE and not is_bound
        found = [value] if value and not is_share and (is_bound or "/" in value) else []
    # The engine sees relative ones from the root of the machine.
    yield from (f"/{each.lstrip('/')}" for each in found if key in ("o", "device"))
