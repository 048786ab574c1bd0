"""The plan as JSON, in the shape of ``schemas/plan.schema.json``: an interface, unlike the text.

There is no secret in it: a digest with a salt of its own tells equal from changed. The digest is slow on purpose,
because the file may be shown to others, and passwords are short.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.core.difference.change import Action, Change, declared_fields
from reconciler.core.difference.compare import FieldChange
from reconciler.core.difference.kind import Effect, Kind
from reconciler.core.message.errors import Refusal
from reconciler.core.message.problem import Problem
from reconciler.core.plan.access import AccessChange
from reconciler.core.plan.plan import Plan, Step
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Origin
from reconciler.core.resource.values import Value, plain
from reconciler.render.output.values import are_lists_of_objects, path_of
from reconciler.render.plan.outage import DISRUPTIONS, NOTHING_MEASURED, Measured, longest_outage

SCHEMA: Final = "reconcile.plan/v1"

REACTIONS: Final[Mapping[Effect, str]] = {
    **DISRUPTIONS,
    Effect.NOTE: "none",
    Effect.START: "start",
    Effect.RUN: "run",
    Effect.LIVE: "in-place",
    Effect.HANDOVER: "replace",
}
_CHECKED: Final = ("address", "action", "disruption", "waits_for", "along")
_CHECKED_OF_A_FIELD: Final = ("path", "before", "after", "reaction")
"""The parts of an action that a checksum covers: what is done, and not the words and places around it."""

_COUNTED: Final = (
    Action.CREATE,
    Action.UPDATE,
    Action.REPLACE,
    Action.DELETE,
    Action.START,
    Action.RUN,
)


class PlanDocument:
    """Renders plans with one salt, so that two of them can be compared."""

    def __init__(
        self, project: str, kinds: Mapping[str, Kind], salt: str, *, measured: Measured = NOTHING_MEASURED
    ) -> None:
        self._project, self._kinds, self.salt, self._measured = project, kinds, salt, measured
        self._digests: dict[str, str] = {}

    def of(self, plan: Plan) -> dict[str, Any]:
        """The whole document, ready for ``json.dumps``."""
        return {
            "schema": SCHEMA,
            "project": self._project,
            "in_sync": plan.in_sync,
            "salt": self.salt,
            "summary": counts(plan),
            "longest_outage": self._outage(plan),
            "access": [access(change) for change in plan.access],
            "checksum": None if plan.in_sync else checksum(plan, self._project, self._kinds),
            "actions": self.actions(plan),
            "refusals": [_refusal(refusal) for refusal in plan.refusals],
            "diagnostics": [diagnostic(remark) for remark in plan.remarks()],
        }

    def _outage(self, plan: Plan) -> dict[str, Any] | None:
        found = longest_outage(plan, self._measured)
        if found is None:
            return None
        return {"address": str(found.address), "disruption": DISRUPTIONS[found.effect], "seconds": found.seconds}

    def actions(self, plan: Plan) -> list[dict[str, Any]]:
        """The changes that ask for something, in order of execution."""
        before = comes_first(plan.steps)
        changes = [change for change in plan.changes if change.action is not Action.KEEP]
        return [self._action(change, before.get(change.address, ())) for change in changes]

    def action(self, change: Change, plan: Plan) -> dict[str, Any]:
        """One action of a plan."""
        return self._action(change, comes_first(plan.steps).get(change.address, ()))

    def _action(self, change: Change, before: Sequence[Address]) -> dict[str, Any]:
        origin = change.desired.origin if change.desired else None
        fields = declared_fields(change, self._kinds[change.address.kind])
        return {
            "address": str(change.address),
            "action": change.action.value,
            "disruption": disruption(change),
            "reason": change.reason,
            "cause": change.cause.value,
            "source": source(origin),
            "changes": [self._field(field, change) for field in fields],
            "depends_on": [str(address) for address in before],
            "waits_for": [str(need) for need in change.waits_for],
            "along": [str(address) for address in change.along],
            "obstacle": change.obstacle,
            "left_alone": change.left,
            "unread": change.unread,
        }

    def _field(self, field: FieldChange, change: Change) -> dict[str, Any]:
        return {
            "path": path_of(field, change),
            "before": self.value(field.before),
            "after": self.value(field.after),
            "reaction": REACTIONS[field.effect],
            "cause": field.cause.value,
            "source": source(change.place(field)),
            **self._parts(field),
        }

    def _parts(self, field: FieldChange) -> dict[str, Any]:
        """The leaves that differ inside two lists of objects; most fields have none."""
        if not are_lists_of_objects(field.before, field.after):
            return {}
        # deepdiff takes long to import, and few plans have lists of objects that differ.
        from reconciler.render.plan.explain import differences, place_of

        return {
            "parts": [
                {
                    "path": place_of(part.path),
                    "before": self.value(part.before),
                    "after": self.value(part.after),
                    "moved": part.is_moved,
                }
                for part in differences(field.before, field.after)
            ]
        }

    def value(self, value: Value) -> Any:
        return plain(value, lambda secret: {"sensitive": True, "digest": self._digest(secret.reveal())})

    def _digest(self, text: str) -> str:
        if text not in self._digests:
            raw = hashlib.scrypt(text.encode(), salt=self.salt.encode(), n=2**13, r=8, p=1, dklen=12)
            self._digests[text] = raw.hex()
        return self._digests[text]


class _Unsalted(PlanDocument):
    """A document that collects its secrets instead of a digest of each."""

    def __init__(self, project: str, kinds: Mapping[str, Kind]) -> None:
        super().__init__(project, kinds, "")
        self.secrets: list[str] = []

    def _digest(self, text: str) -> str:
        self.secrets.append(text)
        return ""


def checksum(plan: Plan, project: str, kinds: Mapping[str, Kind]) -> str:
    """The digest of what a plan does, the same for the same plan, wherever its lines stand in the files.

    Secrets are part of it, so it is slow on purpose, once for all of them: it may be shown to others.
    """
    document = _Unsalted(project, kinds)
    # A cause is what one machine remembers of earlier runs, and a place moves with the lines above it.
    actions = [
        {
            **{key: action[key] for key in _CHECKED},
            "changes": [{key: field[key] for key in _CHECKED_OF_A_FIELD} for field in action["changes"]],
        }
        for action in document.actions(plan)
        if not action["left_alone"]
    ]
    text = json.dumps([project, actions, document.secrets], sort_keys=True)
    return hashlib.scrypt(text.encode(), salt=SCHEMA.encode(), n=2**13, r=8, p=1, dklen=16).hex()


def access(change: AccessChange) -> dict[str, Any]:
    """The access that is gained and lost; an empty list of users is everybody."""
    return {
        "realm": change.realm,
        "users": list(change.users),
        "everybody": not change.users and not change.note,
        "gains": list(change.gains),
        "loses": list(change.loses),
        "note": change.note,
    }


def counts(plan: Plan) -> dict[str, int]:
    """The number of resources for each action; those that no apply can create are ``missing``.

    One that is left alone counts as nothing else.
    """
    found = Counter(change.action for change in plan.changes if not change.is_missing and not change.is_left)
    return {action.value: found[action] for action in _COUNTED} | {
        "adopt": sum(change.adopts and not change.is_left for change in plan.changes),
        "unchanged": found[Action.KEEP],
        "deferred": found[Action.DEFERRED],
        "unknown": len(plan.unread),
        "missing": len(plan.missing),
        "left_alone": sum(change.is_left for change in plan.changes),
    }


def diagnostic(problem: Problem) -> dict[str, Any]:
    """A problem or remark as JSON."""
    return {
        "severity": problem.severity.value,
        "address": str(problem.address) if problem.address else None,
        "message": problem.message,
        "source": source(problem.origin),
    }


def _refusal(refusal: Refusal) -> dict[str, Any]:
    address = str(refusal.address) if refusal.address else None
    return {"address": address, "message": refusal.message, "remedy": refusal.remedy, "option": list(refusal.option)}


def disruption(change: Change) -> str:
    """The cost of a change while it is done, in the words of the schema."""
    if change.action in (Action.CREATE, Action.DEFERRED):
        return "none"
    is_kept = change.effect is Effect.DATA_LOSS and not change.loses_data
    return DISRUPTIONS[Effect.REPLACE if is_kept else change.effect]


def source(origin: Origin | None) -> dict[str, Any] | None:
    """A place in the files as JSON."""
    if origin is None or not origin.file:
        return None
    return {"file": origin.file, "line": origin.line, "column": origin.column}


def comes_first(steps: Sequence[Step]) -> Mapping[Address, Sequence[Address]]:
    """Lists for each resource the others whose steps come before its own."""
    of = {step.id: step.address for step in steps}
    before: dict[Address, dict[Address, None]] = {}
    for step in steps:
        for other in sorted(step.after):
            if of[other] != step.address:
                before.setdefault(step.address, {})[of[other]] = None
    return {address: tuple(others) for address, others in before.items()}
