"""The sources of variables: the process environment, before the env files, before values to be generated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from reconciler.config.variables.dotenv import parse_env
from reconciler.config.variables.template import Variables
from reconciler.config.yaml.textfile import ENV_LIMIT, TextFile, is_named, read_text, shown_name
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import UNREADABLE, Problem, Severity
from reconciler.core.resource.resource import Origin

_DEFAULT: Final = ".env"


def env_file_paths(directory: Path, given: Sequence[Path] | None) -> tuple[Path, ...]:
    """The env files to read: those given, or the directory's ``.env`` where there is one."""
    paths = possible_env_files(directory, given)
    return paths if given is not None else tuple(path for path in paths if is_named(path) and not path.is_dir())


def ignored_env_files(directory: Path, given: Sequence[Path] | None, *, root: Path) -> Iterator[Problem]:
    """Warns of a directory in the place of ``.env``: Compose reads nothing of it, and neither do we."""
    for path in possible_env_files(directory, given) if given is None else ():
        if path.is_dir():
            message = "is a directory, so it gives no variables; remove it, or name a file with --env-file"
            place = Origin(shown_name(path.absolute(), root))
            yield Problem(message, place, Severity.WARNING, code=UNREADABLE)


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
