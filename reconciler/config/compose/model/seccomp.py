"""Seccomp profiles: ``security_opt`` names a file, and the engine takes what is in it.

Source: ``parseSecurityOpts`` of Compose 5.6. The path begins at the project's directory, also in an included file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from reconciler.config.compose.model.canonical import Surroundings
from reconciler.config.compose.model.paths import Base
from reconciler.config.yaml.errors import json_fault
from reconciler.config.yaml.textfile import ENV_LIMIT, read_text, shown_name
from reconciler.config.yaml.tree import Items, Map, Place, Tree, each, entries, like, with_places
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import UNREADABLE, Problem

_WORDS: Final = ("unconfined", "builtin")
_SEPARATORS: Final = ("=", ":")


def profile_path(option: Tree, root: Path, home: str | None = None) -> str | None:
    """The path of the profile that an option names; None where it names none."""
    text = str(option)
    separator = next((each for each in _SEPARATORS if each in text), _SEPARATORS[0])
    name, _, value = text.partition(separator)
    is_profile = name == "seccomp" and value and value not in _WORDS and not value.startswith("{")
    return Base(root, root, home).absolute(value) if is_profile else None


def profile_files(model: Map, around: Surroundings) -> Iterator[Path]:
    """The files of profiles that services and what is run before them name."""
    for service in model["services"].values():
        for container in (service, *service.get("pre_start", ())):
            paths = (_path(option, around) for option in container.get("security_opt") or ())
            yield from (Path(path) for path in paths if path)


def with_profiles(model: Map, around: Surroundings) -> tuple[Map, list[Problem]]:
    """The model with profiles in place of their files' names, and what is wrong with those."""
    problems: list[Problem] = []

    def read(container: Map) -> Map:
        options = container.get("security_opt")
        if not isinstance(options, Items):
            return container
        done = [_loaded(option, place, around, problems) for option, place in entries(options)]
        return with_places({**container, "security_opt": Items(done, options.places)}, container)

    def with_hooks(service: Map) -> Map:
        hooks = service.get("pre_start")
        done = with_places({**service, "pre_start": each(hooks, read)}, service) if hooks else service
        return read(done)

    services = model["services"]
    done = with_places({name: with_hooks(service) for name, service in services.items()}, services)
    return with_places({**model, "services": done}, model), problems


def _path(option: Tree, around: Surroundings) -> str | None:
    return profile_path(option, around.directory, around.variables.get("HOME"))


def _loaded(option: Tree, place: Place | None, around: Surroundings, problems: list[Problem]) -> Tree:
    path = _path(option, around)
    if path is None:
        return option
    name = like(option, shown_name(Path(path), around.directory))
    try:
        profile = json.loads(read_text(Path(path), directory=around.directory, limit=ENV_LIMIT).text)
    except ConfigError as error:
        problems.extend(_said(place, f"the seccomp profile {name}: {error.problems[0].message.partition(';')[0]}"))
    except ValueError as error:
        problems.extend(_said(place, f"the seccomp profile {name} is no JSON: {json_fault(error)}"))
    else:
        # Compact, as the engine stores it: the same profile in another layout is no difference.
        return like(option, f"seccomp={json.dumps(profile, separators=_COMPACT)}")
    return option


_COMPACT: Final = (",", ":")


def _said(place: Place | None, message: str) -> Iterator[Problem]:
    if place:
        yield place.problem(message, at_value=True, code=UNREADABLE)
