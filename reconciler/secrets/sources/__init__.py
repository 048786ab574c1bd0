"""Places that secrets come from, behind one interface: settings and surroundings in, the text of the secret out.

A place is a row of ``SOURCES``. Whatever keeps it from giving the secret is a SourceError, with the remedy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.secrets.sources.files import read_docker_secret, read_env_file, read_file
from reconciler.secrets.sources.interface import Source, SourceError, Surroundings
from reconciler.secrets.sources.programs import read_age, read_command, read_sops


def read_vault(settings: Any, around: Surroundings) -> str:
    """A key of a secret in Vault or OpenBao."""
    from reconciler.secrets.sources import vault  # its HTTP library takes a while to import

    return vault.read_vault(settings, around)


SOURCES: Final[Mapping[str, Source]] = {
    "age": read_age,
    "command": read_command,
    "docker_secret": read_docker_secret,
    "env_file": read_env_file,
    "file": read_file,
    "sops": read_sops,
    "vault": read_vault,
}

__all__ = ["SOURCES", "Source", "SourceError", "Surroundings"]
