"""A plan as text: what changes, from what to what, why, at what cost. The last line says it all in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from reconciler.core.difference.cause import Cause
from reconciler.core.difference.change import Action, Change, declared_fields
from reconciler.core.difference.compare import FieldChange
from reconciler.core.difference.kind import Effect, Kind
from reconciler.core.message.problem import Problem
from reconciler.core.message.secrecy import HIDDEN
from reconciler.core.message.wording import listed
from reconciler.core.plan.access import AccessChange
from reconciler.core.plan.plan import Plan
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Origin
from reconciler.core.resource.values import UNKNOWN, Path, Value, is_empty, revealed
from reconciler.record import Struct
from reconciler.render.output.causes import CAUSES, REMOVED, known_cause
from reconciler.render.output.columns import USUAL_COLUMN, column_of, folded, padded
from reconciler.render.output.plain import joined, painted
from reconciler.render.output.values import are_lists_of_objects, is_removed, path_of, shown, unit_of
from reconciler.render.plan.outage import NOTHING_MEASURED, Measured, outage_words
from reconciler.render.plan.refusals import refusal_lines

SYMBOLS: Final[Mapping[Action, str]] = {
    Action.CREATE: "+",
    Action.START: ">",
    Action.RUN: ">",
    Action.UPDATE: "~",
    Action.REPLACE: "±",
    Action.DELETE: "-",
    Action.DEFERRED: "…",
    Action.KEEP: " ",
}
COLOURS: Final[Mapping[Action, str]] = {
    Action.CREATE: "32",
    Action.START: "32",
    Action.RUN: "32",
    Action.UPDATE: "33",
    Action.REPLACE: "35",
    Action.DELETE: "31",
    Action.DEFERRED: "36",
}
COSTS: Final[Mapping[Effect, str]] = {
    Effect.NOTE: "",
    Effect.START: "",
    Effect.RUN: "",
    Effect.LIVE: "in place",
    Effect.RECONNECT: "by reconnecting",
    Effect.RESTART: "by restarting",
    Effect.HANDOVER: "the old one serves until the new one is ready",
    Effect.REPLACE: "with downtime until the new one is ready",
    Effect.DATA_LOSS: "its data is lost",
    Effect.FIXED: "not possible",
}
_MEANINGS: Final[Mapping[str, str]] = {
    "+": "create",
    ">": "start or run",
    "~": "update",
    "±": "replace",
    "-": "delete",
    "…": "deferred",
    "?": "unknown",
    "‖": "left alone",
    "!": "needs attention",
}
"""The symbols at the beginnings of lines."""

_UNREAD_TITLE: Final = "Not known, as it can't be read:"
_LEFT: Final = "‖"
_UNREAD: Final = "?"
FORCED: Final[Mapping[Effect, str]] = {
    Effect.RESTART: "forces the restart",
    Effect.HANDOVER: "forces the replacement",
    Effect.REPLACE: "forces the replacement",
    Effect.DATA_LOSS: "forces the replacement",
}
_LONG_LIST: Final = 5
_MOST_ACCESS: Final = 20
_FEW_ALONG: Final = 5
_LONG_TEXT: Final = 72
"""A new resource's value is cut here, unless all of it is asked for. What differs is never cut."""


class Style(Struct, frozen=True):
    """The amount of detail, and whether in colour; a symbol is always there, colour never carries a meaning alone."""

    colour: bool = False
    fields: bool = True
    full: bool = False
    legend: bool = False
    width: int = 0
    """The columns of the terminal, or 0: then no line is broken."""

    def paint(self, text: str, code: str) -> str:
        return painted(text, code) if self.colour else text


