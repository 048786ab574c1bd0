"""Rotation of declared secrets: new values for what runs, for the env file, and for all that uses them.

The order makes it safe to be killed at any point. Both values are kept beside the env file before anything changes; the
services take the new value, each noted; the env file is written; what uses the secrets is replaced by an ordinary
apply; the values are tried. A later run with that file does the rest, and what is done already is found done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event as Flag
from typing import Final

from reconciler.config import Sources, declared_secrets, secret_sources, variables_of
from reconciler.config.variables.sources import env_file_paths, variables_in
from reconciler.config.yaml.reading import forget
from reconciler.config.yaml.suggest import suggestion
from reconciler.core.execution.report import Event, Report
from reconciler.core.message.errors import ConfigError, ReconcileError, Refusal, Refused, UnknownAddress
from reconciler.core.message.problem import Problem
from reconciler.core.plan.kept_values import data_of
from reconciler.core.provider import Command, CommandRunner, PasswordStore, Stopper
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Origin, Resource
from reconciler.core.resource.rotation import NEW, OLD, TRIED, Call, Rotation
from reconciler.core.resource.values import Secret
from reconciler.record import Struct, replace
from reconciler.render.output.known import KnownSecrets
from reconciler.run.clock import Clock
from reconciler.run.commands.services import restart_order
from reconciler.run.reconciliation.once import Look, Reconciler
from reconciler.run.session.lostsecrets import uses_of_secrets
from reconciler.run.session.session import (
    Session,
    connect_to,
    connected,
    env_file,
    opened,
    read,
    sources_of,
    unfinished_of,
)
from reconciler.secrets import change_secrets, generated_secrets
from reconciler.secrets.dotenvtext import changed
from reconciler.secrets.unfinished import Unfinished, unfinished_file, write_unfinished
from reconciler.settings import Settings

COMMAND_S: Final = 120.0
"""The time for one command in a container."""

_SHOWN: Final = 400


class HalfDone(ReconcileError):
    """A rotation that could neither be finished nor taken back; the next run goes on with it."""


def _say_nothing(_text: str) -> None:
    pass


class Exchange(Struct, frozen=True):
    """One secret that gets another value; ``users`` are the resources into which it goes."""

    name: str
    rotation: Rotation
    is_declared: bool
    users: tuple[Address, ...]


@dataclass
class Rotating:
    """A rotation of a project's secrets, planned or under way.

    :func:`new_rotation` and :func:`rotation_to_finish` make it.
    """

    session: Session
    exchanges: tuple[Exchange, ...]
    values: Unfinished
    is_begun: bool
    say: Callable[[str], None] = _say_nothing
    on_wait: Callable[[str], None] = _say_nothing
    patience_s: float = 300.0
    _stopped: list[str] = field(default_factory=list)
    _said: str = ""

    # -------------------------------------------------------------- what will be done

    @property
    def users(self) -> frozenset[Address]:
        """Every resource into which one of the secrets goes."""
        return frozenset(address for each in self.exchanges for address in each.users)

    def to_stop(self) -> Sequence[str]:
        """The services that use a secret of another one, those first that others do not wait for.

        They would be refused between the change and their replacement; while they are stopped, nobody gets an answer
        that blames a password.
        """
        found = {service for each in self.exchanges for service in self._using(each)}
        order = restart_order(self.session.document.stack or {}, sorted(found))
        return tuple(reversed(order))

    def outages(self, stopped: Sequence[str]) -> Sequence[Address]:
        """The resources of the stopped services, in this order."""
        return [address for name in stopped for address in sorted(self.users) if self._is_of(address, name)]

    def _is_of(self, address: Address, service: str) -> bool:
        return self._stopper_of(address) and address.path[0] == service

    def _using(self, exchange: Exchange) -> Iterator[str]:
        services = [address for address in exchange.users if self._stopper_of(address)]
        is_shared = bool(exchange.rotation.service) or len(services) < len(exchange.users)
        for address in services if is_shared else ():
            if address.path[0] != exchange.rotation.service:
                yield address.path[0]

    def look(self) -> Look:
        """The plan of what the new values replace. The services are asked by the present ones."""
        settings = with_variables(self.session.settings, self.values.new)
        loaded, _ = read(settings)
        with connected(self._present(), self.session.note) as (document, providers):
            session = replace(self.session, document=replace(loaded.document, connection=document.connection))
            return self._reconciler(replace(session, providers=providers)).look()

    def _reconciler(self, session: Session) -> Reconciler:
        """The reconciler of what uses the secrets. That they are changed in what runs is seen to here."""
        session = replace(session, document=replace(session.document, secrets={}))
        return session.reconciler(only=self.users, patience_s=self.patience_s, on_wait=self.on_wait)

    # -------------------------------------------------------------- doing it

    @contextmanager
    def changed(self, stop: Flag) -> Iterator[Reconciler | None]:
        """Give the services their new values and write the env file; hands over what brings them to all others.

        None where nothing is left to bring, or after ``stop``. Raises ReconcileError where a service does not take its
        value and all is as it was, HalfDone where the next run has to go on.
        """
        # Kept before anything is touched: a run that is killed after this leaves both values behind.
        if not self.is_begun:
            self._require_present()
            self._keep()
        if not self._is_written:
            try:
                self._change(stop)
            except ReconcileError as error:
                self._take_back(error)
            if stop.is_set():
                yield None
                return
        # Written only after every service has its new value: until then the env file has those that work.
        self._write()
        with opened(self.session.settings, self.session.clock, known=self.session.known) as session:
            yield self._reconciler(replace(session, lock=self.session.lock)) if self.users else None

    def require_changed(self) -> None:
        """Raises HalfDone unless each new value opens what it is for, and no old one does."""
        for each in self.exchanges:
            if self._opens(each, self.values.new[each.name]) is False:
                raise HalfDone(f"{each.name}: the new value does not open {_subject(each)}{self._said}")
            if self._opens(each, self.values.old[each.name]):
                raise HalfDone(f"{each.name}: the old value still opens {_subject(each)}")

    def end(self) -> None:
        """Forget the old values."""
        self.file.unlink(missing_ok=True)

    @property
    def unchecked(self) -> Sequence[str]:
        """The secrets that nothing was declared to try."""
        return [each.name for each in self.exchanges if not each.rotation.check and each.rotation.user is None]

    # -------------------------------------------------------------- underneath

    @property
    def file(self) -> Path:
        """The file that keeps both values while the rotation is under way."""
        return unfinished_file(env_file(self.session.settings))

    @property
    def _is_written(self) -> bool:
        """Returns whether the env files have new values; then every service has its own."""
        forget()
        found = variables_of(_unasked(self.session.settings))
        return any(found.get(name) == value for name, value in self.values.new.items())

    def _keep(self) -> None:
        write_unfinished(self.file, self.values)

    def _present(self) -> Settings:
        return with_variables(self.session.settings, self.values.present)

    def _require_present(self) -> None:
        """Raises ReconcileError where a present value opens nothing: then the rotation would change something else."""
        for each in self.exchanges:
            if self._opens(each, self.values.old[each.name]) is False:
                raise ReconcileError(
                    f"{each.name}: its present value does not open {_subject(each)}{self._said}; set it to the one "
                    f"that does in {env_file(self.session.settings)}; nothing was done"
                )

    def _change(self, stop: Flag) -> None:
        """Accounts first, while their servers still run; then commands, while those who use the secrets are stopped."""
        # The server of an account has to run for the change of its password.
        for each in self.exchanges:
            if each.rotation.user and not stop.is_set():
                self._changed_once(each)
        for name in self._names_to_stop() if not stop.is_set() else ():
            if self._stopper.stop(name):
                self._stopped.append(name)
                self.say(f"{name} is stopped until the new values are there")
        # A command changes data that nobody may use meanwhile, with the old or the new value.
        for each in self.exchanges:
            if each.rotation.change and not stop.is_set():
                self._changed_once(each)

    def _changed_once(self, exchange: Exchange) -> None:
        name = exchange.name
        if name in self.values.changed:
            return
        is_taken = self.is_begun and self._opens(exchange, self.values.new[name])
        if not is_taken:  # a run that was killed may have come just so far
            self._give(exchange, self.values.old[name], self.values.new[name])
        if not is_taken and exchange.rotation.change and self._opens(exchange, self.values.new[name]) is False:
            raise ReconcileError(
                f"{name}: the command has ended well, and the new value does not open {_subject(exchange)}{self._said}"
            )
        # Kept after each single change, since a kill in between must not lose which value is in force.
        self.values = self.values.with_changed(name)
        self._keep()
        self.say(f"{name} is changed in {_subject(exchange)}")

    def _give(self, exchange: Exchange, old: str, new: str) -> None:
        rotation = exchange.rotation
        if rotation.user:
            with self._store(rotation.user) as store:
                store.set_password(rotation.user, Secret(new))
            return
        # Through the environment: words of a command show in lists of processes.
        code, said = self._ran(rotation.change, (f"{OLD}={old}", f"{NEW}={new}"))
        if code:
            raise ReconcileError(f"{exchange.name}: the command in {rotation.service} ended with {code}{_words(said)}")

    def _opens(self, exchange: Exchange, value: str) -> bool | None:
        """Returns whether a value opens what the secret is for; None where nothing is declared that could tell."""
        rotation = exchange.rotation
        if rotation.user:
            with self._store(rotation.user) as store:
                return store.has_password(rotation.user, Secret(value))
        if not rotation.check:
            return None
        code, said = self._ran(rotation.check, (f"{TRIED}={value}",))
        self._said = _words(said)
        return code == 0

    def _take_back(self, error: ReconcileError) -> None:
        """Give every service its old value again. Raises the error, or HalfDone where that fails, too."""
        try:
            # In reverse, as a later change may have needed an earlier one.
            for each in reversed(self.exchanges):
                if each.name in self.values.changed:
                    self._give(each, self.values.new[each.name], self.values.old[each.name])
                    self.values = self.values.without_changed(each.name)
                    self._keep()
            # Only now: they find their old values again, wherever they read them.
            for name in reversed(self._stopped):
                self._stopper.restart(name, timeout_s=None)
        except ReconcileError as other:
            raise HalfDone(f"{error}; taking the rest back failed as well: {other}") from error
        self.end()
        raise ReconcileError(f"{error}, and everything is as it was before") from error

    def _write(self) -> None:
        """Write the new values into the env files that have the old ones."""
        for path, names in _files_of(self.session.settings, self.values.new).items():
            change_secrets(path, {name: self.values.new[name] for name in names})
            self.say(f"{path}: the new value{'s are' if len(names) > 1 else ' is'} written")
        forget()  # what was read of these files is no longer so

    def _ran(self, call: Call, environment: tuple[str, ...]) -> tuple[int, str]:
        runner = next((each for each in self.session.providers.values() if isinstance(each, CommandRunner)), None)
        if runner is None:
            raise ReconcileError(f"without a stack file there is no service {call.service} to run a command in")
        return runner.finished(call.service, Command(call.words, environment=environment), timeout_s=COMMAND_S)

    @contextmanager
    def _store(self, user: Address) -> Iterator[PasswordStore]:
        """The provider of an account, connected by what opens it now: the account's own password may be among it."""
        with connected(self._present(), self.session.note) as (_, providers):
            store = providers.get(user.provider)
            if not isinstance(store, PasswordStore):
                raise ReconcileError(f"{user} can't be reached without the files that declare its server")
            yield store

    @property
    def _stopper(self) -> Stopper:
        return next(each for each in self.session.providers.values() if isinstance(each, Stopper))

    def _stopper_of(self, address: Address) -> bool:
        return isinstance(self.session.providers.get(address.provider), Stopper)

    def _names_to_stop(self) -> Sequence[str]:
        """The containers of the services to stop; a service that has none yet is left out."""
        services = self.to_stop()
        if not services:
            return ()
        there = set(self._stopper.log_names())
        return [name for service in services for name in self._stopper.log_names((service,)) if name in there]


