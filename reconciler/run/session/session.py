"""The way from settings to a reconciler: files loaded, secrets there, providers connected."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from reconciler.config import Loaded, Sources, declared_secrets, load, missing_secrets, secret_sources
from reconciler.config.variables.declared import SecretSource
from reconciler.config.variables.sources import variables_in
from reconciler.config.yaml.reading import forget, once
from reconciler.core.difference.kind import Kind
from reconciler.core.history.records import Run
from reconciler.core.message.errors import ConfigError, Conflict
from reconciler.core.message.problem import Problem, Severity
from reconciler.core.message.secrecy import is_switch
from reconciler.core.plan.policy import Policy
from reconciler.core.plan.risk import REFUSE, Risk, in_force
from reconciler.core.provider import (
    CredentialHolder,
    LeaseStore,
    Located,
    ProgramSource,
    Provider,
    RiskSource,
    WarningSource,
)
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.options import OPTIONS
from reconciler.core.resource.resource import Origin
from reconciler.core.resource.values import Secret, Value
from reconciler.history.memory import AppliedMemory
from reconciler.history.store import FILE, History
from reconciler.providers.registry import connect
from reconciler.record import Discreet, Struct, field, replace
from reconciler.render.output.known import KnownSecrets
from reconciler.run.clock import Clock
from reconciler.run.lock.lock import RELEASE_S, Lock
from reconciler.run.reconciliation.collector import undisturbed
from reconciler.run.reconciliation.reading import IN_TURN, Reads
from reconciler.run.session.origins import place_of, set_in
from reconciler.run.session.requestlog import Note, ignored
from reconciler.secrets import generated_secrets, write_secrets
from reconciler.secrets.unfinished import Unfinished, read_unfinished, unfinished_file
from reconciler.settings import Settings

if TYPE_CHECKING:
    from reconciler.run.reconciliation.once import Look, Reconciler
    from reconciler.run.session.recorder import Recorder
    from reconciler.secrets.recovery import Recovery

_LARGEST_SECRET: Final = 1_000_000


class Session(Struct, frozen=True):
    """One project, loaded and ready, from ``files``. ``made_up`` are declared secrets that are kept nowhere."""

    settings: Settings
    document: Document
    warnings: tuple[Problem, ...]
    providers: Mapping[str, Provider]
    clock: Clock
    lock: Lock
    made_up: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    known: KnownSecrets = field(default_factory=KnownSecrets)
    note: Note = ignored
    history: History = field(default_factory=lambda: History(None))

    @property
    def memory(self) -> AppliedMemory:
        """The memory of what was last applied."""
        servers = {name: each.server for name, each in self.providers.items() if isinstance(each, Located)}
        return AppliedMemory(self.history, {name: servers.get(name, "") for name in self.providers})

    @contextmanager
    def recorded(self, command: str, *, trigger: str = "", revision: str = "") -> Iterator[Recorder]:
        """A run of a command, written into the history; its exit code is set by the caller, and is 1 after an error."""
        from reconciler.run.session.recorder import Recorder

        run = run_of(command, time.time(), trigger=trigger, revision=revision)
        recorder = Recorder(self.history, self.memory, self.providers, self.known, run, self.clock)
        try:
            yield recorder
        except BaseException:
            # An error before the command could set its code must not look like success in the history.
            recorder.code = recorder.code or 1
            raise
        finally:
            recorder.end()

    @property
    def kinds(self) -> Mapping[str, Kind]:
        return {name: kind for provider in self.providers.values() for name, kind in provider.kinds.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """The files, as a person calls them."""
        return tuple(path.name for path in (*self.settings.stack_files, *self.settings.users_files))

    def reconciler(
        self,
        *,
        policy: Policy | None = None,
        only: frozenset[Address] = frozenset(),
        excluded: frozenset[Address] = frozenset(),
        leaves: Callable[[Address], str] | None = None,
        patience_s: float = 300.0,
        on_wait: Callable[[str], None] | None = None,
    ) -> Reconciler:
        from reconciler.run.reconciliation.once import Reconciler  # `validate` compares nothing

        policy = policy or self.policy()
        made = Reconciler(self.document, self.providers, self.clock, policy, only, patience_s, known=self.known)
        lock = self.lock
        made = replace(made, before_change=lock.require_held, after_failure=lock.require_held_after_failure)
        made = replace(made, memory=self.memory, excluded=excluded)
        made = replace(made, leaves=leaves) if leaves else made
        return replace(made, on_wait=on_wait) if on_wait else made

    def keep_secrets(self) -> None:
        """Write the secrets that were made up into .env, for good. Raises Conflict where it has some of them by now."""
        if self.made_up and write_secrets(env_file(self.settings), self.made_up).keys() != self.made_up.keys():
            raise Conflict("another program wrote secrets into the env file meanwhile; run it again")

    def policy(self, *, refuses_risks: bool = False, **allowed: Any) -> Policy:
        """The rules of the files, with what the command line allows besides."""
        own = self.document.options
        # Files speak of sections, such as `volumes`; rules of kinds, which only the providers know.
        prune = {kind.name: own.prune[kind.section] for kind in self.kinds.values() if kind.section in own.prune}
        realms = (_mapping(realm.get(OPTIONS)) for realm in self.document.realms or ())
        # Realms may protect objects in their own files.
        texts = (*own.protect, *(str(text) for realm in realms for text in realm.get("protect") or ()))
        protected = frozenset(map(Address.parse, texts))
        risks = tuple(self.risks()) if refuses_risks or own.policy.risks == REFUSE else ()
        return Policy.of(self.kinds.values(), prune=prune, protected=protected, risks=risks, **allowed)

    def risks(self) -> Iterator[Risk]:
        """The risky declarations that no waiver allows today."""
        return _risks(self.document, self.providers)

    @contextmanager
    def locked(self, what: str, *, wait_s: float = 0.0) -> Iterator[None]:
        """Nobody else acts on the project meanwhile; where there is no engine there is nothing to meet at."""
        if self.leases is None:
            yield
            return
        from reconciler.permission import permitted_by  # a look needs no lock

        with (
            self.lock.held(self.leases, self.document.project, what, wait_s=wait_s),
            permitted_by(self.lock.require_held),
        ):
            yield

    def still_good(self, look: Look) -> Look | None:
        """The look, made before the lock was held, if there is no lock; else somebody may have acted in between."""
        return look if self.leases is None else None

    @property
    def leases(self) -> LeaseStore | None:
        """The place for marks of runs; None without an engine."""
        return next((each for each in self.providers.values() if isinstance(each, LeaseStore)), None)


def _risks(document: Document, providers: Mapping[str, Provider]) -> Iterator[Risk]:
    found = (each.risks(document) for each in providers.values() if isinstance(each, RiskSource))
    return in_force((risk for risks in found for risk in risks), datetime.now(UTC).date().isoformat())


def _say_nothing(_message: str) -> None:
    pass


@contextmanager
def opened(
    settings: Settings,
    clock: Clock,
    *,
    keep_secrets: bool = False,
    needs_secrets: bool = False,
    warn: Callable[[str], None] = _say_nothing,
    known: KnownSecrets | None = None,
    note: Note = ignored,
    release_s: float = RELEASE_S,
) -> Iterator[Session]:
    """Load everything and hand it over; connections are given back at the end.

    ``warn`` gets what went wrong beside it, ``known`` learns what is secret, and ``note`` gets each request.
    The lock is given back within ``release_s``.

    Declared secrets that are missing are generated: for good, into .env, with ``keep_secrets``, else only for this
    look. With ``needs_secrets``, or to keep them, that is refused where something that lives was given one. Raises
    ConfigError with all problems of all files.
    """
    # Parsing makes many objects that stay; the garbage collector would go through them again and again.
    with undisturbed():
        loaded, made_up = read(settings, keep_secrets=keep_secrets, needs_secrets=needs_secrets)
    known = known or KnownSecrets()
    learn_files(known, loaded)
    providers = connect(loaded.document, settings.environment, note)
    follow_programs(known, loaded, providers)
    holders = [each for each in providers.values() if isinstance(each, CredentialHolder)]
    known.learn("credentials", lambda: [tuple(each.credentials()) for each in holders])
    history = history_of(settings, loaded.document.project, warn)
    try:
        yield Session(
            settings,
            loaded.document,
            _warnings(settings, loaded, providers),
            providers,
            clock,
            Lock(clock, warn, release_s=release_s),
            made_up,
            loaded.files,
            known,
            note,
            history,
        )
    finally:
        history.close()
        for provider in providers.values():
            provider.close()


def _warnings(settings: Settings, loaded: Loaded, providers: Mapping[str, Provider]) -> tuple[Problem, ...]:
    """The warnings of the loader, of a cut-off rotation, and of the providers about the document."""
    doubtful = [each for each in providers.values() if isinstance(each, WarningSource)]
    return (
        *loaded.warnings,
        *_cut_off(settings),
        *(found for each in doubtful for found in each.warnings(loaded.document)),
        *(each.warning for each in _risks(loaded.document, providers)),
    )


def project_of(settings: Settings) -> str:
    """The name of the project; asks nobody, and needs no secret. Raises ConfigError."""
    return load(completed_sources(settings)).document.project


def history_of(settings: Settings, project: str, warn: Callable[[str], None] = _say_nothing) -> History:
    """The history of a project; nothing is opened before it is needed."""
    folder = settings.state(project)
    return History(folder / FILE if folder else None, warn)


def run_of(command: str, began: float, *, trigger: str = "", revision: str = "") -> Run:
    """A run of a command by this user on this machine, for the history."""
    return Run(0, command, began, user_name(), os.uname().nodename, trigger, revision)


def user_name() -> str:
    """The name of the user who runs the program; the number of one without a name."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def learn_files(known: KnownSecrets, loaded: Loaded) -> None:
    """Have hidden the secrets of the files and variables, and the contents of the files that are declared secrets."""
    document = loaded.document
    held = (document.stack, document.realms, document.connection, *loaded.secrets)
    known.learn("files", lambda: (*held, *_secret_contents(document)))


