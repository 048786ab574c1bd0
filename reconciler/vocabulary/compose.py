"""Facts about stacks that the reader of the files and the providers share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

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