def _require_declared(names: Iterable[str], declared: Collection[str]) -> None:
    unknown = next((name for name in names if name not in declared), None)
    if unknown is not None:
        others = f"; name one of: {', '.join(declared)}" if declared else "; declare it there first"
        near = suggestion(unknown, list(declared))
        raise UnknownAddress(f"no secret {unknown} is declared under x-reconcile.secrets{near or others}")


def _require_changeable(session: Session, name: str, source: str, value: str) -> None:
    """Raises ReconcileError unless the env file has the value that is in force."""
    if source:
        raise ReconcileError(f"{name} comes from its source ({source}); change it there, and then `apply`")
    if session.settings.environment.get(name):
        raise ReconcileError(
            f"{name} is set in the environment, which wins over {env_file(session.settings)}; unset it there"
        )
    if not value or name in session.made_up:
        raise ReconcileError(f"{name} has no value yet; the next `reconcile apply` generates it")


def new_rotation(session: Session, names: Sequence[str]) -> Rotating:
    """A rotation of these secrets, or of all with none; nothing is touched yet.

    Raises UnknownAddress for a name that is not declared, ReconcileError for one without a value here, Refused for one
    whose service could keep its old value.
    """
    sources = _unasked(session.settings)
    declared = declared_secrets(sources)
    _require_declared(names, declared)
    sourced = {each.name: each.kind for each in secret_sources(sources)}
    chosen = tuple(dict.fromkeys(names)) or tuple(name for name in declared if name not in sourced)
    values = variables_of(sources)
    # All names are checked before anything is generated, so that a refusal leaves nothing behind.
    for name in chosen:
        _require_changeable(session, name, sourced.get(name, ""), values.get(name) or "")
    exchanges = _exchanges(session, chosen)
    resources = {each.address: each for each in session.reconciler().desired()}
    refusals = [refusal for each in exchanges for refusal in _doubts(session, each, resources)]
    if refusals:
        raise Refused(refusals)
    new = generated_secrets(chosen)
    # A value that can't be written at the end would be lost with the run.
    _require_writable(session.settings, {name: values[name] for name in chosen}, new)
    old = {name: values[name] for name in chosen}
    return _learnt(session, Rotating(session, exchanges, Unfinished(old, new), is_begun=False))


