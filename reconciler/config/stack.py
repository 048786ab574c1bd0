"""stack.yaml, from texts to the canonical model, with everything that is wrong with it on the way.

One step after the other, each a function of its own: parse, fill in variables, check against the schema, write short
forms out, check what belongs together, make canonical, read env files. A step that finds something wrong takes it
out, so that the next one can go on and all problems are found in one run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.config import checks, contradictions, notyet, references
from reconciler.config.canonical import Surroundings, canonical
from reconciler.config.casts import STACK_CASTS
from reconciler.config.environment import with_env_files
from reconciler.config.explain import Fault
from reconciler.config.interpolate import Filled, Misfit, filled
from reconciler.config.longform import long_form, refuse_port_bombs
from reconciler.config.names import project_name, with_name
from reconciler.config.schema import load_schema
from reconciler.config.shapes import Malformed
from reconciler.config.template import Variables
from reconciler.config.textfile import STACK_LIMIT, read_text
from reconciler.config.tree import Items, Map, Place, Tree, TreePath, deepest, pruned, with_places
from reconciler.config.unique import unique
from reconciler.config.yamlfile import Parsed, only_document, parse
from reconciler.core.address import Address
from reconciler.core.errors import ConfigError
from reconciler.core.problem import Problem, Severity
from reconciler.core.resource import Origin

_SECTIONS = ("services", "networks", "volumes")
_RUNS = ("build", "extends", "image", "provider")


@dataclass(frozen=True, slots=True)
class Written:
    """stack.yaml as it is written: parsed, nothing else done."""

    tree: Map
    file: str
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """What a stack is loaded with. ``strict`` is for carrying it out; else it is loaded as Compose loads it."""

    directory: Path
    variables: Variables
    project: str | None = None
    profiles: tuple[str, ...] = ()
    strict: bool = True


@dataclass(frozen=True, slots=True)
class LoadedStack:
    """The canonical model, which knows its places, and all problems; it is not to be used if one is an error.

    ``addresses`` are those that x-reconcile names; ``idle`` is what is declared but in no active service's use.
    """

    model: Map
    project: str
    file: str
    problems: tuple[Problem, ...] = ()
    addresses: tuple[tuple[Place, str], ...] = ()
    idle: frozenset[Address] = frozenset()


@dataclass(slots=True)
class _Findings:
    problems: list[Problem] = field(default_factory=list)
    gone: list[TreePath] = field(default_factory=list)

    @property
    def doubtful(self) -> frozenset[str]:
        """Services of which something that must be there was taken out."""
        services = (path[1:] for path in self.gone if len(path) > 1 and path[0] == "services")
        return frozenset(str(name) for name, *rest in services if not rest or rest[0] in _RUNS)


def read_stack(paths: Sequence[Path], directory: Path) -> Written:
    """Parse the file. Raises ConfigError."""
    if len(paths) > 1:
        origin = Origin(str(paths[1]))
        raise ConfigError([Problem("a second stack file is not supported yet: merge it into the first", origin)])
    file = read_text(paths[0], directory=directory, limit=STACK_LIMIT)
    parsed: Parsed = parse(file)
    tree = only_document(file, parsed.documents)
    if tree is None:
        raise ConfigError([file.problem("is empty; expected at least `services:`")])
    if not isinstance(tree, Map):
        raise ConfigError([file.problem("must be a mapping with `services:` in it", 1, 1)])
    return Written(tree, file.name, parsed.warnings)


def load_written(written: Written, settings: Settings) -> LoadedStack:
    """Everything after parsing."""
    name = project_name(settings.project, settings.variables, settings.directory, written.tree)
    found = _Findings([*written.problems, *name.problems])
    variables = with_name(settings.variables, name.text)
    around = Surroundings(name.text, settings.directory, variables, variables.get("HOME"))
    document = _filled(written.tree, around, settings, found)
    document = _fitting(unique(document), found)
    document = _long(document, found)
    document, inactive = _active(unique(document), _profiles(settings, variables))
    stack = checks.Stack(document, around, inactive, found.doubtful)
    _check(stack, settings, found)
    model = _model(document, around, found)
    addresses = ((stack.place(*path), address) for path, address in references.x_addresses(stack))
    named = tuple((place, address) for place, address in addresses if place)
    return LoadedStack(model, name.text, written.file, tuple(found.problems), named, _idle(document, model, inactive))


def _filled(tree: Map, around: Surroundings, settings: Settings, found: _Findings) -> Map:
    done = filled(tree, around.variables, casts=STACK_CASTS, strict=settings.strict)
    misfits = _weighed(done, _profiles(settings, around.variables))
    for misfit in misfits:
        place, _ = deepest(tree, misfit.path)
        found.problems.extend([misfit.problem(place)] if place else [])
    wrong = [misfit.path for misfit in misfits if misfit.severity is Severity.ERROR]
    found.gone.extend(wrong)
    whole = _without(done.tree, wrong)
    if "version" in whole:
        place = whole.places.get("version")
        said = "`version` has no effect any more; remove it"
        found.problems.extend([place.problem(said, severity=Severity.WARNING)] if place else [])
    return whole


def _weighed(done: Filled, profiles: Sequence[str]) -> list[Misfit]:
    """The misfits, undefined variables only as warnings where nothing comes of them: in what is not active."""
    _, inactive = _active(done.tree, profiles)
    return [
        replace(misfit, severity=Severity.WARNING) if misfit.undefined and _is_idle(misfit.path, inactive) else misfit
        for misfit in done.misfits
    ]


def _is_idle(path: TreePath, inactive: frozenset[str]) -> bool:
    section, *rest = path
    if section == "services":
        return bool(rest) and rest[0] in inactive
    return str(section).startswith("x-") and section != "x-reconcile"


def _fitting(document: Map, found: _Findings) -> Map:
    """What of the document is known, of the right form, and can be carried out."""
    for use in notyet.uses(document):
        found.gone.append(use.gone)
        if use.place:
            found.problems.append(use.place.problem(use.message))
    document = _without(document, found.gone)
    faults = load_schema("stack").faults(document)
    found.problems.extend(problem for fault in faults for problem in _said(document, fault))
    gone = [fault.path for fault in faults]
    found.gone.extend(gone)
    return _without(document, gone)


def _said(document: Map, fault: Fault) -> list[Problem]:
    place, depth = deepest(document, fault.path)
    if place is None:
        first = next(iter(document.places.values()), None)
        return [first.file.problem(fault.message, 1, 1)] if first else []
    return [place.problem(fault.message, at_value=not fault.at_key and depth == len(fault.path))]


def _without(document: Map, paths: Sequence[TreePath]) -> Map:
    """The document without these values; a whole service is left empty, so that others can still name it."""
    kept = [path for path in paths if path and not (len(path) == 2 and path[0] in _SECTIONS)]
    document = pruned(document, kept)
    emptied = [path for path in paths if len(path) == 2 and path[0] in _SECTIONS]
    for section, name in emptied:
        values = document.get(str(section))
        if isinstance(values, Map):
            new = with_places({**values, str(name): Map()}, values)
            document = with_places({**document, str(section): new}, document)
    return document


def _long(document: Map, found: _Findings) -> Map:
    """The document in long form; what can't be read is left out. Raises ConfigError for what is too much."""
    try:
        refuse_port_bombs(document)
    except Malformed as error:
        faults = (fault for fault in error.faults if isinstance(fault, Problem))
        raise ConfigError([*found.problems, *faults]) from error
    try:
        return long_form(document)
    except Malformed as error:
        found.problems.extend(fault for fault in error.faults if isinstance(fault, Problem))
    return long_form(_readable(document, found))


