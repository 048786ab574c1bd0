"""The line to one Keycloak: requests, tokens, and failures in the program's own words.

Writes go through python-keycloak, whose import takes 0.4 s. Reads and tokens need no more than the standard library;
behind a proxy they go through python-keycloak, too.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias
from urllib.parse import quote, urlencode, urlsplit

from reconciler.core.message.errors import (
    Conflict,
    Denied,
    Misconfigured,
    NoLogin,
    ProviderError,
    ReconcileError,
    Rejected,
    Throttled,
    Unreachable,
)
from reconciler.core.provider import Done, Pending, Verdict
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import ABSENT, Secret, Value
from reconciler.pattern import lazy_pattern
from reconciler.providers.answers import (
    Answer,
    Limits,
    Note,
    decoded,
    ignored,
    noted,
    require_shape,
    underneath,
    understood,
    why,
)
from reconciler.providers.waits import WAITS
from reconciler.record import Struct
from reconciler.vocabulary.keycloak import CLIENT, FLOW_BINDINGS, REALM, USER

if TYPE_CHECKING:
    from reconciler.providers.keycloak.server.library import Library
    from reconciler.providers.transport import Transport

WHO: Final = "Keycloak"
CONNECT_TIMEOUT_S: Final = 5.0
CLOSE_S: Final = 1.0
READ_LIMITS: Final = Limits(seconds=60.0, size_bytes=128 << 20)
"""Of each answer."""
PAUSES_OF_A_READ_S: Final = (0.25, 0.5, 1.0)
"""How long a read waits before it is tried again; writes are tried again by who has planned them."""
MOST_PAUSE_S: Final = 10.0
POLL_S: Final = 1.0
EXPIRES_SOON_S: Final = 5.0
_USED_OF_ITS_TIME: Final = 0.9
"""A token is renewed after this part of its life: the way to the server takes some of it."""
_UNKNOWN_TOKEN: Final = 401
_JSON: Final = {"Accept": "application/json", "Content-Type": "application/json"}
"""Without the first, workflows are shown in YAML."""
_TEXT: Final = {"Content-Type": "text/plain"}
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_FRONT: Final = "realms/master"
USUAL_PATH: Final = "/auth"
"""The path of Keycloak 16 and older, which many servers have kept."""

THROTTLED: Final = 429
TEMPORARY: Final = (502, 503, 504)
_READ_AGAIN: Final = (THROTTLED, 500, *TEMPORARY)
"""Statuses of a read that is tried again; 500 also means that the database gave up one transaction for another."""
FAILURES: Final[Mapping[int, type[ProviderError]]] = {
    401: Denied,
    403: Denied,
    404: Conflict,
    409: Conflict,
    **dict.fromkeys(TEMPORARY, Unreachable),
}

_SAID_OF_PASSWORDS: Final[Mapping[str, bool]] = {
    "Invalid user credentials": False,
    "Account disabled": True,  # which is only said to who knows the password (26.6; to all in 26.5)
    "Account is not fully set up": True,
}

CREDENTIALS: Final = (
    "check RECONCILE_KEYCLOAK_USERNAME and RECONCILE_KEYCLOAK_PASSWORD (or _CLIENT_ID and _CLIENT_SECRET), "
    "or `x-reconcile.connection.auth` in users.yaml"
)


class Settings(Struct, frozen=True):
    """The server's address and our account; ``limits`` are those of each answer."""

    url: str
    ca_file: str | None = None
    realm: str = "master"
    client_id: str = "admin-cli"
    client_secret: Secret | None = None
    username: str | None = None
    password: Secret | None = None
    limits: Limits = READ_LIMITS

    @classmethod
    def of(cls, connection: Mapping[str, Value], *, limits: Limits = READ_LIMITS) -> Settings:
        """Read ``Document.connection``. Raises Misconfigured without a URL, NoLogin without an account."""
        found = connection.get("auth")
        auth: Mapping[str, Value] = found if isinstance(found, Mapping) else {}
        url = _checked_url(_text(connection.get("url")))
        # An account without a password or secret can't log in, and the server's answer would not say why.
        if not auth.get("password") and not auth.get("clientSecret"):
            raise NoLogin(f"no Keycloak credentials are configured; {CREDENTIALS}")
        return cls(
            url=url.rstrip("/") + "/",
            ca_file=_text(connection.get("caFile")),
            realm=_text(auth.get("realm")) or "master",
            client_id=_text(auth.get("clientId")) or "admin-cli",
            client_secret=_secret(auth.get("clientSecret")),
            username=_text(auth.get("username")),
            password=_secret(auth.get("password")),
            limits=limits,
        )