def rotation_to_finish(session: Session, values: Unfinished) -> Rotating:
    """A rotation that an earlier run has left, to be gone on with."""
    declared = declared_secrets(_unasked(session.settings))
    exchanges = _exchanges(session, [name for name in values.old if name in declared])
    return _learnt(session, Rotating(session, exchanges, values, is_begun=True))


def finish_rotation(
    settings: Settings, clock: Clock, *, known: KnownSecrets, stop: Flag, say: Callable[[str], None] = _say_nothing
) -> None:
    """Go on with a rotation that was cut off, where there is nobody to ask.

    Raises Locked while another run is at work, HalfDone or another ReconcileError where it could not be finished.
    """
    values = unfinished_of(settings)
    if values is None:
        return
    with opened(settings, clock, known=known) as session:
        rotating = rotation_to_finish(session, values)
        rotating.say = say
        with session.locked("secrets rotate"):
            if unfinished_of(settings) != values:  # the run that has left it was at work all the same
                return
            with rotating.changed(stop) as reconciler:
                _bring(reconciler, stop)
            if not stop.is_set():
                rotating.require_changed()
                rotating.end()


def _bring(reconciler: Reconciler | None, stop: Flag) -> None:
    events = reconciler.converge(_agree, stop=stop) if reconciler else iter(())
    report = Report(tuple(event for event in events if isinstance(event, Event)))
    if report.failed:
        raise HalfDone(f"{report.failed[0].step.address}: {report.failed[0].note}")


