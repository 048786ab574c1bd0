"""The facts that the daemon finds: differences, repairs, troubles, and their end. Listeners get each once.

The log is one listener; a history or metrics are others. Values are as the plan shows them: secrets stay sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, TypeAlias

from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.compare import FieldChange
from reconciler.core.execution.report import Standing
from reconciler.core.history.author import Author
from reconciler.core.plan.plan import Plan
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Health
from reconciler.core.resource.values import Path
from reconciler.record import Struct, field


class Difference(Struct, frozen=True):
    """A field that differs, reported once for as long as it does; ``field`` is None where the resource as a whole does.

    ``events`` are the hints that were about this resource. ``left`` says why it is not repaired, "" if it is. ``why``
    is what triggered the pass, and ``authors`` did it, as far as a server records that.
    """

    pass_id: str
    change: Change
    field: FieldChange | None = None
    events: tuple[str, ...] = ()
    left: str = ""
    why: tuple[str, ...] = ()
    authors: tuple[Author, ...] = ()


class Repair(Struct, frozen=True):
    """The end of a repair; ``seconds`` since it began, ``error`` where it failed, and then when it is due again.

    ``outage_s`` are the seconds from when it was found not to serve, or was stopped, to when it served again; None
    where it served all the time. ``result`` is that of the history.
    """

    pass_id: str
    change: Change
    seconds: float
    error: str = ""
    failures: int = 0
    retry_in_s: float = 0.0
    result: str = "done"
    outage_s: float | None = None
    why: tuple[str, ...] = ()
    authors: tuple[Author, ...] = ()


class Unfinished(Struct, frozen=True):
    """A repair that a stop has cut off; the next run finishes it."""

    pass_id: str
    address: Address
    note: str = ""
    change: Change | None = None
    why: tuple[str, ...] = ()


class Ailment(Enum):
    """The kind of a trouble, in the words of the log."""

    UNHEALTHY = "unhealthy"
    CRASH_LOOP = "crash loop"
    FIGHT = "changed against us again and again"
    UNDECLARED = "not declared, left alone"
    UNREAD = "can't be read"
    REFUSED = "refused"
    WRONG_REVISION = "revision can't be used, the last right one stays in force"
    HELD_BACK = "differs, and is left as it is"
    OBSTACLE = "can't be done"
    UNRECORDED = "history is not kept"
    UNDECIDED_FILE = "new files wait until a server can be asked, the last right ones stay in force"
    WRONG_FILE = "file is wrong, the last right one stays in force"


class Trouble(Struct, frozen=True):
    """Something wrong that lasts: reported when it begins, when its ``mark`` changes, and when it is over.

    ``subject`` is an address, a provider or a file. ``details`` are further facts with fixed names.
    """

    ailment: Ailment
    subject: str
    note: str
    mark: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[Ailment, str]:
        return self.ailment, self.subject


class Over(Struct, frozen=True):
    """The end of a trouble, after so many seconds."""

    trouble: Trouble
    seconds: float


class Pass(Struct, frozen=True):
    """The end of a pass that did something."""

    pass_id: str
    why: tuple[str, ...]
    repaired: int
    failed: int
    unfinished: int
    seconds: float
    error: str = ""


Fact: TypeAlias = Difference | Repair | Unfinished | Trouble | Over | Pass
Listener: TypeAlias = Callable[[Fact], None]
"""Whoever wants to know; called by the daemon's loop, one fact after the other."""


def differing(change: Change) -> Iterator[FieldChange | None]:
    """The differences of a change: its fields, or None for a resource that is missing or not declared."""
    if change.action is Action.KEEP or change.action is Action.DEFERRED:
        return
    fields = change.fields if change.observed and change.desired else ()
    yield from fields or (None,)


def fields_of(change: Change) -> frozenset[str]:
    """The names of the fields of a change, or that of its action where the resource as a whole differs.

    What has to be started differs in nothing else that could come back: its name is that of the action.
    """
    if change.action in (Action.START, Action.RUN):
        return frozenset({change.action.value})
    return frozenset(".".join(each.path) if each else change.action.value for each in differing(change))


