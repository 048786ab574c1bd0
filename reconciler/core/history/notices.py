"""The notices to a person: a failure at once, the same one once per interval, a recovery always. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Final

from reconciler.core.history.facts import Ailment, Fact, Over, Repair, Trouble
from reconciler.pattern import lazy_pattern
from reconciler.record import Struct, replace

MOST: Final = 1_000
_NUMBERS: Final = lazy_pattern(r"\d+(?:\.\d+)?")
_FAILED: Final = "the repair failed"


class Sort(Enum):
    """The sort of a notice."""

    FAILURE = "failure"
    REMINDER = "still"
    RECOVERY = "over"


class Notice(Struct, frozen=True):
    """One message: a subject, what is wrong with it, and more words on that."""

    sort: Sort
    subject: str
    what: str
    note: str = ""


class _Failure(Struct, frozen=True):
    """A failure that was reported, for the last time at ``sent_at``; it lasts until ``is_over``."""

    notice: Notice
    began: float
    sent_at: float
    is_over: bool = False


class Notices:
    """The notices of one daemon. The same failure of a subject is one whose words differ in their numbers only."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._failures: dict[tuple[str, str], _Failure] = {}

    def of(self, fact: Fact, now: float) -> Iterator[Notice]:
        """The notices that a fact causes."""
        match fact:
            case Repair(error=""):
                yield from self._over(str(fact.change.address), _FAILED, now)
            case Repair():
                yield from self._failed(Notice(Sort.FAILURE, str(fact.change.address), _FAILED, fact.error), now)
            case Trouble():
                yield from self._failed(Notice(Sort.FAILURE, fact.subject, fact.ailment.value, fact.note), now)
            case Over(trouble=trouble):
                yield from self._over(trouble.subject, trouble.ailment.value, now)
            case _:
                # Differences and passes are no failures, and are in the log.
                pass

    def settled(self, failing: set[str], now: float) -> Iterator[Notice]:
        """The ends of failed repairs whose resources are as declared by now, whoever did that."""
        for subject, what in [*self._failures]:
            if what == _FAILED and subject not in failing:
                yield from self._over(subject, what, now)

    def reminders(self, now: float) -> Iterator[Notice]:
        """The notices of failures that last, once per interval each."""
        for key, found in self._failures.items():
            if not found.is_over and now >= found.sent_at + self._interval_s:
                self._failures[key] = replace(found, sent_at=now)
                yield replace(found.notice, sort=Sort.REMINDER)

    def _failed(self, notice: Notice, now: float) -> Iterator[Notice]:
        key = notice.subject, notice.what
        known = self._failures.get(key)
        is_same = known is not None and _words(known.notice) == _words(notice)
        if known and is_same and now < known.sent_at + self._interval_s:
            # One that comes back soon was reported, and its end too: that it lasts shows by the next reminder.
            self._failures[key] = replace(known, is_over=False)
            return
        # In other words now, but it has lasted since it began.
        began = known.began if known and not known.is_over else now
        self._failures.pop(key, None)
        self._failures[key] = _Failure(notice, began, now)
        self._failures = dict([*self._failures.items()][-MOST:])
        yield notice

    def _over(self, subject: str, what: str, now: float) -> Iterator[Notice]:
        found = self._failures.get((subject, what))
        if found and not found.is_over:
            self._failures[subject, what] = replace(found, is_over=True)
            yield Notice(Sort.RECOVERY, subject, what, f"after {now - found.began:.0f} s")


def is_worth(fact: Fact) -> bool:
    """Returns whether a person may have to be notified of a fact; what no file declares waits for the next look at the
    page."""
    if isinstance(fact, Trouble):
        return fact.ailment is not Ailment.UNDECLARED
    return isinstance(fact, Repair) or (isinstance(fact, Over) and fact.trouble.ailment is not Ailment.UNDECLARED)


def _words(notice: Notice) -> str:
    return _NUMBERS.sub("", notice.note)
