"""The requests that an engine gets from this program: for a proxy in front of its socket that admits no others.

A row that is missing here is a request that such a proxy refuses; a test reads them from the source.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from enum import Enum
from typing import Final

from reconciler.pattern import lazy_pattern
from reconciler.record import Struct


class Use(Enum):
    """The occasion of a request: always, or only where the files or a command ask for it."""

    LOOK = "to look"
    CHANGE = "to change"
    LOCK = "to keep two runs apart"
    FILE = "to copy files into containers, and to read them"
    HOOK = "to run hooks, and commands that change a secret"
    PULL = "to pull images"
    BUILD = "to build images"
    PUSH = "to push images"
    COMMAND = "for commands of a person"
    SWARM = "to work on a Swarm"


class Endpoint(Struct, frozen=True):
    """A request: its method, its path with a name for each part that varies, and what it is for."""

    method: str
    path: str
    reason: str
    use: Use = Use.LOOK

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def pattern(self) -> str:
        """A regular expression of this request, without the version in front of the path."""
        path = re.escape(self.path).replace(r"\{", "{").replace(r"\}", "}")
        return f"^{self.method} {_PART.sub(_pattern, path)}$"


def _pattern(part: re.Match[str]) -> str:
    """An image's name has slashes, other names have none."""
    return ".+" if part[1] == "image" else "[^/]+"


_PART: Final = lazy_pattern(r"{(\w+)}")

ENDPOINTS: Final = (
    Endpoint("GET", "/version", "the versions that the engine speaks"),
    Endpoint("GET", "/info", "its abilities and warnings; may be refused"),
    Endpoint("GET", "/events", "to notice changes at once"),
    Endpoint("GET", "/networks", "networks of the project"),
    Endpoint("GET", "/networks/{network}", "one network, and who is connected to it"),
    Endpoint("GET", "/volumes", "volumes and locks of the project"),
    Endpoint("GET", "/volumes/{volume}", "one volume"),
    Endpoint("GET", "/containers/json", "containers of the project"),
    Endpoint("GET", "/containers/{container}/json", "one container, its environment included"),
    Endpoint("GET", "/containers/{container}/logs", "the last lines of a container that failed, and the log"),
    Endpoint("GET", "/images/json", "images that were built of the same inputs"),
    Endpoint("GET", "/images/{image}/json", "one image"),
    Endpoint("POST", "/networks/create", "networks", Use.CHANGE),
    Endpoint("POST", "/networks/{network}/connect", "networks of a container", Use.CHANGE),
    Endpoint("POST", "/networks/{network}/disconnect", "networks of a container", Use.CHANGE),
    Endpoint("DELETE", "/networks/{network}", "networks", Use.CHANGE),
    Endpoint("POST", "/volumes/create", "volumes, and the lock", Use.LOCK),
    Endpoint("DELETE", "/volumes/{volume}", "volumes, and the lock", Use.LOCK),
    Endpoint("POST", "/containers/create", "containers", Use.CHANGE),
    Endpoint("POST", "/containers/{container}/start", "containers that should run", Use.CHANGE),
    Endpoint("POST", "/containers/{container}/stop", "containers that are replaced or deleted", Use.CHANGE),
    Endpoint("POST", "/containers/{container}/restart", "a restart that a person asked for", Use.CHANGE),
    Endpoint("POST", "/containers/{container}/kill", "the signal of `reload`", Use.CHANGE),
    Endpoint("POST", "/containers/{container}/unpause", "containers that should run", Use.CHANGE),
    Endpoint("POST", "/containers/{container}/rename", "names, and replacements", Use.CHANGE),
    Endpoint("POST", "/containers/{container}/update", "limits and restart policies", Use.CHANGE),
    Endpoint("DELETE", "/containers/{container}", "containers that were replaced or deleted", Use.CHANGE),
    Endpoint("POST", "/images/create", "images that are missing", Use.PULL),
    Endpoint("POST", "/images/{image}/tag", "names of images", Use.PULL),
    Endpoint("GET", "/distribution/{image}/json", "the registry's newest image, for `pull_policy`", Use.PULL),
    Endpoint("POST", "/build", "images with `build`", Use.BUILD),
    Endpoint("GET", "/containers/{container}/archive", "copied files that somebody may have changed", Use.FILE),
    Endpoint("PUT", "/containers/{container}/archive", "copied files", Use.FILE),
    Endpoint("POST", "/containers/{container}/exec", "a command in a container", Use.HOOK),
    Endpoint("POST", "/exec/{command}/start", "a command in a container", Use.HOOK),
    Endpoint("GET", "/exec/{command}/json", "the exit code of a command", Use.HOOK),
    Endpoint("POST", "/exec/{command}/resize", "the terminal of `reconcile exec`", Use.COMMAND),
    Endpoint("POST", "/images/{image}/push", "`reconcile push`", Use.PUSH),
    Endpoint("GET", "/system/df", "the sizes of volumes, before a mark is removed by hand", Use.COMMAND),
    Endpoint("GET", "/services", "services", Use.SWARM),
    Endpoint("GET", "/services/{service}", "one service", Use.SWARM),
    Endpoint("GET", "/services/{service}/logs", "the log of a service", Use.SWARM),
    Endpoint("POST", "/services/create", "services", Use.SWARM),
    Endpoint("POST", "/services/{service}/update", "services", Use.SWARM),
    Endpoint("DELETE", "/services/{service}", "services", Use.SWARM),
    Endpoint("GET", "/tasks", "the state of services", Use.SWARM),
    Endpoint("GET", "/tasks/{task}/logs", "the last lines of a task that failed", Use.SWARM),
    Endpoint("GET", "/nodes", "the nodes that tasks can run on", Use.SWARM),
)
FILES_OF_A_SWARM: Final = ("configs", "secrets")
SWARM: Final = tuple(
    Endpoint(method, path.replace("{section}", section), section, Use.SWARM)
    for section in FILES_OF_A_SWARM
    for method, path in (
        ("GET", "/{section}"),
        ("GET", "/{section}/{name}"),
        ("POST", "/{section}/create"),
        ("POST", "/{section}/{name}/update"),
        ("DELETE", "/{section}/{name}"),
    )
)
ALWAYS: Final = frozenset({Use.LOOK, Use.CHANGE, Use.LOCK})


def needed(uses: Collection[Use]) -> Iterator[Endpoint]:
    """The requests of these occasions, in the order of the table."""
    return (each for each in (*ENDPOINTS, *SWARM) if each.use in uses)