def _checked_url(url: str | None) -> str:
    if not url:
        raise Misconfigured("Keycloak has no URL; set `x-reconcile.connection.url` in users.yaml, or --keycloak-url")
    try:
        parts = urlsplit(url)
        is_complete = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_complete = False
    if not is_complete:
        hint = "" if "//" in url else f"; did you mean `http://{url}` or `https://{url}`?"
        raise Misconfigured(f"`{url}` is no URL of a Keycloak: expected http:// or https://, and a host{hint}")
    return url


def _text(value: Value) -> str | None:
    return value.reveal() if isinstance(value, Secret) else str(value) if value else None


def _secret(value: Value) -> Secret | None:
    return value if isinstance(value, Secret) else Secret(str(value)) if value else None


class Token(Struct, frozen=True):
    """A token, and when it was asked for and is to be renewed, by this machine's clock."""

    access: str
    refresh: str
    asked_at: float
    renew_at: float


def token_in(content: bytes, asked_at: float) -> Token:
    """The token in an answer. Raises various errors if there is none."""
    found = json.loads(content)
    access, refresh, lifetime_s = found["access_token"], found.get("refresh_token", ""), float(found["expires_in"])
    if not (isinstance(access, str) and isinstance(refresh, str)):
        raise TypeError("there is no token in it")
    return Token(access, refresh, asked_at, time.time() + _USED_OF_ITS_TIME * lifetime_s - EXPIRES_SOON_S)


class Line(Protocol):
    """The sender of requests: the standard library's transport, or python-keycloak."""

    def send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer: ...


Content: TypeAlias = tuple[Mapping[str, str], bytes | None]
"""Headers, and the body if there is one."""


