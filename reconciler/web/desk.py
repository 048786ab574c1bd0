"""The desk: all that the endpoints need, and the acts of a visitor, each in the history with who asked for it."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

from starlette.requests import Request
from starlette.responses import Response

from reconciler.core.difference.change import Change
from reconciler.core.history.facts import Ailment
from reconciler.core.history.records import Run
from reconciler.core.message.errors import ReconcileError
from reconciler.core.plan.restraint import LONGEST_PAUSE_S
from reconciler.core.provider import Hint, Restarter
from reconciler.core.resource.address import Address
from reconciler.record import Struct, field
from reconciler.render.output.writer import Writer
from reconciler.render.plan.jsonplan import checksum
from reconciler.run.daemon.board import Board, Scene
from reconciler.run.daemon.pauses import EVERYTHING, Pause
from reconciler.web.access import Gate, Role, Visitor
from reconciler.web.examinations import Examinations
from reconciler.web.forges import Webhooks
from reconciler.web.metrics import Metrics
from reconciler.web.oidc import Issuer

MOST_STREAMS: Final = 64
MOST_NAMED: Final = 20


class Wrong(Exception):
    """A request that can't be granted: an HTTP status, and a sentence that says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Templates(Protocol):
    """The pages of a daemon."""

    def html(self, template: str, visitor: Visitor, zone: str = "", /, *, status: int = 200, **values: Any) -> Response:
        """A page. ``zone`` is the name of the reader's time zone."""
        ...


