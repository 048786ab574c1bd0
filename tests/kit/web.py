"""A daemon's HTTP without a daemon: a board with a look at resources in memory, and a client of the framework."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from reconciler.core.difference.change import Change
from reconciler.core.execution.report import Event, What, standing
from reconciler.core.history.facts import State as Found
from reconciler.core.history.facts import Trouble, ailing
from reconciler.core.message.errors import Unreachable
from reconciler.core.plan.access import Access as Told
from reconciler.core.plan.access import Matches
from reconciler.core.plan.plan import Plan, Step
from reconciler.core.provider import Hint
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Observed, Origin, Resource, Source
from reconciler.core.resource.values import Spec, Value
from reconciler.history.store import History
from reconciler.providers.memory import MemoryProvider
from reconciler.record import Struct, replace
from reconciler.render.output.writer import Writer
from reconciler.run.commands.doctor import Examination
from reconciler.run.daemon.board import Board
from reconciler.run.daemon.pauses import Pauses
from reconciler.run.lock.lock import Lock
from reconciler.run.session.session import Session
from reconciler.settings import Settings
from reconciler.web.access import Gate, Role, Sessions, hosts_of
from reconciler.web.app import application
from reconciler.web.desk import Desk
from reconciler.web.examinations import Examinations
from reconciler.web.forges import Webhooks
from reconciler.web.metrics import Metrics
from reconciler.web.oidc import Issuer
from tests.kit.clock import TurnedClock

HOST = "http://127.0.0.1:7420"
OPERATOR, READER = "operator-token-0123456789", "reader-token-0123456789"
TOKENS = {OPERATOR: Role.OPERATOR, READER: Role.READER}
HTML = {"accept": "text/html"}
BOX = Address("memory.box", ("a",))
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


class Log:
    """The lines that were logged."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, Mapping[str, Any]]] = []

    def __getattr__(self, level: str) -> Any:
        return lambda event, **fields: self.lines.append((level, event, fields))


class Access(Struct):
    """The access of users: what the client `app` is told of each, by name."""

    users: Mapping[str, Spec] = {}
    groups: Sequence[str] = ()
    told: Mapping[str, Sequence[str]] = {}
    logins: Sequence[str] = ("app",)

    @property
    def clients(self) -> Sequence[str]:
        return ("app",)

    def open_clients(self) -> Sequence[str]:
        return self.logins

    def entries(self, user: str, _clients: Collection[str] = ()) -> Iterator[Told]:
        roles = dict.fromkeys(self.told.get(user, ()), ("",))
        yield Told("shop", user, ("app",), roles, ())


class Programs(MemoryProvider):
    """Resources in memory that write logs and can be restarted, and users that are searched."""

    lines: Sequence[str] = ("first line", "second line")

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        super().__init__(resources)
        self.restarted: list[str] = []
        self.before, self.after, self.asked = Access(), Access(), list[str]()

    def logs(self, _name: str, *, tail: int | None, follow: bool, timestamps: bool) -> Iterator[str]:
        assert timestamps
        assert not follow
        yield from self.lines[-(tail or 0) :]

    def log_names(self, services: Sequence[str] = ()) -> Sequence[str]:
        return services

    user_kind, group_kind = "memory.client", "memory.box"

    def users_found(self, realm: str, text: str, *, most: int) -> Matches:
        self.asked.append(f"users {realm} {text}")
        found = [name for name in self.before.users if text in name]
        return Matches(tuple(found[:most]), len(found))

    def groups_found(self, realm: str, text: str, *, most: int) -> Matches:
        self.asked.append(f"groups {realm} {text}")
        found = [path for path in self.before.groups if text in path]
        return Matches(tuple(found[:most]), len(found))

    def members_found(self, realm: str, group: str, *, most: int) -> Matches:
        self.asked.append(f"members {realm} {group}")
        return Matches(tuple(self.before.users)[:most], len(self.before.users))

    def grants_of_user(self, realm: str, user: str, _changes: Sequence[Change]) -> tuple[Access, Access]:
        self.asked.append(f"grants {realm} {user}")
        if not self.is_up:
            raise Unreachable("the users are away")
        return self.before, self.after

    grants_of_group = grants_of_user

    def restart(self, name: str, *, timeout_s: int | None) -> None:
        assert timeout_s is None
        self.restarted.append(name)

    def attached(self, _document: Document) -> Mapping[str, Collection[str]]:
        return {}


