"""The simulated server: realms, routes, tokens, and how a request finds its handler."""

from __future__ import annotations

import json
import pickle
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, quote, unquote

from tests.kit.keycloak.simulator import authorization, clients, flows, people, services, settings
from tests.kit.keycloak.simulator.recorded import recorded
from tests.kit.keycloak.simulator.state import (
    Given,
    Handler,
    Made,
    Numbers,
    Realm,
    Refusal,
    conflict,
    missing,
    refused,
)

_ADMIN: Final = "admin/realms"
Interference: TypeAlias = Callable[[int, str], None]
_ROUTES: Final[Mapping[str, Handler]] = {
    **settings.ROUTES,
    **services.ROUTES,
    **people.ROUTES,
    **clients.ROUTES,
    **flows.ROUTES,
    **authorization.ROUTES,
}


def _pattern(route: str) -> re.Pattern[str]:
    return re.compile(re.escape(route).replace(r"\{\}", "([^/]+)").replace(r"\{\*\}", "(.+)"))


_COMPILED: Final = [(_pattern(route), handler) for route, handler in _ROUTES.items()]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it goes over the line."""

    status: int
    content: bytes = b""
    location: str = ""

    @property
    def body(self) -> Any:
        return json.loads(self.content) if self.content else None


def _nothing(_number: int, _call: str) -> None:
    """Nobody interferes."""


@dataclass
class SimulatedKeycloak:
    """A Keycloak in memory.

    ``calls`` are all requests but those for tokens, ``METHOD path``; ``before`` and ``after`` are called with the
    number of each, from 1, and may raise: then nothing has happened, or nobody hears of it.
    """

    realms: dict[str, Realm] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    before: Interference = _nothing
    after: Interference = _nothing
    numbers: Numbers = field(default_factory=Numbers)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def request(self, method: str, path: str, body: Any = None) -> Answer:
        """One request after the other, as if each were a transaction."""
        with self._lock:
            path, _, query = path.partition("?")
            number, call = len(self.calls) + 1, f"{method} {path}"
            self.before(number, call)
            self.calls.append(call)
            answer = self._answer(method, path, dict(parse_qsl(query, keep_blank_values=True)), body)
            self.after(number, call)
            return answer

    def _answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Answer:
        try:
            found = self._found(method, path, query, body)
        except Refusal as refusal:
            return Answer(refusal.status, _sent(refusal.body))
        match found:
            case None:
                return Answer(204)
            case Made(name, made):
                return Answer(201, b"" if made is None else _sent(made), f"/{path}/{name}")
            case _:
                return Answer(200, _sent(found))

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if is_write(call)]

    def _found(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Any:
        if path == "admin/serverinfo":
            return recorded()["info"]
        if path == _ADMIN and method == "POST":
            return self._new_realm(body)
        name, _, below = path.removeprefix(f"{_ADMIN}/").partition("/")
        realm = self.realms.get(unquote(name))
        if realm is None:
            raise missing("Realm not found.")
        if method == "DELETE" and not below:
            del self.realms[realm.name]
            return None
        handler, names = _route(f"{method} /{below}" if below else f"{method} ")
        return handler(realm, Given(names, query, body))

    def _new_realm(self, body: Any) -> Made:
        name = body.get("realm")
        if not name:
            raise refused("Realm name cannot be empty")
        if name in self.realms:
            raise conflict(f"Realm {name} already exists")
        self.realms[name] = settings.new_realm(body, self.numbers)
        return Made(name)

    def exported(self, name: str) -> Mapping[str, Any]:
        """A realm as its export has it, asked for by nobody."""
        query = {"exportClients": "true", "exportGroupsAndRoles": "true"}
        found: Mapping[str, Any] = self._answer("POST", f"{_ADMIN}/{quote(name)}/partial-export", query, {}).body
        return found

    def takes(self, realm: str, username: str, password: str) -> bool:
        """Returns whether this is the password of a user."""
        own = self.realms[realm].users.values() if realm in self.realms else ()
        passwords = (each["value"] for user in own if user["username"] == username for each in user["credentials"])
        return password in passwords

    # -------------------------------------------------------------- as it was

    def saved(self) -> bytes:
        """All realms, to go back to."""
        return pickle.dumps((self.realms, self.numbers))

    @classmethod
    def restored(cls, saved: bytes) -> SimulatedKeycloak:
        """A server with realms of its own, as they were when they were saved."""
        realms, numbers = pickle.loads(saved)
        return cls(realms, numbers=numbers)


def _sent(body: Any) -> bytes:
    return json.dumps(body).encode()


def is_write(call: str) -> bool:
    """Returns whether a request may change something; an export only reads."""
    return not call.startswith("GET ") and not call.endswith("/partial-export")


def _route(request: str) -> tuple[Handler, tuple[str, ...]]:
    for pattern, handler in _COMPILED:
        if match := pattern.fullmatch(request):
            return handler, tuple(map(unquote, match.groups()))
    raise NotImplementedError(f"nobody asks for {request} here")
