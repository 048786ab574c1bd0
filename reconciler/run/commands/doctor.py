"""The search for the cause of trouble: all checks, the walk of the login, and what follows from both.

It only reads, and ends in time whatever hangs: each group of checks has a thread and a deadline of its own, and a group
that misses it is reported as far as it came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from threading import Event as Flag
from typing import Any, Final

from reconciler.core.diagnosis import Check, Checked, Diagnosis, Verdict
from reconciler.core.difference.change import Action, Change, differ
from reconciler.core.login import Evidence, Login, Trouble, Walk, Ways, origin_of
from reconciler.core.message.errors import ReconcileError, unforeseen
from reconciler.core.plan.graph import needs_of
from reconciler.core.provider import DiagnosisSource, LogSource, Provider, ServiceSource, WaySource
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.options import OPTIONS
from reconciler.core.resource.values import Secret
from reconciler.login import causes
from reconciler.login.walk import walk
from reconciler.record import Struct, replace
from reconciler.run.reconciliation.once import Look, Reconciler
from reconciler.run.reconciliation.workers import Workers
from reconciler.run.session.session import Session

PHASE_S: Final = 45.0
"""The deadline of each of the three phases."""
DIFFERENCE: Final = "difference"
_TAIL: Final = 200


class Examination(Struct, frozen=True):
    """The outcome of all checks, and the findings, causes before their consequences."""

    checked: tuple[Checked, ...]
    diagnoses: tuple[Diagnosis, ...]
    login: Login | None = None
    walk: Walk | None = None


def login_of(document: Document) -> Login | None:
    """The declared login; None without one."""
    declared = document.options.login
    if not declared:
        return None
    return Login(
        url=declared.url,
        user=declared.user,
        password=Secret(declared.password) if isinstance(declared.password, str) else declared.password,
        ca_file=declared.ca_file,
        origin=document.locate(("stack", OPTIONS, "login", "url")),
    )


def walked_from_here(session: Session, login: Login) -> Walk:
    """The walk of a login by a browser on the servers' machine, also where `localhost` means another one here."""
    sources = (each for each in session.providers.values() if isinstance(each, WaySource))
    try:
        ports = next((found for each in sources if (found := each.ways(session.document)) is not None), None)
        ways = None if ports is None else Ways(ports)
    except ReconcileError as error:
        ways = Ways({}, otherwise=str(error))
    return walk(login, ways=ways)


def examined(
    session: Session, *, walks: Callable[[Login], Walk] | None = None, phase_s: float = PHASE_S
) -> Examination:
    """Carries out all checks of a project, and walks its login."""
    return _Doctor(session, walks or partial(walked_from_here, session), phase_s).examined()


# ------------------------------------------------------------------ groups of checks


@dataclass
class _Group:
    """Checks that are carried out one after the other; ``known`` are codes that were found before."""

    checks: Sequence[Check]
    known: frozenset[str] = frozenset()
    checked: list[Checked] = field(default_factory=list)
    diagnoses: list[Diagnosis] = field(default_factory=list)

    def carry_out(self) -> None:
        absent = set(self.known)
        for check in self.checks:
            # A check whose base has failed would find the same trouble again in other words.
            if absent & set(check.needs):
                self.checked.append(Checked(check.code, check.title, Verdict.SKIPPED))
                absent.add(check.code)
                continue
            try:
                found = list(check.find())
            except Exception as error:  # noqa: BLE001  # the other checks are carried out all the same
                known = error if isinstance(error, ReconcileError) else unforeseen(error)
                self.checked.append(Checked(check.code, check.title, Verdict.UNKNOWN, str(known)))
                continue
            self.diagnoses += found
            self.checked.append(Checked(check.code, check.title, Verdict.FOUND if found else Verdict.OK))
            absent |= {check.code} if found else set()

    def left(self, words: str) -> Iterable[Checked]:
        """The checks that the deadline has cut off."""
        done = {each.code for each in self.checked}
        return [
            Checked(check.code, check.title, Verdict.UNKNOWN, words) for check in self.checks if check.code not in done
        ]

    @property
    def is_cut_off(self) -> bool:
        """Returns whether a finding kept other checks of the group from being carried out."""
        needed = {code for check in self.checks for code in check.needs}
        return any(each.code in needed for each in self.diagnoses)


