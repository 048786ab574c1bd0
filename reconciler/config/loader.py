"""The way in: from the names of files to a Document, or to all that is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from reconciler.config.compose.assembly.confined import has_rule, is_confined, outside
from reconciler.config.compose.assembly.layers import Written
from reconciler.config.compose.assembly.names import project_name
from reconciler.config.compose.model.secrets import exposed, sealed_stack, with_contents
from reconciler.config.compose.stack import LoadedStack, Settings, load_written, read_stack
from reconciler.config.realm.addresses import KINDS, checkable, declared_addresses
from reconciler.config.realm.file import UsersFile
from reconciler.config.realm.load import LoadedUsers, declared, load_files, place_below, read_all, sourced
from reconciler.config.schema.validator import compiled, schema_document
from reconciler.config.variables.declared import Rotations, SecretSource, declared_names, declared_sources
from reconciler.config.variables.interpolate import filled
from reconciler.config.variables.sources import env_file_paths, ignored_env_files, possible_env_files, read_variables
from reconciler.config.variables.template import Variables
from reconciler.config.yaml.suggest import nearest, suggestion
from reconciler.config.yaml.textfile import in_file_order
from reconciler.config.yaml.tree import Map, Place, TreePath, bare, deepest
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import CHECK, SCHEMA, Problem, Severity, bounded
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document, DocumentPath
from reconciler.core.resource.options import OPTIONS
from reconciler.core.resource.resource import Origin
from reconciler.core.resource.values import Secret, Value
from reconciler.record import Struct, field, replace
from reconciler.vocabulary.keycloak import PROVIDER


class Sources(Struct, frozen=True):
    """The files to load. A half without files is not managed.

    ``env_files`` of None means the directory's ``.env`` where there is one. ``environment`` is the process's, handed
    in. ``generated`` are values for declared secrets that the env files do not have yet, ``given`` those that their own
    sources have given, and ``problems`` what was wrong with those sources. Without ``starts``
    nothing is to be started, and what only a start needs may be missing: env files, seccomp profiles, variables.
    """

    directory: Path
    stack_files: tuple[Path, ...] = ()
    users_files: tuple[Path, ...] = ()
    env_files: tuple[Path, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    project: str | None = None
    profiles: tuple[str, ...] = ()
    generated: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    starts: bool = True


class Loaded(Struct, frozen=True):
    """The loaded document, its warnings, and all ``files`` that it depends on, whether they exist or not.

    ``secrets`` are the values of the variables that are secret.
    """

    document: Document
    warnings: tuple[Problem, ...] = ()
    files: tuple[Path, ...] = ()
    secrets: tuple[Secret, ...] = ()


def load(sources: Sources) -> Loaded:
    """Both files, validated and canonical. Raises ConfigError with all problems of both."""
    files = _read(sources)
    directory = sources.directory.absolute()
    variables, found = _variables(sources, files)
    problems = [*files.problems, *found]
    settings = Settings(directory, variables, sources.project, sources.profiles, starts=sources.starts)
    stack = load_written(files.stack, settings) if files.stack else None
    users = load_files(files.users, variables, is_complete=files.is_complete)
    problems.extend((*(stack.problems if stack else _nameless(settings)), *users.problems))
    if files.stack and is_confined(files.stack.layers, variables):
        problems.extend(_outside(files, users, directory))
    # These checks need a whole model: with a part of it, they would report consequences of what is missing.
    if stack and not _errors(stack.problems):
        problems.extend(exposed(stack.model))
    if stack and sources.users_files and files.is_complete and not _errors(users.problems):
        problems.extend(_unknown_addresses(stack, users))
    rotations = _rotations(stack, users)
    problems.extend(rotations.problems)
    _refuse(_without_consequences(problems, (*files.problems, *found)))
    half = with_contents(sealed_stack(stack.model), variables) if stack else None
    document = Document(
        project=stack.project if stack else project_name(sources.project, variables, directory).text,
        directory=str(directory),
        locate=_Places(stack, users),
        stack=half,
        realms=users.canonical() if sources.users_files else None,
        connection=_connection(stack, users),
        daemon=_daemon(half, users),
        idle=stack.idle if stack else frozenset(),
        unmade=users.unmade,
        rotations=rotations.found,
        secrets={name: Secret(variables.get(name) or "") for name in files.declared},
    )
    # Files that do not exist yet are among them: a daemon has to notice that one comes.
    env_files = possible_env_files(sources.directory, sources.env_files)
    named = (*sources.stack_files, *sources.users_files, *env_files, *(stack.files if stack else ()))
    return Loaded(document, tuple(in_file_order(problems)), tuple(dict.fromkeys(named)), _secrets(variables))


def declared_secrets(sources: Sources) -> tuple[str, ...]:
    """The variables that the files declare to be secrets. Raises ConfigError where a file can't be parsed."""
    files = _read(sources)
    _refuse(files.problems)
    return files.declared


