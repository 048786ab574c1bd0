"""The history as a listener of the daemon: a row for each repair, and for each difference that is left.

A run of the history is a pass that did or found something; its trigger is what made the daemon look.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Final

from reconciler.core.difference.change import Action, Change
from reconciler.core.history.facts import Difference, Fact, Pass, Repair, Unfinished
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Observed, Resource
from reconciler.record import Struct, field
from reconciler.run.session.recorder import found_as_declared
from reconciler.run.session.rows import Rows
from reconciler.run.session.session import Session, run_of

COMMAND: Final = "daemon"
MOST_TRIGGERS: Final = 3
MOST_RUNS: Final = 100
"""So many passes may still get another row."""

_DONE: Final = 0
_DIFFERENT: Final = 2
_IN_PART: Final = 3


class _Recorded(Struct):
    """A run of the history, and the addresses that it has a row of."""

    number: int
    addresses: set[Address] = field(default_factory=set)


class Chronicle(Struct):
    """Writes facts into the history of a session; another revision of the files may set another ``session``.

    ``revision`` is that of the files, where they come from a repository. ``wall`` is the time in seconds since 1970. No
    trouble of the history reaches the daemon.
    """

    session: Session
    wall: Callable[[], float] = time.time
    revision: str = ""
    _runs: dict[str, _Recorded] = field(default_factory=dict)
    _seen: dict[Address, Observed] = field(default_factory=dict)

    def __call__(self, fact: Fact) -> None:
        match fact:
            case Difference() if fact.left:
                self._add(fact, fact.change, "skipped", fact.left)
            case Repair():
                self._add(fact, fact.change, fact.result, fact.error)
            case Unfinished() if fact.change:
                self._add(fact, fact.change, "interrupted", fact.note)
            case Pass() if run := self._runs.pop(fact.pass_id, None):
                code = _IN_PART if fact.failed or fact.unfinished or fact.error else _DONE
                self.session.history.end(run.number, code=code, seconds=round(fact.seconds, 3), now=self.wall())
            case _:
                pass

    def remember(self, changes: Sequence[Change], desired: Iterable[Resource], unread: Container[str]) -> None:
        """Remember what a look found as declared, and forget what is gone; only what no earlier look has shown."""
        memory, declared = self.session.memory, {each.address: each for each in desired}
        live = {change.address: change.observed for change in changes if change.observed}
        # Most looks find what the last one did; only the new part is written.
        new = [
            change
            for change in changes
            if change.action is Action.KEEP and self._seen.get(change.address) != change.observed
        ]
        self.session.history.make()
        found = found_as_declared(new, declared.values(), self.session.kinds, memory)
        # A provider that can't be read shows nothing, so nobody knows whether its resources are gone.
        gone = {
            address for address in self._seen.keys() - live.keys() - declared.keys() if address.provider not in unread
        }
        if found or gone:
            memory.keep(found, gone)
        kept = {address: each for address, each in self._seen.items() if address not in gone}
        self._seen = kept | {address: live[address] for address in found}

    def _add(self, fact: Difference | Repair | Unfinished, change: Change, result: str, note: str) -> None:
        seconds, outage_s = (fact.seconds, fact.outage_s) if isinstance(fact, Repair) else (0.0, None)
        authors = () if isinstance(fact, Unfinished) else fact.authors
        run = self._run(fact.pass_id, fact.why, seconds)
        if change.address in run.addresses:
            return  # it differs in several fields, each of which is a fact
        run.addresses.add(change.address)
        rows = Rows(self.session.history, self.session.known, self.session.kinds)
        records = rows.records((change,), {change.address: authors}, began=self.wall() - seconds)
        ended = [rows.ended(each, result, note, seconds=seconds, outage_s=outage_s) for each in records]
        self.session.history.add(run.number, ended)

    def _run(self, pass_id: str, why: Sequence[str], seconds: float) -> _Recorded:
        """The run of this pass. It is over as far as is known: a pass that only found something has no end."""
        if pass_id not in self._runs:
            trigger = self.session.known.hidden(", ".join(why[:MOST_TRIGGERS]))
            history, now = self.session.history, self.wall()
            number = history.begin(run_of(COMMAND, now - seconds, trigger=trigger, revision=self.revision))
            history.end(number, code=_DIFFERENT, seconds=round(seconds, 3), now=now)
            self._runs = {**dict(list(self._runs.items())[-MOST_RUNS:]), pass_id: _Recorded(number)}
        return self._runs[pass_id]
