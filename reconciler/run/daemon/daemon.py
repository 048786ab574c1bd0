"""The daemon's loop: looks, compares and repairs at intervals, and at once when a hint comes.

Level-triggered: hints only cause a look. Providers are read side by side under deadlines, repairs run in threads of
their own, and each resource has a pace of its own, so that the trouble of one delays no other. A wrong file is reported
once, and the last right ones stay in force. What is remembered may be lost without harm.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any, Final

from reconciler.config.schedule import is_open, next_change
from reconciler.core.difference.cause import Cause
from reconciler.core.difference.change import Action, Change
from reconciler.core.execution.pace import MOST, MOST_FAILURES, Paces
from reconciler.core.execution.report import standing
from reconciler.core.execution.written import Written
from reconciler.core.history.author import Author
from reconciler.core.history.facts import (
    Ailment,
    Difference,
    Fact,
    Listener,
    Open,
    Pass,
    Repair,
    State,
    Trouble,
    Unfinished,
    ailing,
    fields_of,
)
from reconciler.core.message.errors import ConfigError, Locked, LockLost, ProviderError, ReconcileError, Unreachable
from reconciler.core.plan.policy import Policy
from reconciler.core.plan.restraint import Restraint, Window
from reconciler.core.provider import Exit, ExitSource, Hint, HintSource
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Health, Resource
from reconciler.core.resource.values import refs
from reconciler.providers.registry import connect
from reconciler.record import Struct, replace
from reconciler.render.output.known import KnownSecrets
from reconciler.run.clock import Clock
from reconciler.run.commands.rotation import finish_rotation
from reconciler.run.daemon.board import Board
from reconciler.run.daemon.chronicle import Chronicle
from reconciler.run.daemon.filestates import States, states_of
from reconciler.run.daemon.heaps import give_back_memory
from reconciler.run.daemon.hints import Hints, changed_files
from reconciler.run.daemon.home import Arguments, Home
from reconciler.run.daemon.journal import Journal
from reconciler.run.daemon.pauses import Pause, pauses_of
from reconciler.run.daemon.repairs import GRACE_S, Ended, Run, SharedLock, allowed, in_a_thread
from reconciler.run.daemon.supervisor import Supervisor
from reconciler.run.lock.leadership import Leadership
from reconciler.run.reconciliation.invain import reported
from reconciler.run.reconciliation.once import Look, Reconciler
from reconciler.run.reconciliation.side_by_side import Overdue, SideBySide
from reconciler.run.session.recorder import authors_of_drift
from reconciler.run.session.requestlog import logged
from reconciler.run.session.session import (
    Before,
    Session,
    env_file,
    follow_programs,
    learn_files,
    opened,
    read,
    secret_files,
    unfinished_of,
)
from reconciler.run.sources.forge import Verdict
from reconciler.run.sources.source import Source
from reconciler.settings import Settings

LOCKED_AGAIN_S: Final = 2.0
ASKED_AGAIN_S: Final = 2.0
RELEASE_S: Final = 2.0
END_S: Final = GRACE_S + 2.5
"""The time for everything between the order to stop and the end, in which one thing may hang; the rest is reported."""

MOST_UNREACHABLE: Final = 3
"""The wait for a server that does not answer grows so often only: unlike a refusal that may be over soon."""

COMES_UP_S: Final = 20.0
"""A server that was repaired has so long to answer."""

ELECTION_S: Final = 2.0
"""The first look waits so long to know who leads."""

MOST_HINTS: Final = 100

INTERVAL: Final = Hint("interval")
RESYNC: Final = Hint("resync")
_BY_TIME: Final = ((INTERVAL,), (RESYNC,))
_RESTARTS: Final = "restarts of "
_LOOK: Final = "look"


class Rhythm(Struct, frozen=True):
    """The intervals of the daemon: between looks, which skip what can't have changed as far as events tell, and
    between looks at everything. ``heals`` is False if it only reports."""

    interval_s: float = 30.0
    heals: bool = True
    resync_s: float = 300.0


class Daemon:
    """One project, kept as declared until ``stop`` is set. ``listeners`` get each fact once, the log first.

    ``begin`` starts a repair, and returns its thread if it has one. ``elect`` is None where there is one daemon only.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        log: Any,
        *,
        rhythm: Rhythm,
        stop: Flag,
        known: KnownSecrets,
        listeners: tuple[Listener, ...] = (),
        board: Board | None = None,
        begin: Callable[[Callable[[], None]], Thread | None] = in_a_thread,
        elect: type[Leadership] | None = Leadership,
        wall: Callable[[], float] = time.time,
        source: Source | None = None,
        apart: Arguments | None = None,
        refuses_risks: bool = True,
    ) -> None:
        self._refuses_risks = refuses_risks
        self._settings, self._clock, self._log, self._rhythm, self._stop = settings, clock, log, rhythm, stop
        self._source = source
        self._home = Home(apart, begin)
        self._supervisor = Supervisor(settings.environment)
        self._known, self._begin, self._elect, self._wall = known, begin, elect, wall
        self.hints = Hints(clock)
        self.paces, self.open = Paces(), Open()
        self._board = board or Board()
        self._board.wall = wall
        self._board.ask, self._board.interval_s, self._board.heals = self.hints.give, rhythm.interval_s, rhythm.heals
        self._listeners: tuple[Listener, ...] = (*listeners, self._board)
        self._journal = Journal(log, {})
        self.state = State()
        self._know_nothing()

    def _know_nothing(self) -> None:
        """The memory of a daemon that has not looked yet; losing it costs a look, and never a wrong step."""
        self._chronicle: Chronicle | None = None
        self._files: tuple[Path, ...] = ()
        self._file_states: States | None = None
        self._base: Reconciler | None = None
        self._quiet: Look | None = None
        self._file_troubles: tuple[Trouble, ...] = ()
        self._runs: dict[Run, Thread | None] = {}
        self._look_error = ""
        self._written = Written()
        self._blocked: dict[str, str] = {}
        self._restarts: dict[str, int] = {}
        self._exits: dict[str, tuple[int, Exit | None]] = {}
        self._unread: dict[str, ReconcileError] = {}
        self._overdue_from: dict[str, float] = {}
        self._acting: frozenset[str] = frozenset()
        self._down: dict[Address, float] = {}
        self._authors: dict[Address, tuple[Author, ...]] = {}
        self.is_begun = self._is_seen = self._is_ready = False
        self._full_look_due_at = self._clock.now()
        self._carried: tuple[Hint, ...] = ()
        self._locked_until = 0.0
        self._pauses: Mapping[str, Pause] = {}
        self._rotation: Thread | None = None
        self._leadership: Leadership | None = None
        self._led = (True, "")

    # -------------------------------------------------------------- the loop

    def run(self) -> None:
        """Raises ConfigError where the files are wrong from the beginning; later that is only reported."""
        with opened(
            self._settings,
            self._clock,
            keep_secrets=self._rhythm.heals,
            needs_secrets=True,
            warn=self._warn,
            known=self._known,
            note=logged(self._log),
            release_s=RELEASE_S,
        ) as first:
            self.is_begun = True
            self._log.info("daemon begins", project=first.document.project, interval_s=self._rhythm.interval_s)
            self._connected(first)
            self._board.pauses = pauses_of(first)
            if self._source:
                self._show_revision(self._source)
            self._follow()
            self._stand_for_election()
            why: tuple[Hint, ...] = (Hint("start"),)
            while not self._stop.is_set():
                self._beat()
                if self._leads():
                    self._guarded(why)
                # Ready after the first round, also on standby: the supervisor waits for the loop, not for the lead.
                if not self._is_ready:
                    self._is_ready = True
                    self._supervisor.ready()
                why = self._next()
                # Files are taken between two passes only, so that each pass has one document from its beginning to its
                # end.
                self._take_revision(why)
                self._reload()
            self._supervisor.stopping()
            self.hints.close()
            self._end()
            self._log.info("daemon ends")

    def _stand_for_election(self) -> None:
        """Become the daemon that acts, or stand by. Who only reports does so beside others."""
        store, project = self._session.leases, self._session.document.project
        if store and self._elect and self._rhythm.heals:
            on_change = partial(self.hints.give, Hint("leadership"))
            self._leadership = self._elect(store, project, self._clock, on_change, release_s=RELEASE_S)
            self._leadership.begin()
            self._leadership.wait(ELECTION_S)

    def _leads(self) -> bool:
        """Returns whether this daemon is the one that acts, and reports a change of that."""
        found = self._leadership
        leads, leader = (found.is_held, found.leader) if found else (True, "")
        why = found.why if found else ""
        # As long as an election is not decided there is nothing to report.
        if (leads, leader) != self._led and (leads or leader or why):
            # The first election is logged only if it is lost: leading is the usual case.
            if leader:
                self._log.info("stands by", leader=leader)
            elif not leads:
                self._log.warning("has no lease", reason=why)
            elif not self._led[0]:
                self._log.info("leads")
            self._led = leads, leader
        self._board.leads, self._board.leader = leads, leader
        return leads

    def _warn(self, message: str) -> None:
        is_history = message.startswith("the history ")
        if is_history and self._session.history.trouble:
            return  # the next look reports it as a trouble that lasts
        self._log.warning("history was damaged" if is_history else "lock is not given back", reason=message)

    def _connected(self, session: Session) -> None:
        """Work with this session and its providers from now on."""
        self._takes(session)
        self._files = session.files
        self._journal.kinds = session.kinds
        self._reads = SideBySide(self._stop, lambda name: self.hints.give(Hint(f"{name} has answered late")))
        self._lock = SharedLock(lambda: self._session.locked("daemon"))
        self._board.shared = self._lock.shared
        self._unread = {}

    def _takes(self, session: Session) -> None:
        """Have the session's history written, and look at it as a whole."""
        self._session, self._is_seen = session, False
        self._base = self._quiet = None
        self._restraint = Restraint.of(session.document.daemon)
        if self._chronicle is None:
            self._chronicle = Chronicle(session, self._wall)
        self._chronicle.session = session

    def _follow(self) -> None:
        if self._source:
            self.hints.follow("git", self._source.hints)
        self.hints.follow("files", lambda: changed_files(lambda: self._files, self._stop))
        for name, provider in self._session.providers.items():
            if isinstance(provider, HintSource):
                for source in provider.hint_sources():
                    self.hints.follow(f"{name} {source}", partial(self._hints, name, source))

    def _hints(self, name: str, source: str) -> Iterator[Hint]:
        """The hints of a provider of the session: another revision of the files may have connected another one."""
        provider = self._session.providers.get(name)
        return provider.hint_sources()[source]() if isinstance(provider, HintSource) else iter(())

    def _next(self) -> tuple[Hint, ...]:
        """Wait for the interval, a hint, or the moment at which something is due again."""
        now = self._clock.now()
        end = now + self._rhythm.interval_s
        due_at = self.paces.next_due_at((*self._acting, *self._unread, _LOOK), now)
        wall = self._wall()
        windows = (now + next_change(window, wall) - wall for window in self._restraint.windows)
        pauses = (now + each.until - wall for each in self._pauses.values())
        # The earliest of all moments at which something may be different: a window or a pause ends, a lock expires.
        silent = (self._session.providers[name] for name in self._unread if name in self._session.providers)
        late = (*self._overdue_from.values(), *(self._up_by(provider.served_by) for provider in silent))
        # A server that is back is asked at once whether a missing secret was given to something that lives.
        undecided = [now + ASKED_AGAIN_S for each in self._file_troubles if each.ailment is Ailment.UNDECIDED_FILE]
        later = (self._locked_until, *windows, *pauses, *late, *undecided, end if due_at is None else due_at)
        end = min(end, *(at for at in later if at > now))
        hints: list[Hint] = []
        while not hints and self._clock.now() < end and not self._stop.is_set():
            # A supervisor ends a process without a sign of life, also one that has nothing to do.
            self._beat()
            hints = self.hints.wait(min(end - self._clock.now(), self._supervisor.beat_s))
        return tuple(hints) or (RESYNC if self._clock.now() >= self._full_look_due_at else INTERVAL,)

    def _beat(self) -> None:
        """The loop comes round."""
        self._board.beat()
        self._supervisor.alive()

    def _end(self) -> None:
        """Wait for the repairs and for the lease, which a process that ended would leave behind, by one deadline;
        report what is left undone.
        """
        deadline = time.monotonic() + END_S
        awaited: list[Thread | None] = list(self._runs.values())
        if self._leadership:
            # Giving the lease back is a request that may hang; it shares the deadline with the repairs.
            awaited.append(in_a_thread(self._leadership.end))
        for thread in awaited:
            if thread:
                thread.join(max(0.0, deadline - time.monotonic()))
        self._collect()
        self.report_unfinished()

    def report_unfinished(self) -> None:
        """Report the repairs that a stop leaves undone; from another thread only where the loop hangs."""
        for run in tuple(self._runs):
            self._passed(run)

    # -------------------------------------------------------------- files

    def _take_revision(self, why: tuple[Hint, ...]) -> None:
        """Take a new revision of the repository, once no repair reads the files of the old one."""
        source = self._source
        if source is None:
            return
        if any(hint.is_order for hint in why):
            source.ask()
        # A running repair may still read the files of the revision that it began with.
        taken = None if self._runs else source.take()
        if taken:
            self._settings, self._file_states = taken, None
            self._log.info("revision taken", revision=source.revision)
        self._show_revision(source)

    def _show_revision(self, source: Source) -> None:
        self._board.revision = source.revision
        if self._chronicle:
            self._chronicle.revision = source.revision

    def _reload(self) -> None:
        """Take the files as they are now; where they are wrong, go on with those that were right."""
        session = self._session
        files = (*self._files, *secret_files(session.document))
        states, known = states_of(files), self._file_states
        # Times and sizes of the files tell enough; a full look reads the files in any case.
        if states and states == known and self._clock.now() < self._full_look_due_at:
            return
        # Wrong files have no state that is known, so they are read in each pass until they are right.
        self._file_states = None
        try:
            keep = self._rhythm.heals
            before = Before(session.made_up, session.document.secrets)
            loaded, made_up = read(
                self._settings, keep_secrets=keep, needs_secrets=True, before=before, reads=self._reads
            )
        except ConfigError as error:
            self._file_troubles = tuple(_wrong(str(each)) for each in error.problems)
            return
        except ProviderError as error:
            # A secret is missing, and a server that can't be asked may have it: nothing is known to be wrong. Each
            # round asks again, and so does the hint of an answer that comes late.
            self._file_troubles = (_undecided(self._session, error),)
            return
        except ReconcileError as error:
            self._file_troubles = (_wrong(str(error)),)
            return
        self._file_troubles = ()
        document = loaded.document
        # The states are those of the files known before. With another file among them they would say too little.
        if files == (*loaded.files, *secret_files(document)):
            self._file_states = states
        self._files = loaded.files
        # The same content in other lines or with other comments: connections and paces stay.
        if replace(document, locate=session.document.locate, corrected=session.document.corrected) == session.document:
            learn_files(self._known, loaded)  # what is in the files of secrets may be new
            follow_programs(self._known, loaded, session.providers)
            self._session = replace(session, document=document, made_up=made_up)  # the same, perhaps in other lines
            self._base = self._quiet = None
            return
        self._known.collect()
        learn_files(self._known, loaded)
        self._log.info("files reloaded")
        # Failures with the old files say nothing about the new ones.
        self.paces.forget()
        new = replace(session, settings=self._settings, document=document, made_up=made_up, files=loaded.files)
        if _reached(document) == _reached(session.document):
            follow_programs(self._known, loaded, session.providers)
            self._takes(new)
            return
        providers = connect(document, self._settings.environment, session.note)
        follow_programs(self._known, loaded, providers)
        self._connected(replace(new, providers=providers))
        # The old connections end after the new ones stand: where those can't be made, the daemon goes on as it was.
        for provider in session.providers.values():
            provider.close()

    # -------------------------------------------------------------- one pass

    def _guarded(self, why: tuple[Hint, ...]) -> None:
        try:
            self._pass(why)
            self._look_error = ""
            self.paces.settled(_LOOK, self._clock.now())
        except ReconcileError as error:
            # The same failure in each pass is one line of the log.
            if str(error) != self._look_error:
                self._log.error("look failed", error=str(error))
            self._look_error = str(error)
            self._board.failed(str(error))
            self.paces.failed(_LOOK, self._clock.now())
        except Exception:  # noqa: BLE001 (one bad pass must not end the daemon)
            self._log.exception("look failed for an unknown reason")
            self.paces.failed(_LOOK, self._clock.now())

    def _note_pauses(self) -> None:
        """Report the pauses that have begun, and those that were ended or have expired."""
        wall = self._wall()
        active = self._board.pauses.active(wall)
        for subject, pause in self._pauses.items():
            if active.get(subject) != pause:
                words = "pause expired" if pause.until <= wall else "pause ended"
                self._log.info(words, subject=subject, owner=pause.owner, reason=pause.reason)
        for subject, pause in active.items():
            if self._pauses.get(subject) != pause:
                seconds = round(pause.until - wall)
                self._log.info("pause", subject=subject, owner=pause.owner, reason=pause.reason, ends_in_s=seconds)
        self._pauses = active

    def _pass(self, why: tuple[Hint, ...]) -> None:
        """One look, and the repair of what is due, which goes on beside the loop."""
        pass_id = uuid.uuid4().hex[:8]
        self._note_pauses()
        self._collect()
        self._hear(why)
        now, why = self._clock.now(), (*self._carried, *why)
        # A provider that failed is left out until its pace allows another try.
        held = {name: error for name, error in self._unread.items() if not self.paces.is_due(name, now)}
        is_full = now >= self._full_look_due_at or any(hint.is_order for hint in why)
        if is_full:
            self._full_look_due_at = now + self._rhythm.resync_s
            # A full look starts from nothing, so that no memory of an earlier one can hide a change.
            self._base = self._quiet = None
        reconciler = self._reconciler(held)
        reconciler = replace(reconciler, glances=not is_full, quiet=self._quiet).with_desired(reconciler.desired())
        look = reconciler.look(stop=self._stop)
        # A look that was cut short shows too little to be learned from.
        if self._stop.is_set():
            return
        busy = self._busy()
        # The next look that finds exactly this needs no comparison and no plan.
        self._quiet = look if look.plan.in_sync and not look.unread else None
        self._learn(look, busy, pass_id, why)
        own = self._home.change(self._session, look)
        due = self._due(look, busy)
        self._log.debug("looked", **{"pass": pass_id}, why=[str(each) for each in why[:5]], due=len(due))
        self._ask_for_authors(look, busy)
        self._report(look, busy, pass_id, why)
        self._remember(look, busy, why, reconciler.desired())
        self._show(look, reconciler.desired())
        if self._source:
            self._judge(self._source, look)
        # A rotation under way has stopped and changed containers on purpose; a repair would undo that.
        if self._rotates():
            return
        # Its own container comes last, when nothing else runs: that replacement ends this process.
        if rest := due - {own.address} if own else due:
            self._repair(rest, pass_id, why, reconciler.desired())
        elif own and due and not self._runs:
            self._replace_home(own, pass_id, why)
        if own is None and is_full:
            self._home.clear_away(self._session)
        if is_full:
            give_back_memory()  # what a large answer or a burst of requests took would stay with the process

    def _replace_home(self, change: Change, pass_id: str, why: tuple[Hint, ...]) -> None:
        """Have the daemon's own resource replaced by a run apart: it is the last one, as this process ends with it."""
        failures = self._home.failures()
        for failed, reason in failures:
            self._settle(Ended(failed, 0.0, reason), pass_id, tuple(map(str, why)))
        if not failures:
            self._log.info("is replaced", **{"pass": pass_id}, address=str(change.address))
            self.paces.failed(str(change.address), self._clock.now())
            self._home.replace(self._session, change)

    def _judge(self, source: Source, look: Look) -> None:
        """Report what became of the revision: all is as declared, or something stands against that."""
        against = [each for each in self.state.troubles if each.ailment not in _NOT_AGAINST_A_REVISION]
        failing = [str(each.address) for each in look.plan.changes if self.paces[str(each.address)].failures]
        wrong = [each for each in self._file_troubles if each.ailment is Ailment.WRONG_FILE]
        if wrong or against or failing:
            first = f"{against[0].subject}: {against[0].note}" if against else f"{failing[0]} fails" if failing else ""
            source.judge(Verdict.FAILURE, first or wrong[0].note)
        elif self._file_troubles:
            return  # the files of the revision are not in force yet
        elif look.plan.in_sync:
            source.judge(Verdict.SUCCESS, "all is as declared")

    def _rotates(self) -> bool:
        """Returns whether a rotation of secrets is under way, so that nothing else is repaired.

        One that was cut off is gone on with: a container that is stopped for it would come up with an old password.
        """
        if unfinished_of(self._settings) is None:
            return False
        if self._rhythm.heals and not (self._rotation and self._rotation.is_alive()):
            self._rotation = self._begin(self._finish_rotation)
        return True

    def _finish_rotation(self) -> None:
        try:
            finish_rotation(
                self._settings,
                self._clock,
                known=self._known,
                stop=self._stop,
                say=lambda text: self._log.info("rotation goes on", step=text),
            )
        except Locked:
            return  # whoever began it is still at work
        except ReconcileError as error:
            self._log.error("rotation is not finished", reason=str(error))
        self.hints.give(Hint("rotation"))

    def _show(self, look: Look, desired: Sequence[Resource]) -> None:
        """Put the look on the board, for those who watch."""
        now = self._clock.now()
        lasting = {key: now - began for key, (_, began) in self.open.troubles.items()}
        self._board.show(self._session, look, self.state, desired, lasting)

    def _reconciler(self, held: Mapping[str, ReconcileError], patient: Iterable[str] = ()) -> Reconciler:
        """The reconciler of one look; providers in ``held`` are not read, for those in ``patient`` it waits longer."""
        base = self._base = self._base or self._session.reconciler()
        reads = replace(self._reads.patiently(*patient), held=held)
        # Its policy is of this day: waivers of risks end.
        return replace(base, policy=self._policy(), reads=reads, defers=True).with_desired(base.desired())

    def _policy(self) -> Policy:
        return _policy(self._session, refuses_risks=self._refuses_risks)

    def _busy(self) -> frozenset[Address]:
        return frozenset(address for run in self._runs for address in run.busy)

    def _hear(self, why: tuple[Hint, ...]) -> None:
        """A hint about the host of a provider that can't be read is a reason to ask it at once."""
        for name in self._unread:
            host = self._session.providers[name].served_by
            if host and any(hint.concerns(host) for hint in why):
                self.paces.settled(name, self._clock.now())

    def _learn(self, look: Look, busy: frozenset[Address], pass_id: str, why: tuple[Hint, ...]) -> None:
        """Keep the pace of each resource and provider by what was seen, and the hints about what was not."""
        now = self._clock.now()
        for name, error in look.unread.items():
            # A provider that was left out comes with the error of its last try, which has been counted.
            if error is not self._unread.get(name) and not isinstance(error, Overdue):
                # A server that is away may be back at any moment, so the time between tries grows less.
                most = MOST_UNREACHABLE if isinstance(error, Unreachable) else MOST_FAILURES
                self.paces.failed(name, now, most=most)
        for name in self._unread.keys() - look.unread.keys():
            self.paces.settled(name, now)
        self._unread = dict(look.unread)
        # Hints about a provider that could not be read wait for the look that can.
        self._carried = tuple(each for each in why if each.address and each.address.provider in look.unread)[
            -MOST_HINTS:
        ]
        overdue = [name for name, error in look.unread.items() if isinstance(error, Overdue)]
        self._overdue_from = {name: self._overdue_from.get(name, now + self._reads.slow_s(name)) for name in overdue}
        seen = {change.address: change for change in look.plan.changes if change.address not in busy}
        kept = {str(address) for address, change in seen.items() if change.action is Action.KEEP}
        self._board.carried_out(map(Address.parse, kept))
        for subject in kept:
            self.paces.settled(subject, now)
            self._blocked.pop(subject, None)
        # A resource that failed because of another one need not wait for its own pace once that one is well.
        for subject, cause in tuple(self._blocked.items()):
            if cause in kept and _is_well(seen[Address.parse(cause)]):
                del self._blocked[subject]
                self.paces.settled(subject, now)
        self._count_restarts(tuple(seen.values()), now)
        self._look_at_vain(look, busy, pass_id, tuple(map(str, why)), frozenset(kept))
        self._acting = frozenset(str(address) for address, change in seen.items() if change.acts)
        down = {address: self._down.get(address, now) for address, change in seen.items() if _is_down(change)}
        self._down = {address: at for address, at in self._down.items() if address in busy} | down
        # Names that are gone are dropped; over months they would pile up.
        known = {str(change.address) for change in look.plan.changes}
        self.paces.keep({*known, *(f"{_RESTARTS}{subject}" for subject in known), *self._unread, _LOOK})

    def _count_restarts(self, seen: Iterable[Change], now: float) -> None:
        """Restarts by the other side count like repairs of ours."""
        counts: dict[str, int] = {}
        for change in seen:
            live, subject = change.observed, f"{_RESTARTS}{change.address}"
            if live and live.restarts:
                counts[live.id] = live.restarts
                # Of a container that is new to us the count is not news, so it starts from there.
                for _ in range(min(live.restarts - self._restarts.get(live.id, live.restarts), MOST)):
                    self.paces.repaired(subject, ("restarts",), now)
            self.paces.settled(subject, now)
        self._restarts = counts

    def _look_at_vain(
        self, look: Look, busy: frozenset[Address], pass_id: str, why: tuple[str, ...], kept: frozenset[str]
    ) -> None:
        """A write that succeeded and changed nothing has failed; it is tried again, ever more rarely."""
        vain = [change for change in self._written.in_vain(look.plan) if change.address not in busy]
        for change in vain:
            error = reported(change, self._session.providers[change.address.provider]).note
            self._settle(Ended(change, 0.0, error), pass_id, why)
        gone = frozenset(change.address for change in vain)
        # What was written and is now as declared has worked, and is forgotten as well.
        self._written = self._written.forgetting(gone | {each for each in self._written.changes if str(each) in kept})

    def _due(self, look: Look, busy: frozenset[Address]) -> frozenset[Address]:
        """The resources to repair now."""
        now = self._clock.now()
        if not self._rhythm.heals or now < self._locked_until:
            return frozenset()
        acting = {each.address for each in look.plan.changes if each.acts and not self._reason_to_leave(each)} - busy
        due = frozenset(address for address in acting if self.paces.is_due(str(address), now))
        part = allowed(look.plan, due, self._policy().covering(look.observed))
        return frozenset(change.address for change in part.changes if change.acts)

    # -------------------------------------------------------------- repairs

    def _repair(
        self, due: frozenset[Address], pass_id: str, why: tuple[Hint, ...], desired: Sequence[Resource]
    ) -> None:
        # A value may come from a resource of another provider, which has to be read for it as well.
        named = (ref.address for each in desired if each.address in due for ref in refs(each.spec))
        reconciler = self._reconciler(self._unread, {address.provider for address in (*due, *named)})
        down, under_way, words = dict(self._down), self._board.under_way, tuple(map(str, why))
        run = Run(pass_id, words, due, reconciler, self._lock, self._stop, self._clock, down, under_way)

        def work() -> None:
            run()
            self.hints.give(Hint("a repair has ended"))

        # Noted before it begins: a short repair has ended before its thread is known.
        self._runs[run] = None
        self._runs[run] = self._begin(work)

    def _collect(self) -> None:
        """Take in the results of repairs."""
        for run in tuple(self._runs):
            is_over = run.is_over
            for ended in run.ended():
                run.outcomes.append(self._settle(ended, run.pass_id, run.why))
            if is_over:
                del self._runs[run]
                self._passed(run)

    def _settle(self, ended: Ended, pass_id: str, why: tuple[str, ...]) -> bool:
        """Keep the pace of a resource whose repair has ended, and report it; returns whether it was repaired."""
        now, change, subject = self._clock.now(), ended.change, str(ended.change.address)
        error = ended.error or (f"not begun, as {ended.blocked_by} failed" if ended.blocked_by else "")
        fact = Repair(
            pass_id,
            change,
            ended.seconds,
            error,
            result=ended.result,
            outage_s=ended.outage_s,
            why=why,
            authors=self._authors.get(change.address, ()),
        )
        if not error:
            self.paces.repaired(subject, fields_of(change), now)
            self._down.pop(change.address, None)
            self._tell(fact)
            return True
        if ended.blocked_by:
            self._blocked[subject] = ended.blocked_by
        pace = self.paces.failed(subject, now)
        self._tell(replace(fact, failures=pace.failures, retry_in_s=pace.due_at - now))
        return False

    def _passed(self, run: Run) -> None:
        """Report the end of a pass that did something, and slow down what it was to do and did not come to."""
        now = self._clock.now()
        self._written = self._written.after(run.plan, run.report)
        is_cut_off = self._stop.is_set() or isinstance(run.error, LockLost)
        unfinished = run.unfinished if is_cut_off else []
        changes = {change.address: change for change in run.plan.changes}
        for address, note in unfinished:
            self._tell(Unfinished(run.pass_id, address, note, changes.get(address), run.why))
        # Nothing failed on its own account: the lock decides when it is due again.
        if isinstance(run.error, Locked):
            if isinstance(run.error, LockLost):
                self._log.warning("the lock was lost", reason=str(run.error))
            else:
                self._log.info("another run is at work", owner=run.error.owner)
            self._locked_until = now + LOCKED_AGAIN_S
            return
        for address in run.left:
            self.paces.failed(str(address), now)
        repaired = sum(run.outcomes)
        error = str(run.error or "")
        failed, seconds = len(run.outcomes) - repaired, now - run.began
        self._tell(Pass(run.pass_id, run.why, repaired, failed, len(unfinished), seconds, error))

    # -------------------------------------------------------------- reports

    def _tell(self, fact: Fact) -> None:
        history: tuple[Listener, ...] = (self._chronicle,) if self._chronicle else ()
        everybody: tuple[Listener, ...] = (self._journal, *history, *self._listeners)
        for listener in everybody:
            listener(fact)

    def _report(self, look: Look, busy: frozenset[Address], pass_id: str, why: tuple[Hint, ...]) -> None:
        """Tell the differences and troubles that are new, and those that are over."""
        now = self._clock.now()
        seen = [change for change in look.plan.changes if change.address not in busy]
        refused = {each.address: str(each) for each in look.plan.refusals}
        # A busy resource differs because of us, and is no news.
        for change, field in self.open.new_differences(seen, busy, look.unread):
            events = tuple(str(hint) for hint in why if hint.concerns(change.address))
            reason = self._reason_to_leave(change) or refused.get(change.address, "")
            left = reason if self._rhythm.heals else "observe"
            authors = self._authors.get(change.address, ())
            self._tell(Difference(pass_id, change, field, events, left, tuple(map(str, why)), authors))
        troubles = {trouble.key: trouble for trouble in self._troubles(look, seen, why)}
        troubles |= self.open.unseen(look.unread, troubles.keys())
        for fact in self.open.replaced_troubles(troubles, now):
            self._tell(fact)
        unread = frozenset(name for name, error in look.unread.items() if not self._is_slow(name, error))
        known = {
            each.address: each for each in self.state.standings if each.address.provider in look.unread.keys() - unread
        }
        standings = tuple(known.get(change.address) or standing(change) for change in look.plan.changes)
        self.state = State(self.state.passes + 1, now, standings, tuple(troubles.values()), busy, unread)

    def _ask_for_authors(self, look: Look, busy: frozenset[Address]) -> None:
        """Ask who did what has begun to differ, before a repair adds acts of ours."""
        acting = {each.address: each for each in look.plan.changes if each.acts and each.address not in busy}
        new = [change for address, change in acting.items() if address not in self._authors]
        self._authors = {a: found for a, found in self._authors.items() if a in acting or a in busy}
        session = self._session
        found = authors_of_drift(session.providers, new, session.memory, wall=self._wall(), reads=self._reads)
        self._authors |= {change.address: tuple(found.get(change.address, ())) for change in new}

    def _remember(
        self, look: Look, busy: frozenset[Address], why: tuple[Hint, ...], desired: Sequence[Resource]
    ) -> None:
        """Keep what is as declared, unless the look was one at the interval, which finds little that is new."""
        if self._chronicle is None or (self._is_seen and why in _BY_TIME):
            return
        seen = [change for change in look.plan.changes if change.address not in busy]
        self._chronicle.remember(seen, desired, look.unread)
        self._is_seen = True

    def _troubles(self, look: Look, seen: Sequence[Change], why: tuple[Hint, ...]) -> Iterator[Trouble]:
        yield from self._file_troubles
        history = self._session.history
        if history.trouble:
            history.make()  # it may be over
        if history.trouble:
            yield Trouble(Ailment.UNRECORDED, "history", history.trouble, history.trouble)
        if self._source and self._source.trouble:
            yield Trouble(Ailment.WRONG_REVISION, "git", self._source.trouble, self._source.trouble)
        for name, error in look.unread.items():
            if self._is_slow(name, error) or self._is_brought_up(name, error, look):
                continue  # progress, and nothing that a person has to do anything about
            deferred = sum(change.address.provider == name and not change.acts for change in look.plan.changes)
            mark = "" if isinstance(error, Overdue) else str(error)
            yield Trouble(Ailment.UNREAD, name, str(error), mark, {"deferred": deferred})
        for change in seen:
            if change.acts and (reason := self._held_back(change)):
                yield Trouble(Ailment.HELD_BACK, str(change.address), reason, reason)
        self._note_exits(seen)
        recurring = {trouble.subject: trouble for change in seen for trouble in self._recurring(change, why)}
        yield from recurring.values()
        # A resource that keeps failing is one trouble, not a second one for its bad health.
        yield from (each for each in ailing(look.plan) if each.subject not in recurring)

    def _is_slow(self, name: str, error: ReconcileError) -> bool:
        """Returns whether an answer may only be slow in coming, so that what was known before still counts."""
        return isinstance(error, Overdue) and self._clock.now() < self._overdue_from[name]

    def _is_brought_up(self, name: str, error: ReconcileError, look: Look) -> bool:
        """Returns whether a provider does not answer because its server is starting, or about to be started by us."""
        host = self._session.providers[name].served_by
        change = next((each for each in look.plan.changes if each.address == host), None)
        if change is None or not isinstance(error, Unreachable):
            return False
        pace = self.paces[str(host)]
        if pace.failures or pace.worst or any(each.address == host for each in look.plan.refusals):
            return False
        is_new = self._clock.now() < self._up_by(host)
        is_starting = is_new or (change.observed is not None and change.observed.status.health is Health.SETTLING)
        is_ours = self._rhythm.heals and change.acts and not self._reason_to_leave(change)
        return is_starting or is_ours or host in self._busy()

    def _up_by(self, host: Address | None) -> float:
        """The moment from which on a repair of its server excuses a silent provider no more; 0 without a repair."""
        fields = self.paces[str(host)].fields.values() if host else ()
        return max((each.last_at + COMES_UP_S for each in fields), default=0.0)

    def _reason_to_leave(self, change: Change) -> str:
        """A pause or the policy that keeps a difference from being repaired now, "" if there is none."""
        return self._board.pause_of(change.address) or self._held_back(change)

    def _held_back(self, change: Change) -> str:
        """The part of the policy that keeps a difference as it is, unless a person has approved its repair."""
        return "" if self._board.is_approved(change) else self._restraint.reason(change, self._is_open)

    def _is_open(self, window: Window) -> bool:
        return is_open(window, self._wall())

    def _recurring(self, change: Change, why: tuple[Hint, ...]) -> Iterator[Trouble]:
        """A crash loop, or somebody who changes the resource against us."""
        subject, now = str(change.address), self._clock.now()
        own = self.paces[subject].worst
        found = self.paces[f"{_RESTARTS}{subject}"].worst or own
        if found is None:
            return
        field, recurrence = found
        times, within_s = recurrence.times, round(recurrence.seconds, 1)
        retry_in_s = round(max(self.paces[subject].due_at - now, 0.0), 1)
        # The mark changes with each doubling, so a loop is reported at 1, 2, 4, 8 times and not every time.
        mark = str(times.bit_length())
        details: dict[str, Any] = {"times": times, "within_s": within_s, "retry_in_s": retry_in_s}
        ended = self._exits[subject][1] if field in _OF_A_PROGRAM and subject in self._exits else None
        if ended:
            note = f"ended {times} times within {within_s:g} s"
            details |= {"exit_code": ended.code, "last_lines": list(ended.lines)}
            yield Trouble(Ailment.CRASH_LOOP, subject, note, mark, details)
        else:
            events = [str(hint) for hint in why if hint.concerns(change.address)]
            note = f"{field} differed {times} times within {within_s:g} s"
            yield Trouble(Ailment.FIGHT, subject, note, mark, {"field": field, **details, "events": events[:3]})

    def _note_exits(self, changes: Iterable[Change]) -> None:
        """Keep how a program ended that has to be started once too often: once it runs, that is not known any more."""
        for change in changes:
            subject = str(change.address)
            recurrences = {**self.paces[subject].fields, **self.paces[f"{_RESTARTS}{subject}"].fields}
            times = max((recurrences[name].times for name in _OF_A_PROGRAM if name in recurrences), default=0)
            # Only the exits shortly before the report are asked for: each costs a request and a read of the log.
            if times < MOST - 1:
                self._exits.pop(subject, None)
            elif (change.acts or "restarts" in recurrences) and times != self._exits.get(subject, (0, None))[0]:
                self._exits[subject] = times, self._last_exit(change)

    def _last_exit(self, change: Change) -> Exit | None:
        provider = self._session.providers[change.address.provider]
        if change.observed is None or not isinstance(provider, ExitSource):
            return None
        ask: Callable[[], Exit | None] = partial(provider.last_exit, change.observed)
        try:
            return self._reads.one(change.address.provider, ask)
        except ReconcileError:
            return Exit(None)