def _nameless(settings: Settings) -> Sequence[Problem]:
    """The problems of the project's name where no stack can be loaded."""
    return project_name(settings.project, settings.variables, settings.directory).problems


def _without_consequences(problems: Sequence[Problem], unreadable: Iterable[Problem]) -> Sequence[Problem]:
    """The problems without those that may be gone once the files can be read that give variables."""
    return [each for each in problems if not each.is_unset] if _errors(unreadable) else problems


def missing_secrets(sources: Sources, *, strict: bool = True) -> tuple[str, ...]:
    """The declared secrets that neither the environment nor the env files give, or that they give as empty.

    Raises ConfigError where a file can't be read; unless ``strict`` such a file declares and gives nothing.
    """
    files = _read(sources)
    variables, problems = _variables(replace(sources, generated={}), files)
    if strict:
        _refuse([*files.problems, *problems])
    sourced = {each.name for each in files.sources}
    return tuple(name for name in files.declared if not variables.get(name) and name not in sourced)


def secret_sources(sources: Sources) -> tuple[SecretSource, ...]:
    """The declared sources of secrets that the environment does not give; asks none of them.

    Raises ConfigError for one that the policy of the files forbids. One of another form than the schema's is left out:
    it is reported where the files are loaded.
    """
    files = _read(sources)
    found = [each for each in files.sources if not sources.environment.get(each.name)]
    if not found:
        return ()
    # Settings of a source may use variables, but none that a source is still to give.
    variables, _ = _variables(replace(sources, generated={}, given={}), files)
    sound = tuple(
        full for each in found if _is_sound(full := replace(each, settings=_filled(each.settings, variables)))
    )
    if files.stack and is_confined(files.stack.layers, variables):
        _refuse([each.problem(why) for each in sound if (why := _against_policy(each, sources.directory.absolute()))])
    return sound


def _filled(settings: Any, variables: Variables) -> Any:
    return bare(filled(settings, variables, strict=False).tree)


def _is_sound(source: SecretSource) -> bool:
    document = {"$ref": "#/$defs/secret_source", "$defs": schema_document("stack")["$defs"]}
    return next(compiled(document).refused({source.kind: source.settings}), None) is None


def _against_policy(source: SecretSource, root: Path) -> str | None:
    """Explains why files that are not trusted must not name this source; None if they may."""
    settings = source.settings if isinstance(source.settings, dict) else {"path": source.settings}
    if source.kind == "command":
        return "`x-reconcile.policy` allows only files inside of the project's directory, and no commands"
    # The token would go to whatever server the files name.
    if source.kind == "vault" and "address" in settings:
        return "under `x-reconcile.policy` the token goes to VAULT_ADDR of the environment only; leave out `address`"
    for key in _PATHS_OF_SOURCES.get(source.kind, ()):
        path = str(settings.get(key) or ".")
        if path.startswith("~/"):
            return f"`{path}` is outside of the project's directory; `x-reconcile.policy` allows only what is inside"
        if why := outside(str(root / path), root):
            return why
    return None


_PATHS_OF_SOURCES: Final = {
    "age": ("path", "identity"),
    "env_file": ("path",),
    "file": ("path",),
    "sops": ("path",),
    "vault": ("token_file", "ca_file"),
}


def variables_of(sources: Sources) -> Mapping[str, str]:
    """The values of all variables. Raises ConfigError where a file can't be parsed."""
    files = _read(sources)
    variables, problems = _variables(sources, files)
    _refuse([*files.problems, *problems])
    return variables.values


def secret_values(sources: Sources) -> tuple[Secret, ...]:
    """The variables that are secret, as far as the files can be read."""
    variables, _ = _variables(sources, _read(sources))
    return _secrets(variables)


def _secrets(variables: Variables) -> tuple[Secret, ...]:
    return tuple(Secret(value) for name, value in variables.values.items() if variables.is_secret(name))


