"""The line to one Keycloak: python-keycloak's connection and tokens, and its exceptions in the program's own words.

The only file that knows the library, which is imported when the first request is made. Of it we use the token
handling and the four raw verbs: its methods for single types make more calls than a table needs.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from http.client import BadStatusLine
from ssl import SSLError
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

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
from reconciler.providers.answers import (
    Limits,
    Note,
    asked_of,
    decoded,
    ignored,
    noted,
    read_within,
    require_shape,
    underneath,
    understood,
    why,
)
from reconciler.providers.waits import WAITS
from reconciler.record import Struct
from reconciler.vocabulary.keycloak import CLIENT, FLOW_BINDINGS, REALM, USER

if TYPE_CHECKING:
    from keycloak import ConnectionManager, KeycloakError, KeycloakOpenIDConnection
    from requests import Response

WHO: Final = "Keycloak"
CONNECT_TIMEOUT_S: Final = 5.0
CLOSE_S: Final = 1.0
READ_LIMITS: Final = Limits(seconds=60.0, size_bytes=128 << 20)
"""Of each answer."""
PAUSES_OF_A_READ_S: Final = (0.25, 0.5, 1.0)
"""How long a read waits before it is tried again; writes are tried again by who has planned them."""
MOST_PAUSE_S: Final = 10.0
POLL_S: Final = 1.0
_POOL: Final[Mapping[str, Any]] = {
    "max_retries": 0,  # the library would send a POST again whose answer was lost
    "pool_maxsize": 8,
}
EXPIRES_SOON: Final = timedelta(seconds=5)
_FRONT: Final = "realms/master"
USUAL_PATH: Final = "/auth"
"""The path of Keycloak 16 and older, which many servers have kept."""
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")

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


class AdminClient:
    """The Admin REST API of one server, as rest.Connection wants it; used from several threads.

    ``pause`` waits for so many seconds.
    """

    def __init__(
        self, settings: Settings, *, pause: Callable[[float], None] = time.sleep, note: Note = ignored
    ) -> None:
        self._settings, self._pause, self._note = settings, pause, note
        self._local = threading.local()
        self._lock = threading.RLock()
        self._connection: KeycloakOpenIDConnection | None = None
        self._front: ConnectionManager | None = None  # without a token, for what anybody may ask
        self._plain: ConnectionManager | None = None  # for texts that are no JSON
        self._asked_for_token_at = 0.0
        self._no_token: tuple[float, Unreachable | None] = (0.0, None)

    # -------------------------------------------------------------- rest.Connection

    def get(self, path: str) -> Any:
        return self._found(path, self._read("get", path))

    def ask(self, path: str) -> Any:
        return self._found(path, self._read("post", path, {}))

    def post(self, path: str, body: Value = None) -> None:
        checked(self._call("post", path, body))

    def create(self, path: str, body: Value) -> str:
        response = checked(self._call("post", path, body))
        return str(response.headers.get("Location", "")).rsplit("/", 1)[-1]

    def put(self, path: str, body: Value = None) -> None:
        checked(self._call("put", path, body))

    def delete(self, path: str, body: Value = None) -> None:
        checked(self._call("delete", path, body))

    def put_text(self, path: str, text: str) -> None:
        with self._lock:
            self._plain = self._plain or _front(self._settings, self._note)
            token = (self._fresh().token or {}).get("access_token")
            self._plain.headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain"}
            with self._translated(f"PUT /{path}"):
                checked(self._plain.raw_put(path, text))

    def understood(self) -> AbstractContextManager[None]:
        return understood(WHO, lambda: getattr(self._local, "asked", "a request"))

    def takes(self, realm: str, username: str, password: Secret) -> bool:
        account = {"client_id": "admin-cli", "username": username, "password": password.reveal()}
        response = self._asked_openly(f"{realm}/protocol/openid-connect/token", {"grant_type": "password", **account})
        if response.status_code == 200:
            asked = asked_of(response.request)
            found = require_shape(decoded(response.content, WHO, asked), dict, WHO, asked)
            session = {"client_id": "admin-cli", "refresh_token": found.get("refresh_token", "")}
            self._asked_openly(f"{realm}/protocol/openid-connect/logout", session)
            return True
        words = words_of(response.content)
        if words in _SAID_OF_PASSWORDS:
            return _SAID_OF_PASSWORDS[words]
        if response.status_code in (THROTTLED, *TEMPORARY):
            checked(response)
        raise Rejected(
            f"realm {realm} does not tell whether a password is right: {words or response.status_code}; its client "
            "admin-cli must be enabled with direct access grants, or use another `ensure` than `verify`"
        )

    def _asked_openly(self, path: str, form: dict[str, str]) -> Response:
        """A POST that anybody may send."""
        with self._lock:
            self._front = self._front or _front(self._settings, self._note)
        with self._translated(f"POST /realms/{quote(path)}"):
            return self._front.raw_post(f"realms/{quote(path)}", form)

    def is_account(self, address: Address) -> bool:
        own = self._settings
        names = (own.username, f"service-account-{own.client_id}")
        users = {Address(USER, (own.realm, name.lower())) for name in names if name}
        here = {Address(REALM, (own.realm,)), Address(FLOW_BINDINGS, (own.realm,))}
        return address in users | here | {Address(CLIENT, (own.realm, own.client_id))}

    def login(self) -> None:
        with self._lock:
            self._new_token(self._connected())

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
        with self._lock:
            self._front = self._front or _front(self._settings, self._note)
        with self._translated(f"GET /{_FRONT}"):
            response = self._front.raw_get(_FRONT)
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
        manager = _front(self._settings, self._note)
        if host:
            manager.headers = {"Host": host}
        try:
            with self._translated(f"GET /{path}"):
                response = manager.raw_get(path)
        finally:
            manager._s.close()  # noqa: SLF001  # as in close
        try:
            found = json.loads(response.content)
        except ValueError:
            found = {}
        return response.status_code, found if isinstance(found, Mapping) else {}

    def clock_offset_s(self) -> float:
        with self.understood():
            token = str((self._fresh().token or {})["access_token"])
            payload = token.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            return float(claims["iat"]) - self._asked_for_token_at

    # -------------------------------------------------------------- requests

    def _read(self, method: str, path: str, body: Value = None) -> Response:
        """Sends a read, again after a failure that may pass, each time later.

        A server that has not answered yet is not waited for here: whoever looks knows whether it is starting.
        """
        began = time.monotonic()
        for pause_s in PAUSES_OF_A_READ_S:
            try:
                response = self._call(method, path, body)
            except Unreachable:
                if not self._has_answered or time.monotonic() - began >= self._settings.limits.seconds:
                    raise
            else:
                if response.status_code not in _READ_AGAIN:
                    return response
                asked_s = _seconds(response.headers.get("Retry-After", "")) or pause_s
                pause_s = min(max(asked_s, pause_s), MOST_PAUSE_S)  # noqa: PLW2901
            self._pause(pause_s)
        return self._call(method, path, body)

    @property
    def _has_answered(self) -> bool:
        return self._connection is not None and self._connection.token is not None

    def _found(self, path: str, response: Response) -> Any:
        asked = asked_of(response.request)
        if response.status_code != 404:
            return _shaped(path, decoded(checked(response).content, WHO, asked), asked)
        if not words_of(response.content, _OWN_WORDS):
            raise Unreachable(
                f"{self._settings.url} answers {asked} with 404 in words that are not Keycloak's; is the URL right?"
            )
        return ABSENT

    def _call(self, method: str, path: str, body: Value = None) -> Response:
        connection = self._fresh()
        try:
            return self._sent(connection, method, path, body)
        except Denied:  # the library could not renew a token that the server no longer knows
            self.login()
            return self._sent(connection, method, path, body)

    def _sent(self, connection: KeycloakOpenIDConnection, method: str, path: str, body: Value) -> Response:
        content = () if method == "get" else (None if body is None else json.dumps(revealed(body)),)
        asked = self._local.asked = f"{method.upper()} /{path.partition('?')[0]}"
        with self._translated(asked):
            response: Response = getattr(connection, f"raw_{method}")(path, *content)
            return response

    # -------------------------------------------------------------- tokens

    def _fresh(self) -> KeycloakOpenIDConnection:
        """The connection, with a token that lives long enough; one thread at a time renews it.

        The library renews without a lock, and not before it has to.
        """
        wanted_at = time.monotonic()
        with self._lock:
            failed_at, failure = self._no_token
            if failure and failed_at >= wanted_at:  # while we waited: each of many threads would try it for a minute
                raise failure
            connection = self._connected()
            expires_at = connection.expires_at
            if connection.token is None or expires_at is None:
                self._new_token(connection)
            elif datetime.now(tz=UTC) + EXPIRES_SOON >= expires_at:
                self._renew(connection)
            return connection

    def _renew(self, connection: KeycloakOpenIDConnection) -> None:
        self._asked_for_token_at = time.time()
        try:
            connection.refresh_token()
            _require_token(connection)
        except Exception:  # noqa: BLE001  # the session is gone, or the server was made anew
            self._new_token(connection)

    def _new_token(self, connection: KeycloakOpenIDConnection) -> None:
        self._asked_for_token_at = time.time()
        path = f"/realms/{self._settings.realm}/protocol/openid-connect/token"
        with self._failure_kept(), self._translated(f"POST {path}"):
            connection.get_token()
            _require_token(connection)

    @contextmanager
    def _failure_kept(self) -> Iterator[None]:
        """Keeps a failure for the threads that wait for the same token."""
        try:
            yield
        except Unreachable as error:
            self._no_token = (time.monotonic(), error)
            raise

    def _connected(self) -> KeycloakOpenIDConnection:
        self._connection = self._connection or _with_account(self._settings, self._note)
        return self._connection

    def close(self) -> None:
        if not self._lock.acquire(timeout=CLOSE_S):
            return  # another thread waits for an answer; what it has open ends with the program
        try:
            for connection in (self._connection, self._front, self._plain):
                if connection is not None:
                    connection._s.close()  # noqa: SLF001  # the library closes it only when it is collected
            self._connection = self._front = self._plain = None
        finally:
            self._lock.release()

    # -------------------------------------------------------------- failures

    @contextmanager
    def _translated(self, asked: str) -> Iterator[None]:
        """Exceptions of the libraries as ours."""
        from keycloak.exceptions import KeycloakConnectionError, KeycloakError

        own = self._settings
        with noted(asked, self._note), WAITS.awaited(f"{WHO} at {own.url}", asked, most_s=own.limits.seconds):
            try:
                yield
            except ReconcileError:
                raise
            except KeycloakConnectionError as error:
                if ours := underneath(error, ReconcileError):
                    raise ours from None  # of what read the answer
                raise self._silent(error, asked) from error
            except KeycloakError as error:
                raise self._refused(error, asked) from error
            except Exception as error:  # the library reads tokens itself, and expects them to be in order
                raise Unreachable(
                    f"{self._settings.url} answers {asked} with what can't be used: {why(error)}"
                ) from error

    def _silent(self, error: KeycloakError, asked: str) -> ProviderError:
        """No answer came: the library says no more than that, the exception behind it does."""
        url, seconds = self._settings.url, self._settings.limits.seconds
        if tls := underneath(error, SSLError):
            return _no_tls(url, tls)
        if underneath(error, TimeoutError):
            return Unreachable(f"{url} took too long to answer {asked}: {why(error)} ({seconds:g} s)")
        hint = ""
        if url.startswith("http:") and (_SIGN_OF_TLS in why(error) or (not self._has_answered and _hung_up(error))):
            hint = f"; if it speaks TLS there, the URL is https{url.removeprefix('http')}"
        return Unreachable(f"{url} does not answer {asked}: {why(error)}{hint}")

    def _refused(self, error: KeycloakError, asked: str) -> ProviderError:
        """No token came."""
        code, own = error.response_code or 0, self._settings
        words = words_of(error.response_body or b"") or "no reason given"
        if code == THROTTLED:
            return Throttled(f"{WHO} answers {asked} with {code}: {words}", retry_in=POLL_S)
        if code >= 500:
            return Unreachable(f"{own.url} answers {asked} with {code}: {words}")
        if code == 404:
            self._knock()
            return NoLogin(f"the account's realm `{own.realm}` does not exist; {CREDENTIALS}")
        who = own.username or own.client_id
        return NoLogin(f"Keycloak does not accept the account `{who}`: {words}; {CREDENTIALS}")


# ------------------------------------------------------------------ connections


def _with_account(settings: Settings, note: Note) -> KeycloakOpenIDConnection:
    from keycloak import KeycloakOpenIDConnection

    password, secret = settings.password, settings.client_secret
    connection = KeycloakOpenIDConnection(
        grant_type="password" if settings.username else "client_credentials",
        username=settings.username,
        password=password.reveal() if password else None,
        realm_name=settings.realm,
        client_id=settings.client_id,
        client_secret_key=secret.reveal() if secret else None,
        server_url=settings.url,
        custom_headers={"Accept": "application/json"},  # workflows are shown in YAML otherwise
        timeout=(CONNECT_TIMEOUT_S, settings.limits.seconds),  # type: ignore[arg-type]  # as requests takes it
        **_POOL,
    )
    for manager in (connection.keycloak_openid.connection, connection):
        _set_up(manager, settings, note)
    return connection


def _front(settings: Settings, note: Note) -> ConnectionManager:
    from keycloak import ConnectionManager

    timeout: Any = (CONNECT_TIMEOUT_S, settings.limits.seconds)
    manager = ConnectionManager(settings.url, timeout=timeout, **_POOL)
    _set_up(manager, settings, note)
    return manager


def _set_up(manager: ConnectionManager, settings: Settings, note: Note) -> None:
    """No proxy of the environment for this very machine, for others what NO_PROXY leaves; and whom to trust.

    The certificate is set afterwards, as the constructor hands it to httpx as well, which does not take a path.
    """
    for adapter in manager._s.adapters.values():  # noqa: SLF001
        # The library hands `max_retries` on to requests, but not to its connection for tokens.
        adapter.max_retries = adapter.max_retries.new(total=0)  # type: ignore[attr-defined]
    manager._s.hooks["response"].append(read_within(WHO, settings.limits, note))  # noqa: SLF001  # the session of requests
    if urlsplit(settings.url).hostname in LOOPBACK:
        manager._s.trust_env = False  # noqa: SLF001  # there is no other way to say so
    if settings.ca_file:
        manager.verify = settings.ca_file


# ------------------------------------------------------------------ answers


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


def checked(response: Response) -> Response:
    """The response, unless it is a failure. A 404 to a write means that the object is gone."""
    status, asked = response.status_code, asked_of(response.request)
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
    below = "/".join(path.partition("?")[0].split("/")[3:])
    if _LISTS.fullmatch(below):
        return require_shape(found, list, WHO, asked)
    if below == "partial-export" and "realm" not in require_shape(found, dict, WHO, asked):
        raise Rejected(f"{WHO} answers {asked} without a realm")
    if not isinstance(found, dict | list | int):
        require_shape(found, dict, WHO, asked)
    return found


_LISTS: Final = re.compile(
    r"(users|clients|groups|client-scopes|components|organizations|authentication/(flows|required-actions))"
    r"|(users|clients|groups|organizations)/[^/]+/(groups|members|children|federated-identity|credentials|roles)"
    r"|(clients/[^/]+/)?roles/[^/]+/users"
)
"""Below a realm."""


def _require_token(connection: KeycloakOpenIDConnection) -> None:
    found: Any = connection.token  # what the server sent, whatever it was
    if not isinstance(found, Mapping) or not isinstance(found.get("access_token"), str):
        raise TypeError("there is no token in it")


def _no_tls(url: str, error: SSLError) -> ProviderError:
    words = why(error)
    if any(sign in words.lower() for sign in _PLAIN):
        return Unreachable(f"{url} does not speak TLS there; if the port is right, the URL is http{url[5:]}")
    if "certificate" in words.lower():
        return NoLogin(f"the certificate of {url} is not trusted ({words}); set `x-reconcile.connection.caFile`")
    return Unreachable(f"{url} can't be spoken with by TLS: {words}")


_PLAIN: Final = ("wrong version number", "record layer failure", "unknown protocol", "wrong_version_number")
_SIGN_OF_TLS: Final = r"\x15\x03"  # an alert, as it is shown


def _hung_up(error: BaseException) -> bool:
    return any(underneath(error, sort) for sort in (ConnectionResetError, BadStatusLine))


def _seconds(text: str) -> float:
    """The seconds that a header asks to wait, 0 without one."""
    return float(text) if text.isdigit() else 0.0
