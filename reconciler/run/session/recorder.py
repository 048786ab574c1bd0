"""The recorder of a run: it follows the events of `apply`, `down` or the daemon and writes them into the history.

It changes nothing of what it follows, and no trouble of the history reaches the run.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from reconciler.core.difference.cause import Applied, Cause
from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.kind import Effect, Kind
from reconciler.core.execution.progress import Progress
from reconciler.core.execution.report import Event
from reconciler.core.history.author import Author
from reconciler.core.history.records import ChangeRecord, Run
from reconciler.core.message.errors import ReconcileError
from reconciler.core.plan.attribution import remembered
from reconciler.core.provider import AuthorSource, Provider
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Resource
from reconciler.core.resource.values import ABSENT
from reconciler.history.memory import AppliedMemory
from reconciler.history.store import History
from reconciler.record import Struct, field, replace
from reconciler.render.output.known import KnownSecrets
from reconciler.run.clock import Clock
from reconciler.run.reconciliation.once import Look, Reconciler
from reconciler.run.reconciliation.reading import IN_TURN, Reads
from reconciler.run.session.rows import Rows

MOST_CHANGES: Final = 1_000
"""So many changes of one pass are recorded; of a realm with many thousand new users the first ones."""

AUTHORS_SINCE_S: Final = 86_400.0


class Recorder(Struct):
    """One run. ``code`` is its exit code, set by whoever knows it.

    Nothing is written about a run that finds nothing to do, but what it saw to be as declared.
    """

    history: History
    memory: AppliedMemory
    providers: Mapping[str, Provider]
    known: KnownSecrets
    run: Run
    clock: Clock
    wall: Callable[[], float] = time.time
    code: int = 0
    _number: int = 0
    _began: float = 0.0
    _look: Look | None = None
    _reconciler: Reconciler | None = None
    _is_written: bool = True
    _progress: dict[Address, tuple[ChangeRecord, Progress]] = field(default_factory=dict)
    _rows: dict[Address, int] = field(default_factory=dict)
    _deleted: set[Address] = field(default_factory=set)
    _written: set[Address] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._began = self.clock.now()

    @property
    def kinds(self) -> Mapping[str, Kind]:
        return {name: kind for provider in self.providers.values() for name, kind in provider.kinds.items()}

    def follow(self, events: Iterable[Event | Look], reconciler: Reconciler | None = None) -> Iterator[Event | Look]:
        """Hand on the events of a run, and record them.

        What was seen to be as declared is remembered only with the ``reconciler`` whose looks these are.
        """
        self._reconciler = reconciler
        try:
            for event in events:
                if isinstance(event, Look):
                    self.saw(event, reconciler)
                else:
                    self._happened(event)
                yield event
        # Also where the run was ended by an error: the changes until then were made.
        finally:
            self._settle()

    def saw(self, look: Look, reconciler: Reconciler | None = None) -> None:
        """Begin a pass with its look."""
        self._settle()
        self._look, self._reconciler, self._is_written = look, reconciler, False
        self._written = set()

    def end(self) -> None:
        """Write the end of the run, and what was last seen to be as declared."""
        self._settle()
        self._remember()
        seconds = round(self.clock.now() - self._began, 3)
        self.history.end(self._number, code=self.code, seconds=seconds, now=self.wall())

    # -------------------------------------------------------------- underneath

    def _happened(self, event: Event) -> None:
        if not self._is_written:
            self._write()
        now = self.clock.now()
        for address in event.addresses:
            if address in self._progress:
                self._progress[address][1].happened(event, now)

    def _write(self) -> None:
        """Write the changes of a pass when its first step begins, so that a killed run shows what it was about."""
        assert self._look
        self._is_written = True
        if not self._number:
            self._number = self.history.begin(self.run)
        steps = Counter(address for step in self._look.plan.steps for address in (step.address, *step.covers))
        acting = [change for change in self._look.plan.changes if change.acts][:MOST_CHANGES]
        authors = self._authors(acting)
        records = self._rows_of.records(acting, authors, began=self.wall())
        numbers = self.history.add(self._number, records)
        addresses = [change.address for change in acting]
        self._rows = dict(zip(addresses, numbers, strict=False))
        self._progress = {
            address: (record, Progress(steps[address])) for address, record in zip(addresses, records, strict=True)
        }

    def _settle(self) -> None:
        """Write the results of a pass."""
        results = {self._rows[address]: self._ended(address) for address in self._rows}
        if results:
            self.history.settle(results)
        done = {address: record for address, (record, each) in self._progress.items() if each.ended == "done"}
        # A failed run has no further look, so what it wrote is remembered from here.
        self._written |= done.keys()
        self._deleted |= {address for address, record in done.items() if record.action == Action.DELETE.value}
        self._rows, self._progress = {}, {}

    def _ended(self, address: Address) -> ChangeRecord:
        record, progress = self._progress[address]
        return self._rows_of.ended(
            record, progress.ended, progress.note, seconds=progress.seconds, outage_s=progress.outage_s
        )

    @property
    def _rows_of(self) -> Rows:
        return Rows(self.history, self.known, self.kinds)

    def _authors(self, changes: Sequence[Change]) -> Mapping[Address, Sequence[Author]]:
        return authors_of_drift(self.providers, changes, self.memory, wall=self.wall())

    def _remember(self) -> None:
        self.history.make()
        look, reconciler = self._look, self._reconciler
        gone = set(self._deleted)
        found: Mapping[Address, Applied] = {}
        if look and reconciler:
            # After a failure no further look shows what was written before it.
            changes = [
                _as_written(each, self.kinds[each.address.kind]) if each.address in self._written else each
                for each in look.plan.changes
            ]
            found = found_as_declared(changes, reconciler.desired(), self.kinds, self.memory)
            if not reconciler.only:
                gone |= {*self.memory.known()} - {change.address for change in look.plan.changes}
        self.memory.keep(found, gone)


def _as_written(change: Change, kind: Kind) -> Change:
    """A change of a live resource as a look after it would show it; others as they are."""
    if change.observed is None or change.desired is None:
        return change
    names = {each.path[0] for each in change.fields if each.effect is not Effect.NOTE}
    expected = kind.expect(change.desired, change.observed)
    spec = {**change.observed.spec, **{name: expected.get(name, ABSENT) for name in names}}
    return replace(change, action=Action.KEEP, observed=replace(change.observed, spec=spec))


def found_as_declared(
    changes: Iterable[Change], desired: Iterable[Resource], kinds: Mapping[str, Kind], memory: AppliedMemory
) -> Mapping[Address, Applied]:
    """The digests of the resources that a look found as declared, for the memory."""
    declared = {resource.address: resource for resource in desired}
    return {
        change.address: remembered(change, declared[change.address], kinds[change.address.kind], memory.digest)
        for change in changes
        if change.action is Action.KEEP and change.observed and change.address in declared
    }


def authors_of_drift(
    providers: Mapping[str, Provider],
    changes: Iterable[Change],
    memory: AppliedMemory,
    *,
    wall: float,
    reads: Reads = IN_TURN,
) -> Mapping[Address, Sequence[Author]]:
    """The authors of drift, as far as the servers record them, since the last run."""
    drifted = [each for each in changes if Cause.DRIFT in (each.cause, *(field.cause for field in each.fields))]
    if not drifted:
        return {}
    since = max(wall - AUTHORS_SINCE_S, memory.history.last_end())
    return authors_of(providers, ids_of(drifted, memory), since=since, reads=reads)


def ids_of(changes: Sequence[Change], memory: AppliedMemory) -> Mapping[Address, tuple[str, ...]]:
    """The ids of live resources, and those that they had when they were last seen: others, if they were made anew."""
    live = {change.address: change.observed.id for change in changes if change.observed}
    seen = {address: each.id for address, each in memory.applied([change.address for change in changes]).items()}
    addresses = dict.fromkeys((*live, *seen))
    return {each: tuple(dict.fromkeys(filter(None, (live.get(each), seen.get(each))))) for each in addresses}


def authors_of(
    providers: Mapping[str, Provider], ids: Mapping[Address, Sequence[str]], *, since: float, reads: Reads = IN_TURN
) -> Mapping[Address, Sequence[Author]]:
    """The acts on resources, as far as their servers record them; none of a server that does not tell."""
    found: dict[Address, Sequence[Author]] = {}
    for name, provider in providers.items():
        own = {address: each for address, each in ids.items() if address.provider == name}
        if own and isinstance(provider, AuthorSource):
            try:
                found |= reads.one(name, partial(provider.authors, own, since=since))
            except ReconcileError:
                continue  # who did it is said besides; a server that does not answer is reported by the run itself
    return found