class AdminClient:
    """The Admin REST API of one server, as Connection wants it; used from several threads.

    ``pause`` waits for so many seconds.
    """

    def __init__(
        self, settings: Settings, *, pause: Callable[[float], None] = time.sleep, note: Note = ignored
    ) -> None:
        self._settings, self._pause, self._note = settings, pause, note
        self._local = threading.local()
        self._lock = threading.RLock()
        self._transport: Transport | None = None
        self._library: Library | None = None
        self._token: Token | None = None
        self._no_token: tuple[float, Unreachable | None] = (0.0, None)

    # -------------------------------------------------------------- rest.Connection

    def get(self, path: str) -> Any:
        return self._found(path, self._read("GET", path))

    def ask(self, path: str) -> Any:
        return self._found(path, self._read("POST", path, {}))

    def post(self, path: str, body: Value = None) -> None:
        self._write("POST", path, body)

    def create(self, path: str, body: Value) -> str:
        response = self._write("POST", path, body)
        return str(response.headers.get("Location", "")).rsplit("/", 1)[-1]

    def put(self, path: str, body: Value = None) -> None:
        self._write("PUT", path, body)

    def delete(self, path: str, body: Value = None) -> None:
        self._write("DELETE", path, body)

    def put_text(self, path: str, text: str) -> None:
        self._change("PUT", path, (_TEXT, text.encode()))

    def understood(self) -> AbstractContextManager[None]:
        return understood(WHO, lambda: getattr(self._local, "asked", "a request"))

    def takes(self, realm: str, username: str, password: Secret) -> bool:
        account = {"client_id": "admin-cli", "username": username, "password": password.reveal()}
        response = self._asked_openly(f"{realm}/protocol/openid-connect/token", {"grant_type": "password", **account})
        if response.status_code == 200:
            found = require_shape(decoded(response.content, WHO, response.asked), dict, WHO, response.asked)
            # A session for each look would fill the realm's list of sessions.
            session = {"client_id": "admin-cli", "refresh_token": found.get("refresh_token", "")}
            self._asked_openly(f"{realm}/protocol/openid-connect/logout", session)
            return True
        # The words tell a wrong password from one that is right while the account has something to do first.
        words = words_of(response.content)
        if words in _SAID_OF_PASSWORDS:
            return _SAID_OF_PASSWORDS[words]
        if response.status_code in (THROTTLED, *TEMPORARY):
            checked(response)
        raise Rejected(
            f"realm {realm} does not tell whether a password is right: {words or response.status_code}; its client "
            "admin-cli must be enabled with direct access grants, or use another `ensure` than `verify`"
        )

    def _asked_openly(self, path: str, form: Mapping[str, str]) -> Answer:
        """A POST that anybody may send, to a path below the realms."""
        path = f"realms/{quote(path)}"
        with self._translated(f"POST /{path}"):
            return self._reader().send("POST", path, headers=_FORM, body=urlencode(form).encode())

    def is_account(self, address: Address) -> bool:
        own = self._settings
        names = (own.username, f"service-account-{own.client_id}")
        users = {Address(USER, (own.realm, name.lower())) for name in names if name}
        here = {Address(REALM, (own.realm,)), Address(FLOW_BINDINGS, (own.realm,))}
        return address in users | here | {Address(CLIENT, (own.realm, own.client_id))}

    def login(self) -> None:
        with self._lock:
            self._new_token()

    # -------------------------------------------------------------- is it up

    def ready(self) -> Verdict:
        """Returns whether the server answers and takes our account; one or two cheap requests. Raises Denied."""
        try:
            self._knock()
            self._fresh()
        except (Unreachable, Throttled) as error:
            return Pending(POLL_S, str(error.args[0]))
        return Done()

    def _knock(self) -> None:
        """Raise Unreachable unless the server has opened: it listens for some time before it is ready."""
        with self._translated(f"GET /{_FRONT}"):
            response = self._reader().send("GET", _FRONT)
        if response.status_code != 200:
            hint = f", so it is not ready, or {self._path_hint()}" if response.status_code == 404 else ""
            words = words_of(response.content)
            said = f": {words}" if words and not hint else ""
            raise Unreachable(f"{self._settings.url} answers {response.status_code} for {_FRONT}{said}{hint}")

    def _path_hint(self) -> str:
        path = urlsplit(self._settings.url).path.rstrip("/")
        if not path:
            return f"the URL lacks a path such as {USUAL_PATH}"
        other = "" if path == USUAL_PATH else f", or should be another one such as {USUAL_PATH}"
        return f"the path {path} in the URL is one too many{other}"

    # -------------------------------------------------------------- what is wrong with it

    def openly(self, path: str, *, host: str = "") -> tuple[int, Mapping[str, Any]]:
        with self._translated(f"GET /{path}"):
            response = self._reader().send("GET", path, headers={"Host": host} if host else {})
        try:
            # A front end that is not Keycloak may answer with a page.
            found = json.loads(response.content)
        except ValueError:
            found = {}
        return response.status_code, found if isinstance(found, Mapping) else {}

    def clock_offset_s(self) -> float:
        with self.understood():
            token = self._fresh()
            payload = token.access.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            return float(claims["iat"]) - token.asked_at

    # -------------------------------------------------------------- requests

    def _write(self, method: str, path: str, body: Value) -> Answer:
        return self._change(method, path, _json(body))

    def _change(self, method: str, path: str, content: Content) -> Answer:
        """Sends a changing request, if it is permitted by now."""
        from reconciler.permission import require_permission  # a look changes nothing

        require_permission()
        return checked(self._call(self._writer, method, path, content))

    def _read(self, method: str, path: str, body: Value = None) -> Answer:
        """Sends a read, again after a failure that may pass, each time later.

        A server that has not answered yet is not waited for here: whoever looks knows whether it is starting.
        """
        began = time.monotonic()
        for pause_s in PAUSES_OF_A_READ_S:
            try:
                response = self._call(self._reader, method, path, _json(body))
            except Unreachable:
                if not self._has_answered or time.monotonic() - began >= self._settings.limits.seconds:
                    raise
            else:
                if response.status_code not in _READ_AGAIN:
                    return response
                # A server may ask for more patience than is usual, but not for any amount.
                asked_s = _seconds(response.headers.get("Retry-After", "")) or pause_s
                pause_s = min(max(asked_s, pause_s), MOST_PAUSE_S)  # noqa: PLW2901
            self._pause(pause_s)
        return self._call(self._reader, method, path, _json(body))

    @property
    def _has_answered(self) -> bool:
        return self._token is not None

    def _found(self, path: str, response: Answer) -> Any:
        asked = response.asked
        if response.status_code != 404:
            return _shaped(path, decoded(checked(response).content, WHO, asked), asked)
        # A proxy's 404 must not be read as "there is no such object", or all of them would be created.
        if not words_of(response.content, _OWN_WORDS):
            raise Unreachable(
                f"{self._settings.url} answers {asked} with 404 in words that are not Keycloak's; is the URL right?"
            )
        return ABSENT

    def _call(self, line: Callable[[], Line], method: str, path: str, content: Content) -> Answer:
        """Sends a request, and once more with another token if the server does not know ours."""
        token = self._fresh()
        response = self._sent(line, token, method, path, content)
        if response.status_code == _UNKNOWN_TOKEN:
            response = self._sent(line, self._another(token), method, path, content)
        return response

    def _sent(self, line: Callable[[], Line], token: Token, method: str, path: str, content: Content) -> Answer:
        headers, body = content
        asked = self._local.asked = f"{method} /{path.partition('?')[0]}"
        with self._translated(asked):
            return line().send(method, path, headers={**headers, "Authorization": f"Bearer {token.access}"}, body=body)

    def _reader(self) -> Line:
        """The line for reads and logins."""
        own = self._settings
        if self._transport is None:
            from reconciler.providers.transport import Transport, has_proxy, web

            # A proxy needs python-keycloak's transport, which knows how to speak with one.
            if has_proxy(own.url):
                return self._writer()
            dial = web(own.url, connect_s=CONNECT_TIMEOUT_S, ca_file=own.ca_file)
            with self._lock:
                path = urlsplit(own.url).path
                # Another thread may have been faster.
                self._transport = self._transport or Transport(dial, WHO, own.limits, self._note, below=path)
        return self._transport

    def _writer(self) -> Line:
        """The line for writes."""
        own = self._settings
        if self._library is None:
            from reconciler.providers.keycloak.server.library import Library

            # Made by the first write, so that looks never load python-keycloak.
            with self._lock:
                self._library = self._library or Library(
                    own.url, WHO, own.limits, self._note, connect_s=CONNECT_TIMEOUT_S, ca_file=own.ca_file
                )
        return self._library

    # -------------------------------------------------------------- tokens

    def _fresh(self) -> Token:
        """A token that lives long enough; one thread at a time renews it."""
        wanted_at = time.monotonic()
        with self._lock:
            failed_at, failure = self._no_token
            if failure and failed_at >= wanted_at:  # while we waited: each of many threads would try it for a minute
                raise failure
            if self._token is None:
                return self._new_token()
            # Renewed a while before its end: a token must not end on the way.
            return self._renewed(self._token) if time.time() >= self._token.renew_at else self._token

    def _another(self, unknown: Token) -> Token:
        """The token after one that the server does not know, which another thread may have now."""
        with self._lock:
            return self._renewed(unknown) if self._token in (None, unknown) else self._fresh()

    def _renewed(self, old: Token) -> Token:
        if old.refresh:
            # A refresh leaves the server with one session; a new login would add another.
            try:
                return self._token_for({"grant_type": "refresh_token", "refresh_token": old.refresh})
            except ProviderError:  # the session is gone, or the server was made anew
                pass
        return self._new_token()

    def _new_token(self) -> Token:
        own = self._settings
        # Without a user the client itself is the account.
        account = {"grant_type": "client_credentials"}
        if own.username:
            password = own.password.reveal() if own.password else ""
            account = {"grant_type": "password", "username": own.username, "password": password}
        try:
            return self._token_for(account)
        except Unreachable as error:  # for the threads that wait for the same token
            self._no_token = (time.monotonic(), error)
            raise

    def _token_for(self, grant: Mapping[str, str]) -> Token:
        own, asked_at = self._settings, time.time()
        account = {"client_id": own.client_id}
        if own.client_secret:
            account["client_secret"] = own.client_secret.reveal()
        response = self._asked_openly(f"{own.realm}/protocol/openid-connect/token", {**account, **grant})
        if response.status_code >= 300:
            raise self._refused(response)
        with self._translated(response.asked):
            self._token = token_in(response.content, asked_at)
        return self._token

    def close(self) -> None:
        # An end must not wait for a request that hangs.
        if not self._lock.acquire(timeout=CLOSE_S):
            return  # another thread waits for an answer; what it has open ends with the program
        try:
            for connection in (self._transport, self._library):
                if connection is not None:
                    connection.close()
            self._transport = self._library = self._token = None
        finally:
            self._lock.release()

    # -------------------------------------------------------------- failures

    @contextmanager
    def _translated(self, asked: str) -> Iterator[None]:
        """Exceptions of the standard library as ours."""
        from http.client import HTTPException

        own = self._settings
        with noted(asked, self._note), WAITS.awaited(f"{WHO} at {own.url}", asked, most_s=own.limits.seconds):
            try:
                yield
            except ReconcileError:
                raise
            except (HTTPException, OSError, zlib.error) as error:
                raise self._silent(error, asked) from error
            except Exception as error:  # whatever is in the answer
                raise Unreachable(f"{own.url} answers {asked} with what can't be used: {why(error)}") from error

    def _silent(self, error: Exception, asked: str) -> ProviderError:
        """No answer came: python-keycloak says no more than that, the exception behind it does."""
        from ssl import SSLError

        url, seconds = self._settings.url, self._settings.limits.seconds
        if tls := underneath(error, SSLError):
            return _no_tls(url, tls)
        if underneath(error, TimeoutError):
            return Unreachable(f"{url} took too long to answer {asked}: {why(error)} ({seconds:g} s)")
        hint = ""
        # A TLS port answers plain HTTP with a record of TLS, or hangs up.
        if url.startswith("http:") and (_SIGN_OF_TLS in why(error) or (not self._has_answered and _hung_up(error))):
            hint = f"; if it speaks TLS there, the URL is https{url.removeprefix('http')}"
        return Unreachable(f"{url} does not answer {asked}: {why(error)}{hint}")

    def _refused(self, response: Answer) -> ProviderError:
        """No token came."""
        code, asked, own = response.status_code, response.asked, self._settings
        words = words_of(response.content) or "no reason given"
        if code == THROTTLED:
            return Throttled(f"{WHO} answers {asked} with {code}: {words}", retry_in=POLL_S)
        if code >= 500:
            return Unreachable(f"{own.url} answers {asked} with {code}: {words}")
        # A server that is not ready, or no Keycloak, answers 404 as well; its first realm tells.
        if code == 404:
            self._knock()
            return NoLogin(f"the account's realm `{own.realm}` does not exist; {CREDENTIALS}")
        who = own.username or own.client_id
        return NoLogin(f"Keycloak does not accept the account `{who}`: {words}; {CREDENTIALS}")