def plan_text(
    plan: Plan,
    kinds: Mapping[str, Kind],
    names: Sequence[str],
    style: Style | None = None,
    *,
    measured: Measured = NOTHING_MEASURED,
    stopped: Sequence[Address] = (),
) -> str:
    """The whole plan; ``names`` are the files that it was made from, ``measured`` the outages of earlier changes.

    What is ``stopped`` before it begins has the longest outage.
    """
    style = style or Style()
    changes = [change for change in plan.changes if change.action is not Action.KEEP]
    remarks = [
        style.paint(f"! {place_of(plan, remark)}{remark.address} {remark.message}", "33") for remark in plan.remarks()
    ]
    column = column_of([str(change.address) for change in changes], style.width)
    # Access comes first: it is what a reviewer must not overlook below a hundred lines of fields.
    parts = [joined(access_lines(plan.access, style))] if plan.access else []
    parts += [
        "\n".join([*title, *(joined(_block(change, kinds[change.address.kind], style, column)) for change in group)])
        for title, group in _by_cause(changes)
    ]
    parts += [joined(remarks)] if remarks else []
    parts += [joined(style.paint(line, "31") for line in refusal_lines(plan.refusals))] if plan.refusals else []
    last = [*(legend(plan, style) if style.legend else ()), summary(plan, names, measured=measured, stopped=stopped)]
    return folded("\n\n".join([*parts, joined(last)]), style.width)


def legend(plan: Plan, style: Style) -> Iterator[str]:
    """A line on the symbols that a plan uses, in the order of the table; none for a plan without any."""
    used = {symbol_of(change): _colour(change) for change in plan.changes}
    if plan.remarks() or any(change.obstacle for change in plan.changes):
        used["!"] = "33"
    known = [f"{style.paint(each, used[each])} {meaning}" for each, meaning in _MEANINGS.items() if each in used]
    if known:
        yield f"Symbols: {', '.join(known)}"


def symbol_of(change: Change) -> str:
    """The symbol of a change in the plan: of what is left alone or can't be read, not that of its action."""
    return _LEFT if change.is_left else _UNREAD if change.unread else SYMBOLS[change.action]


def _colour(change: Change) -> str:
    return "" if change.is_left else COLOURS.get(change.action, "")


def _by_cause(changes: Sequence[Change]) -> Iterator[tuple[Sequence[str], Sequence[Change]]]:
    """The changes under titles: drift apart from the rest. Without drift there is no title."""
    if not any(change.cause is Cause.DRIFT for change in changes):
        yield from [((), changes)] if changes else ()
        return
    # An unread resource has no difference, so its cause says nothing; it stands under a title of its own, the last.
    for title in dict.fromkeys(words.title for words in CAUSES.values()):
        if group := [change for change in changes if CAUSES[change.cause].title == title and not change.unread]:
            yield (title,), group
    if group := [change for change in changes if change.unread]:
        yield (_UNREAD_TITLE,), group


def place_of(plan: Plan, remark: Problem) -> str:
    """The place in a file that a reader has to edit; empty if there is nothing to do."""
    return f"{remark.origin}: " if remark in plan.obstacles and remark.origin.file else ""


def access_lines(changes: Sequence[AccessChange], style: Style | None = None) -> Iterator[str]:
    """The access that is gained and lost, realm by realm; for people, so long lists are cut."""
    style = style or Style()
    for realm in dict.fromkeys(change.realm for change in changes):
        lines = [line for change in changes if change.realm == realm for line in _access(change, style)]
        yield f"Access in realm {realm}:"
        yield from lines[:_MOST_ACCESS]
        if len(lines) > _MOST_ACCESS:
            yield f"  and {len(lines) - _MOST_ACCESS} more; `--format json` has all"


def access_texts(changes: Sequence[AccessChange]) -> Iterator[tuple[str, str]]:
    """Every gain and loss in full, each with its realm."""
    for change in changes:
        yield from ((change.realm, line.strip()) for line in _access(change, Style(full=True)))


def _access(change: AccessChange, style: Style) -> Iterator[str]:
    who = listed(change.users, 3) if change.users else "everybody"
    verbs = ("gain", "lose") if len(change.users) > 1 else ("gains", "loses")
    for symbol, verb, items, colour in (("+", verbs[0], change.gains, "32"), ("-", verbs[1], change.loses, "31")):
        if items:
            yield style.paint(f"  {symbol} {who} {verb} {', '.join(items) if style.full else listed(items, 6)}", colour)
    if change.note:
        yield style.paint(f"  ! {change.note}", "33")


