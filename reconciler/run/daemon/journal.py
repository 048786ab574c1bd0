"""The log of the daemon as a listener: each fact is a line with a constant phrase and fixed keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.compare import FieldChange
from reconciler.core.difference.kind import Kind
from reconciler.core.history.facts import Ailment, Difference, Fact, Over, Pass, Repair, Trouble, Unfinished
from reconciler.render.answers.history import author_text
from reconciler.render.output.values import origin_of, path_of, shown, unit_of
from reconciler.render.plan.jsonplan import disruption

MOST_EVENTS = 3


class Journal:
    """Writes facts to the log. ``kinds`` are the tables of the providers."""

    def __init__(self, log: Any, kinds: Mapping[str, Kind]) -> None:
        self._log, self.kinds = log, kinds

    def __call__(self, fact: Fact) -> None:
        match fact:
            case Difference():
                self._log.info("difference", **self._difference(fact))
            case Repair():
                self._repair(fact)
            case Unfinished():
                address = str(fact.address)
                self._log.warning("left undone", **{"pass": fact.pass_id}, address=address, note=fact.note)
            case Trouble():
                level = self._log.error if fact.ailment is Ailment.WRONG_FILE else self._log.warning
                level(fact.ailment.value, subject=fact.subject, note=fact.note, **fact.details)
            case Over(trouble=trouble):
                over = round(fact.seconds, 3)
                self._log.info("over", trouble=trouble.ailment.value, subject=trouble.subject, seconds=over)
            case Pass():
                self._pass(fact)

    def _repair(self, fact: Repair) -> None:
        fields, seconds = _of_change(fact.pass_id, fact.change), round(fact.seconds, 3)
        if fact.error:
            more = {"error": fact.error, "failures": fact.failures, "retry_in_s": round(fact.retry_in_s, 1)}
            self._log.error("repair failed", **fields, seconds=seconds, **more)
        else:
            spent = {"seconds": seconds, "outage": disruption(fact.change), "outage_s": fact.outage_s}
            self._log.info("repaired", **fields, **spent)

    def _difference(self, fact: Difference) -> dict[str, Any]:
        change, field = fact.change, fact.field
        fields = {**_of_change(fact.pass_id, change), **self._values(change, field), "at": _place(change, field)}
        cause = (field or change).cause.value
        by = [author_text(each) for each in fact.authors[:MOST_EVENTS]]
        return {**fields, "cause": cause, "events": list(fact.events[:MOST_EVENTS]), "by": by, "left": fact.left}

    def _values(self, change: Change, field: FieldChange | None) -> dict[str, str]:
        if field is None:
            there, gone = "exists", "does not exist"
            old, new = (there, gone) if change.action is Action.DELETE else (gone, there)
            return {"field": "", "old": old, "new": new}
        unit = unit_of(field, self.kinds[change.address.kind])
        return {"field": path_of(field, change), "old": shown(field.before, unit), "new": shown(field.after, unit)}

    def _pass(self, fact: Pass) -> None:
        fields: dict[str, Any] = {"pass": fact.pass_id, "why": list(fact.why[:MOST_EVENTS])}
        fields |= {"repaired": fact.repaired, "failed": fact.failed, "unfinished": fact.unfinished}
        fields |= {"seconds": round(fact.seconds, 3), **({"error": fact.error} if fact.error else {})}
        (self._log.error if fact.error else self._log.info)("pass done", **fields)


def _of_change(pass_id: str, change: Change) -> dict[str, Any]:
    return {"pass": pass_id, "address": str(change.address), "action": change.action.value}


def _place(change: Change, field: FieldChange | None) -> str:
    """The line of a file that declares the field, else that of its resource."""
    origin = origin_of(change, field)
    if not origin.file:
        return ""
    return f"{origin.file}:{origin.line}" if origin.line else origin.file  # what no line declares, as the usual network