def _agree(_look: Look) -> None:
    """The rotation was agreed to when it began."""


def _unasked(settings: Settings) -> Sources:
    """The files to load, with stand-ins for what comes from other sources: none of that is rotated."""
    return sources_of(replace(settings, asks_sources=False))


def with_variables(settings: Settings, values: Mapping[str, str]) -> Settings:
    """The settings with other values of variables than those of the env files."""
    return replace(settings, environment={**settings.environment, **values})


def _learnt(session: Session, rotating: Rotating) -> Rotating:
    """The rotation, with all its values hidden in every output from now on."""
    texts = (*rotating.values.old.values(), *rotating.values.new.values())
    session.known.learn("rotation", lambda: map(Secret, texts))
    return rotating


def _exchanges(session: Session, names: Iterable[str]) -> tuple[Exchange, ...]:
    names = tuple(names)
    there = {each.address for each in session.reconciler().desired()}
    found = uses_of_secrets(_unasked(session.settings), names, partial(connect_to, session.settings))
    rotations = session.document.rotations
    return tuple(
        Exchange(
            name,
            rotations.get(name, Rotation()),
            name in rotations,
            tuple(dict.fromkeys(use.address for use in found if name in use.names and use.address in there)),
        )
        for name in names
    )


def _doubts(session: Session, exchange: Exchange, resources: Mapping[Address, Resource]) -> Iterator[Refusal]:
    """Refuses a secret that goes to something with data, which may have taken the value when the data was made."""
    # A declared rotation, also an empty one, says that somebody has thought about the data.
    for address in exchange.users if not exchange.is_declared else ():
        is_program = isinstance(session.providers.get(address.provider), Stopper)
        if is_program and (data := data_of(resources[address], session.kinds)):
            yield Refusal(
                address,
                f"{exchange.name} goes to {address}, whose data in {data} may have been made with it",
                f"declare how it is changed under `x-reconcile.secrets.{exchange.name}.rotate`, "
                "or `rotate: {}` where each start takes it anew",
            )


