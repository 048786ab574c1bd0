"""The history for people and for programs; both show the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from reconciler.core.difference.cause import Cause
from reconciler.core.difference.change import Action
from reconciler.core.history.author import Author
from reconciler.core.history.records import ChangeRecord, FieldRecord, Run
from reconciler.core.message.secrecy import HIDDEN
from reconciler.core.resource.resource import Origin
from reconciler.core.resource.values import ABSENT, UNKNOWN
from reconciler.render.output.causes import CAUSES, REMOVED, known_cause
from reconciler.render.output.columns import USUAL_COLUMN
from reconciler.render.output.plain import joined
from reconciler.render.output.values import shown
from reconciler.render.plan.jsonplan import REACTIONS, source
from reconciler.render.plan.text import FORCED, SYMBOLS
from reconciler.render.progress.progress import DONE

SCHEMA: Final = "reconcile.history/v1"
_MOST_FIELDS: Final = 12
_FORCED: Final[Mapping[str, str]] = {REACTIONS[effect]: words for effect, words in FORCED.items()}
_NEVER_BEGUN: Final = ("skipped", "not started")
"""Results of changes that nothing was done for."""

Runs = Sequence[tuple[Run, Sequence[ChangeRecord]]]


def history_text(runs: Runs, *, full: bool = False, address: str = "") -> str:
    """The runs, newest first, each with its changes; ``full`` also shows the fields of new resources.

    They are only those that changed the ``address``, if one is given.
    """
    blocks = [
        joined([_title(run), *(line for each in changes for line in change_lines(each, full=full))])
        for run, changes in runs
    ]
    return "\n\n".join(blocks) if blocks else f"No run {f'that changed {address} ' if address else ''}is recorded."


def history_json(project: str, runs: Runs) -> dict[str, Any]:
    """The same for programs, in the shape of ``schemas/history.schema.json``."""
    return {"schema": SCHEMA, "project": project, "runs": [run_json(run, changes) for run, changes in runs]}


def run_json(run: Run, changes: Sequence[ChangeRecord]) -> dict[str, Any]:
    return {
        "id": run.id,
        "command": run.command,
        "began": iso(run.began),
        "seconds": run.seconds,
        "exit": run.exit,
        "user": run.user,
        "host": run.host,
        "trigger": run.trigger,
        "revision": run.revision,
        "changes": [_change_json(change) for change in changes],
    }


def _change_json(change: ChangeRecord) -> dict[str, Any]:
    return {
        "address": change.address,
        "action": change.action,
        "cause": change.cause,
        "reason": change.reason,
        "disruption": change.disruption,
        "source": source(Origin.parse(change.source)) if change.source else None,
        "began": iso(change.began),
        "result": change.result,
        "seconds": change.seconds,
        "outage": change.outage,
        "note": change.note,
        "stopped_first_because": change.stopped_first or None,
        "fields": [_field_json(each) for each in change.fields],
        "authors": [author_json(each) for each in change.authors],
    }


def _field_json(each: FieldRecord) -> dict[str, Any]:
    return each.as_json() | {"source": source(Origin.parse(each.source)) if each.source else None}


def author_json(author: Author) -> dict[str, Any]:
    """One act on a resource, with its time as text."""
    return author.as_json() | {"at": iso(author.at)}


def _title(run: Run) -> str:
    who = f" by {run.user}@{run.host}" if run.user else ""
    parts = [f"{moment(run.began)}  {run.command}{who}"]
    parts += [run.trigger] if run.trigger else []
    parts += [f"revision {run.revision}"] if run.revision else []
    parts += ["not ended"] if run.exit is None else [f"{run.seconds or 0:.1f} s", f"exit code {run.exit}"]
    return ", ".join(parts)


def change_lines(change: ChangeRecord, *, full: bool = False) -> Iterator[str]:
    """One change: what was done, why and at what cost, its fields, and who had changed them."""
    action = Action(change.action)
    yield f"  {SYMBOLS[action]} {change.address.ljust(USUAL_COLUMN)} {outcome(change)}".rstrip()
    fields = change.fields if full or action is not Action.CREATE else ()
    for each in fields if full else fields[:_MOST_FIELDS]:
        yield f"      {field_text(each, change)}"
    if len(fields) > _MOST_FIELDS and not full:
        yield f"      and {len(fields) - _MOST_FIELDS} more"
    if change.stopped_first:
        yield f"      the old one was stopped first, because {change.stopped_first}"
    yield from (f"      {line}" for line in change.note.splitlines())
    yield from (f"      {author_text(author)}" for author in change.authors)


def outcome(change: ChangeRecord) -> str:
    """A change in words: its result, its cause, its seconds."""
    words = DONE[Action(change.action)]
    parts = [words if change.result == "done" else f"{change.action} {change.result}"]
    parts += filter(None, [CAUSES[Cause(change.cause)].short])
    parts += [f"{change.outage:.1f} s without service"] if change.outage else []
    text = ", ".join(parts)
    # A skipped change took 0.0 s, which would read like a quick success.
    has_begun = change.seconds is not None and change.result not in _NEVER_BEGUN
    return f"{text} ({change.seconds:.1f} s)" if has_begun else text


def field_text(each: FieldRecord, record: ChangeRecord) -> str:
    """One field: its path, its change, whether it forced what was done, its cause and its line."""
    cause = REMOVED.short if each.removed else known_cause(Cause(each.cause))
    why = ", ".join(filter(None, (cause, each.source)))
    # Of a change in place no field forces anything; of a restart only those whose own effect is one.
    is_forcing = record.action == Action.REPLACE.value or each.reaction == record.disruption
    forced = _FORCED.get(each.reaction, "") if is_forcing else ""
    change = f"{recorded(each.before, each.unit)} → {recorded(each.after, each.unit)}"
    return f"{each.path}  {change}{f'  ({forced})' if forced else ''}{f'  [{why}]' if why else ''}"


def author_text(author: Author) -> str:
    """One act on a resource: when, what, who."""
    who = [f"by {author.user}" if author.user else "", f"with {author.client}" if author.client else ""]
    who += [f"from {author.address}" if author.address else ""]
    return " ".join([moment(author.at), author.act, *filter(None, who)])


def recorded(value: Any, unit: str = "") -> str:
    """One recorded value on one line."""
    match value:
        case None:
            return str(ABSENT)
        # Values are recorded as JSON: secrets never, and long ones only as their digest.
        case {"sensitive": True}:
            return HIDDEN
        case {"unknown": True}:
            return str(UNKNOWN)
        case {"long": int(length), "digest": _}:
            return f"({length} characters)"
        case dict():
            return "{" + ", ".join(f"{key}: {recorded(part)}" for key, part in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(recorded, value)) + "]"
        case _:
            return shown(value, unit)


def moment(at: float) -> str:
    """A time as people write it, in their own zone."""
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