class Desk(Struct):
    """The daemon as the endpoints see it. ``log`` gets refusals and faults; ``is_over`` is set when the daemon ends."""

    board: Board
    gate: Gate
    writer: Writer
    log: Any
    metrics: Metrics
    webhooks: Webhooks = field(default_factory=Webhooks)
    is_over: threading.Event = field(default_factory=threading.Event)
    wall: Callable[[], float] = time.time
    public_url: str = ""
    streams: int = 0
    salt: str = field(default_factory=lambda: secrets.token_hex(8))
    model: tuple[object, object] = (None, None)
    templates: Templates | None = None
    issuer: Issuer | None = None
    examinations: Examinations | None = None
    slow_calls: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(4))

    @property
    def pages(self) -> Templates:
        """The templates, which the application has put here."""
        assert self.templates
        return self.templates

    @property
    def scene(self) -> Scene:
        """The last look; raises Wrong before the first one."""
        if self.board.scene is None:
            raise Wrong(503, f"The first look is not finished. {self.board.error}".strip())
        return self.board.scene

    # -------------------------------------------------------------- acts

    def sync(self, visitor: Visitor, via: str) -> None:
        """Have the daemon look at once."""
        with self._recorded("sync", visitor, via):
            self.board.ask(Hint(f"sync by {visitor.name}", is_order=True))

    def pause(self, visitor: Visitor, via: str, subject: str, reason: str, seconds: float) -> Pause:
        """Have the daemon leave a resource alone for so long."""
        self._require_subject(subject)
        if not reason.strip():
            raise Wrong(422, "A pause needs a reason.")
        if not 0 < seconds <= LONGEST_PAUSE_S:
            raise Wrong(422, f"A pause lasts at most {LONGEST_PAUSE_S / 86_400:g} days.")
        now = self.wall()
        made = Pause(subject, visitor.name, reason.strip()[:500], now, now + seconds)
        with self._recorded(f"pause {_named(subject)}", visitor, f"{via}, for {seconds:g} s: {made.reason}"):
            self._kept(lambda: self.board.pauses.add(made))
            self.board.ask(Hint(f"pause by {visitor.name}"))
        return made

    def resume(self, visitor: Visitor, via: str, subject: str) -> None:
        """End a pause."""
        if subject not in self.board.pauses.active(self.wall()):
            raise Wrong(404, f"{_named(subject)} is not paused.")
        with self._recorded(f"resume {_named(subject)}", visitor, via):
            self._kept(lambda: self.board.pauses.end(subject, self.wall()))
            self.board.ask(Hint(f"resume by {visitor.name}"))

    def restart(self, visitor: Visitor, via: str, subject: str, source: Restarter, names: Sequence[str]) -> None:
        """Restart a program and those that restart with it, in order, while no other run acts on the project."""
        along = f", and with it {', '.join(names[1:])}" if names[1:] else ""
        # Shared with the daemon's repairs, and not with a run of the command line: see run/lock.
        with self._recorded(f"restart {subject}", visitor, f"{via}{along}"), self.board.shared():
            for name in names:
                source.restart(name, timeout_s=None)

    def approve(self, visitor: Visitor, via: str, mark: str) -> Sequence[Change]:
        """Have the daemon carry out what its policy holds back of the plan with this checksum, once."""
        board, plan = self.board, self.scene.look.plan
        if not board.leads or not board.heals:
            raise Wrong(409, "This daemon repairs nothing.")
        # A person approves what was shown. Between that and the click a look may have found something else.
        if mark != checksum(plan, self.scene.project, self.scene.session.kinds):
            raise Wrong(409, "The plan is another one by now. Look at it again.")
        held = {each.subject for each in self.scene.state.troubles if each.ailment is Ailment.HELD_BACK}
        changes = [each for each in plan.changes if str(each.address) in held and each.acts]
        if not changes:
            raise Wrong(409, "The policy holds nothing back.")
        with self._recorded(f"approve {mark}", visitor, f"{via}: {_few(changes)}"):
            board.approve(changes, visitor.name)
            board.ask(Hint(f"approval by {visitor.name}"))
        return changes

    def examine(self, visitor: Visitor, via: str) -> None:
        """Have the doctor look for the cause of trouble; the result is shown when it is there."""
        if self.examinations is None:
            raise Wrong(404, "This daemon has no doctor.")
        if not self.examinations.begin(visitor.name, lambda: self._recorded("doctor", visitor, via)):
            raise Wrong(409, "The doctor is at work already.")

    def refused(self, visitor: Visitor, what: str, why: str) -> None:
        """Report an act that was not allowed."""
        self.log.warning("request refused", request=what, user=visitor.name, address=visitor.address, reason=why)

    def _kept(self, keep: Callable[[], object]) -> None:
        try:
            keep()
        except OSError as error:
            raise Wrong(500, f"The pauses can't be written: {error.strerror}.") from error

    def _require_subject(self, subject: str) -> None:
        if subject != EVERYTHING and address_of(subject) not in self.scene.since:
            raise Wrong(404, f"There is no resource {subject}.")

    @contextmanager
    def _recorded(self, command: str, visitor: Visitor, trigger: str) -> Iterator[None]:
        """Write the act into the history before it is done, and how it ended."""
        history = self.scene.session.history
        began, clean = self.wall(), self.writer.line
        # Written first: of an act that kills the daemon there is still a record.
        number = history.begin(Run(0, clean(command), began, clean(visitor.name), visitor.address, clean(trigger)))
        self.log.info("request", command=command, user=visitor.name, address=visitor.address, trigger=trigger)
        code = 1
        try:
            yield
            code = 0
        except ReconcileError as error:
            raise Wrong(502, str(error)) from error
        finally:
            now = self.wall()
            history.end(number, code=code, seconds=round(now - began, 3), now=now)


class Call(Struct, frozen=True):
    """One request that has passed the gate."""

    desk: Desk
    request: Request
    visitor: Visitor
    body: bytes = b""

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query_params


class Route(Struct, frozen=True):
    """One row of the table of routes: nothing is served that is not a row, and no row is without a role.

    A ``quick`` one answers from memory and runs in the loop itself, so that it never waits for a slow one. ``body`` is
    the most that it reads. ``signed`` ones bring their own proof, as webhooks do. ``summary`` is for the OpenAPI
    document, and "" for what is no part of it.
    """

    method: str
    path: str
    role: Role
    call: Callable[[Call], Response]
    summary: str = ""
    quick: bool = False
    body: int = 0
    form: bool = False
    signed: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    request: Mapping[str, Any] = field(default_factory=dict)


def natural(text: str, *, most: int) -> int | None:
    """A number of a request, None for what is none or too large."""
    # `isdecimal` alone takes digits of other scripts, and `int` needs quadratic time for very long texts.
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
    return int(text) if is_number and int(text) <= most else None


def address_of(text: str) -> Address | None:
    try:
        return Address.parse(text)
    except ValueError:
        return None


def _few(changes: Sequence[Change]) -> str:
    """The first addresses, for a line of the history."""
    named = ", ".join(str(each.address) for each in changes[:MOST_NAMED])
    more = len(changes) - MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named


def _named(subject: str) -> str:
    return "everything" if subject == EVERYTHING else subject
