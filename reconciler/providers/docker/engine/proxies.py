"""Proxies in the Docker CLI's config file: variables that the command lines put into every container and build.

Source: ``ParseProxyConfig`` of docker/cli, which Compose and buildx call as well. A declared variable or argument of
the same name counts more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.core.resource.values import Secret, Value
from reconciler.providers.docker.engine.location import settings_of

_VARIABLES: Final[Mapping[str, str]] = {
    "httpProxy": "HTTP_PROXY",
    "httpsProxy": "HTTPS_PROXY",
    "noProxy": "NO_PROXY",
    "ftpProxy": "FTP_PROXY",
    "allProxy": "ALL_PROXY",
}
_DEFAULT: Final = "default"


def of_engine(environment: Mapping[str, str], host: str) -> dict[str, Value]:
    """The variables for containers and builds on the engine at ``host``, from the config file that is in force."""
    return variables(settings_of(environment), host)


def variables(config: Mapping[str, Any], host: str) -> dict[str, Value]:
    """The variables for containers on the engine at ``host``, in capitals and in small letters."""
    known = config.get("proxies")
    by_host: Mapping[str, Any] = known if isinstance(known, Mapping) else {}
    chosen = by_host.get(host, by_host.get(_DEFAULT))
    said: Mapping[str, Any] = chosen if isinstance(chosen, Mapping) else {}
    found = {name: _value(str(said[key])) for key, name in _VARIABLES.items() if said.get(key)}
    # Programs look for either spelling.
    return {**found, **{name.lower(): value for name, value in found.items()}}


def _value(address: str) -> Value:
    """An address may hold a password."""
    return Secret(address) if "@" in address else address