@dataclass
class _Doctor:
    session: Session
    walks: Callable[[Login], Walk]
    phase_s: float
    checked: list[Checked] = field(default_factory=list)
    diagnoses: list[Diagnosis] = field(default_factory=list)

    def examined(self) -> Examination:
        document, login = self.session.document, login_of(self.session.document)
        sources = {name: each for name, each in self.session.providers.items() if isinstance(each, DiagnosisSource)}
        groups = {name: _Group(each.checks(document)) for name, each in sources.items()}
        began = datetime.now(UTC)
        # The login walks beside the checks: its time-outs are the longest of all.
        with closing(Workers[Callable[[], Any], Any](lambda do: do(), len(groups) + 2)) as pool:
            walking = pool.submit(lambda: self.walks(login)) if login else None
            self._carry_out(pool, groups.values(), (walking,) if walking else ())
            walked: Walk | None = _result(walking)
            # A provider that can't be reached would end the look at the others.
            readable = [name for name, group in groups.items() if not group.is_cut_off]
            look = self._look(pool, readable) if readable else None
            if walked and walked.fails:
                self._find_causes(pool, sources, Evidence(walked, self._logs(pool, began)), look)
        self._add_missing_secrets()
        if login and (walked is None or walked.trouble is Trouble.HIDDEN):
            note = f"{origin_of(walked.url)} can't be reached from here: {walked.message}" if walked else self._late
            self.checked.append(Checked("login", "a login succeeds", Verdict.UNKNOWN, note))
        if walked and walked.fails and not self.diagnoses:
            self.diagnoses.append(_unexplained(walked))
        return Examination(tuple(self.checked), tuple(self._ordered(look)), login, walked)

    def _address_of(self, service: str) -> Address | None:
        sources = (each for each in self.session.providers.values() if isinstance(each, ServiceSource))
        return next((source.service_address(service) for source in sources), None)

    @property
    def _late(self) -> str:
        return f"no result within {self.phase_s:g} s"

    def _carry_out(
        self, pool: Workers[Callable[[], Any], Any], groups: Iterable[_Group], others: Iterable[Future[Any]] = ()
    ) -> None:
        groups = list(groups)
        # Whatever is late is reported as unknown; its thread goes on and is not waited for.
        wait([*(pool.submit(group.carry_out) for group in groups), *others], self.phase_s)
        for group in groups:
            checked, found = list(group.checked), list(group.diagnoses)
            self.checked += [*checked, *group.left(self._late)]
            # Several providers may find the same cause, each from its side.
            known = {each.code for each in self.diagnoses}
            self.diagnoses += [each for each in found if each.code not in known]

    def _look(self, pool: Workers[Callable[[], Any], Any], readable: Sequence[str]) -> Look | None:
        """The differences, as far as the providers can be read; nothing is waited for."""
        # The flag of a stop is set from the beginning, so that the look does not wait for a server that starts.
        at_once = Flag()
        at_once.set()
        providers = {name: self.session.providers[name] for name in readable}
        reconciler: Reconciler = replace(self.session.reconciler(), providers=providers)
        looking = pool.submit(lambda: reconciler.look(stop=at_once))
        wait([looking], self.phase_s)
        found: Look | None = _result(looking)
        title = "the differences between files and live resources can be told"
        note = "" if found else str(looking.exception()) if looking.done() else self._late
        self.checked.append(Checked("differences", title, Verdict.OK if found else Verdict.UNKNOWN, note))
        return found

    def _logs(self, pool: Workers[Callable[[], Any], Any], since: datetime) -> Mapping[str, Sequence[str]]:
        """The lines that the services have written since the walk began."""
        sources = [each for each in self.session.providers.values() if isinstance(each, LogSource)]
        read: dict[str, Sequence[str]] = {}

        def fill() -> None:
            for source in sources:
                for name in source.log_names():
                    read[name] = _written(source.logs(name, tail=_TAIL, follow=False, timestamps=True), since)

        wait([pool.submit(fill)], self.phase_s)
        # A copy, as a service that writes very much may still be read.
        return dict(read)

    def _find_causes(
        self,
        pool: Workers[Callable[[], Any], Any],
        sources: Mapping[str, DiagnosisSource],
        evidence: Evidence,
        look: Look | None,
    ) -> None:
        document = self.session.document
        for each in (*sources.values(), None):
            known = frozenset(found.code for found in self.diagnoses)
            checks = (
                each.login_checks(document, evidence) if each else causes.checks(document, evidence, self._address_of)
            )
            self._carry_out(pool, [_Group(checks, known)])
        # A difference that a check has explained already is not listed once more.
        named = {each.address for each in self.diagnoses}
        self.diagnoses += [_difference(change) for change in _acting(look) if change.address not in named]

    def _add_missing_secrets(self) -> None:
        for name in self.session.made_up:
            remedy = "reconcile secrets recover"
            self.diagnoses.append(
                Diagnosis("secret-missing", f"the secret {name} has no value", "the env file", remedy)
            )

    def _ordered(self, look: Look | None) -> Sequence[Diagnosis]:
        """Causes before their consequences; an apply as the remedy of what differs from the files."""
        acting = {change.address: change for change in _acting(look)}
        found = [_mended(each, acting.get(each.address)) if each.address else each for each in self.diagnoses]
        needs = _all_needs(self.session.document, self.session.providers)
        # Consequences are sought for all that differs, and causes only among what can be one.
        possible = [each for each in found if _may_cause(each, acting)]
        placed = [
            replace(each, after=_cause(each, possible, needs)) if _may_follow(each, acting) else each for each in found
        ]
        return sorted(placed, key=lambda each: (each.is_symptom, each.after is not None))