class Stage:
    """A desk over resources in memory, and what was asked of the daemon."""

    def __init__(
        self,
        folder: Path,
        resources: Iterable[Resource] = (),
        live: Iterable[Observed] = (),
        *,
        tokens: Mapping[str, Role] | None = None,
        public_url: str = "",
        webhook_secrets: Sequence[str] = (),
        stack: Spec | None = None,
        realms: Sequence[Spec] | None = None,
        issuer: Issuer | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.provider, self.log, self.asked = Programs(resources), Log(), list[Hint]()
        self.provider.live = {each.address: each for each in live}
        self.writer, self.time = Writer(), 1_790_000_000.0
        self.board = Board(wall=lambda: self.time, ask=self.asked.append, pauses=Pauses(folder / "pauses.json"))
        clock, settings = TurnedClock(), Settings(folder)
        document = Document("shop", str(folder), lambda _path: Origin("stack.yaml"), stack, realms)
        self.history = History(folder / "history.db")
        self.session = Session(
            settings, document, (), {"memory": self.provider}, clock, Lock(clock), known=self.writer.known,
            history=self.history,
        )  # fmt: skip
        metrics = Metrics(self.board, self.writer.line)
        hosts = hosts_of("127.0.0.1", public_url, ())
        gate = Gate(hosts, tokens or {}, issuer is not None, Sessions(now), now=now)
        hooks = Webhooks(webhook_secrets)
        self.desk = Desk(self.board, gate, self.writer, self.log, metrics, hooks, public_url=public_url, issuer=issuer)
        self.desk.wall = self.board.under_way.wall = lambda: self.time
        self.examination = Examination((), ())
        self.desk.examinations = Examinations(lambda: self.examination, lambda: self.time)

    def look(self, *troubles: Trouble, under_repair: Iterable[Address] = ()) -> None:
        """Have the daemon look once."""
        reconciler = replace(self.session.reconciler(), defers=True)
        look = reconciler.look()
        standings = tuple(map(standing, look.plan.changes))
        found = (*ailing(look.plan), *troubles)
        number = self.board.scene.number if self.board.scene else 0
        state = Found(number + 1, 0.0, standings, found, frozenset(under_repair), frozenset(look.unread))
        self.board.show(self.session, look, state, reconciler.desired(), {each.key: 60.0 for each in found})

    def repair(self, *words: str, note: str = "") -> None:
        """Have a pass under way: its first step is done, the second one goes on, the rest waits."""
        addresses = [Address("memory.box", (word,)) for word in words]
        steps = tuple(Step(f"{each}#start", each, "start") for each in addresses)
        under_way = self.board.under_way
        under_way.begin("p1", ("resync",), Plan((), steps))
        for step, what in zip(steps, (What.DONE, What.PENDING), strict=False):
            under_way.happened("p1", Event(step, what, note, 1.5))

    def examined(self) -> None:
        """Wait for the end of an examination that has begun."""
        deadline = time.monotonic() + 10
        while self.desk.examinations and self.desk.examinations.begun and time.monotonic() < deadline:
            time.sleep(0.01)

    def client(self, token: str = "", *, host: str = HOST, address: str = "127.0.0.1") -> TestClient:
        """A visitor, by a token or without one."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        app = application(self.desk)
        return TestClient(
            app,
            base_url=host,
            headers=headers,
            client=(address, 50_000),
            follow_redirects=False,
            raise_server_exceptions=False,
        )

    def commands(self) -> list[tuple[str, str, int | None]]:
        """The recorded acts, oldest first: what, by whom, and how it ended."""
        return [(run.command, run.user, run.exit) for run, _ in reversed(self.history.runs())]


def box(name: str, *parents: str, **fields: Value) -> Resource:
    """A declared resource, from a line of a file."""
    address = Address("memory.box", (name,))
    after = {Address("memory.box", (parent,)): "" for parent in parents if parent}
    return Resource(address, fields, after, lambda path: Source(".".join(path), lambda: Origin("stack.yaml", 7, 3)))


def living(name: str, **fields: Value) -> Observed:
    """A live resource."""
    address = Address("memory.box", (name,))
    return Observed(address, name, {"leftover": "", **fields})


def form_token(page: str) -> str:
    """The token of the first form of a page."""
    found = _TOKEN.search(page)
    assert found, page
    return found[1]


def shown(stage: Stage, path: str, token: str = "") -> str:
    """A view as a visitor with this token gets it."""
    answer = stage.client(token).get(path, headers=HTML)
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def words(html: str) -> str:
    """The text of a page as a reader sees it."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))
