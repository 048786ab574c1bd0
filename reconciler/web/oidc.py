"""The login at an issuer: OpenID Connect's code flow with PKCE, and roles from a verified token only."""

from __future__ import annotations

import hmac
import json
import secrets
import ssl
import threading
import time
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode

from reconciler.core.resource.values import Secret
from reconciler.record import Struct
from reconciler.web.access import Role

CALLBACK: Final = "/login/callback"
BACK_CHANNEL: Final = "/login/backchannel"
PATIENCE_S: Final = 5.0
PENDING_S: Final = 600.0
MOST_PENDING: Final = 1_000
KEPT_S: Final = 600.0
SKEW_S: Final = 60
LARGEST: Final = 1_048_576
NEWER_AFTER_S: Final = 10.0
"""Tokens that nobody asked for have the issuer's keys read anew no more often than that."""

MOST_LOGOUTS: Final = 1_000
_LOGOUT: Final = "http://schemas.openid.net/event/backchannel-logout"
_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_ROLES: Final[Mapping[str, Role]] = {"operator": Role.OPERATOR, "reader": Role.READER}


class LoginFailed(Exception):
    """A login that did not succeed. Its text is ours; the words of others go to the log in ``detail`` only.

    ``is_away`` says that the issuer gave no answer, so that nothing is known of the person.
    """

    def __init__(self, message: str, detail: str = "", *, is_away: bool = False) -> None:
        super().__init__(message)
        self.message, self.detail, self.is_away = message, detail, is_away


class Begun(Struct, frozen=True):
    """A login that has begun in one browser: the secrets that its end must bring back, and where it leads."""

    nonce: str
    verifier: str
    where: str
    at: float


@dataclass(frozen=True, slots=True)
class Person:
    """The person that a token names. The refresh token asks for the roles again, and ends the issuer's session.

    ``subject`` and ``sid`` are the ids of the person and of the session at the issuer.
    """

    name: str
    role: Role
    refresh_token: Secret | None = field(default=None, repr=False)
    subject: str = ""
    sid: str = ""


class _Description(Struct, frozen=True):
    """The issuer's own description and its keys, read at a time of the monotonic clock."""

    found: Mapping[str, Any]
    keys: str
    at: float