# ------------------------------------------------------------------ answers


def _json(body: Value) -> Content:
    return _JSON, None if body is None else json.dumps(revealed(body)).encode()


def revealed(value: Value) -> Any:
    """The value as JSON takes it; here secrets leave the program."""
    match value:
        case Secret():
            return value.reveal()
        case Mapping():
            return {key: revealed(part) for key, part in value.items()}
        case str():
            return value
        case Sequence():
            return [revealed(part) for part in value]
        case _:
            return value


def checked(response: Answer) -> Answer:
    """The response, unless it is a failure. A 404 to a write means that the object is gone."""
    status, asked = response.status_code, response.asked
    if status < 300:
        return response
    words = words_of(response.content)
    text = words if words and str(status) in words else f"{words or 'no reason given'} ({status})"
    said = f"{WHO} says: {text} to {asked}" if words else f"{WHO} answers {asked} with {text}"
    if status == THROTTLED:
        raise Throttled(said, retry_in=_seconds(response.headers.get("Retry-After", "")) or POLL_S)
    raise FAILURES.get(status, Rejected)(said)


_OWN_WORDS: Final = ("errorMessage", "error_description", "error")
_WORDS: Final = (*_OWN_WORDS, "errors", "message", "details")
"""Where answers have words: Keycloak's own places in the first three, several errors in the fourth."""