def _readable(document: Map, found: _Findings) -> Map:
    """The document without what has no long form."""
    bad: list[TreePath] = []
    for section in _SECTIONS:
        for name, value in (document.get(section) or {}).items():
            for key in value if isinstance(value, Map) else ():
                bad.extend((section, name, key, *rest) for rest in _unreadable(section, key, value[key]))
    found.gone.extend(bad)
    return _without(document, bad)


def _unreadable(section: str, key: str, value: Tree) -> Iterator[tuple[int, ...]]:
    """Which items of the value have no long form; () for the value itself."""
    if not isinstance(value, Items):
        yield from () if _has_long_form(section, key, value) else [()]
        return
    yield from ((index,) for index, item in enumerate(value) if not _has_long_form(section, key, Items([item])))


def _has_long_form(section: str, key: str, value: Tree) -> bool:
    try:
        long_form(Map({section: Map({"": Map({key: value})})}))
    except Malformed:
        return False
    return True


def _profiles(settings: Settings, variables: Variables) -> tuple[str, ...]:
    named = variables.get("COMPOSE_PROFILES") or ""
    return settings.profiles or tuple(name.strip() for name in named.split(","))


def _active(document: Map, profiles: Sequence[str]) -> tuple[Map, frozenset[str]]:
    """The document with the services of these profiles, and the names of the others."""
    services = document.get("services")
    if not isinstance(services, Map):
        return document, frozenset()
    active = {name: service for name, service in services.items() if _is_active(service, profiles)}
    inactive = frozenset(name for name in services if name not in active)
    return with_places({**document, "services": with_places(active, services)}, document), inactive


