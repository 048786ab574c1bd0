"""Proxies in the Docker CLI's config file: variables that the command lines put into every container.

Source: ``ParseProxyConfig`` of docker/cli, which Compose calls as well; what the service says itself counts more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.core.resource.values import Secret, Value

_VARIABLES: Final[Mapping[str, str]] = {
    "httpProxy": "HTTP_PROXY",
    "httpsProxy": "HTTPS_PROXY",
    "noProxy": "NO_PROXY",
    "ftpProxy": "FTP_PROXY",
    "allProxy": "ALL_PROXY",
}
_DEFAULT: Final = "default"


def variables(config: Mapping[str, Any], host: str) -> dict[str, Value]:
    """The variables for containers on the engine at ``host``, in capitals and in small letters."""
    known = config.get("proxies")
    by_host: Mapping[str, Any] = known if isinstance(known, Mapping) else {}
    chosen = by_host.get(host, by_host.get(_DEFAULT))
    said: Mapping[str, Any] = chosen if isinstance(chosen, Mapping) else {}
    found = {name: _value(str(said[key])) for key, name in _VARIABLES.items() if said.get(key)}
    return {**found, **{name.lower(): value for name, value in found.items()}}


def _value(address: str) -> Value:
    """An address may hold a password."""
    return Secret(address) if "@" in address else address