def words_of(content: bytes, places: Sequence[str] = _WORDS) -> str:
    """The server's own words in an answer that is not as wished, "" if there are none in these places."""
    try:
        return _words_in(json.loads(content), places)
    except (ValueError, RecursionError):
        return ""


def _words_in(body: Any, places: Sequence[str]) -> str:
    match body:
        case dict():
            said = next(filter(None, (_words_of_part(body.get(place), places) for place in places)), "")
            return f"{body['field']}: {said}" if said and body.get("field") else said
        case list():
            return "; ".join(filter(None, (_words_in(each, places) for each in body)))
        case _:
            return ""


def _words_of_part(part: Any, places: Sequence[str]) -> str:
    return part.strip() if isinstance(part, str) else _words_in(part, places)


def _shaped(path: str, found: Any, asked: str) -> Any:
    """The answer, if it is what the path has: a wrong one must not be read as "there are none"."""
    # Without the realm's own part of the path, `admin/realms/NAME`.
    below = "/".join(path.partition("?")[0].split("/")[3:])
    if _LISTS.fullmatch(below):
        return require_shape(found, list, WHO, asked)
    if below == "partial-export" and "realm" not in require_shape(found, dict, WHO, asked):
        raise Rejected(f"{WHO} answers {asked} without a realm")
    if not isinstance(found, dict | list | int):
        require_shape(found, dict, WHO, asked)
    return found


