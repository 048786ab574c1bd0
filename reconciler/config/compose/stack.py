"""stack.yaml, from texts to the canonical model, with everything that is wrong with it on the way.

One step after the other, each a function of its own: put all files together, check what belongs together, make
canonical, read env files. A step that finds something wrong takes it out, so that the next one can go on and all
problems are found in one run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from reconciler.config.compose.assembly import confined
from reconciler.config.compose.assembly.assembly import assembled
from reconciler.config.compose.assembly.environment import named_files, with_env_files
from reconciler.config.compose.assembly.layers import Written, read_layers
from reconciler.config.compose.assembly.level import Doubt, Findings, Level
from reconciler.config.compose.assembly.names import project_name, with_name
from reconciler.config.compose.assembly.stages import is_note, taken_out
from reconciler.config.compose.checks import checks, contradictions, localfiles, references, swarm, unsupported
from reconciler.config.compose.model.canonical import Surroundings, canonical
from reconciler.config.compose.model.seccomp import profile_files, with_profiles
from reconciler.config.compose.model.shapes import Malformed
from reconciler.config.variables.template import Variables
from reconciler.config.yaml.suggest import suggestion
from reconciler.config.yaml.textfile import shown_name
from reconciler.config.yaml.tree import Map, Place, Tree, TreePath, deepest, with_places
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import CHECK, SCHEMA, SYNTAX, UNREADABLE, Problem, Severity
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Origin
from reconciler.record import Struct, replace


class Settings(Struct, frozen=True):
    """The settings for loading a stack. ``strict`` is for applying it; else it is loaded as Compose loads it.

    Without ``starts`` nothing is to be started, and what only a start needs may be missing.
    """

    directory: Path
    variables: Variables
    project: str | None = None
    profiles: tuple[str, ...] = ()
    strict: bool = True
    starts: bool = True


class LoadedStack(Struct, frozen=True):
    """The canonical model, which knows its places, and all problems; it is not to be used if one is an error.

    ``file`` is the first one. ``addresses`` are those that x-reconcile names; ``idle`` is what is declared but in no
    active service's use. ``files`` are those that the files of the command line name, there or not. ``services`` are
    the names of all services, active or not; None where a file can't be read that may have more.
    """

    model: Map
    project: str
    file: str
    problems: tuple[Problem, ...] = ()
    addresses: tuple[tuple[Place, str], ...] = ()
    idle: frozenset[Address] = frozenset()
    files: tuple[Path, ...] = ()
    services: frozenset[str] | None = None


def read_stack(paths: Sequence[Path], directory: Path) -> Written:
    """Parse the files. Raises ConfigError."""
    written = read_layers(paths, directory)
    if not written.layers:
        origin = Origin(shown_name(paths[0], directory))
        raise ConfigError([Problem("is empty; expected at least `services:`", origin, code=SCHEMA)])
    return written


def load_written(written: Written, settings: Settings) -> LoadedStack:
    """Everything after parsing."""
    name = project_name(
        settings.project, settings.variables, settings.directory, [each.tree for each in written.layers]
    )
    found = Findings([*written.problems, *name.problems])
    variables = with_name(settings.variables, name.text)
    around = Surroundings(name.text, settings.directory, variables)
    files = tuple(dict.fromkeys(layer.path.resolve() for layer in written.layers))
    is_confined = confined.is_confined(written.layers, variables)
    level = Level(settings.directory, settings.directory, variables, settings.strict, files, is_confined)
    document = assembled(written.layers, level, found)
    services = None if _is_in_part(document, found) else frozenset(document["services"] or ())
    document = _inside(document, settings.directory, found) if is_confined else document
    # Before profiles are chosen: an attribute without support is an error in an idle service, too.
    target = swarm if swarm.is_meant(document) else unsupported
    found.problems.extend(target.problems(document) if settings.strict else ())
    profiles = _profiles(settings, variables)
    found.problems.extend(_unknown_profiles(document, profiles, "" if settings.profiles else _PROFILES))
    document, inactive = _active(document, profiles)
    found.problems.extend(_without_services(document, inactive))
    # Doubts are weighed once it is known what is used: in an idle service an undefined variable is none.
    found.problems.extend(_weighed(found.doubts, inactive, settings))
    # Checks skip what an earlier stage took out: its problem is reported, and a second one would mislead.
    stack = checks.Stack(document, around, inactive, _doubtful(found.gone))
    _check(stack, settings, found)
    model = _model(document, around, found, settings)
    addresses = ((stack.place(*path), address) for path, address in references.x_addresses(stack))
    named = tuple((place, address) for place, address in addresses if place)
    file = shown_name(written.layers[0].path, settings.directory)
    idle = _idle(document, model, inactive)
    return LoadedStack(model, name.text, file, tuple(found.problems), named, idle, tuple(found.files), services)


def _is_in_part(document: Map, found: Findings) -> bool:
    """Returns whether services may be missing: a file can't be read, or the section has another name by mistake."""
    return "services" not in document or any(each.code in (UNREADABLE, SYNTAX) for each in found.problems)