def follow_programs(known: KnownSecrets, loaded: Loaded, providers: Mapping[str, Provider]) -> None:
    """Have hidden the secrets of each program that these providers see from now on."""
    sources = [each for each in providers.values() if isinstance(each, ProgramSource)]
    services = loaded.document.section("services")
    texts = [each.reveal() for each in loaded.secrets]

    def found() -> Iterator[Value]:
        for source in sources:
            for service, live in source.given():
                yield from secrets_given(live, _declared(services, service), texts)

    known.follow("programs", found)


def secrets_given(live: Mapping[str, Value], declared: Mapping[str, Value], texts: Sequence[str]) -> Iterator[Value]:
    """The values of a live environment that hold a secret by their names, their form or their declaration.

    ``texts`` are the secrets of the files, which tell the place of an older one within a value.
    """
    for key, value in live.items():
        text = value.reveal() if isinstance(value, Secret) else value
        other = declared.get(key)
        if not isinstance(text, str) or is_switch(text):
            continue
        if not isinstance(other, Secret):
            yield value
            continue
        yield Secret(text)
        if text != other.reveal():
            yield from _older(text, other.reveal(), texts)


def _older(text: str, declared: str, texts: Sequence[str]) -> Iterator[Secret]:
    """The part of a live text that is in the place of a secret of the declared one."""
    for secret in filter(None, texts):
        before, found, after = declared.partition(secret)
        if found and text.startswith(before) and text.removeprefix(before).endswith(after):
            yield Secret(text.removeprefix(before).removesuffix(after))