class _Files(Struct, frozen=True):
    """All files, parsed and no more."""

    stack: Written | None
    users: Sequence[UsersFile]
    problems: tuple[Problem, ...]
    is_complete: bool

    @property
    def declared(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*_declared(self.stack), *declared(self.users))))

    @property
    def sources(self) -> Sequence[SecretSource]:
        """The sources of secrets as they are written; the last one of a name counts."""
        stack = (
            each
            for layer in (self.stack.layers if self.stack else ())
            if isinstance(settings := layer.tree.get(OPTIONS), Map)
            for each in declared_sources(settings.get("secrets"), partial(_place_of_secret, settings))
        )
        return tuple({each.name: each for each in (*stack, *sourced(self.users))}.values())


def _place_of_secret(settings: Map, path: TreePath) -> Place | None:
    return deepest(settings, ("secrets", *path))[0]


def _read(sources: Sources) -> _Files:
    directory = sources.directory.absolute()
    stack = None
    problems = list(sources.problems)
    if sources.stack_files:
        try:
            stack = read_stack(sources.stack_files, directory)
        except ConfigError as error:
            # The other half is still read, so that one run reports the mistakes of both.
            problems.extend(error.problems)
    forbids = (lambda path: outside(str(path), directory)) if _confines(stack, sources) else None
    users = read_all(sources.users_files, directory, forbids)
    return _Files(stack, users.files, (*problems, *users.problems), is_complete=users.is_complete)


def _confines(stack: Written | None, sources: Sources) -> bool:
    """Returns whether the stack keeps the files that users.yaml names inside of the project's directory."""
    # The rule may be a variable; without one no env file is read for it.
    if stack is None or not sources.users_files or not has_rule(stack.layers):
        return False
    return is_confined(stack.layers, _variables(sources, _Files(stack, (), (), is_complete=True))[0])


def _outside(files: _Files, users: LoadedUsers, root: Path) -> Iterator[Problem]:
    """The certificate of the connection, where it is outside of the project's directory."""
    written = users.connection.get("caFile")
    why = outside(str(root / written), root) if isinstance(written, str) else None
    for each in files.users if why else ():
        for path, settings in each.settings():
            if "caFile" in (settings.get("connection") or ()):
                yield each.problem((*path, "connection", "caFile"), str(why), at_value=True, code=CHECK)


def _declared(written: Written | None) -> Iterator[str]:
    for layer in written.layers if written else ():
        settings = layer.tree.get(OPTIONS)
        yield from declared_names(settings.get("secrets")) if isinstance(settings, Map) else ()


def _variables(sources: Sources, files: _Files) -> tuple[Variables, list[Problem]]:
    root = sources.directory.absolute()
    variables, problems = read_variables(
        sources.environment,
        env_file_paths(sources.directory, sources.env_files),
        directory=root,
        declared=frozenset(files.declared),
        generated=sources.generated,
        given=sources.given,
    )
    return variables, [*ignored_env_files(sources.directory, sources.env_files, root=root), *problems]


