"""The settings of the command line and the environment, frozen; the only reader of the process environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reconciler.record import Struct, field

_KEYCLOAK: Final[Mapping[str, tuple[str, ...]]] = {
    "RECONCILE_KEYCLOAK_URL": ("url",),
    "RECONCILE_KEYCLOAK_CA_FILE": ("caFile",),
    "RECONCILE_KEYCLOAK_REALM": ("auth", "realm"),
    "RECONCILE_KEYCLOAK_CLIENT_ID": ("auth", "clientId"),
    "RECONCILE_KEYCLOAK_CLIENT_SECRET": ("auth", "clientSecret"),
    "RECONCILE_KEYCLOAK_USERNAME": ("auth", "username"),
    "RECONCILE_KEYCLOAK_PASSWORD": ("auth", "password"),
}


def process_environment() -> Mapping[str, str]:
    """The environment as it is now."""
    return dict(os.environ)


class Settings(Struct, frozen=True):
    """One run's settings. Empty ``stack_files`` or ``users_files`` mean that this half is not managed.

    Without ``starts`` the command starts nothing, and what only a start needs may be missing. With ``asks_sources``
    False no source of secrets is asked, and random texts stand for its values.
    """

    directory: Path
    stack_files: tuple[Path, ...] = ()
    users_files: tuple[Path, ...] = ()
    env_files: tuple[Path, ...] | None = None
    project: str | None = None
    profiles: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    keycloak_url: str | None = None
    starts: bool = True
    asks_sources: bool = True
    state_directory: Path | None = None

    def state(self, project: str) -> Path | None:
        """The folder of what is remembered of a project, which may be lost; None where there is no place for it."""
        home = self.environment.get("HOME")
        usual = self.environment.get("XDG_STATE_HOME") or (f"{home}/.local/state" if home else "")
        base = self.state_directory or (Path(usual, "reconcile") if usual.startswith("/") else None)
        return base / project if base else None

    def connection(self) -> Mapping[tuple[str, ...], str]:
        """The connection to Keycloak from the environment or the command line: path in the connection → value."""
        found = {path: self.environment[name] for name, path in _KEYCLOAK.items() if self.environment.get(name)}
        return found | ({("url",): self.keycloak_url} if self.keycloak_url else {})

    def connection_given_by(self, path: tuple[str, ...]) -> str:
        """The variable or option that gives a value of the connection, in words; empty where the files do."""
        if path == ("url",) and self.keycloak_url:
            return "--keycloak-url"
        names = (name for name, place in _KEYCLOAK.items() if place == path and self.environment.get(name))
        return next((f"{name} in the environment" for name in names), "")
