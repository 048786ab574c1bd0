"""Visitors: their roles, and the checks that a request passes before anything of it is read."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from reconciler.core.resource.values import Secret
from reconciler.record import Struct

IDLE_S: Final = 1_800.0
LONGEST_S: Final = 36_000.0
CONFIRM_S: Final = 300.0
"""The time after which the roles of a session are asked for again at the issuer."""

UNCONFIRMED_S: Final = 3_600.0
"""A session ends if its roles can't be confirmed for so long."""

MOST_SESSIONS: Final = 500
TRIES: Final = 10
"""So many wrong tokens from all addresses together are answered within a minute; then everybody has to wait."""

TRIES_WITHIN_S: Final = 60.0
LEAST_TOKEN: Final = 16
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_SAFE: Final = frozenset({"GET", "HEAD"})
BY_ITSELF: Final = "x-by-itself"
"""The header of requests that a page makes without its reader: they don't keep a session from its end."""

_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


class Role(IntEnum):
    """The rights of a visitor; each has those before it."""

    ANYONE = 0
    READER = 1
    OPERATOR = 2


class Visitor(Struct, frozen=True):
    """The person or program behind a request. ``how`` names the way in; ``session`` is the id of a session, or ""."""

    name: str
    role: Role
    how: str = ""
    session: str = ""
    address: str = ""


@dataclass(slots=True)
class LoginSession:
    """A person who has logged in. Times are by the monotonic clock.

    With a ``refresh_token`` the issuer is asked again: ``asked`` is the last time, ``confirmed`` that of an answer.
    ``subject`` and ``sid`` are the issuer's ids of the person and of its own session.
    """

    name: str
    role: Role
    how: str
    began: float
    used: float
    longest_s: float = LONGEST_S
    refresh_token: Secret | None = field(default=None, repr=False)
    asked: float = 0.0
    confirmed: float = 0.0
    subject: str = ""
    sid: str = ""

    def is_over(self, now: float) -> bool:
        is_unconfirmed = self.refresh_token is not None and now - self.confirmed > UNCONFIRMED_S
        return now - self.used > IDLE_S or now - self.began > self.longest_s or is_unconfirmed


