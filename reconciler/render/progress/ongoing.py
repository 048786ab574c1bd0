"""The steps that are going on at a moment, as rows for a terminal, and the words for what an interrupt leaves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconciler.core.execution.report import ENDS, Event, What
from reconciler.core.plan.plan import Plan, Step
from reconciler.core.resource.address import Address
from reconciler.core.resource.amount import Amount
from reconciler.record import Struct, replace
from reconciler.render.output.values import size

_DOING: Final = {
    "set aside": "setting aside",
    "give-way": "giving way",
    "exec": "running",
    "note": "checking",
    "require": "checking",
    "stop": "stopping",
    "tag": "tagging",
}
_MUCH: Final = 0.25
"""The part of a patience from which on it is shown."""
_STEADY: Final = frozenset({"bytes", "objects"})
"""Units whose finished part tells how long the rest takes; the steps of a build are too different for that."""


class Row(Struct, frozen=True):
    """One thing that is going on: its subject, the doing with its seconds, and how far it is."""

    subject: str
    doing: str
    seconds: float
    note: str = ""
    limit: float = 0.0

    @property
    def time(self) -> str:
        """The seconds so far; of a wait that has used a good part of its patience also the most that it may take."""
        # Said from the start, as `7 of 1052 s`, a patience that is nearly never used up reads like the time it takes.
        is_long = self.limit and self.seconds >= self.limit * _MUCH
        return f"{self.seconds:.0f} of {self.limit:.0f} s" if is_long else f"{self.seconds:.0f} s"


class Part(Struct, frozen=True):
    """The part that is done of all batches of a kind, and the seconds since the first of them began."""

    amount: Amount
    seconds: float

    def __str__(self) -> str:
        return amount_text(self.amount, self.seconds)


class Ongoing:
    """Folds the events of one plan into what is going on. Moments are seconds of any one clock."""

    def __init__(self, plan: Plan | None = None) -> None:
        self._steps = plan.steps if plan else ()
        self._now_on: dict[str, Event] = {}
        self._began: dict[str, float] = {}
        self._ended: set[str] = set()
        self._batches: dict[str, _Batches] = {}
        for step in self._steps:
            if step.covers:
                self._batches.setdefault(_group(step.address), _Batches()).total += len(step.covers)

    def happened(self, event: Event, now: float) -> None:
        """Fold one event that came just now."""
        step = event.step
        if event.what in ENDS:
            self._now_on.pop(step.id, None)
            self._ended.add(step.id)
        # A way back is reported of a step that has ended, and that must not come up again as going on.
        elif event.what is not What.ROLLED_BACK:
            # The first event of a step may come late in it, and says how long it has lasted.
            self._began.setdefault(step.id, now - event.seconds)
            self._now_on[step.id] = event
        if step.covers:
            self._batches[_group(step.address)].happened(event, now)

    def part(self, step: Step, now: float) -> Part | None:
        """The part that is done of all batches to which a step belongs; None for a step of one resource."""
        batches = self._batches.get(_group(step.address)) if step.covers else None
        return batches.part(now) if batches else None

    def rows(self, now: float) -> Iterator[Row]:
        """A row for each step that is going on, and one for all batches of a kind."""
        shown: set[str] = set()
        for event in tuple(self._now_on.values()):  # a thread that draws may ask while another folds
            step = event.step
            group = _group(step.address)
            if not step.covers:
                seconds = now - self._began[step.id]
                # Only a wait has a patience that a person can do something about.
                limit = step.timeout_s + step.hold_s if step.verb.endswith("wait") else 0.0
                yield Row(str(step.address), doing(step), seconds, how_far(event, seconds), limit)
            elif group not in shown:
                shown.add(group)
                yield self._batches[group].row(group, doing(step), now)

    def given_up(self, now: float) -> Iterator[Event]:
        """The events of a run that ends now: nobody waits for the results of what is going on."""
        for event in tuple(self._now_on.values()):
            seconds = now - self._began[event.step.id]
            yield replace(event, what=What.INTERRUPTED, note="its result is not known", seconds=seconds)
        # What nobody began has no unknown result, and the next run does it as planned.
        begun = self._ended | self._now_on.keys()
        yield from (Event(step, What.NOT_STARTED) for step in self._steps if step.id not in begun)


class _Batches(Struct):
    """All batches of one kind of resource: so many objects of so many, since the first of them began."""

    total: int = 0
    done: int = 0
    began: float | None = None

    def happened(self, event: Event, now: float) -> None:
        if self.began is None:
            self.began = now - event.seconds
        if event.what is What.DONE:
            self.done += len(event.step.covers)

    def part(self, now: float) -> Part:
        return Part(Amount(self.done, self.total, "objects"), now - (now if self.began is None else self.began))

    def row(self, group: str, verb: str, now: float) -> Row:
        part = self.part(now)
        return Row(group, verb, part.seconds, str(part))


def doing(step: Step) -> str:
    """The verb of a step as a participle: ``pulling``, ``waiting``."""
    verb = step.verb.rpartition(".")[2]
    if verb in _DOING:
        return _DOING[verb]
    first, _, rest = verb.partition(" ")
    return f"{first.removesuffix('e')}ing{f' {rest}' if rest else ''}"


def amount_text(amount: Amount, seconds: float) -> str:
    """So much of so much, and where it comes at a steady rate also the rate and the time left."""
    done, total = (size(value) if amount.unit == "bytes" else f"{value:g}" for value in (amount.done, amount.total))
    if amount.unit == "steps":
        return f"step {done} of {total}"
    text = f"{done} of {total}"
    pace = pace_of(amount, seconds)
    if pace is None:
        return text
    return f"{text}, {size(pace.rate) if amount.unit == 'bytes' else f'{pace.rate:.3g}'}/s, {pace.left_s:.0f} s left"


class Pace(Struct, frozen=True):
    """So much of a unit in a second, and the seconds that the rest takes at this rate."""

    rate: float
    left_s: float


def pace_of(amount: Amount, seconds: float) -> Pace | None:
    """The pace of what comes at a steady rate, once some of it has come."""
    if amount.unit not in _STEADY or not amount.done or seconds <= 0:
        return None
    rate = amount.done / seconds
    return Pace(rate, (amount.total - amount.done) / rate)


def how_far(event: Event, seconds: float) -> str:
    """The amount of a step that goes on, and its note."""
    note = event.note if event.what is What.PENDING else ""
    parts = [amount_text(event.amount, seconds)] if event.amount else []
    return ", ".join([*parts, note] if note else parts)


def _group(address: Address) -> str:
    return f"{address.kind}/{address.path[0]}"