def _errors(problems: Iterable[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.severity is Severity.ERROR]


def _refuse(problems: Iterable[Problem]) -> None:
    found = list(problems)
    if _errors(found):
        raise ConfigError(in_file_order(bounded(in_file_order(found))))


def _unknown_addresses(stack: LoadedStack, users: LoadedUsers) -> Iterator[Problem]:
    """Lists addresses of Keycloak in x-reconcile that users.yaml does not declare."""
    realms = [realm.merged for realm in users.realms]
    for place, text in stack.addresses:
        address = Address.parse(text)
        if address.provider != PROVIDER:
            continue
        known = declared_addresses(realms, address.kind)
        if not checkable(address.kind):
            yield place.problem(
                f"`{text}` is of no kind that can be named{suggestion(address.kind, KINDS)}", code=SCHEMA
            )
        elif address not in known:
            near = nearest(address.name, {other.name for other in known})
            meant = next((f"; did you mean `{other}`?" for other in sorted(known) if other.name == near), "")
            yield place.problem(f"`{text}` is not declared{meant}", code=CHECK)


def _rotations(stack: LoadedStack | None, users: LoadedUsers) -> Rotations:
    """The declared rotations of both halves."""
    if stack is None:
        found = Rotations()
    else:
        settings = stack.model.get(OPTIONS)
        found = Rotations(stack.services)
        if isinstance(settings, Map):
            found.add(settings.get("secrets"), partial(_place_of_secret, settings))
    for file, path, secrets in users.secrets:
        found.add(secrets, partial(place_below, file, path))
    return found


def _connection(stack: LoadedStack | None, users: LoadedUsers) -> Mapping[str, Value]:
    """The connection to Keycloak; stack.yaml may name the service that runs it."""
    service = (stack.model.get(OPTIONS) or {}).get("keycloak") if stack else None
    return {**({"service": str(service)} if service else {}), **users.connection}


def _daemon(stack: Mapping[str, Value] | None, users: LoadedUsers) -> Mapping[str, Value]:
    """The daemon's policy of both halves. That of users.yaml is about Keycloak alone, and goes before what stack.yaml
    says of it."""
    own, named = users.daemon, PROVIDER
    options: Any = (stack or {}).get(OPTIONS) or {}
    found = options.get("daemon") or {}
    policies: Any = own.get("policies") or {}
    windows: Any = own.get("windows") or ()
    return {
        **found,
        "policies": {**found.get("policies", {}), **({named: own["policy"]} if "policy" in own else {}), **policies},
        "windows": [*found.get("windows", ()), *({"resources": [named], **each} for each in windows)],
    }


class _Places(Struct, frozen=True):
    """The locator of a Document."""

    stack: LoadedStack | None
    users: LoadedUsers

    def __call__(self, path: DocumentPath) -> Origin:
        match path:
            case ("stack", *rest) if self.stack:
                place, _ = deepest(self.stack.model, rest)
                return place.key if place else Origin(self.stack.file)
            case ("realms", int(index), *rest) if index < len(self.users.realms):
                return self.users.locate(index, tuple(rest))
            case _:
                return Origin("")


class Printable(Struct, frozen=True):
    """The desired state for printing: stack.yaml as ``docker compose config`` shows it, then ``realms``; warnings."""

    model: Mapping[str, Any]
    warnings: tuple[Problem, ...] = ()


def printable(sources: Sources, *, show_secrets: bool = False) -> Printable:
    """Whatever Compose loads, also what can't be carried out. Raises ConfigError."""
    files = _read(sources)
    variables, problems = _variables(sources, files)
    directory = sources.directory.absolute()
    settings = Settings(directory, variables, sources.project, sources.profiles, strict=False)
    stack = load_written(files.stack, settings) if files.stack else None
    users = load_files(files.users, variables, is_complete=files.is_complete)
    own = stack.problems if stack else _nameless(settings)
    found = [*files.problems, *problems, *own, *users.problems]
    _refuse(_without_consequences(found, (*files.problems, *problems)))
    model = sealed_stack(stack.model) if stack else {}
    realms = {"realms": users.canonical()} if sources.users_files else {}
    shown: Mapping[str, Any] = {**_shown(model, show_secrets, "$$"), **_shown(realms, show_secrets, "$")}
    return Printable(shown, tuple(in_file_order(found)))


def _shown(value: Value, show_secrets: bool, dollar: str) -> Any:  # noqa: FBT001
    """Plain data. Compose prints a dollar as two, so that what it prints can be read again."""
    match value:
        case Secret():
            return value.reveal().replace("$", dollar) if show_secrets else str(value)
        case str():
            return value.replace("$", dollar)
        case Mapping():
            # A Compose file needs two dollars for a literal one, in users.yaml one is enough.
            return {key: _shown(part, show_secrets, dollar) for key, part in value.items()}
        case Sequence():
            return [_shown(part, show_secrets, dollar) for part in value]
        case _:
            return value


def load_stack(
    files: Path | str | Sequence[Path | str],
    *,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    env_files: Sequence[Path] | None = None,
    project: str | None = None,
    profiles: Sequence[str] = (),
) -> Mapping[str, Any]:
    """The canonical model alone, as ``docker compose config --format json`` prints it; raises ConfigError.

    As in Compose, an undefined variable is the empty text. A literal dollar is one dollar, where Compose prints two.
    """
    paths = [Path(files)] if isinstance(files, Path | str) else [Path(file) for file in files]
    base = (directory or paths[0].parent).absolute()
    written = read_stack(paths, base)
    variables, problems = read_variables(
        environment or {}, env_file_paths(base, env_files), directory=base, declared=frozenset(_declared(written))
    )
    stack = load_written(written, Settings(base, variables, project, tuple(profiles), strict=False))
    _refuse([*problems, *stack.problems])
    model: Mapping[str, Any] = bare(stack.model)
    return model
