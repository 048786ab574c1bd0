"""Secrets that are files, or lines of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from reconciler.secrets.sources.interface import SourceError, Surroundings

_MOUNTED: Final = Path("/run/secrets")
_LARGEST: Final = 1_000_000


def text_of(path: Path) -> str:
    """The text of a file. Raises SourceError."""
    try:
        if path.stat().st_size > _LARGEST:
            raise SourceError(f"{path} is larger than any secret; name the file that has the secret alone")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SourceError(
            f"{path} can't be read: {error.strerror or error}; check the path and who may read it"
        ) from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is no text; a secret must be one") from error


def without_line_end(text: str) -> str:
    """The text without the end of its last line, which an editor or a program has added."""
    return text.removesuffix("\n").removesuffix("\r")


def read_file(settings: Any, around: Surroundings) -> str:
    """The content of a file, without the end of its last line."""
    return without_line_end(text_of(around.path(str(settings))))


def read_docker_secret(settings: Any, _around: Surroundings) -> str:
    """A secret that the engine has mounted into the container in which reconcile runs."""
    return without_line_end(text_of(_MOUNTED / str(settings)))


def read_env_file(settings: Any, around: Surroundings) -> str:
    """A variable of an env file."""
    path, name = around.path(str(settings["path"])), str(settings["name"])
    found = around.variables_in(text_of(path)).get(name)
    if found is None:
        raise SourceError(f"{path} does not set {name}; add a line `{name}=value`, or name another variable")
    return found
