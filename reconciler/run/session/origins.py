"""The place where a value is to be corrected, for remedies: a variable and where it is set, else the line of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from reconciler.config.variables.sources import env_file_paths, variables_in
from reconciler.config.yaml.textfile import ENV_LIMIT, read_text
from reconciler.core.message.errors import ConfigError
from reconciler.core.resource.document import DocumentPath, Locator
from reconciler.core.resource.options import OPTIONS
from reconciler.core.resource.resource import Origin
from reconciler.pattern import lazy_pattern
from reconciler.settings import Settings

ENVIRONMENT: Final = "the environment"
_VARIABLE: Final = lazy_pattern(r"(?<!\$)\$(?:\{([A-Za-z_]\w*)|([A-Za-z_]\w*))")
_CONNECTION: Final = (OPTIONS, "connection")


def place_of(settings: Settings, locate: Locator, kinds: Callable[[], Mapping[str, str]], path: DocumentPath) -> str:
    """The place of a value, in words. ``kinds`` gives the sources of secrets that have one, by variable."""
    given = settings.connection_given_by(_in_connection(path))
    if given:
        return given
    origin = locate(path)
    places = [
        f"{name} in {place}" for name in _variables_at(settings, origin) if (place := set_in(name, settings, kinds()))
    ]
    return " or ".join(places) or f"`{path[-1]}` at {origin}"


def set_in(name: str, settings: Settings, kinds: Mapping[str, str]) -> str:
    """The place that gives a variable its value; empty where none does."""
    # The environment wins over each other source, also over the files.
    if settings.environment.get(name):
        return ENVIRONMENT
    if name in kinds:
        return f"its source ({kinds[name]})"
    files = env_file_paths(settings.directory, settings.env_files)
    return next((str(file) for file in reversed(files) if name in _set_by(file, settings)), "")  # a later file wins


def _set_by(file: Path, settings: Settings) -> Mapping[str, str]:
    try:
        return variables_in(read_text(file, directory=settings.directory, limit=ENV_LIMIT, private=True).text)
    except ConfigError:
        return {}


def _in_connection(path: DocumentPath) -> tuple[str, ...]:
    """The path of a value within the connection to Keycloak; empty for any other value."""
    return tuple(map(str, path[4:])) if path[0] == "realms" and path[2:4] == _CONNECTION else ()


def _variables_at(settings: Settings, origin: Origin) -> list[str]:
    """The variables in the line of a value."""
    if not origin.file or not origin.line:
        return []
    try:
        lines = (settings.directory / origin.file).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
    line = lines[origin.line - 1] if origin.line <= len(lines) else ""
    return [braced or bare for braced, bare in _VARIABLE.findall(line)]