def _is_active(service: Tree, profiles: Sequence[str]) -> bool:
    wanted = service.get("profiles") if isinstance(service, Map) else None
    return not isinstance(wanted, list) or not wanted or "*" in profiles or any(each in wanted for each in profiles)


def _check(stack: checks.Stack, settings: Settings, found: _Findings) -> None:
    found.problems.extend(checks.problems(stack, (*references.COMPOSE, *contradictions.COMPOSE)))
    if settings.strict:
        found.problems.extend(checks.problems(stack, (*references.OURS, *contradictions.OURS)))


def _idle(document: Map, model: Map, inactive: frozenset[str]) -> frozenset[Address]:
    """What stands in the file only for services that are not active, implied default network included."""
    networks = {*(document.get("networks") or ()), *(("default",) if inactive else ())} - {*model.get("networks", ())}
    volumes = {*(document.get("volumes") or ())} - {*model.get("volumes", ())}
    found = {"docker.container": inactive, "docker.network": networks, "docker.volume": volumes}
    return frozenset(Address(kind, (name,)) for kind, names in found.items() for name in names)


def _model(document: Map, around: Surroundings, found: _Findings) -> Map:
    try:
        model = canonical(document, around)
    except Malformed as error:
        found.problems.extend(fault for fault in error.faults if isinstance(fault, Problem))
        nothing = Map({name: Map() for name in document["services"]})
        found.problems.extend(with_env_files(Map({"services": nothing}), document, around)[1])
        return Map()
    model, problems = with_env_files(model, document, around)
    found.problems.extend(problems)
    return _needed(model)


def _needed(model: Map) -> Map:
    """The model without networks and volumes that no service uses, as Compose has it."""
    kept = dict(model)
    for section, used in _used(model).items():
        left = {name: value for name, value in (model.get(section) or {}).items() if name in used}
        if left:
            kept[section] = with_places(left, model[section])
        else:
            kept.pop(section, None)
    return with_places(kept, model)


def _used(model: Map) -> Mapping[str, set[str]]:
    services = model["services"].values()
    mounts = [item for service in services for item in service.get("volumes", ())]
    return {
        "networks": {name for service in services for name in service.get("networks", ())},
        "volumes": {item["source"] for item in mounts if item.get("type") == "volume" and item.get("source")},
    }
