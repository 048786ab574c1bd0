"""The recorder of a run: it follows the events of `apply`, `down` or the daemon and writes them into the history.

It changes nothing of what it follows, and no trouble of the history reaches the run.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from reconciler.core.address import Address
from reconciler.core.attribution import remembered
from reconciler.core.author import Author
from reconciler.core.cause import Applied, Cause
from reconciler.core.change import Action, Change
from reconciler.core.errors import ReconcileError
from reconciler.core.kind import Kind
from reconciler.core.provider import AuthorSource, Provider
from reconciler.core.records import ChangeRecord, FieldRecord, Run
from reconciler.core.report import Event, What
from reconciler.core.values import Secret, plain
from reconciler.history.memory import AppliedMemory
from reconciler.history.store import History
from reconciler.render.jsonplan import disruption
from reconciler.render.known import KnownSecrets
from reconciler.render.values import path_of, unit_of
from reconciler.run.clock import Clock
from reconciler.run.once import Look, Reconciler

MOST_CHANGES: Final = 1_000
"""So many changes of one pass are recorded; of a realm with many thousand new users the first ones."""

_MOST_FIELDS: Final = 50
_MOST_PLACES: Final = 100
_LONGEST: Final = 500
AUTHORS_SINCE_S: Final = 86_400.0
_LEFT: Final[Mapping[What, str]] = {
    What.BLOCKED: "skipped",
    What.NOT_STARTED: "interrupted",
    What.INTERRUPTED: "interrupted",
}
"""The result of a change of which some step was not done, unless another one failed."""


@dataclass(slots=True)
class _Progress:
    """The progress of one change: its row, the steps left, and the time in which nothing served."""

    record: ChangeRecord
    left: int
    seconds: float = 0.0
    down_since: float | None = None
    served: bool = False

    def happened(self, event: Event, now: float) -> None:
        """Fold an event of one of its steps."""
        result, note = self.record.result, self.record.note
        match event.what:
            case What.STARTED if event.step.serves is False and not self.served:
                self.down_since = now if self.down_since is None else self.down_since
            case What.DONE:
                self.left -= 1
                self.seconds += event.seconds
                result = "done" if not self.left and result == "begun" else result
                if event.step.serves:
                    self._serves(now - event.watched_s)
            case What.FAILED:
                self.seconds += event.seconds
                result, note = "failed", event.note
            case What.ROLLED_BACK:
                result = "rolled back"
                self._serves(now)
            case What.BLOCKED | What.NOT_STARTED | What.INTERRUPTED if result == "begun":
                result, note = _LEFT[event.what], event.note
            case _:
                pass
        self.record = replace(self.record, result=result, note=note)

    def _serves(self, now: float) -> None:
        if self.down_since is not None:
            self.record = replace(
                self.record, outage=round((self.record.outage or 0.0) + max(0.0, now - self.down_since), 3)
            )
            self.down_since = None
        self.served = True


@dataclass(slots=True)
class Recorder:
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
    _progress: dict[Address, _Progress] = field(default_factory=dict)
    _rows: dict[Address, int] = field(default_factory=dict)
    _deleted: set[Address] = field(default_factory=set)

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
        finally:
            self._settle()

    def saw(self, look: Look, reconciler: Reconciler | None = None) -> None:
        """Begin a pass with its look."""
        self._settle()
        self._look, self._reconciler, self._is_written = look, reconciler, False

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
                self._progress[address].happened(event, now)

    def _write(self) -> None:
        """Write the changes of a pass when its first step begins, so that a killed run shows what it was about."""
        assert self._look
        self._is_written = True
        if not self._number:
            self._number = self.history.begin(self.run)
        steps = Counter(address for step in self._look.plan.steps for address in (step.address, *step.covers))
        acting = [change for change in self._look.plan.changes if change.acts][:MOST_CHANGES]
        authors = self._authors(acting)
        records = [self._record(change, authors, places=len(acting) <= _MOST_PLACES) for change in acting]
        numbers = self.history.add(self._number, records)
        addresses = [change.address for change in acting]
        self._rows = dict(zip(addresses, numbers, strict=False))
        self._progress = {
            address: _Progress(record, steps[address]) for address, record in zip(addresses, records, strict=True)
        }

    def _settle(self) -> None:
        """Write the results of a pass."""
        results = {self._rows[address]: self._ended(address) for address in self._rows}
        if results:
            self.history.settle(results)
        done = [address for address, each in self._progress.items() if self._ended(address).result == "done"]
        self._deleted |= {address for address in done if self._progress[address].record.action == Action.DELETE.value}
        self._rows, self._progress = {}, {}

    def _ended(self, address: Address) -> ChangeRecord:
        progress = self._progress[address]
        result = progress.record.result
        if result == "begun":  # a server makes or deletes it along with another, without a step of its own
            result = "interrupted" if progress.left else "done"
        note = self.known.hidden(progress.record.note)[:_LONGEST]
        return replace(progress.record, result=result, note=note, seconds=round(progress.seconds, 3))

    def _record(self, change: Change, authors: Mapping[Address, Sequence[Author]], *, places: bool) -> ChangeRecord:
        fields = [each for each in change.fields if change.observed is None or each.after != each.before]
        origin = change.origin if places else None
        return ChangeRecord(
            str(change.address),
            change.action.value,
            change.cause.value,
            self.known.hidden(change.reason),
            disruption(change),
            str(origin or ""),
            tuple(
                FieldRecord(
                    path_of(each, change),
                    self._plain(each.before),
                    self._plain(each.after),
                    each.cause.value,
                    str(change.place(each) or "") if places else "",
                    unit_of(each, self.kinds[change.address.kind]),
                )
                for each in fields[:_MOST_FIELDS]
            ),
            tuple(authors.get(change.address, ())),
            self.wall(),
        )

    def _plain(self, value: Any) -> Any:
        """A value as it is recorded: secrets, and what is long, as digests."""
        shown = plain(value, self._sensitive)
        text = json.dumps(shown, default=str)
        hidden = self.known.hidden(text)
        if hidden != text:
            return self._sensitive(Secret(text))
        return shown if len(text) <= _LONGEST else {"long": len(text), "digest": self.history.digest(text)}

    def _sensitive(self, secret: Secret) -> Mapping[str, Any]:
        return {"sensitive": True, "digest": self.history.digest(secret.reveal())}

    def _authors(self, changes: Sequence[Change]) -> Mapping[Address, Sequence[Author]]:
        """The authors of drift, as far as the servers record them."""
        drifted = [each for each in changes if Cause.DRIFT in (each.cause, *(field.cause for field in each.fields))]
        since = max(self.wall() - AUTHORS_SINCE_S, self.history.last_end())
        return authors_of(self.providers, ids_of(drifted, self.memory), since=since) if drifted else {}

    def _remember(self) -> None:
        self.history.make()
        look, reconciler = self._look, self._reconciler
        gone = set(self._deleted)
        found: dict[Address, Applied] = {}
        if look and reconciler:
            declared = {resource.address: resource for resource in reconciler.desired()}
            found = {
                change.address: remembered(
                    change, declared[change.address], self.kinds[change.address.kind], self.memory.digest
                )
                for change in look.plan.changes
                if change.action is Action.KEEP and change.observed and change.address in declared
            }
            if not reconciler.only:
                gone |= {*self.memory.known()} - {change.address for change in look.plan.changes}
        self.memory.keep(found, gone)


def ids_of(changes: Sequence[Change], memory: AppliedMemory) -> Mapping[Address, str]:
    """The ids of live resources, or those that they had when they were last seen."""
    found = {change.address: change.observed.id for change in changes if change.observed}
    gone = [change.address for change in changes if change.observed is None]
    return found | {address: each.id for address, each in memory.applied(gone).items()}


def authors_of(
    providers: Mapping[str, Provider], ids: Mapping[Address, str], *, since: float
) -> Mapping[Address, Sequence[Author]]:
    """The acts on resources, as far as their servers record them; none of a server that does not tell."""
    found: dict[Address, Sequence[Author]] = {}
    for name, provider in providers.items():
        own = {address: each for address, each in ids.items() if address.provider == name}
        if own and isinstance(provider, AuthorSource):
            try:
                found |= provider.authors(own, since=since)
            except ReconcileError:
                continue  # who did it is said besides; a server that does not answer is reported by the run itself
    return found
