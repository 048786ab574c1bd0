"""The rows of the page, made once from each look: the state, the place in the tree, and what needs a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Final

from reconciler.core.difference.change import Change
from reconciler.core.execution.report import Standing
from reconciler.core.execution.report import State as Condition
from reconciler.core.history.facts import Ailment, Trouble
from reconciler.core.plan.graph import Needs, is_within, needs_of
from reconciler.core.resource.address import Address
from reconciler.record import Struct, replace
from reconciler.run.daemon.board import Board, Scene
from reconciler.run.daemon.pauses import EVERYTHING, Pause

FOLDED: Final = 12
"""So many resources of one kind beside each other are one counted row, as far as nothing is wrong with them."""

TRIES: Final = 3
"""A repair that has failed so often in a row needs a person."""


class Sign(Enum):
    """The state of a resource on the page: its word, its sign, and its class of colour. The worst comes first."""

    STUCK = ("stuck", "✕")
    DEGRADED = ("degraded", "▼")
    MISSING = ("missing", "○")
    DRIFTED = ("drifted", "≠")
    UNKNOWN = ("unknown", "?")
    BLOCKED = ("blocked", "…")
    RUNNING = ("running", "↻")
    PAUSED = ("paused", "‖")
    UNDECLARED = ("undeclared", "◇")
    IN_SYNC = ("in sync", "✓")

    @property
    def word(self) -> str:
        return self.value[0]

    @property
    def mark(self) -> str:
        return self.value[1]

    @property
    def css(self) -> str:
        return self.name.lower().replace("_", "-")


RANK: Final[Mapping[Sign, int]] = {sign: rank for rank, sign in enumerate(Sign)}
_OF: Final[Mapping[Condition, Sign]] = {
    Condition.IN_SYNC: Sign.IN_SYNC,
    Condition.DRIFTED: Sign.DRIFTED,
    Condition.DEGRADED: Sign.DEGRADED,
    Condition.MISSING: Sign.MISSING,
    Condition.UNKNOWN: Sign.UNKNOWN,
    Condition.BLOCKED: Sign.BLOCKED,
    Condition.UNDECLARED: Sign.UNDECLARED,
}
_STUCK: Final = frozenset({Ailment.CRASH_LOOP, Ailment.FIGHT, Ailment.REFUSED, Ailment.OBSTACLE})
_VERDICTS: Final = (
    *(Sign.STUCK, Sign.DEGRADED, Sign.MISSING, Sign.DRIFTED, Sign.UNKNOWN, Sign.BLOCKED, Sign.RUNNING, Sign.PAUSED),
)


class Row(Struct, frozen=True):
    """One resource on the page. ``level`` is its depth in the tree; ``since`` is in seconds since 1970."""

    address: Address
    sign: Sign
    note: str
    since: float
    level: int
    change: Change
    pause: Pause | None = None
    troubles: tuple[Trouble, ...] = ()
    failures: int = 0
    folded: int = 0

    @property
    def text(self) -> str:
        """The text that a search looks through."""
        return f"{self.address} {self.sign.word} {self.note}".lower()


@dataclass(frozen=True)
class Model:
    """The page's view of one look."""

    scene: Scene
    rows: tuple[Row, ...]
    needs: Needs
    pauses: Mapping[str, Pause]
    needed_by: Mapping[Address, tuple[Address, ...]]
    place: Mapping[Address, int] = field(default_factory=dict)

    @cached_property
    def counts(self) -> Mapping[Sign, int]:
        return Counter(row.sign for row in self.rows)

    @cached_property
    def verdict(self) -> Sign:
        """The worst state. What is not known is never in sync."""
        counts = self.counts
        if self.scene.state.unknown and not any(counts[sign] for sign in _VERDICTS[:4]):
            return Sign.UNKNOWN
        return next((sign for sign in _VERDICTS if counts[sign]), Sign.IN_SYNC)

    @cached_property
    def since(self) -> float:
        """The time since which the verdict holds: that of the resource that has been so for longest; if all is well, of
        the last that became so."""
        times = [row.since for row in self.rows if row.sign is self.verdict]
        if not times:
            return self.scene.at
        return max(times) if self.verdict is Sign.IN_SYNC else min(times)

    def wrong(self) -> list[Row]:
        """The rows that are not in sync, the worst first; all of one server that hide for one reason are one row."""
        wrong = sorted((row for row in self.rows if row.sign is not Sign.IN_SYNC), key=lambda row: RANK[row.sign])
        alike: dict[object, list[Row]] = {}
        for row in wrong:
            # A server that is away hides hundreds of resources for one reason: one line says it.
            is_alike = row.change.unread and row.sign is Sign.UNKNOWN
            alike.setdefault((row.address.provider, row.note) if is_alike else row.address, []).append(row)
        return [rows[0] if len(rows) == 1 else replace(rows[0], folded=len(rows)) for rows in alike.values()]

    def row(self, address: Address) -> Row | None:
        at = self.place.get(address)
        return None if at is None else self.rows[at]

    def found(self, *, text: str = "", state: str = "", kind: str = "", half: str = "") -> list[Row]:
        """The rows that a search leaves, in the order of the tree."""
        words = text.lower().split()
        return [
            row
            for row in self.rows
            if (not state or row.sign.css == state)
            and (not kind or row.address.kind == kind)
            and (not half or row.address.provider == half)
            and (not words or all(word in row.text for word in words))
        ]

    def tree(self) -> list[Row]:
        """All rows in the order of the tree; many of one kind that are in sync are one counted row."""
        return list(_folded(self.rows))