def _subject(exchange: Exchange) -> str:
    rotation = exchange.rotation
    return str(rotation.user or rotation.service or rotation.check.service)


def _words(said: str) -> str:
    text = " ".join(said.split())
    return f": {text[-_SHOWN:]}" if text else ""


def _files_of(settings: Settings, names: Iterable[str]) -> Mapping[Path, Sequence[str]]:
    """The env file that counts for each of these variables, by its path; one that none of them has is left out."""
    found: dict[Path, list[str]] = {}
    texts: dict[Path, Mapping[str, str]] = {}
    for path in env_file_paths(settings.directory, settings.env_files):
        with suppress(OSError):
            texts[path] = variables_in(path.read_text(encoding="utf-8"))
    for name in names:
        # The last file that has the variable is the one that counts.
        for path in [path for path in reversed(texts) if name in texts[path]][:1]:
            found.setdefault(path, []).append(name)
    return found


def _require_writable(settings: Settings, old: Mapping[str, str], new: Mapping[str, str]) -> None:
    """Raises ConfigError for a variable whose line would not read as the new value, such as one made of others."""
    files = _files_of(settings, old)
    after: dict[str, str] = {}
    for path, names in files.items():
        text = path.read_text(encoding="utf-8")
        # Tried on the text: a value may be made of other variables, and then its line can't be replaced.
        after |= {name: value for name, value in variables_in(changed(text, new)).items() if name in names}
    for name in old:
        if after.get(name) != new[name]:
            path = next((path for path, names in files.items() if name in names), env_file(settings))
            message = f"{name} is not a plain NAME=value line here, so no new value can be written; make it one"
            raise ConfigError([Problem(message, Origin(str(path)))])
