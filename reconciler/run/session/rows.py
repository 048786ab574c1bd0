"""Rows of the history made from changes, without secrets and of a bounded size; for `apply`, `down` and the daemon."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.core.difference.change import Change, stopped_first
from reconciler.core.difference.compare import FieldChange
from reconciler.core.difference.kind import Kind
from reconciler.core.history.author import Author
from reconciler.core.history.records import ChangeRecord, FieldRecord
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import Secret, plain
from reconciler.history.store import History
from reconciler.record import Struct, replace
from reconciler.render.output.known import KnownSecrets
from reconciler.render.output.values import is_removed, path_of, unit_of
from reconciler.render.plan.jsonplan import REACTIONS, disruption

_MOST_FIELDS: Final = 50
_MOST_PLACES: Final = 100
_LONGEST: Final = 500


class Rows(Struct, frozen=True):
    """The way from changes to rows of a history."""

    history: History
    known: KnownSecrets
    kinds: Mapping[str, Kind]

    def records(
        self, changes: Sequence[Change], authors: Mapping[Address, Sequence[Author]], *, began: float
    ) -> list[ChangeRecord]:
        """The rows of changes that have begun."""
        # Places are looked up in the files, which takes too long for thousands of new users.
        places = len(changes) <= _MOST_PLACES
        return [self._record(each, authors.get(each.address, ()), places=places, began=began) for each in changes]

    def ended(
        self, record: ChangeRecord, result: str, note: str, *, seconds: float, outage_s: float | None
    ) -> ChangeRecord:
        """The row of a change that has ended."""
        hidden = self.known.hidden(note)[:_LONGEST]
        return replace(record, result=result, note=hidden, seconds=round(seconds, 3), outage=outage_s)

    def _record(self, change: Change, authors: Sequence[Author], *, places: bool, began: float) -> ChangeRecord:
        fields = [each for each in change.fields if change.observed is None or each.after != each.before]
        origin = change.origin if places else None
        return ChangeRecord(
            str(change.address),
            change.action.value,
            change.cause.value,
            self.known.hidden(change.reason),
            disruption(change),
            str(origin or ""),
            tuple(self._field(each, change, places=places) for each in fields[:_MOST_FIELDS]),
            tuple(authors),
            began,
            stopped_first=self.known.hidden(stopped_first(change, self.kinds[change.address.kind])),
        )

    def _field(self, each: FieldChange, change: Change, *, places: bool) -> FieldRecord:
        kind = self.kinds[change.address.kind]
        return FieldRecord(
            path_of(each, change),
            self._plain(each.before),
            self._plain(each.after),
            each.cause.value,
            str(change.place(each) or "") if places else "",
            unit_of(each, kind),
            REACTIONS[each.effect],
            is_removed(each, change, kind),
        )

    def _plain(self, value: Any) -> Any:
        """A value as it is recorded: secrets, and what is long, as digests."""
        shown = plain(value, self._sensitive)
        text = json.dumps(shown, default=str)
        hidden = self.known.hidden(text)
        # A known secret within a longer text makes all of it a digest: the rest could tell too much.
        if hidden != text:
            return self._sensitive(Secret(text))
        return shown if len(text) <= _LONGEST else {"long": len(text), "digest": self.history.digest(text)}

    def _sensitive(self, secret: Secret) -> Mapping[str, Any]:
        return {"sensitive": True, "digest": self.history.digest(secret.reveal())}
