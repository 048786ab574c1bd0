"""The values that the command lines of Docker and Compose take from environment and config file for containers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.core.resource.values import Value
from reconciler.providers.docker.engine import proxies
from reconciler.record import Struct, field

_TRUE: Final = ("1", "t", "true", "y")


class CommandLine(Struct, frozen=True):
    """``proxies`` are variables of every container, and ``platform`` is that of services which name none.

    The ``separator`` stands between project, service and number in the names of containers and built images.
    """

    proxies: Mapping[str, Value] = field(default_factory=dict)
    platform: str = ""
    separator: str = "-"

    @classmethod
    def of(cls, environment: Mapping[str, str], host: str) -> CommandLine:
        """The settings for an engine at ``host``. Raises Unreachable where the config file can't be read."""
        platform = environment.get("DOCKER_DEFAULT_PLATFORM", "")
        return cls(proxies.of_engine(environment, host), platform, separator_of(environment))


def separator_of(environment: Mapping[str, str]) -> str:
    """The separator in names: with COMPOSE_COMPATIBILITY that of the first Compose."""
    return "_" if environment.get("COMPOSE_COMPATIBILITY", "").strip().lower() in _TRUE else "-"
