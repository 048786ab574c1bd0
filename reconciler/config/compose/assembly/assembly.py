"""All files of a stack into one document: the layers one over the other, each with what it includes and extends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from reconciler.config.compose.assembly.defaults import with_defaults
from reconciler.config.compose.assembly.extends import extended
from reconciler.config.compose.assembly.layers import MOST_SERVICES, Layer, Written, read_named
from reconciler.config.compose.assembly.level import Findings, Level
from reconciler.config.compose.assembly.stages import SECTIONS, fitting, variables_filled, with_layer
from reconciler.config.compose.model.merge import laid_over, without
from reconciler.config.compose.model.paths import absolute_paths, is_remote
from reconciler.config.variables.sources import env_file_paths, ignored_env_files, possible_env_files, read_variables
from reconciler.config.variables.template import Variables
from reconciler.config.yaml.textfile import shown_name
from reconciler.config.yaml.tree import Items, Map, Place, Tainted, Tree, entries, from_items, placed, with_places
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import CHECK, SCHEMA, UNREADABLE, UNSUPPORTED, Severity
from reconciler.core.resource.options import OPTIONS
from reconciler.record import replace

_MOST_INCLUDES: Final = 1000
_MOST_ABOVE: Final = 100
_NOTHING: Final = "/dev/null"


def assembled(layers: Sequence[Layer], level: Level, found: Findings) -> Map:
    """The layers as one document, in long form and with absolute paths, as far as nothing is wrong with them."""
    document = Map()
    for layer in layers:
        tree = _with_included(_without_version(variables_filled(layer, level, found), found), layer, level, found)
        tree = extended(tree, layer, level, found)
        document = with_layer(document, tree, layer, found, check=fitting)
        _limit_services(document, found)
    return absolute_paths(with_defaults(document), level.base)


def _limit_services(document: Map, found: Findings) -> None:
    """Raises ConfigError where several files together have too many services."""
    services = document.get("services")
    if isinstance(services, Map) and len(services) > MOST_SERVICES:
        place = next(filter(None, (placed(services, name) for name in [*services][MOST_SERVICES:])), None)
        message = f"services has more than the {MOST_SERVICES} entries that it may have, with those of other files"
        raise ConfigError([*found.problems, *([place.problem(message, code=SCHEMA)] if place else [])])


def _without_version(tree: Map, found: Findings) -> Map:
    if "version" not in tree:
        return tree
    place = placed(tree, "version")
    said = "`version` has no effect any more; remove it"
    found.problems.extend([place.problem(said, severity=Severity.WARNING, code=UNSUPPORTED)] if place else [])
    return _but(tree, "version")


def _but(tree: Map, key: str) -> Map:
    return with_places({each: value for each, value in tree.items() if each != key}, tree)


# --- include


def _with_included(tree: Map, layer: Layer, level: Level, found: Findings) -> Map:
    """The layer with what it includes, over which it lays what it says itself."""
    if "include" not in tree:
        return tree
    asked = fitting(with_places({"include": tree["include"]}, tree), found)
    for entry, place in entries(asked.get("include") or ()):
        if place:
            tree = _imported(tree, _included(entry, place, level, found), layer, found)
            _limit_services(tree, found)
    return _but(tree, "include")


def _included(entry: Tree, place: Place, level: Level, found: Findings) -> Map:
    """The document that an include asks for; empty where there is something wrong with it."""
    wanted = entry if isinstance(entry, Map) else Map({"path": entry})
    paths = [level.directory / path for path in _texts(wanted.get("path"))]
    wrong = _why_not(_texts(wanted.get("path")), paths, level, found)
    if wrong:
        found.problems.append(place.problem(wrong, at_value=True, code=CHECK))
        return Map()
    # Counted before they are read, so that files which include each other in ever new ways come to an end.
    found.included += len(paths)
    found.files.extend(paths)
    written = read_named(paths, level.root, place=place, problems=found.problems)
    directory = paths[0].parent if "project_directory" not in wanted else level.directory / wanted["project_directory"]
    variables = _variables(wanted, directory, place, level, found)
    if written is None or variables is None:
        return Map()
    _note(written, level, found)
    above = (*level.above, *(path.resolve() for path in paths))
    lower = replace(level, directory=directory, variables=variables, above=above)
    # A name without a value takes that of the include's own env files, which nobody above can look up.
    return _looked_up(assembled(written.layers, lower, found), variables)


def _texts(value: Tree) -> list[str]:
    return [value] if isinstance(value, str) else [str(each) for each in value or ()]


def _why_not(written: list[str], paths: list[Path], level: Level, found: Findings) -> str | None:
    """Explains in words why these files can't be included."""
    if not paths:
        return "names no file to include; write its `path`"
    remote = next((path for path in written if is_remote(path)), None)
    if remote:
        return f"`{remote}` is not supported yet: only files can be included"
    # A path may lead through links, so files are told apart by what they resolve to.
    if paths[0].resolve() in level.above:
        names = [shown_name(path, level.root) for path in (*level.above, paths[0].resolve())]
        return f"files include each other in a circle: {' → '.join(names)}"
    if len(level.above) > _MOST_ABOVE or found.included > _MOST_INCLUDES:
        return f"more than {_MOST_INCLUDES} files are included, or {_MOST_ABOVE} by one another"
    return level.forbids(*paths)