def _block(change: Change, kind: Kind, style: Style, column: int) -> Iterator[str]:
    why = _why(known_cause(change.cause), change.origin) if style.full and change.observed is None else ""
    title = f"{symbol_of(change)} {padded(str(change.address), column)} {describe(change)}{why}".rstrip()
    yield style.paint(title, _colour(change))
    if change.along:
        yield f"      along with it: {listed(change.along, len(change.along) if style.full else _FEW_ALONG)}"
    if change.obstacle:
        yield style.paint(f"      ! {change.obstacle}", "33")
    if style.fields:
        yield from (f"      {line}" for line in field_lines(change, kind, full=style.full, width=style.width))


def describe(change: Change) -> str:
    """The action in words, with its price; of what is left alone also the reason."""
    return f"{_action(change)}; left alone: {change.left}" if change.is_left else _action(change)


def _action(change: Change) -> str:
    if change.unread:
        return f"unknown: can't be read: {change.unread}"
    if change.action is Action.DEFERRED:
        verb = f"{change.reason}, " if change.reason else ""
        return f"{verb}deferred: waits for {listed(change.waits_for)}"
    # The effect is that of a volume made anew; one that only leads to data elsewhere loses none.
    is_kept = change.effect is Effect.DATA_LOSS and not change.loses_data
    cost = "its data stays where it is" if is_kept else COSTS[change.effect]
    if change.action is Action.DELETE:
        return f"delete, {change.reason}"
    if change.verb:
        return change.verb
    return f"{change.action.value}, {cost}" if cost else change.action.value