_LISTS: Final = lazy_pattern(
    r"(users|clients|groups|client-scopes|components|organizations|authentication/(flows|required-actions))"
    r"|(users|clients|groups|organizations)/[^/]+/(groups|members|children|federated-identity|credentials|roles)"
    r"|(clients/[^/]+/)?roles/[^/]+/users"
)
"""Below a realm."""


def _no_tls(url: str, error: Exception) -> ProviderError:
    words = why(error)
    if any(sign in words.lower() for sign in _PLAIN):
        return Unreachable(f"{url} does not speak TLS there; if the port is right, the URL is http{url[5:]}")
    # Only a file with the right authority helps here; waiting does not.
    if "certificate" in words.lower():
        return NoLogin(f"the certificate of {url} is not trusted ({words}); set `x-reconcile.connection.caFile`")
    return Unreachable(f"{url} can't be spoken with by TLS: {words}")


_PLAIN: Final = ("wrong version number", "record layer failure", "unknown protocol", "wrong_version_number")
_SIGN_OF_TLS: Final = r"\x15\x03"  # an alert, as it is shown


def _hung_up(error: BaseException) -> bool:
    from http.client import BadStatusLine

    return any(underneath(error, sort) for sort in (ConnectionResetError, BadStatusLine))


def _seconds(text: str) -> float:
    """The seconds that a header asks to wait, 0 without one."""
    return float(text) if text.isdigit() else 0.0