def _variables(wanted: Map, directory: Path, place: Place, level: Level, found: Findings) -> Variables | None:
    """The variables of what is included: those of the level, then those of its env files."""
    given = [level.directory / file for file in _texts(wanted.get("env_file")) if file != _NOTHING]
    named = given if "env_file" in wanted else None
    files = env_file_paths(directory, named)
    found.files.extend(possible_env_files(directory, named))
    found.problems.extend(ignored_env_files(directory, named, root=level.root))
    missing = [file for file in given if not file.is_file()]
    said = f"env_file {shown_name(missing[0], level.root)}: no such file" if missing else None
    # A confined project is told that a path leads outside, and not whether something is there.
    wrong = level.forbids(directory, *files) or said
    if wrong:
        found.problems.append((placed(wanted, "env_file") or place).problem(wrong, at_value=True, code=UNREADABLE))
        return None
    declared = level.variables.declared
    variables, problems = read_variables(level.variables.values, files, directory=level.root, declared=declared)
    found.problems.extend(problems)
    return variables


def _note(written: Written, level: Level, found: Findings) -> None:
    """Say of what is written for the whole project in a file that is only a part of it."""
    found.problems.extend(written.problems)
    for layer in written.layers if level.strict else ():
        place = placed(layer.tree, OPTIONS)
        if place:
            said = "`x-reconcile` at the top of an included file has no effect; write it in the file that includes it"
            found.problems.append(place.problem(said, code=CHECK))


def _looked_up(document: Map, variables: Variables) -> Map:
    """The document with those variables of containers that the include's env files know, where only names stand."""
    services = document.get("services") or Map()

    def value(item: Tree) -> Tree:
        known = variables.get(item) if isinstance(item, str) else None
        if known is None:
            return item
        pair = f"{item}={known}"
        # The text is a new one, so the mark of a secret has to be put on it again.
        return Tainted(pair) if variables.is_secret(item) else pair

    def service(given: Tree) -> Tree:
        environment = given.get("environment") if isinstance(given, Map) else None
        if not isinstance(environment, Items):
            return given
        pairs = from_items((value(item), place) for item, place in entries(environment))
        return with_places({**given, "environment": pairs}, given)

    done = {name: service(given) for name, given in services.items()}
    return with_places({**document, "services": with_places(done, services)}, document) if done else document


def _imported(tree: Map, lower: Map, layer: Layer, found: Findings) -> Map:
    """The layer over what it includes; of its other parts, such as ``x-`` keys, nothing is taken over."""
    done = tree
    for section in SECTIONS:
        theirs, own = lower.get(section), tree.get(section, Map())
        if not isinstance(theirs, Map) or not isinstance(own, Map):
            continue
        # `!reset` clears what the layer below says, and what is included is such a layer.
        cleared = [path for path in layer.cleared if len(path) > 2 and path[0] == section]
        below: Map = without(Map({section: theirs}), cleared)[section]
        both = laid_over(below, own, found.problems, path=(section,))
        done = Map({**done, section: both}, done.places)
    return done