def ailing(plan: Plan) -> Iterator[Trouble]:
    """The troubles that the plan itself shows: ill resources that are as declared, those that no file declares, and
    what is refused or can't be done."""
    for refusal in plan.refusals:
        yield Trouble(Ailment.REFUSED, str(refusal.address or "plan"), str(refusal), str(refusal))
    for obstacle in plan.obstacles:
        yield Trouble(Ailment.OBSTACLE, str(obstacle.address or "plan"), str(obstacle), str(obstacle))
    for change in plan.changes:
        live, subject = change.observed, str(change.address)
        # A resource with a change in the plan is reported as a difference, and not as ill.
        if live is None or change.action is not Action.KEEP:
            continue
        if change.desired is None:
            yield Trouble(Ailment.UNDECLARED, subject, "not declared")
        elif live.status.health is Health.FAILED:
            yield Trouble(Ailment.UNHEALTHY, subject, live.status.note)


class State(Struct, frozen=True):
    """The state of the project as the daemon's last look found it; ``at`` is by the daemon's clock.

    ``unread`` are the providers that were not read. That is no trouble as long as the daemon brings up their server.
    """

    passes: int = 0
    at: float = 0.0
    standings: tuple[Standing, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    under_repair: frozenset[Address] = frozenset()
    unread: frozenset[str] = frozenset()

    @property
    def unknown(self) -> frozenset[str]:
        """The providers of whose resources nothing is known now."""
        return self.unread | {each.subject for each in self.troubles if each.ailment is Ailment.UNREAD}


class Open:
    """The differences and troubles that last, so that each is reported once."""

    def __init__(self) -> None:
        self._differences: set[tuple[Address, Path | None, str, str]] = set()
        self.troubles: dict[tuple[Ailment, str], tuple[Trouble, float]] = {}

    def new_differences(
        self, changes: Iterable[Change], busy: Collection[Address], unread: Collection[str] = ()
    ) -> list[tuple[Change, FieldChange | None]]:
        """The differences that the last look did not have. Those of resources under repair, and of providers that were
        not read, are left as they were."""
        found = {
            (change.address, each.path if each else None, *_ends(change, each)): (change, each)
            for change in changes
            for each in differing(change)
        }
        new = [pair for key, pair in found.items() if key not in self._differences]
        # Nobody has seen that these are over, so they stay and are not reported anew.
        unseen = (key for key in self._differences if key[0] in busy or key[0].provider in unread)
        self._differences = {*found, *unseen}
        return new

    def unseen(
        self, unread: Collection[str], found: Collection[tuple[Ailment, str]]
    ) -> dict[tuple[Ailment, str], Trouble]:
        """The troubles of resources whose providers were not read, which may last; not those found once more."""
        return {
            key: trouble
            for key, (trouble, _) in self.troubles.items()
            if key not in found and key[0] is not Ailment.UNREAD and key[1].partition(".")[0] in unread
        }

    def replaced_troubles(self, found: Mapping[tuple[Ailment, str], Trouble], now: float) -> Iterator[Trouble | Over]:
        """The troubles that are new or changed, and the end of those that are not found any more."""
        for key, (trouble, began) in list(self.troubles.items()):
            if key not in found:
                del self.troubles[key]
                yield Over(trouble, now - began)
        for key, trouble in found.items():
            known, began = self.troubles.get(key, (None, now))
            self.troubles[key] = trouble, began
            # The mark is what makes a trouble worth another report; its words may change with every look.
            if known is None or known.mark != trouble.mark:
                yield trouble


def _ends(change: Change, each: FieldChange | None) -> tuple[str, str]:
    """Both values of a difference as texts, because not all can be hashed."""
    return (repr(each.before), repr(each.after)) if each else (change.action.value, "")
