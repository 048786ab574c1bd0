"""The progress of an apply, line by line: one for each resource that is done, more only when it takes long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from reconciler.core.address import Address
from reconciler.core.change import Action
from reconciler.core.plan import Plan
from reconciler.core.report import Event, Report, What

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

_WIDE: Final = 44
_LONG_S: Final = 9.5


class Progress:
    """Folds the events of one plan into lines."""

    def __init__(self, plan: Plan) -> None:
        self._left = Counter(address for step in plan.steps for address in (step.address, *step.covers))
        self._words = {
            change.address: _DONE.get(change.verb) or DONE.get(change.action, "done") for change in plan.changes
        }
        self._blocked: set[Address] = set()
        self._seconds: dict[Address, float] = {}

    def lines(self, event: Event) -> Iterator[str]:
        """The lines that an event is worth."""
        address = str(event.step.address).ljust(_WIDE)
        match event.what:
            case What.DONE:
                yield from self._done(event)
            case What.PENDING if event.seconds >= _LONG_S:
                yield f"  … {address} {event.step.verb.rpartition('.')[2]}, {event.seconds:.0f} s{_note(event)}"
            case What.FAILED:
                yield f"  ✗ {address} {event.note}"
            case What.BLOCKED if event.step.address not in self._blocked and event.note != str(event.step.address):
                self._blocked.add(event.step.address)
                yield f"  ✗ {address} skipped: {event.note} failed"
            case What.ROLLED_BACK:
                yield f"  ↩ {address} rolled back: {event.step.returns_to or _RETURNED}"
            case What.NOT_STARTED:
                yield f"  - {address} {event.step.verb} not started"
            case What.INTERRUPTED:
                yield f"  - {address} {event.step.verb} was interrupted, after {event.seconds:.0f} s{_note(event)}"
            case _:
                return

    def _done(self, event: Event) -> Iterator[str]:
        for address in event.addresses:
            self._left[address] -= 1
            self._seconds[address] = self._seconds.get(address, 0.0) + event.seconds
            if not self._left[address]:
                note = f", {event.note}" if event.note else ""
                yield f"  ✓ {str(address).ljust(_WIDE)} {self._words[address]}{note} ({self._seconds[address]:.1f} s)"


def _note(event: Event) -> str:
    return f": {event.note}" if event.note else ""


def outcome(report: Report, changed: Collection[Address], seconds: float) -> str:
    """The last line of an apply; what was not ``changed`` by any of its plans was only waited for."""
    done = _addresses(report, What.DONE) & set(changed) - report.unfinished
    failed = _addresses(report, What.FAILED)
    blocked = _addresses(report, What.BLOCKED) - failed
    left = report.unfinished - failed - blocked
    text = f"{len(done)} resource{'s' if len(done) != 1 else ''} done"
    text += f", {len(failed)} failed" if failed else ""
    text += f", {len(blocked)} skipped as a result" if blocked else ""
    text += f", {len(left)} interrupted or not started" if left else ""
    return f"{text}, in {seconds:.1f} s."


def _addresses(report: Report, what: What) -> set[Address]:
    return {address for event in report.of(what) for address in event.addresses}
