"""``env_file`` folded into ``environment``: what stands in ``environment`` wins, then the later file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.config.canonical import Surroundings
from reconciler.config.dotenv import EnvFile, parse_env, parse_raw
from reconciler.config.template import Variables
from reconciler.config.textfile import ENV_LIMIT, TextFile, read_text, shown_name
from reconciler.config.tree import (
    Items,
    Map,
    Place,
    Tainted,
    Tree,
    entries,
    from_items,
    from_pairs,
    placed,
    with_places,
)
from reconciler.core.errors import ConfigError
from reconciler.core.problem import Problem


def with_env_files(model: Map, document: Map, around: Surroundings) -> tuple[Map, list[Problem]]:
    """The model with the variables of each service's env files, and what is wrong with those."""
    problems: list[Problem] = []
    done = {}
    for name, service in model["services"].items():
        done[name], found = _service(service, _files(document["services"][name]), around)
        problems.extend(found)
    return with_places({**model, "services": with_places(done, model["services"])}, model), problems


def _files(service: Map) -> Items:
    """The env files that a service names; one that is named without a list stands where the attribute does."""
    files = service.get("env_file") or Items()
    place = placed(service, "env_file")
    return from_items((given, own or place) for given, own in entries(files))


def _service(service: Map, files: Items, around: Surroundings) -> tuple[Map, list[Problem]]:
    if not files:
        return service, []
    own = service.get("environment") or Map()
    set_here = {name: str(value) for name, value in own.items() if value is not None}
    secret = frozenset(name for name, value in own.items() if isinstance(value, Tainted))
    outside = Variables({**set_here, **around.variables.values}, around.variables.declared | secret)
    found: dict[str, tuple[str, Tree, Place | None]] = {}
    earlier = dict(set_here)
    problems: list[Problem] = []
    for given, place in entries(files):
        read = _read(given, place, around, outside, earlier)
        problems.extend(read.env.problems)
        earlier.update(read.env.values)
        found.update({name: (name, read.value(name), read.place(name)) for name in read.env.values})
    found.update({name: (name, value, placed(own, name)) for name, value in own.items()})
    made = {"environment": from_pairs(found.values())} if found else {}
    return with_places({**service, **made}, service), problems


@dataclass(frozen=True, slots=True)
class _Read:
    """An env file and what is in it."""

    file: TextFile
    env: EnvFile

    def value(self, name: str) -> str:
        text = self.env.values[name]
        return Tainted(text) if name in self.env.tainted else text

    def place(self, name: str) -> Place:
        line = self.env.lines.get(name, 0)
        return Place(self.file, line, 1, line, 1)


def _read(
    given: Map, place: Place | None, around: Surroundings, outside: Variables, earlier: Mapping[str, str]
) -> _Read:
    path = Path(around.absolute(str(given["path"])))
    name = shown_name(path, around.directory)
    nothing = TextFile(name, "")
    if not path.exists() and given.get("required") in (False, "false"):
        return _Read(nothing, EnvFile())
    try:
        file = read_text(path, directory=around.directory, limit=ENV_LIMIT, private=True)
    except ConfigError as error:
        told = "(secret)" if isinstance(given["path"], Tainted) else name
        said = f"env_file {told}: {error.problems[0].message}"
        return _Read(nothing, EnvFile(problems=(place.problem(said, at_value=True),) if place else error.problems))
    is_raw = given.get("format") == "raw"
    return _Read(file, parse_raw(file, outside) if is_raw else parse_env(file, outside, earlier=earlier))