@dataclass(slots=True)
class Issuer:
    """One client of one issuer, whose ``url`` is the one that browsers use. ``secret`` is None for a public client.

    ``inner_url`` is the address at which this program reaches the issuer, where that is another one. The issuer has
    ``patience_s`` for each whole answer.
    """

    url: str
    client: str
    public_url: str
    secret: Secret | None = None
    inner_url: str = ""
    ca_file: str = ""
    patience_s: float = PATIENCE_S
    now: Callable[[], float] = time.monotonic
    _begun: OrderedDict[tuple[str, str], Begun] = field(default_factory=OrderedDict)
    _known: _Description | None = None
    _logouts: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def redirect_uri(self) -> str:
        """The address to come back to: from the settings, never from a request."""
        return self.public_url.rstrip("/") + CALLBACK

    def begin(self, where: str, browser: str = "", *, anew: bool = False) -> tuple[str, str]:
        """Begin a login; returns the id for this browser's cookie, and the address to go to. Raises LoginFailed.

        ``browser`` is the id that the browser has from another tab: both logins may be finished. ``anew`` asks for the
        password even if the issuer knows the browser.
        """
        endpoint = str(self._described().found["authorization_endpoint"])
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        with self._lock:
            # An id that we did not give out is not taken over: somebody else may have put it into this browser.
            is_known = any(digest == _digest(browser) for digest, _ in self._begun)
            identity = browser if is_known else secrets.token_urlsafe(32)
            self._begun[_digest(identity), state] = Begun(nonce, verifier, where, self.now())
            # Anybody may begin logins, so the oldest ones give way; the memory is bounded without a lock-out.
            while len(self._begun) > MOST_PENDING:
                self._begun.popitem(last=False)
        asked = {
            "response_type": "code",
            "client_id": self.client,
            "redirect_uri": self.redirect_uri,
            "scope": "openid",
            "state": state,
            "nonce": nonce,
            "code_challenge": urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **({"prompt": "login"} if anew else {}),
        }
        return identity, f"{endpoint}?{urlencode(asked)}"

    def finish(self, browser: str, answer: Mapping[str, str]) -> tuple[Person, str]:
        """The person who has come back, and where the login leads. Raises LoginFailed. A login ends once."""
        with self._lock:
            # Removed before anything is checked: a second answer with the same state finds nothing.
            begun = self._begun.pop((_digest(browser), answer.get("state", "")), None)
        if begun is None or self.now() - begun.at > PENDING_S:
            raise LoginFailed("This login has not begun in this browser, or too long ago. Try again.")
        if "code" not in answer:
            raise LoginFailed("Keycloak has refused the login.", answer.get("error", "")[:200])
        tokens = self._tokens(
            grant_type="authorization_code",
            code=answer["code"],
            redirect_uri=self.redirect_uri,
            code_verifier=begun.verifier,
        )
        claims = self._claims(tokens, "id_token", {"aud": self.client})
        # A token of another login, put into this answer, has another nonce.
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), begun.nonce.encode()):
            raise LoginFailed("The token belongs to another login. Try again.")
        return self._person(tokens, str(claims["sub"])), begun.where

    def confirmed(self, refresh_token: Secret) -> Person:
        """The same person with the roles of now. Raises LoginFailed, as where the session at the issuer is over."""
        tokens = self._tokens(grant_type="refresh_token", refresh_token=refresh_token.reveal())
        return self._person(tokens)

    def end(self, refresh_token: Secret) -> None:
        """End the session at the issuer. Raises LoginFailed. No token gets into an address, as a browser would keep."""
        endpoint = self._described().found.get("end_session_endpoint")
        if not endpoint:
            raise LoginFailed("Keycloak takes no logout.")
        self._posted(str(endpoint), {"refresh_token": refresh_token.reveal()})

    def logged_out(self, token: str) -> tuple[str, str]:
        """The ids of the person and of the session that the issuer says are logged out; "" for one that is not named.

        Raises LoginFailed for a token that this issuer has not signed for a logout from this client, or that came
        before.
        """
        checks = {"iss": self.url, "aud": self.client, "exp": None, "iat": None, "jti": None}
        # Anybody may post here without a session, so a wrong token must not cost the issuer a request each time.
        is_old = self._known is not None and self.now() - self._known.at > NEWER_AFTER_S
        claims, error = _verified(token, self._described().keys, checks)
        if claims is None and is_old:
            claims, error = _verified(token, self._described(newer=True).keys, checks)
        if claims is None:
            raise LoginFailed("The token of the logout is not valid.", error)
        events = claims.get("events")
        subject, sid = str(claims.get("sub") or ""), str(claims.get("sid") or "")
        # OpenID Connect Back-Channel Logout 2.4: a nonce is forbidden, so that no ID token passes for a logout token.
        if not isinstance(events, Mapping) or _LOGOUT not in events or "nonce" in claims or not (subject or sid):
            raise LoginFailed("The token is none of a logout.")
        with self._lock:
            if claims["jti"] in self._logouts:
                raise LoginFailed("The token of the logout came before.")
            self._logouts[str(claims["jti"])] = None
            while len(self._logouts) > MOST_LOGOUTS:
                self._logouts.popitem(last=False)
        return subject, sid

    def end_url(self) -> str:
        """The page of the issuer that asks whether to log out; empty where it is not known."""
        try:
            endpoint = self._described().found.get("end_session_endpoint")
        except LoginFailed:
            return ""
        return f"{endpoint}?{urlencode({'client_id': self.client})}" if endpoint else ""

    # -------------------------------------------------------------- tokens

    def _person(self, tokens: Mapping[str, Any], subject: str = "") -> Person:
        """The person of an access token that was made for this client, and for no other subject."""
        claims = self._claims(tokens, "access_token", {})
        # The subject of the ID token: else the roles would be those of another person.
        if claims.get("azp") != self.client or (subject and claims["sub"] != subject):
            raise LoginFailed("The token was made for another client.")
        name = str(claims.get("preferred_username") or claims["sub"])
        refresh_token = tokens.get("refresh_token")
        secret = Secret(str(refresh_token)) if refresh_token else None
        return Person(name, self._role(claims), secret, str(claims["sub"]), str(claims.get("sid") or ""))

    def _role(self, claims: Mapping[str, Any]) -> Role:
        """The greatest role of our client in the token; nobody has one by default."""
        access = claims.get("resource_access")
        # Roles of the realm don't count: a realm serves other programs too, and `operator` of those is not ours.
        own = access.get(self.client) if isinstance(access, Mapping) else None
        names = own.get("roles") if isinstance(own, Mapping) else None
        found = [_ROLES[name] for name in names if name in _ROLES] if isinstance(names, list) else []
        return max(found, default=Role.ANYONE)

    def _claims(self, tokens: Mapping[str, Any], name: str, asked: Mapping[str, str]) -> Mapping[str, Any]:
        """The claims of a token that this issuer has signed, and that is valid now."""
        token = str(tokens.get(name, ""))
        checks = {"iss": self.url, "exp": None, "iat": None, "sub": None, **asked}
        claims, error = _verified(token, self._described().keys, checks)
        if claims is None:
            # Keycloak may have begun to sign with another key since its keys were read: a new realm makes them late.
            claims, error = _verified(token, self._described(newer=True).keys, checks)
        if claims is None:
            raise LoginFailed("The token of Keycloak is not valid.", f"{name}: {error}")
        if claims.get("azp", self.client) != self.client:
            raise LoginFailed("The token was made for another client.")
        return claims

    # -------------------------------------------------------------- requests

    def _tokens(self, **form: str) -> Mapping[str, Any]:
        return self._posted(str(self._described().found["token_endpoint"]), form)

    def _posted(self, url: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        own = {"client_id": self.client, **({"client_secret": self.secret.reveal()} if self.secret else {})}
        return self._asked("POST", self._from_here(url), data={**own, **form})

    def _from_here(self, url: str) -> str:
        """The address of an endpoint for this program: the issuer may describe all of them as browsers know them."""
        is_outer = self.inner_url and url.startswith(f"{self.url}/")
        return f"{self.inner_url}{url.removeprefix(self.url)}" if is_outer else url

    def _described(self, *, newer: bool = False) -> _Description:
        """The issuer's description and its keys, kept for ten minutes."""
        known = self._known
        if known and not newer and self.now() - known.at < KEPT_S:
            return known
        # The tokens are checked against `url`; an issuer of another name would sign none that pass.
        found = self._asked("GET", f"{self.inner_url or self.url}/.well-known/openid-configuration")
        if found.get("issuer") != self.url:
            raise LoginFailed(
                "Keycloak has another name for the realm than --oidc-issuer.", str(found.get("issuer"))[:200]
            )
        keys = _signing_keys(self._asked("GET", self._from_here(str(found.get("jwks_uri", "")))))
        self._known = _Description(found, keys, self.now())
        return self._known

    def _asked(self, method: str, url: str, **options: Any) -> Mapping[str, Any]:
        """A JSON object of the issuer; no redirect is followed, and no proxy of the environment is used."""
        import asyncio

        import httpx  # 80 ms, for a login only

        try:
            # A time-out of httpx ends a silence alone; this one ends the whole answer, its head included.
            status, content = asyncio.run(asyncio.wait_for(self._answer(method, url, options), self.patience_s))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            message = "Keycloak does not answer."
            raise LoginFailed(message, _words(error), is_away=True) from error
        # A failing server says nothing about the person: sessions go on for a while as with no answer at all.
        if status >= 500:
            raise LoginFailed("Keycloak fails.", str(status), is_away=True)
        found = _object(content)
        if not 200 <= status < 300:
            raise LoginFailed("Keycloak has refused the login.", f"{status} {found.get('error')}"[:200])
        return found

    async def _answer(self, method: str, url: str, options: Mapping[str, Any]) -> tuple[int, bytes]:
        """The status and the body of an answer; a body that is too large is cut."""
        import httpx

        trust, content = _trust(self.ca_file), bytearray()
        async with (
            httpx.AsyncClient(timeout=self.patience_s, follow_redirects=False, trust_env=False, verify=trust) as client,
            client.stream(method, url, **options) as answer,
        ):
            async for piece in answer.aiter_bytes():
                content += piece
                if len(content) > LARGEST:
                    break
            return answer.status_code, bytes(content)


@lru_cache(1)
def _trust(ca_file: str) -> ssl.SSLContext:
    """The authorities that are trusted: those of the machine, or of a file."""
    return ssl.create_default_context(cafile=ca_file or None)


def _object(content: bytes) -> Mapping[str, Any]:
    """The JSON object of an answer; an empty one for anything else."""
    try:
        found = json.loads(content) if len(content) <= LARGEST else None
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


def _signing_keys(found: Mapping[str, Any]) -> str:
    """The keys that sign: where one key has two uses, the library would keep the first, which may be the other one."""
    keys = found.get("keys")
    signing = (
        [key for key in keys if isinstance(key, dict) and key.get("use") != "enc"] if isinstance(keys, list) else []
    )
    return json.dumps({"keys": signing})


def _verified(token: str, keys: str, checks: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str]:
    """The claims of a token that one of the keys has signed; else None and the reason."""
    from jwcrypto.common import JWException  # type: ignore[import-untyped]  # 60 ms, for a login only
    from jwcrypto.jwk import JWKSet  # type: ignore[import-untyped]
    from jwcrypto.jwt import JWT  # type: ignore[import-untyped]

    try:
        # Only with `expected_type` does the library refuse a token that is encrypted instead of signed.
        verified = JWT(check_claims=dict(checks), algs=_ALGORITHMS, expected_type="JWS")
        # The clocks of two machines differ; without leeway a token would be refused in the second of its birth.
        verified.leeway = SKEW_S
        verified.deserialize(token, JWKSet.from_json(keys))
        claims = json.loads(verified.claims)
    except (JWException, ValueError, TypeError, KeyError) as error:
        return None, _words(error)
    return (claims, "") if isinstance(claims, dict) else (None, "no object")


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _digest(identity: str) -> str:
    return sha256(identity.encode()).hexdigest()
