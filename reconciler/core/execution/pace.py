"""The pace of repairs: when a resource may be repaired again that failed, or that differs again and again. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from reconciler.record import Struct, field, replace

BACKOFF_S: Final = 2.0
LONGEST_S: Final = 300.0
MOST_FAILURES: Final = 1_000
CALM_S: Final = 60.0
"""A field that stays as declared for so long after its repair is calm again."""

MOST: Final = 4
"""So many repairs of one field without a calm time are too many: from then on they are slowed down."""

FIRST_PAUSE_S: Final = 5.0


def backoff_s(failures: int) -> float:
    """The seconds to wait after so many failures in a row; it grows to five minutes, and never ends."""
    return float(min(BACKOFF_S * 2.0 ** min(failures - 1, 30), LONGEST_S)) if failures else 0.0


class Recurrence(Struct, frozen=True):
    """Repairs of the same field, each within a short time after the one before."""

    times: int
    first_at: float
    last_at: float

    @property
    def pause_s(self) -> float:
        """The seconds after the last repair in which the next one is not due."""
        return min(FIRST_PAUSE_S * 2.0 ** min(self.times - MOST, 30), LONGEST_S) if self.is_too_often else 0.0

    @property
    def is_too_often(self) -> bool:
        return self.times >= MOST

    @property
    def seconds(self) -> float:
        return self.last_at - self.first_at

    def is_over(self, now: float) -> bool:
        """Returns whether the field has stayed calm for long enough, compared with the pauses."""
        return now - self.last_at > CALM_S + 2 * self.pause_s

    def again(self, now: float) -> Recurrence:
        """The recurrence once the field is repaired another time."""
        return Recurrence(1, now, now) if self.is_over(now) else replace(self, times=self.times + 1, last_at=now)


class Pace(Struct, frozen=True):
    """The failures and the recent repairs of one subject: a resource, or a provider that is read."""

    failures: int = 0
    failed_at: float = 0.0
    fields: Mapping[str, Recurrence] = field(default_factory=dict)

    @property
    def due_at(self) -> float:
        """The moment from which the subject may be repaired again."""
        pauses = (each.last_at + each.pause_s for each in self.fields.values())
        return max(self.failed_at + backoff_s(self.failures), max(pauses, default=0.0))

    @property
    def worst(self) -> tuple[str, Recurrence] | None:
        """The field that is repaired too often, and how often; None if there is none."""
        found = [(each.times, name) for name, each in self.fields.items() if each.is_too_often]
        return (max(found)[1], self.fields[max(found)[1]]) if found else None

    def failed(self, now: float, *, most: int = MOST_FAILURES) -> Pace:
        """The pace after one more failure; more than ``most`` in a row do not make the wait longer."""
        return replace(self, failures=min(self.failures + 1, most), failed_at=now)

    def repaired(self, fields: Iterable[str], now: float) -> Pace:
        """The pace after a repair of these fields. Whether it helped, the next look shows."""
        known = self.fields
        new = {name: known[name].again(now) if name in known else Recurrence(1, now, now) for name in fields}
        return replace(self, fields={**self.fields, **new})

    def settled(self, now: float) -> Pace:
        """The pace once the subject was seen as declared: failures are over, recurrences only after a calm time."""
        return Pace(fields={name: each for name, each in self.fields.items() if not each.is_over(now)})


_UNKNOWN: Final = Pace()


class Paces:
    """The pace of each subject that is not calm. Subjects are texts: addresses, or names of providers."""

    def __init__(self) -> None:
        self._paces: dict[str, Pace] = {}

    def __getitem__(self, subject: str) -> Pace:
        return self._paces.get(subject, _UNKNOWN)

    def __len__(self) -> int:
        return len(self._paces)

    def failed(self, subject: str, now: float, *, most: int = MOST_FAILURES) -> Pace:
        return self._set(subject, self[subject].failed(now, most=most))

    def repaired(self, subject: str, fields: Iterable[str], now: float) -> Pace:
        return self._set(subject, self[subject].repaired(fields, now))

    def settled(self, subject: str, now: float) -> Pace:
        return self._set(subject, self[subject].settled(now))

    def forget(self) -> None:
        """Begin anew, as after another revision of the files."""
        self._paces.clear()

    def keep(self, subjects: Collection[str]) -> None:
        """Forget all others: they are no longer declared, nor there."""
        self._paces = {subject: pace for subject, pace in self._paces.items() if subject in subjects}

    def is_due(self, subject: str, now: float) -> bool:
        return self[subject].due_at <= now

    def next_due_at(self, subjects: Iterable[str], now: float) -> float | None:
        """The first moment after now at which one of these subjects is due."""
        return min((at for subject in subjects if (at := self[subject].due_at) > now), default=None)

    def _set(self, subject: str, pace: Pace) -> Pace:
        if pace == _UNKNOWN:
            self._paces.pop(subject, None)
        else:
            self._paces[subject] = pace
        return pace
