"""``env_file`` folded into ``environment``, ``label_file`` into ``labels``: what the service says wins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from reconciler.config.compose.model.canonical import Surroundings
from reconciler.config.variables.dotenv import EnvFile, parse_env, parse_raw
from reconciler.config.variables.template import Variables
from reconciler.config.yaml.textfile import ENV_LIMIT, TextFile, read_text, shown_name
from reconciler.config.yaml.tree import Map, Place, Tainted, Tree, each, entries, from_pairs, placed, with_places
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import UNREADABLE, Problem
from reconciler.record import Struct


def with_env_files(model: Map, around: Surroundings, *, of_hooks: bool = False) -> tuple[Map, list[Problem]]:
    """The model with what the env and label files of each service say, and what is wrong with those.

    Where it is said, with those of the containers that are run before a service as well.
    """
    problems: list[Problem] = []

    def with_files(container: Map) -> Map:
        with_variables, of_env_files = _with_variables(container, around)
        done, of_label_files = _with_labels(with_variables, around)
        problems.extend((*of_env_files, *of_label_files))
        return done

    def with_all(service: Map) -> Map:
        hooks = service.get("pre_start")
        if not (hooks and of_hooks):
            return with_files(service)
        return with_files(with_places({**service, "pre_start": each(hooks, with_files)}, service))

    services = model["services"]
    done = with_places({name: with_all(service) for name, service in services.items()}, services)
    return with_places({**model, "services": done}, model), problems


def named_files(model: Map) -> Iterator[Path]:
    """The env and label files that services and what is run before them name, and the files of configs and secrets."""
    for service in model["services"].values():
        for container in (service, *service.get("pre_start", ())):
            yield from (Path(given["path"]) for given in container.get("env_file") or () if "path" in given)
            yield from map(Path, container.get("label_file") or ())
    for section in ("configs", "secrets"):
        yield from (Path(each["file"]) for each in (model.get(section) or {}).values() if each and each.get("file"))


def _with_labels(service: Map, around: Surroundings) -> tuple[Map, list[Problem]]:
    files = service.get("label_file")
    if not files:
        return service, []
    found: dict[str, tuple[str, Tree, Place | None]] = {}
    problems: list[Problem] = []
    for path, place in entries(files):
        # A label file may use the labels of the files before it.
        earlier = Variables({name: value for name, value, _ in found.values()}, around.variables.declared)
        read = _read(_Named("label_file", str(path), place), around, earlier, {})
        problems.extend(read.env.problems)
        found.update({name: (name, read.value(name), read.place(name)) for name in read.env.values})
    # What the service says itself wins over its files.
    own = service.get("labels") or Map()
    found.update({name: (name, value, placed(own, name)) for name, value in own.items()})
    return with_places({**service, "labels": from_pairs(found.values())}, service), problems


def _with_variables(service: Map, around: Surroundings) -> tuple[Map, list[Problem]]:
    files = service.get("env_file")
    if not files:
        return service, []
    service = with_places({key: value for key, value in service.items() if key != "env_file"}, service)
    own = service.get("environment") or Map()
    # The files may use variables of the service; those of the project win over them.
    set_here = {name: str(value) for name, value in own.items() if value is not None}
    secret = frozenset(name for name, value in own.items() if isinstance(value, Tainted))
    outside = Variables({**set_here, **around.variables.values}, around.variables.declared | secret)
    found: dict[str, tuple[str, Tree, Place | None]] = {}
    earlier = dict(set_here)
    problems: list[Problem] = []
    for named in _named(files):
        read = _read(named, around, outside, earlier)
        problems.extend(read.env.problems)
        earlier.update(read.env.values)
        found.update({name: (name, read.value(name), read.place(name)) for name in read.env.values})
    # Last, because what `environment` says wins over every file.
    found.update({name: (name, value, placed(own, name)) for name, value in own.items()})
    made = {"environment": from_pairs(found.values())} if found else {}
    return with_places({**service, **made}, service), problems


def _named(files: Tree) -> Iterator[_Named]:
    """The files of a service; what is no path is reported already."""
    for given, place in entries(files):
        if "path" in given:
            is_optional, is_raw = given.get("required") in (False, "false"), given.get("format") == "raw"
            yield _Named("env_file", given["path"], place, is_optional=is_optional, is_raw=is_raw)


class _Read(Struct, frozen=True):
    """An env file and what is in it."""

    file: TextFile
    env: EnvFile

    def value(self, name: str) -> str:
        text = self.env.values[name]
        return Tainted(text) if name in self.env.tainted else text

    def place(self, name: str) -> Place:
        line = self.env.lines.get(name, 0)
        return Place(self.file, line, 1, line, 1)


class _Named(Struct, frozen=True):
    """A file that a service names, under ``key`` and at ``place``."""

    key: str
    path: str
    place: Place | None
    is_optional: bool = False
    is_raw: bool = False


def _read(named: _Named, around: Surroundings, outside: Variables, earlier: Mapping[str, str]) -> _Read:
    path = Path(named.path)
    name = shown_name(path, around.directory)
    nothing = TextFile(name, "")
    if not path.exists() and named.is_optional:
        return _Read(nothing, EnvFile())
    try:
        file = read_text(path, directory=around.directory, limit=ENV_LIMIT, private=True)
    except ConfigError as error:
        why = error.problems[0].message
        # The path itself may come from a secret variable, and an error must not print it.
        is_secret = isinstance(named.path, Tainted)
        said = f"{named.key} (secret): {why.partition(';')[0]}" if is_secret else f"{named.key} {name}: {why}"
        problems = (named.place.problem(said, at_value=True, code=UNREADABLE),) if named.place else error.problems
        return _Read(nothing, EnvFile(problems=problems))
    return _Read(file, parse_raw(file, outside) if named.is_raw else parse_env(file, outside, earlier=earlier))