def _declared(services: Mapping[str, Any], service: str) -> Mapping[str, Value]:
    """The environment that the files declare; where nothing tells of which service, that which is secret in any."""
    if service in services:
        return _environment(services[service])
    every = (item for each in services.values() for item in _environment(each).items())
    return {key: value for key, value in every if isinstance(value, Secret)}


def _environment(service: Mapping[str, Any]) -> Mapping[str, Value]:
    found = service.get("environment")
    return found if isinstance(found, Mapping) else {}


def secret_files(document: Document) -> Iterator[Path]:
    """The files whose contents are declared secrets."""
    for each in _mapping((document.stack or {}).get("secrets")).values():
        if file := _mapping(each).get("file"):
            yield Path(str(file))


def _secret_contents(document: Document) -> Iterator[Secret]:
    for path in secret_files(document):
        with suppress(OSError):
            if path.is_file() and path.stat().st_size <= _LARGEST_SECRET:
                yield Secret(path.read_text(encoding="utf-8", errors="replace"))


class Before(Discreet, frozen=True):
    """The secrets of an earlier look: those that were ``made_up`` stay as they were.

    One of ``secrets`` that had a value is lost where it has none now, and not new.
    """

    made_up: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)


_NOTHING_BEFORE: Final = Before()


def read(
    settings: Settings,
    *,
    keep_secrets: bool = False,
    needs_secrets: bool = False,
    before: Before = _NOTHING_BEFORE,
    reads: Reads = IN_TURN,
) -> tuple[Loaded, Mapping[str, str]]:
    """The files, loaded, with what the environment says of the connection, and the secrets made up; see :func:`opened`.

    ``before`` is what an earlier look had. ``reads`` is the way to ask the live state, which is done only where a
    secret is missing.
    """
    try:
        loaded, generated = _read(settings, before, reads, keeps=keep_secrets, needs=keep_secrets or needs_secrets)
    finally:
        forget()  # a daemon loads again, and then wants the files as they are by then
    connection = connection_of(loaded.document.connection, settings)
    place = partial(place_of, settings, loaded.document.locate, _kinds(settings))
    return replace(loaded, document=replace(loaded.document, connection=connection, corrected=place)), generated