_READ: Final = ("env_file", "label_file", "security_opt")
"""The attributes of a service whose files are read while it is loaded."""


def _inside(document: Map, root: Path, found: Findings) -> Map:
    """The document without files outside of the project's directory, so that they are not read."""
    wrong = list(confined.problems(document, root))
    found.problems.extend(problem for _, problem in wrong)
    found.gone.extend(path for path, _ in wrong)
    return taken_out(document, [path[:4] for path, _ in wrong if path[2] in _READ])


def _weighed(doubts: Sequence[Doubt], inactive: frozenset[str], settings: Settings) -> list[Problem]:
    """The doubts as problems: undefined variables are only warnings where nothing comes of them."""
    return [
        replace(doubt.problem, severity=Severity.WARNING)
        if doubt.undefined and (not settings.starts or _is_idle(doubt.path, inactive))
        else doubt.problem
        for doubt in doubts
    ]


def _is_idle(path: TreePath, inactive: frozenset[str]) -> bool:
    section, *rest = path
    if section == "services":
        return bool(rest) and rest[0] in inactive
    return is_note(path)


def _doubtful(gone: Sequence[TreePath]) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(key for key in path if isinstance(key, str)) for path in gone)


_PROFILES: Final = "COMPOSE_PROFILES"


def _profiles(settings: Settings, variables: Variables) -> tuple[str, ...]:
    named = variables.get(_PROFILES) or ""
    return settings.profiles or tuple(name.strip() for name in named.split(","))


def _unknown_profiles(document: Map, profiles: Sequence[str], variable: str) -> Iterator[Problem]:
    """Profiles that no service has: most likely a slip. ``variable`` is the one that names them, if one does."""
    services = document.get("services")
    place = deepest(document, ("services",))[0]
    if not isinstance(services, Map) or place is None:
        return
    wanted = (service.get("profiles") for service in services.values() if isinstance(service, Map))
    known = sorted({str(each) for profiles in wanted if isinstance(profiles, list) for each in profiles})
    for name in profiles:
        if name and name != "*" and name not in known:
            source = f" of {variable}" if variable else ""
            message = f"no service has the profile `{name}`{source}{suggestion(name, known)}"
            yield place.problem(message, severity=Severity.WARNING, code=CHECK)


def _active(document: Map, profiles: Sequence[str]) -> tuple[Map, frozenset[str]]:
    """The document with the services of these profiles, and the names of the others."""
    services = document.get("services")
    if not isinstance(services, Map):
        return document, frozenset()
    active = {name: service for name, service in services.items() if _is_active(service, profiles)}
    inactive = frozenset(name for name in services if name not in active)
    return with_places({**document, "services": with_places(active, services)}, document), inactive


def _without_services(document: Map, inactive: frozenset[str]) -> Iterator[Problem]:
    """Warns where nothing is to run: the file is most likely not finished, or a profile is forgotten."""
    place = deepest(document, ("services",))[0]
    if document.get("services") == {} and place:
        missing = "declares no service; write one under `services`"
        idle = "no service is active, since each has a profile; choose some with --profile"
        yield place.problem(idle if inactive else missing, severity=Severity.WARNING, code=CHECK)


def _is_active(service: Tree, profiles: Sequence[str]) -> bool:
    wanted = service.get("profiles") if isinstance(service, Map) else None
    return not isinstance(wanted, list) or not wanted or "*" in profiles or any(each in wanted for each in profiles)