def field_lines(change: Change, kind: Kind, *, full: bool = False, width: int = 0) -> Iterator[str]:
    """One line for each field: of a new resource its value, else the old one and the new.

    The names take at most half of the ``width`` of a terminal; 0 is for none.
    A new resource that is deferred is shown in full by the pass that makes it.
    """
    # Its values hang on outputs of others that are not there yet: a list of `(unknown)` helps nobody.
    if change.action is Action.DEFERRED and change.observed is None:
        return
    rows = list(
        _new_rows(change, kind, full=full) if change.observed is None else _changed_rows(change, kind, full=full)
    )
    column = min(max((len(path) for path, _ in rows), default=0), width // 2 or USUAL_COLUMN)
    yield from (f"{padded(path, column)}  {text}" for path, text in rows)


def _remark(field: FieldChange, change: Change, kind: Kind, *, full: bool) -> str:
    """The marks of a field: that it forces what is done, and its cause and line.

    Without details the cause is only said where it is another one than the title over the change: drift beside what
    is asked for, and the reverse.
    """
    is_forcing = field.effect is change.effect or field.effect >= Effect.HANDOVER
    is_odd = not full and (field.cause is Cause.DRIFT) is not (change.cause is Cause.DRIFT)
    marks = [FORCED.get(field.effect, "") if is_forcing else "", CAUSES[field.cause].short if is_odd else ""]
    said = ", ".join(filter(None, marks))
    return f"{f'  ({said})' if said else ''}{_why(_words_of(field, change, kind), change.place(field)) if full else ''}"


def _words_of(field: FieldChange, change: Change, kind: Kind) -> str:
    return REMOVED.short if is_removed(field, change, kind) else known_cause(field.cause)


def _why(cause: str, place: Origin | None) -> str:
    known = [cause, str(place) if place and place.file else ""]
    return f"  [{', '.join(filter(None, known))}]" if any(known) else ""


def _new_rows(change: Change, kind: Kind, *, full: bool) -> Iterator[tuple[str, str]]:
    """Lists for each field of a new resource its path in the words of the file, and its value."""
    for field in declared_fields(change, kind):
        unit = unit_of(field, kind)
        for path, value in _spread(field, change):
            text = shown(value, unit)
            yield path, text if full else _cut(text)


def _changed_rows(change: Change, kind: Kind, *, full: bool) -> Iterator[tuple[str, str]]:
    """Lists for each differing field its path, its change, and its marks."""
    for field in change.fields:
        if field.effect is not Effect.NOTE:
            path, text = row_of(field, change, kind)
            yield path, f"{text}{_remark(field, change, kind, full=full)}"


def row_of(field: FieldChange, change: Change, kind: Kind) -> tuple[str, str]:
    """The path of a differing field in the words of the file, and its change."""
    return path_of(field, change), _arrow(field, change, unit_of(field, kind))


def _cut(text: str) -> str:
    return text if len(text) <= _LONG_TEXT else f"{text[: _LONG_TEXT - 1]}…"


def _spread(field: FieldChange, change: Change) -> Iterator[tuple[str, Value]]:
    """A new value, a mapping line by line."""
    path, declares = path_of(field, change), _declared_by(change)
    value = _trimmed(field.after, field.path, declares)
    if isinstance(value, Mapping) and value:
        yield from ((f"{path}.{key}", part) for key, part in value.items())
    elif _is_shown(value, field.path, declares):
        yield path, value


def _declared_by(change: Change) -> Callable[[Path], bool]:
    return change.desired.declares if change.desired else _undeclared


def _undeclared(_path: Path) -> bool:
    return False


def _trimmed(value: Value, path: Path, declares: Callable[[Path], bool]) -> Value:
    """A value without the parts of its mappings that are not worth showing."""
    if not isinstance(value, Mapping):
        return value
    parts = ((key, _trimmed(part, (*path, key), declares)) for key, part in value.items())
    return {key: part for key, part in parts if _is_shown(part, (*path, key), declares)}


def _is_shown(value: Value, path: Path, declares: Callable[[Path], bool]) -> bool:
    """Returns whether a value is worth showing: empty or off only if the files declare it so."""
    return value is not UNKNOWN and (not is_empty(value) or declares(path))


def _arrow(field: FieldChange, change: Change, unit: str) -> str:
    if parts := _parts(field):
        return parts
    before = shown(_trimmed(field.before, field.path, _undeclared), unit)
    after = shown(_trimmed(field.after, field.path, _declared_by(change)), unit)
    # Both sides print as the mask. The reader has to learn that they differ, and never by how much.
    if before == after and HIDDEN in before:
        return HIDDEN if revealed(field.before) == revealed(field.after) else f"{HIDDEN} → (another secret)"
    return f"{before} → {after}"


def _parts(field: FieldChange) -> str:
    """Keeps only the parts that differ between two long lists, or two lists of objects."""
    before, after = field.before, field.after
    lists = [value for value in (before, after) if isinstance(value, Sequence) and not isinstance(value, str)]
    is_long = len(lists) == 2 and max(map(len, lists)) >= _LONG_LIST
    if not (is_long or are_lists_of_objects(before, after)):
        return ""
    from reconciler.render.plan.explain import explained

    return ", ".join(explained(before, after))


def summary(
    plan: Plan, names: Sequence[str], *, measured: Measured = NOTHING_MEASURED, stopped: Sequence[Address] = ()
) -> str:
    """The last line: what is to be done and its longest outage, or how much was compared and found equal."""
    planned = [change for change in plan.changes if not change.is_missing and not change.is_left]
    counts = Counter(change.action for change in planned if not change.unread)
    done = [f"{counts[action]} to {action.value}" for action in SYMBOLS if counts[action] and action in COLOURS]
    done = [text.replace("to deferred", "deferred") for text in done]
    others = {
        "unknown": len(plan.unread),
        "missing": len(plan.missing),
        "left alone": sum(change.is_left for change in plan.changes),
    }
    done += [f"{number} {words}" for words, number in others.items() if number]
    kept = counts[Action.KEEP]
    if not done and not kept:
        return f"No resources are declared in {' and '.join(names)}."
    if not done:
        match = "1 resource matches" if kept == 1 else f"{kept} resources match"
        return f"No changes. {match} {' and '.join(names)}."
    outage = outage_words(plan, measured, stopped=stopped)
    return f"Plan: {', '.join(done)}; {kept} unchanged{f'; {outage}' if outage else ''}."