def _read(
    settings: Settings, before: Before, reads: Reads, *, keeps: bool, needs: bool
) -> tuple[Loaded, Mapping[str, str]]:
    sources = completed_sources(settings, before.made_up)
    loaded = load(sources)
    if needs:
        missing = [name for name in sources.generated if name not in before.made_up]
        require_generable(settings, missing, reads)
        _require_unknown(missing, before.secrets, env_file(settings))
    if not (keeps and sources.generated):
        return loaded, sources.generated
    written = write_secrets(env_file(settings), sources.generated)  # never for files that are wrong
    # What was written is only a part where another program wrote some meanwhile, and a new .env begins as its example.
    forget(env_file(settings))
    return load(replace(sources, generated=written)), {}


def _require_unknown(missing: Iterable[str], before: Mapping[str, Secret], file: Path) -> None:
    """Raises ConfigError for secrets that had a value: whoever emptied the file has not asked for another one."""
    lost = [name for name in missing if before.get(name, _NO_VALUE) != _NO_VALUE]
    if lost:
        remedy = "put it back; `reconcile apply` makes a new one where nothing that lives was given it"
        raise ConfigError([Problem(f"{name} has no value any more; {remedy}", Origin(str(file))) for name in lost])


_NO_VALUE: Final = Secret("")


def completed_sources(settings: Settings, made_up: Mapping[str, str] = MappingProxyType({})) -> Sources:
    """The sources, with secrets made up where they are missing."""
    sources = sources_of(settings)
    # Whatever can't be read is reported by the load that follows, together with all other mistakes.
    missing = missing_secrets(sources, strict=False)
    known = {name: made_up[name] for name in missing if name in made_up}
    return replace(sources, generated={**generated_secrets(missing), **known})


def require_generable(settings: Settings, names: Sequence[str], reads: Reads = IN_TURN) -> None:
    """Raises ConfigError unless these secrets may be generated: nothing that lives may have been given one."""
    from reconciler.run.session.lostsecrets import require_new

    sources, place = sources_of(settings), str(env_file(settings))

    def are_new() -> bool:
        require_new(sources, names, partial(connect_to, settings), place)
        return True

    if names:
        reads.one("secrets", are_new, question=(*names,))


def recover_secrets(settings: Settings) -> Recovery:
    """Write the secrets that have no value and can be read from what lives. Raises ConfigError, ProviderError."""
    from reconciler.run.session.lostsecrets import recovery

    sources = sources_of(settings)
    became = recovery(sources, missing_secrets(sources), partial(connect_to, settings))
    if became.found:
        write_secrets(env_file(settings), became.found, over_example=True)
    return became


class DeclaredSecret(Struct, frozen=True):
    """A secret of x-reconcile.secrets: where its value is set, "" for nowhere, and the places that it goes to."""

    name: str
    set_in: str
    used: tuple[str, ...]


def secrets_of(settings: Settings) -> tuple[DeclaredSecret, ...]:
    """The declared secrets; asks nobody. Raises ConfigError."""
    from reconciler.run.session.lostsecrets import uses_of_secrets

    sources = bare_sources_of(settings)
    names, missing = declared_secrets(sources), missing_secrets(sources)
    kinds = _kinds(settings)()
    found = uses_of_secrets(sources, names, partial(connect_to, settings))
    return tuple(
        DeclaredSecret(
            name,
            "" if name in missing else set_in(name, settings, kinds),
            tuple(dict.fromkeys(use.place for use in found if name in use.names)),
        )
        for name in names
    )