def _result(future: Future[Any] | None) -> Any:
    return future.result() if future and future.done() and not future.exception() else None


# ------------------------------------------------------------------ findings, pure


def _written(lines: Iterable[str], since: datetime) -> Sequence[str]:
    """The lines from a moment on, without their times."""
    pairs = (line.partition(" ") for line in lines)
    return [text for moment, _, text in pairs if _is_since(moment, since)]


def _is_since(moment: str, since: datetime) -> bool:
    try:
        return datetime.fromisoformat(f"{moment[:19]}+00:00") >= since.replace(microsecond=0)
    except ValueError:
        return False


def _acting(look: Look | None) -> Sequence[Change]:
    return [change for change in look.plan.changes if change.acts] if look else []


def _difference(change: Change) -> Diagnosis:
    """A difference as a suspect: what was changed by hand is the likeliest cause."""
    paths = [".".join(each.path) for each in change.fields]
    what = f"{differ(paths)} from the files" if paths else change.reason or change.action.value
    message = "it does not exist" if change.action is Action.CREATE else what
    source = change.desired.source(change.fields[0].path[0]) if change.desired and change.fields else None
    origin = source.origin if source else change.desired.origin if change.desired else None
    remedy = f"reconcile apply --target {change.address}"
    return Diagnosis(DIFFERENCE, message, str(change.address), remedy, change.address, origin=origin, is_symptom=True)


def _mended(diagnosis: Diagnosis, change: Change | None) -> Diagnosis:
    """The finding with an apply as its remedy where the live field is not what the files declare."""
    if change is None or not diagnosis.field:
        return diagnosis
    name = diagnosis.field.partition(".")[0]
    differs = change.action is Action.CREATE or any(each.path[0] == name for each in change.fields)
    return replace(diagnosis, remedy=f"reconcile apply --target {diagnosis.address}") if differs else diagnosis


def _all_needs(document: Document, providers: Mapping[str, Provider]) -> Mapping[Address, frozenset[Address]]:
    """All that each resource needs, directly or not."""
    kinds = {name: kind for provider in providers.values() for name, kind in provider.kinds.items()}
    try:
        resources = {each.address: each for provider in providers.values() for each in provider.expand(document)}
        direct = needs_of(resources, kinds)
    except ReconcileError:
        return {}
    found: dict[Address, frozenset[Address]] = {}

    def reach(address: Address) -> frozenset[Address]:
        if address not in found:
            # Noted before the recursion, so that a circle ends.
            found[address] = frozenset()
            nearest = frozenset(direct.get(address, {}))
            found[address] = nearest.union(*(reach(each) for each in nearest))
        return found[address]

    return {address: reach(address) for address in resources}


def _may_follow(diagnosis: Diagnosis, acting: Mapping[Address, Change]) -> bool:
    """Returns whether the trouble of another resource can be what is behind a finding.

    Nobody's trouble writes a field, removes a resource or gives it another name: that was done to it. What has ended
    may have done so for what it needs.
    """
    change = _change_of(diagnosis, acting)
    return diagnosis.is_symptom and (change is None or change.action in (Action.START, Action.RUN))


def _may_cause(diagnosis: Diagnosis, acting: Mapping[Address, Change]) -> bool:
    """Returns whether others may suffer from a finding: a difference says so only of what is not there or is down."""
    change = _change_of(diagnosis, acting)
    return change is None or change.action in (Action.CREATE, Action.START, Action.RUN)


def _change_of(diagnosis: Diagnosis, acting: Mapping[Address, Change]) -> Change | None:
    """The change that a finding is about, if it is no more than a difference."""
    return acting.get(diagnosis.address) if diagnosis.code == DIFFERENCE and diagnosis.address else None


def _cause(
    symptom: Diagnosis, diagnoses: Sequence[Diagnosis], needs: Mapping[Address, frozenset[Address]]
) -> Address | None:
    """The resource whose trouble explains a symptom: its own, or of those that it needs the one furthest below."""
    own = symptom.address
    if own is None:
        return None
    causes_there = {
        each.address for each in diagnoses if each.address and not each.is_symptom and each.code != DIFFERENCE
    }
    troubled = causes_there | {
        each.address for each in diagnoses if each.address and each.address != own and each.is_symptom
    }
    # The cause is as far below as possible: what fails above it fails because of it.
    found = troubled & ({own} | needs.get(own, frozenset()))
    roots = [each for each in found if not (found - {each}) & needs.get(each, frozenset())]
    return min(roots, default=None)


def _unexplained(walked: Walk) -> Diagnosis:
    status = f" ({walked.status})" if walked.status else ""
    words = walked.message or walked.trouble.value
    message = f"it fails at the step `{walked.stage.value}`: {walked.url} answers{status}: {words}"
    return Diagnosis("login", message, "the login", "reconcile logs --tail 50", origin=walked.login.origin)