def model(board: Board, scene: Scene) -> Model:
    """The view of a look, with the pauses of now."""
    changes = {change.address: change for change in scene.look.plan.changes}
    declared = {resource.address: resource for resource in scene.desired}
    needs = needs_of(declared, scene.session.kinds)
    pauses = board.pauses.active(board.wall())
    levels = _levels(scene, needs)
    standings = {each.address: each for each in scene.state.standings}
    troubles: dict[str, list[Trouble]] = {}
    for trouble in scene.state.troubles:
        troubles.setdefault(trouble.subject, []).append(trouble)
    unread = scene.state.unknown
    rows = tuple(
        _row(scene, standings[address], level, changes[address], _Marks(pauses, troubles, unread))
        for address, level in levels
        if address in standings
    )
    return Model(scene, rows, needs, pauses, _needed_by(needs), {row.address: at for at, row in enumerate(rows)})


def _needed_by(needs: Needs) -> Mapping[Address, tuple[Address, ...]]:
    """The same graph from the other side."""
    used: dict[Address, list[Address]] = {}
    for address, wanted in needs.items():
        for need in wanted:
            used.setdefault(need, []).append(address)
    return {address: tuple(users) for address, users in used.items()}


class _Marks(Struct, frozen=True):
    """The marks on resources, by their subjects: pauses, troubles, and the providers that can't be read."""

    pauses: Mapping[str, Pause]
    troubles: Mapping[str, Sequence[Trouble]]
    unread: Collection[str]


def _row(scene: Scene, standing: Standing, level: int, change: Change, marks: _Marks) -> Row:
    address, subject = standing.address, str(standing.address)
    own = tuple(marks.troubles.get(subject, ()))
    failures = scene.failures.get(subject, 0)
    pause = marks.pauses.get(subject) or marks.pauses.get(EVERYTHING)
    sign = _OF[standing.state]
    # From the worst knowledge to the best: what can't be read may be in any state, whatever was seen before.
    if address.provider in marks.unread and sign is not Sign.BLOCKED:
        sign = Sign.UNKNOWN
    elif failures >= TRIES or any(each.ailment in _STUCK for each in own):
        sign = Sign.STUCK
    elif address in scene.state.under_repair:
        sign = Sign.RUNNING
    # A pause of what is as declared changes nothing, and would hide that all is well.
    elif pause and sign is not Sign.IN_SYNC:
        sign = Sign.PAUSED
    return Row(address, sign, standing.note, scene.since[address], level, change, pause, own, failures)


def _levels(scene: Scene, needs: Needs) -> list[tuple[Address, int]]:
    """The resources in the order of a tree, each with its depth: it hangs below the deepest of what it needs."""
    order = [change.address for change in scene.look.plan.changes]
    depth: dict[Address, int] = {}
    above: dict[Address, Address | None] = {}
    kinds = scene.session.kinds
    for address in order:  # a plan's changes come after what they need
        wanted = [need for need in needs.get(address, {}) if need in depth]
        # A user hangs below its realm, even if a group that it is in lies deeper.
        around = [need for need in wanted if is_within(address, need, kinds)]
        candidates = around or wanted
        parent = max(candidates, key=lambda need: depth[need], default=None)
        above[address], depth[address] = parent, 0 if parent is None else depth[parent] + 1
    below: dict[Address | None, list[Address]] = {}
    for address in order:
        below.setdefault(above[address], []).append(address)
    found: list[tuple[Address, int]] = []
    stack = [(address, 0) for address in reversed(below.get(None, []))]
    while stack:
        address, level = stack.pop()
        found.append((address, level))
        stack += [(child, level + 1) for child in reversed(below.get(address, []))]
    return found


def _folded(rows: Sequence[Row]) -> Iterator[Row]:
    """Runs of healthy siblings of one kind, as one row each where they are many."""
    run: list[Row] = []

    def flushed() -> Iterator[Row]:
        if len(run) >= FOLDED:
            yield replace(run[0], folded=len(run))
        else:
            yield from run
        run.clear()

    for row in rows:
        fits = run and (run[0].address.kind, run[0].level) == (row.address.kind, row.level)
        if row.sign is not Sign.IN_SYNC or not fits:
            yield from flushed()
        if row.sign is Sign.IN_SYNC:
            run.append(row)
        else:
            yield row
    yield from flushed()