def _kinds(settings: Settings) -> Callable[[], Mapping[str, str]]:
    """The sources of secrets that have one, by variable, as they are asked for."""
    return lambda: {each.name: each.kind for each in secret_sources(bare_sources_of(settings))}


def connect_to(settings: Settings, document: Document) -> Mapping[str, Provider]:
    """The providers of a document, with what the environment says of the connection."""
    connection = connection_of(document.connection, settings)
    return connect(replace(document, connection=connection), settings.environment)


@contextmanager
def connected(settings: Settings, note: Note = ignored) -> Iterator[tuple[Document, Mapping[str, Provider]]]:
    """The document and its providers, connected anew, and no more of a session. Raises ConfigError."""
    loaded, _ = read(settings)
    providers = connect(loaded.document, settings.environment, note)
    try:
        yield loaded.document, providers
    finally:
        for provider in providers.values():
            provider.close()


def unfinished_of(settings: Settings) -> Unfinished | None:
    """The rotation of secrets that is under way or was cut off. Raises ConfigError where its file can't be read."""
    return read_unfinished(unfinished_file(env_file(settings)))


def _cut_off(settings: Settings) -> Iterator[Problem]:
    found = unfinished_of(settings)
    if found:
        message = (
            f"a rotation of {', '.join(found.old)} is under way or was cut off; `reconcile secrets rotate` goes on "
            "with it, and the next `reconcile apply`"
        )
        yield Problem(message, Origin(str(unfinished_file(env_file(settings)))), Severity.WARNING)


def sources_of(settings: Settings) -> Sources:
    """The files to load, with the values that secrets get from their own sources, and what is wrong with those."""
    sources = bare_sources_of(settings)
    try:
        return replace(sources, given=_given(sources, settings))
    except ConfigError as error:
        return replace(sources, problems=tuple(error.problems))


def _given(sources: Sources, settings: Settings) -> Mapping[str, str]:
    """The values of secrets from their sources; stand-ins where none is to be asked."""
    found = secret_sources(sources)
    if not settings.asks_sources:
        return generated_secrets(each.name for each in found)
    return _asked_for(found, settings) if found else {}


def _asked_for(found: Sequence[SecretSource], settings: Settings) -> Mapping[str, str]:
    from reconciler.secrets.sources import SourceError

    values: dict[str, str] = {}
    problems: list[Problem] = []
    for each in found:
        try:
            values[each.name] = once(settings.directory / _GIVEN, each.name, partial(_asked, each, settings))
        except SourceError as error:
            problems.append(each.problem(str(error)))
    if problems:
        raise ConfigError(problems)
    return values


def _asked(source: SecretSource, settings: Settings) -> str:
    from reconciler.secrets.sources import SOURCES, SourceError, Surroundings

    around = Surroundings(settings.directory.absolute(), settings.environment, variables_in)
    value = SOURCES[source.kind](source.settings, around)
    # An empty secret would start a service without protection.
    if not value:
        raise SourceError("it gives an empty text")
    return value


_GIVEN: Final = "x-reconcile.secrets"
"""In place of a file: a reading asks each source once."""


def bare_sources_of(settings: Settings) -> Sources:
    """The files to load, without any value that is asked of another source."""
    return Sources(
        directory=settings.directory,
        stack_files=settings.stack_files,
        users_files=settings.users_files,
        env_files=settings.env_files,
        environment=settings.environment,
        project=settings.project,
        profiles=settings.profiles,
        starts=settings.starts,
    )


def env_file(settings: Settings) -> Path:
    """The file that keeps secrets: the last env file that was named, else .env of the project."""
    return settings.env_files[-1] if settings.env_files else settings.directory / ".env"


def connection_of(declared: Mapping[str, Value], settings: Settings) -> Mapping[str, Value]:
    """The connection of the file, with what the environment says laid over it."""
    connection: dict[str, Any] = {**declared, "auth": dict(_mapping(declared.get("auth")))}
    for path, text in settings.connection().items():
        place = connection["auth"] if len(path) > 1 else connection
        place[path[-1]] = Secret(text) if path[-1] in ("password", "clientSecret") else text
    return connection


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