class Sessions:
    """The sessions of this process, by the digest of their ids: the ids themselves are kept nowhere."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._sessions = now, dict[str, LoginSession]()

    def begin(
        self,
        name: str,
        role: Role,
        how: str,
        *,
        longest_s: float = LONGEST_S,
        refresh_token: Secret | None = None,
        subject: str = "",
        sid: str = "",
    ) -> str:
        """Begin a session; returns its new id."""
        now, identity = self._now(), secrets.token_urlsafe(32)
        self._expire(now)
        # A dict keeps the order of insertion: the session that began first ends.
        while len(self._sessions) >= MOST_SESSIONS:
            self._sessions.pop(next(iter(self._sessions)))
        made = LoginSession(name, role, how, now, now, longest_s, refresh_token, now, now, subject, sid)
        self._sessions[_digest(identity)] = made
        return identity

    def of(self, identity: str, *, is_use: bool = True) -> LoginSession | None:
        """The session with this id. It counts as used now, unless a page asks by itself."""
        now = self._now()
        self._expire(now)
        found = self._sessions.get(_digest(identity)) if identity else None
        if found and is_use:
            found.used = now
        return found

    def due(self, identity: str) -> LoginSession | None:
        """The session, if its roles are to be asked for again; whoever gets it is the one to ask."""
        now, found = self._now(), self._sessions.get(_digest(identity)) if identity else None
        if found is None or found.refresh_token is None or now - found.asked < CONFIRM_S:
            return None
        # Noted before the answer: requests of one page come together, and one question is enough for all.
        found.asked = now
        return found

    def renew(self, session: LoginSession, role: Role, refresh_token: Secret | None) -> None:
        """The issuer has said that the session goes on, with this role."""
        session.role, session.confirmed = role, self._now()
        # An issuer that does not rotate refresh tokens sends none again.
        session.refresh_token = refresh_token or session.refresh_token

    def end(self, identity: str) -> LoginSession | None:
        return self._sessions.pop(_digest(identity), None)

    def end_those_of(self, subject: str, sid: str) -> list[str]:
        """End the sessions of one session at the issuer, or all of a person without a ``sid``; returns their names."""
        ended = [
            digest
            for digest, each in self._sessions.items()
            if (each.sid == sid if sid else bool(subject) and each.subject == subject)
        ]
        return [self._sessions.pop(digest).name for digest in ended]

    def _expire(self, now: float) -> None:
        for digest in [digest for digest, each in self._sessions.items() if each.is_over(now)]:
            del self._sessions[digest]


class Brake:
    """The limit of wrong guesses: it slows down whoever guesses, and locks nobody out for long."""

    def __init__(self, most: int = TRIES, within_s: float = TRIES_WITHIN_S) -> None:
        self._most, self._within_s, self._failures = most, within_s, list[float]()

    def is_on(self, now: float) -> bool:
        # Not by address: a guesser has many of them, and behind a proxy everybody has the same one.
        self._failures = [at for at in self._failures if now - at < self._within_s][-self._most :]
        return len(self._failures) >= self._most

    def failed(self, now: float) -> None:
        self._failures.append(now)


@dataclass(slots=True)
class Gate:
    """The rules of who may do what.

    ``tokens`` are those of the API and of the local login: token → role. Without tokens and without a login everybody
    who reaches the loopback address directly is an operator. ``hosts`` are the names under which the page is reached.
    ``has_login`` says that a login at an issuer is set up.
    """

    hosts: frozenset[str]
    tokens: Mapping[str, Role] = field(default_factory=dict, repr=False)
    has_login: bool = False
    sessions: Sessions = field(default_factory=Sessions)
    brake: Brake = field(default_factory=Brake)
    now: Callable[[], float] = time.monotonic
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def knows_host(self, host: str) -> bool:
        """Returns whether the page is meant to be reached by this name: a rebound name of elsewhere is not."""
        name = urlsplit(f"//{host}").hostname if host else None
        return name is not None and _bracketed(name) in self.hosts

    @property
    def needs_login(self) -> bool:
        return bool(self.tokens) or self.has_login

    def visitor(self, headers: Mapping[str, str], cookie: str, address: str) -> Visitor:
        """The visitor behind a request with these headers and this session cookie."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            role = self.admit(token.strip())
            return Visitor("token", role, "token", address=address)
        if session := self.sessions.of(cookie, is_use=BY_ITSELF not in headers):
            return Visitor(session.name, session.role, session.how, cookie, address)
        # Behind a proxy every peer is on the loopback address, so that address says nothing of a forwarded request.
        if self.needs_login or not _is_loopback(address) or any(name in headers for name in _FORWARDED):
            return Visitor("", Role.ANYONE, address=address)
        return Visitor("local user", Role.OPERATOR, "loopback", address=address)

    def admit(self, token: str) -> Role:
        """The role of whoever comes with a token. A wrong one is counted; after too many, nobody has a role."""
        # The brake is asked first: a right guess among too many must look like a wrong one.
        if self.brake.is_on(self.now()):
            return Role.ANYONE
        role = self.role_of(token)
        if role is Role.ANYONE:
            self.brake.failed(self.now())
        return role

    def role_of(self, token: str) -> Role:
        """The role of a token, by comparisons that take the same time for each; ANYONE for a wrong one."""
        # Digests have one length: a comparison of texts would give away the length of the token.
        given = sha256(token.encode()).digest()
        found = [
            role for known, role in self.tokens.items() if hmac.compare_digest(sha256(known.encode()).digest(), given)
        ]
        return found[0] if found else Role.ANYONE

    def csrf_token(self, visitor: Visitor) -> str:
        """A token for the forms of this visitor; another one each time, so that compression gives nothing away."""
        salt = secrets.token_hex(8)
        return f"{salt}.{self._signature(salt, visitor)}"

    def is_csrf_token(self, token: str, visitor: Visitor) -> bool:
        salt, _, signature = token.partition(".")
        return hmac.compare_digest(signature.encode(), self._signature(salt, visitor).encode())

    def _signature(self, salt: str, visitor: Visitor) -> str:
        # Bound to the session: a form that was loaded before a login is no form of the person who has logged in.
        who = visitor.session or visitor.how
        return hmac.new(self._key, f"{salt} {who}".encode(), sha256).hexdigest()


def is_safe(method: str) -> bool:
    """Returns whether requests of this method change nothing."""
    return method in _SAFE


def is_same_origin(headers: Mapping[str, str]) -> bool:
    """Returns whether a request comes from a page of ours, or from a program that is no browser.

    A page of another port or subdomain is ``same-site``, and that is not enough.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    # Browsers of before 2023 send no Sec-Fetch-Site, yet each of them sends Origin along with a POST.
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def hosts_of(listen: str, public_url: str, more: Collection[str]) -> frozenset[str]:
    """The names under which the page is reached: loopback, the address that it listens on, and those given."""
    own = {_bracketed(listen)} if listen and not _is_wildcard(listen) else set()
    public = urlsplit(public_url).hostname if public_url else None
    return frozenset({*_LOOPBACK, *own, *map(str.lower, more), *([_bracketed(public)] if public else [])})


def is_loopback_name(host: str) -> bool:
    """Returns whether nobody outside of this machine reaches what listens there."""
    return host == "localhost" or _is_loopback(host)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_wildcard(address: str) -> bool:
    try:
        return ip_address(address).is_unspecified
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host.lower()


def _digest(identity: str) -> str:
    return sha256(identity.encode()).hexdigest()