_UNASKED: Final = "a declared secret has no value, and the server that may have been given one can't be asked"

_NOT_AGAINST_A_REVISION: Final = (
    *(Ailment.UNDECLARED, Ailment.HELD_BACK, Ailment.FIGHT, Ailment.WRONG_REVISION, Ailment.UNRECORDED),
    Ailment.UNDECIDED_FILE,
)

_OF_A_PROGRAM: Final = (Action.START.value, Action.RUN.value, "restarts")
"""Names of recurring repairs by which a program shows that it ends again and again."""


def _undecided(session: Session, error: ProviderError) -> Trouble:
    """The trouble with files of which nobody can say yet whether a secret that they lack may be generated."""
    return Trouble(Ailment.UNDECIDED_FILE, str(env_file(session.settings)), f"{_UNASKED}: {error}", _UNASKED)


def _wrong(problem: str) -> Trouble:
    """The trouble with one problem of the files."""
    return Trouble(Ailment.WRONG_FILE, problem.partition(": ")[0], problem, problem)


def _is_well(change: Change) -> bool:
    return change.observed is not None and change.observed.status.health is Health.OK


def _is_down(change: Change) -> bool:
    """Returns whether something that should serve is found not to; what is new has not served yet."""
    if not change.acts or change.desired is None or change.intended is Action.RUN:
        return False
    if change.observed is None:
        return change.cause is Cause.DRIFT
    return change.action is Action.START or change.observed.status.health is Health.FAILED


def _reached(document: Document) -> tuple[object, ...]:
    """The settings that providers are made from."""
    halves = (document.stack is None, document.realms is None)
    return document.project, *halves, document.connection, document.engines


def _policy(session: Session, *, refuses_risks: bool) -> Policy:
    """The rules while nobody is there to ask: only deletions that the files ask for are allowed."""
    policy = session.policy(deletes=True, refuses_risks=refuses_risks)
    return policy if session.document.options.prune else replace(policy, prune={})