def _check(stack: checks.Stack, settings: Settings, found: Findings) -> None:
    found.problems.extend(checks.problems(stack, (*references.COMPOSE, *contradictions.COMPOSE)))
    if settings.strict:
        ours = swarm.OURS if swarm.is_meant(stack.document) else contradictions.OURS
        found.problems.extend(checks.problems(stack, (*references.OURS, *ours)))
        of_hooks = checks.OfHooks(stack.document, stack.around, stack.inactive)
        if settings.starts:
            found.problems.extend(checks.problems(stack, (*references.OF_STARTS, *localfiles.OF_STARTS)))
            # Containers that run before a service are checked as services are, where they may have the attributes.
            found.problems.extend(checks.problems(of_hooks, localfiles.OF_STARTS))
        found.problems.extend(checks.problems(of_hooks, (*references.OF_HOOKS, *contradictions.OF_HOOKS)))


def _idle(document: Map, model: Map, inactive: frozenset[str]) -> frozenset[Address]:
    """Lists objects that only inactive services need, the implied default network included."""
    kinds = swarm.KINDS if swarm.is_meant(document) else _KINDS
    # Compose makes the default network for any active service, so an idle one may be all that needs it.
    implied = {"networks": ("default",) if inactive else ()}
    left = {
        section: {*(document.get(section) or ()), *implied.get(section, ())} - {*model.get(section, ())}
        for section in kinds
    }
    found = {**left, "services": inactive}
    return frozenset(Address(kind, (name,)) for section, kind in kinds.items() for name in found[section])


_KINDS: Final = {"services": "docker.container", "networks": "docker.network", "volumes": "docker.volume"}
"""The kinds of a single engine, by the section of the file that declares them."""


def _model(document: Map, around: Surroundings, found: Findings, settings: Settings) -> Map:
    """Compose neither reads what a hook's container names, nor counts it as used; but it is run."""
    try:
        model = canonical(document, around)
    except Malformed as error:
        found.problems.extend(fault for fault in error.faults if isinstance(fault, Problem))
        # The model can't be made, but the files that services name can still be checked in the same run.
        found.problems.extend(with_env_files(canonical(_files_alone(document), around), around)[1])
        return Map()
    found.files.extend(named_files(model))
    # A command that starts nothing works without the files that only a start needs.
    if settings.starts:
        model, problems = with_env_files(model, around, of_hooks=settings.strict)
        found.problems.extend(dict.fromkeys(problems))
    if settings.starts and settings.strict:
        found.files.extend(profile_files(model, around))
        model, problems = with_profiles(model, around)
        found.problems.extend(problems)
    return _needed(model, of_hooks=settings.strict)


def _files_alone(document: Map) -> Map:
    """Keeps of each service only its files, which can be checked whatever else has no meaning."""
    kept = {
        name: with_places({key: service[key] for key in ("env_file", "label_file") if key in service}, service)
        for name, service in document["services"].items()
    }
    return Map({"services": Map(kept)})


def _needed(model: Map, *, of_hooks: bool) -> Map:
    """The model without networks, volumes and the like that no service uses, as Compose has it."""
    kept = dict(model)
    for section, used in _used(model, of_hooks=of_hooks).items():
        left = {name: value for name, value in (model.get(section) or {}).items() if name in used}
        if left:
            kept[section] = with_places(left, model[section])
        else:
            kept.pop(section, None)
    return with_places(kept, model)


def _used(model: Map, *, of_hooks: bool) -> Mapping[str, set[str]]:
    hooks = (hook for service in model["services"].values() for hook in service.get("pre_start", ()))
    services = [*model["services"].values(), *(hooks if of_hooks else ())]
    mounts = [item for service in services for item in service.get("volumes", ())]
    secrets = [item for service in services for part in (service, service.get("build", {})) for item in _secrets(part)]
    return {
        "networks": {name for service in services for name in service.get("networks", ())},
        "volumes": {item["source"] for item in mounts if item.get("type") == "volume" and item.get("source")},
        "secrets": {item.get("source") for item in secrets},
        "configs": {item.get("source") for service in services for item in service.get("configs", ())},
        "models": {name for service in services for name in service.get("models", ())},
    }


def _secrets(part: Map) -> Sequence[Map]:
    found: Sequence[Map] = part.get("secrets", ())
    return found
