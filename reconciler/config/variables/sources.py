"""The sources of variables: the process environment, before the env files, before values to be generated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from reconciler.config.variables.dotenv import parse_env
from reconciler.config.variables.template import Variables
from reconciler.config.yaml.textfile import ENV_LIMIT, TextFile, read_text
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import Problem

_DEFAULT: Final = ".env"


def env_file_paths(directory: Path, given: Sequence[Path] | None) -> tuple[Path, ...]:
    """The env files to read: those given, or the directory's ``.env`` where there is one."""
    paths = possible_env_files(directory, given)
    return paths if given is not None else tuple(path for path in paths if path.exists() and not path.is_dir())


def possible_env_files(directory: Path, given: Sequence[Path] | None) -> tuple[Path, ...]:
    """The env files that would be read: those given, or the directory's ``.env``; there or not."""
    return tuple(given) if given is not None else (directory / _DEFAULT,)


def read_variables(
    environment: Mapping[str, str],
    files: Iterable[Path],
    *,
    directory: Path,
    declared: frozenset[str] = frozenset(),
    generated: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None,
) -> tuple[Variables, list[Problem]]:
    """All variables, and what is wrong with the files. A set but empty one of the environment wins over the files.

    Values that their own sources have ``given`` win over the files, too.
    """
    generated, environment = generated or {}, {**environment, **(given or {})}
    # An empty variable counts as missing here: a secret that is empty protects nothing.
    missing = {name: value for name, value in generated.items() if not environment.get(name)}
    outside = Variables({**environment, **missing}, declared)
    problems: list[Problem] = []
    found: dict[str, str] = {}
    secret: set[str] = set()
    for path in files:
        try:
            file = read_text(path, directory=directory, limit=ENV_LIMIT, private=True)
        except ConfigError as error:
            problems.extend(error.problems)
            continue
        # A line may use variables of the lines and files before it.
        env = parse_env(file, outside, earlier=found)
        problems.extend(env.problems)
        found.update(env.values)
        secret.update(env.tainted)
    # The environment wins: a command line can override any file.
    values = {**found, **environment}
    values.update({name: value for name, value in generated.items() if not values.get(name)})
    return Variables(values, declared | secret), problems


def variables_in(text: str) -> Mapping[str, str]:
    """The variables that the text of an env file sets by itself."""
    return parse_env(TextFile(_DEFAULT, text, private=True), Variables()).values
