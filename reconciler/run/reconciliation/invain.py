"""The event of a change that was written in vain: what the other side keeps, and the place in the file."""

from __future__ import annotations

from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.compare import FieldChange
from reconciler.core.execution.report import Event, What
from reconciler.core.message.errors import WrittenInVain
from reconciler.core.plan.plan import Step
from reconciler.core.provider import Provider
from reconciler.core.resource.resource import Health
from reconciler.render.output.values import path_of, shown, unit_of

_VERB = "look again"


def reported(change: Change, provider: Provider) -> Event:
    """The failure of a change that was written with success, and differs as before."""
    message = _message(change, provider)
    error = WrittenInVain(message, address=change.address, doing=_VERB)
    return Event(Step(f"{change.address}:{_VERB}", change.address, _VERB), What.FAILED, message, error=error)


def _message(change: Change, provider: Provider) -> str:
    title = provider.title[:1].upper() + provider.title[1:]
    match change.action:
        case Action.CREATE:
            return f"{_place(change)}{title} accepted it, but does not have it under this name afterwards"
        case Action.DELETE:
            return f"{title} accepted the deletion, but keeps it"
        case Action.START | Action.RUN if change.observed and change.observed.status.health is Health.FAILED:
            return f"{_place(change)}it was started, and has failed since ({change.observed.status.note})"
        case _:
            kept = "; ".join(_kept(field, change, provider) for field in change.fields)
            return f"{title} keeps {kept}. Declare what it keeps, or leave it out of the file"


def _kept(field: FieldChange, change: Change, provider: Provider) -> str:
    unit = unit_of(field, provider.kinds[change.address.kind])
    before, after = shown(field.before, unit), shown(field.after, unit)
    return f"`{path_of(field, change)}` as {before}, though {after} was written{_declared_at(field, change)}"


def _declared_at(field: FieldChange, change: Change) -> str:
    origin = change.place(field)
    return f" ({origin})" if origin else ""


def _place(change: Change) -> str:
    return f"{change.desired.origin}: " if change.desired and change.desired.origin else ""
