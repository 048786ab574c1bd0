"""The files to load, by Compose's rules for its command line: called once, before anything is loaded.

Source: ``cli/options.go`` of compose-go 2.13 and ``cmd/compose`` of Compose 5.6. Relative paths of options and
variables begin at the working directory; the project's directory is that of the first file, unless it is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from reconciler.config.variables.dotenv import parse_env
from reconciler.config.variables.template import Variables
from reconciler.config.yaml.textfile import ENV_LIMIT, is_named, read_text
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import SCHEMA, Problem
from reconciler.core.resource.resource import Origin
from reconciler.record import Struct

STACK_FILE: Final = "stack.yaml"
USERS_FILE: Final = "users.yaml"
COMPOSE_FILES: Final = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDES: Final = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)

_PREFIX: Final = "COMPOSE_"
_PLATFORM: Final = "DOCKER_DEFAULT_PLATFORM"
"""A variable that Compose, unlike the Docker CLI, reads from env files too."""
_FILE: Final = "COMPOSE_FILE"
_SEPARATOR: Final = "COMPOSE_PATH_SEPARATOR"
_ENV_FILES: Final = "COMPOSE_ENV_FILES"
_DISABLED: Final = "COMPOSE_DISABLE_ENV_FILE"
_TRUE: Final = ("1", "t", "T", "true", "TRUE", "True")
_FALSE: Final = ("0", "f", "F", "false", "FALSE", "False")
_USUAL_SEPARATOR: Final = ":"
_DOTENV: Final = ".env"


class Files(Struct, frozen=True):
    """The project's directory and its files. No stack files or no users files: that half is not managed.

    ``env_files`` of None means the directory's ``.env`` where there is one. ``environment`` has the variables of
    Compose that ``.env`` sets as well, and the usual platform.
    """

    directory: Path
    stack: tuple[Path, ...]
    users: tuple[Path, ...]
    env_files: tuple[Path, ...] | None
    environment: Mapping[str, str]


def find(
    stack: tuple[Path, ...],
    users: tuple[Path, ...],
    *,
    directory: Path | None,
    env_files: tuple[Path, ...],
    environment: Mapping[str, str],
) -> Files:
    """The files that options and variables name, else the usual ones.

    Raises ConfigError for a switch that is neither true nor false.
    """
    here = working_directory(environment)
    base = here / directory if directory else _folder_of(here, stack) or here
    named = env_files or _listed(environment.get(_ENV_FILES, ""))
    read = named or (() if _is_disabled(environment) else (base / _DOTENV,))
    # Compose lets .env set variables such as COMPOSE_FILE, so .env is read before it is known which files there are.
    told = {**_of_compose(read, here, environment), **environment}
    if users and not stack:
        return Files(base, (), users, _env_files(told, named, base, base), told)
    wanted = stack or tuple(here / path for path in _files_in(told))
    # A folder with a users.yaml of its own is meant itself; a stack.yaml further up belongs to something else.
    found = wanted or _usual(base, climbs=not is_named(base / USERS_FILE))
    home = base if directory else _folder_of(here, found) or base
    usual = () if stack else _existing(home / USERS_FILE)
    return Files(home, found, users or usual, _env_files(told, named, base, home), told)


def working_directory(environment: Mapping[str, str]) -> Path:
    """The working directory by the name that the shell has for it, which may lead through symbolic links."""
    here, named = Path.cwd(), Path(environment.get("PWD") or "/")
    return named if named.is_absolute() and named.is_dir() and named.samefile(here) else here


def _folder_of(here: Path, files: tuple[Path, ...]) -> Path | None:
    return (here / files[0]).parent if files else None


def _paths(base: Path, named: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(base / path for path in named)


def _existing(*paths: Path) -> tuple[Path, ...]:
    return tuple(path for path in paths if is_named(path))


def _no_folders(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(path for path in paths if not path.is_dir())


def _listed(text: str) -> tuple[Path, ...]:
    return tuple(Path(name) for name in text.split(",") if name)


def _files_in(variables: Mapping[str, str]) -> Iterator[str]:
    """The files that COMPOSE_FILE names."""
    separator = variables.get(_SEPARATOR) or _USUAL_SEPARATOR
    return filter(None, variables.get(_FILE, "").split(separator))


def _usual(base: Path, *, climbs: bool) -> tuple[Path, ...]:
    """The stack file that is there: ours, else Compose's with its override, which may be in a folder above."""
    if found := _existing(base / STACK_FILE):
        return found
    for folder in (base, *(base.parents if climbs else ())):
        if found := _existing(*(folder / name for name in COMPOSE_FILES)):
            return (found[0], *_existing(*(folder / name for name in OVERRIDES))[:1])
    return ()


def _of_compose(files: tuple[Path, ...], here: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of Compose in env files; what is wrong with these is reported when they are loaded."""
    found: dict[str, str] = {}
    for path in files:
        try:
            file = read_text(path, directory=here, limit=ENV_LIMIT, private=True)
        except ConfigError:
            continue
        found |= parse_env(file, Variables(dict(environment)), earlier=found).values
    # Other variables of .env are for the stack; they must not rename files or turn switches here.
    return {name: value for name, value in found.items() if name.startswith(_PREFIX) or name == _PLATFORM}


def _env_files(told: Mapping[str, str], named: tuple[Path, ...], base: Path, home: Path) -> tuple[Path, ...] | None:
    """The env files, a later one counting more: Compose lets that of the working directory win over the project's."""
    if named:
        return named
    usual = () if _is_disabled(told) else _no_folders(_existing(home / _DOTENV, base / _DOTENV))
    more = _listed(told.get(_ENV_FILES, ""))
    if more or _is_disabled(told):
        return tuple(dict.fromkeys((*usual, *more)))
    return tuple(usual) if home != base and base / _DOTENV in usual else None


def _is_disabled(variables: Mapping[str, str]) -> bool:
    text = variables.get(_DISABLED, _FALSE[0])
    if text not in (*_TRUE, *_FALSE):
        raise ConfigError([Problem(f"`{text}` is neither true nor false", Origin(_DISABLED), code=SCHEMA)])
    return text in _TRUE
