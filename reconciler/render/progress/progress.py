"""The progress of an apply, line by line: one for each resource that is done, more only when it takes long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from reconciler.core.difference.change import Action, Change
from reconciler.core.execution.report import Event, Report, What
from reconciler.core.message.codes import code_of
from reconciler.core.plan.plan import Plan
from reconciler.core.resource.address import Address
from reconciler.record import Struct
from reconciler.render.output.columns import column_of, padded
from reconciler.render.progress.ongoing import Part, amount_text, doing

DONE: Final[Mapping[Action, str]] = {
    Action.CREATE: "created",
    Action.START: "started",
    Action.RUN: "run",
    Action.UPDATE: "updated",
    Action.REPLACE: "replaced",
    Action.DELETE: "deleted",
    Action.KEEP: "ready",
}
_DONE: Final = {"build": "built", "pull": "pulled"}
"""The same for words of a trade."""

_RETURNED: Final = "what was there before is in its place again"
"""Where it did not serve before either."""

_EVERY_S: Final = 9.5
_LONG: Final = ("build", "pull")
"""Verbs of steps that are long enough to be announced."""

_FEW: Final = 5
"""So many resources of a batch have a line each."""


def _word(change: Change) -> str:
    if change.is_takeover:
        return "taken over"
    return _DONE.get(change.verb) or DONE.get(change.action, "done")


class Progress:
    """Folds the events of one plan into lines. ``width`` is that of the terminal; 0 where there is none."""

    def __init__(self, plan: Plan, width: int = 0) -> None:
        self._column = column_of({str(step.address) for step in plan.steps}, width)
        self._left = Counter(address for step in plan.steps for address in (step.address, *step.covers))
        self._words = {change.address: _word(change) for change in plan.changes}
        self._origins = {change.address: change.origin for change in plan.changes}
        self._steps = plan.steps
        self._begun: set[str] = set()
        self._blocked: set[Address] = set()
        self._not_started: set[Address] = set()
        self._seconds: dict[Address, float] = {}
        self._reported: dict[str, float] = {}

    def lines(self, event: Event, part: Part | None = None) -> Iterator[str]:
        """The lines that an event is worth. Of one batch of several, ``part`` is how much of all is done."""
        address = padded(str(event.step.address), self._column)
        # Noted by step: of one resource, the pull may be done and its container not started.
        if event.what not in (What.NOT_STARTED, What.BLOCKED):
            self._begun.add(event.step.id)
        match event.what:
            case What.DONE:
                yield from self._done(event, part)
            case What.STARTED if event.step.verb.rpartition(".")[2] in _LONG:
                yield f"  … {address} {doing(event.step)}"
            # Pending comes several times a second, and a log of CI keeps each line.
            case What.PENDING if event.seconds - self._reported.get(event.step.id, 0.0) >= _EVERY_S:
                self._reported[event.step.id] = event.seconds
                yield f"  … {address} {doing(event.step)}, {event.seconds:.0f} s{_how_far(event)}"
            case What.FAILED:
                yield f"  ✗ {address} {f'error[{code_of(event.error).name}]: ' if event.error else ''}{event.note}"
                origin = self._origins.get(event.step.address)
                if origin and f"{origin.file}:" not in event.note:  # a note that has a place has the nearest one
                    yield f"    --> {origin}"
            case _:
                yield from self._not_done(event, address)

    def _not_done(self, event: Event, address: str) -> Iterator[str]:
        """The line on a step that did not come to its end, one for each resource."""
        match event.what:
            case What.BLOCKED if event.step.address not in self._blocked and event.note != str(event.step.address):
                self._blocked.add(event.step.address)
                yield f"  ✗ {address} skipped: {event.note} failed"
            case What.ROLLED_BACK:
                yield f"  ↩ {address} rolled back: {event.step.returns_to or _RETURNED}"
            case What.NOT_STARTED if event.step.address not in self._not_started:
                self._not_started.add(event.step.address)
                yield f"  - {address} not started: {', '.join(self._waiting(event.step.address))}"
            case What.INTERRUPTED:
                yield f"  - {address} interrupted after {event.seconds:.0f} s of {doing(event.step)}{_note(event)}"
            case _:
                return

    def _done(self, event: Event, part: Part | None) -> Iterator[str]:
        # A replacement is five steps of one resource; its line has the seconds of all.
        for address in set(event.addresses):
            self._seconds[address] = self._seconds.get(address, 0.0) + event.seconds
        complete = list(dict.fromkeys(filter(self._is_complete, event.addresses)))
        note = f", {event.note}" if event.note else ""
        # A batch is one request for many users, and a line for each would bury the rest.
        if len(complete) > _FEW:
            first, took = complete[0], max(self._seconds[address] for address in complete)
            subject = padded(f"{first} and {len(complete) - 1} more", self._column)
            is_between = part is not None and part.amount.done < part.amount.total
            of_all = f": {part}" if is_between else ""
            yield f"  ✓ {subject} {self._words[first]}{note} ({took:.1f} s){of_all}"
            return
        for address in complete:
            lasted = f"({self._seconds[address]:.1f} s)"
            yield f"  ✓ {padded(str(address), self._column)} {self._words[address]}{note} {lasted}"

    def _waiting(self, address: Address) -> list[str]:
        """The steps of a resource that have not begun, in words."""
        left = (step for step in self._steps if step.address == address and step.id not in self._begun)
        return list(dict.fromkeys(step.verb.rpartition(".")[2] for step in left))

    def _is_complete(self, address: Address) -> bool:
        """Counts one step of a resource as done; returns whether it was the last."""
        self._left[address] -= 1
        return not self._left[address]


def _how_far(event: Event) -> str:
    amount = f", {amount_text(event.amount, event.seconds)}" if event.amount else ""
    return f"{amount}{_note(event)}"


def _note(event: Event) -> str:
    return f": {event.note}" if event.note else ""


class Counts(Struct, frozen=True):
    """The resources of a run by what became of them."""

    done: int
    failed: int
    skipped: int
    left: int

    @classmethod
    def of(cls, report: Report, changed: Collection[Address]) -> Counts:
        """The counts of an apply; what was not ``changed`` by any of its plans was only waited for."""
        # A resource counts as done only if all of its steps are, and if a plan wanted something of it.
        done = _addresses(report, What.DONE) & set(changed) - report.unfinished
        failed = _addresses(report, What.FAILED)
        blocked = _addresses(report, What.BLOCKED) - failed
        left = report.unfinished - failed - blocked
        return cls(len(done), len(failed), len(blocked), len(left))

    def text(self, seconds: float) -> str:
        """The last line of an apply."""
        text = f"{self.done} resource{'s' if self.done != 1 else ''} done"
        text += f", {self.failed} failed" if self.failed else ""
        text += f", {self.skipped} skipped as a result" if self.skipped else ""
        text += f", {self.left} interrupted or not started" if self.left else ""
        return f"{text}, in {seconds:.1f} s."


def _addresses(report: Report, what: What) -> set[Address]:
    return {address for event in report.of(what) for address in event.addresses}
