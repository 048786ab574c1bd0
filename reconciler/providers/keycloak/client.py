"""The line to one Keycloak: python-keycloak's connection and tokens, and its exceptions in the program's own words.

The only file that knows the library, which is imported when the first request is made. Of it we use the token
handling and the four raw verbs: its methods for single types make more calls than a table needs.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from reconciler.core.address import Address
from reconciler.core.errors import Conflict, Denied, NoLogin, ProviderError, Rejected, Throttled, Unreachable
from reconciler.core.provider import Done, Pending, Verdict
from reconciler.core.values import ABSENT, Secret, Value
from reconciler.providers.keycloak.rest import CLIENT, FLOW_BINDINGS, REALM, USER

if TYPE_CHECKING:
    from keycloak import ConnectionManager, KeycloakError, KeycloakOpenIDConnection
    from requests import Response

CONNECT_TIMEOUT_S: Final = 5.0
READ_TIMEOUT_S: Final = 60.0
PAUSES_OF_A_READ_S: Final = (0.25, 0.5, 1.0)
"""How long a read waits before it is tried again; writes are tried again by who has planned them."""
MOST_PAUSE_S: Final = 10.0
POLL_S: Final = 1.0
LIMITS: Final[Mapping[str, Any]] = {
    "timeout": (CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
    "max_retries": 0,  # the library would send a POST again whose answer was lost
    "pool_maxsize": 8,
}
EXPIRES_SOON: Final = timedelta(seconds=5)
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")

THROTTLED: Final = 429
TEMPORARY: Final = (502, 503, 504)
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


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the server is and who we are there."""

    url: str
    ca_file: str | None = None
    realm: str = "master"
    client_id: str = "admin-cli"
    client_secret: Secret | None = None
    username: str | None = None
    password: Secret | None = None

    @classmethod
    def of(cls, connection: Mapping[str, Value]) -> Settings:
        """Read ``Document.connection``. Raises Unreachable where there is no URL, Denied without an account."""
        found = connection.get("auth")
        auth: Mapping[str, Value] = found if isinstance(found, Mapping) else {}
        url = _text(connection.get("url"))
        if not url:
            raise Unreachable("there is no URL; set `x-reconcile.connection.url` in users.yaml, or --keycloak-url")
        if not auth.get("password") and not auth.get("clientSecret"):
            raise NoLogin(f"there is no account to work with; {CREDENTIALS}")
        return cls(
            url=url.rstrip("/") + "/",
            ca_file=_text(connection.get("caFile")),
            realm=_text(auth.get("realm")) or "master",
            client_id=_text(auth.get("clientId")) or "admin-cli",
            client_secret=_secret(auth.get("clientSecret")),
            username=_text(auth.get("username")),
            password=_secret(auth.get("password")),
        )


def _text(value: Value) -> str | None:
    return value.reveal() if isinstance(value, Secret) else str(value) if value else None


def _secret(value: Value) -> Secret | None:
    return value if isinstance(value, Secret) else Secret(str(value)) if value else None


class AdminClient:
    """The Admin REST API of one server, as rest.Connection wants it; used from several threads.

    ``pause`` waits for so many seconds.
    """

    def __init__(self, settings: Settings, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._settings, self._pause = settings, pause
        self._lock = threading.RLock()
        self._connection: KeycloakOpenIDConnection | None = None
        self._front: ConnectionManager | None = None  # without a token, for what anybody may ask
        self._plain: ConnectionManager | None = None  # for texts that are no JSON

    # -------------------------------------------------------------- rest.Connection

    def get(self, path: str) -> Any:
        return self._found(self._read("get", path))

    def ask(self, path: str) -> Any:
        return self._found(self._read("post", path, {}))

    def post(self, path: str, body: Value = None) -> None:
        checked(self._call("post", path, body))

    def create(self, path: str, body: Value) -> str:
        response = checked(self._call("post", path, body))
        return response.headers.get("Location", "").rsplit("/", 1)[-1]

    def put(self, path: str, body: Value = None) -> None:
        checked(self._call("put", path, body))

    def delete(self, path: str, body: Value = None) -> None:
        checked(self._call("delete", path, body))

    def put_text(self, path: str, text: str) -> None:
        from keycloak.exceptions import KeycloakConnectionError

        with self._lock:
            self._plain = self._plain or _front(self._settings)
            token = (self._fresh().token or {}).get("access_token")
            self._plain.headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain"}
            try:
                checked(self._plain.raw_put(path, text))
            except KeycloakConnectionError as error:
                raise self._silent(error) from error

    def takes(self, realm: str, username: str, password: Secret) -> bool:
        account = {"client_id": "admin-cli", "username": username, "password": password.reveal()}
        response = self._asked_openly(f"{realm}/protocol/openid-connect/token", {"grant_type": "password", **account})
        if response.status_code == 200:
            session = {"client_id": "admin-cli", "refresh_token": response.json().get("refresh_token", "")}
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
        from keycloak.exceptions import KeycloakConnectionError

        with self._lock:
            self._front = self._front or _front(self._settings)
        try:
            return self._front.raw_post(f"realms/{quote(path)}", form)
        except KeycloakConnectionError as error:
            raise self._silent(error) from error

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
        """Whether the server answers and takes our account; one or two cheap requests. Raises Denied."""
        try:
            self._knock()
            self._fresh()
        except (Unreachable, Throttled) as error:
            return Pending(POLL_S, str(error.args[0]))
        return Done()

    def _knock(self) -> None:
        """Raise Unreachable unless the server has opened: it listens for some time before it is ready."""
        from keycloak.exceptions import KeycloakConnectionError

        with self._lock:
            self._front = self._front or _front(self._settings)
        try:
            status = self._front.raw_get("realms/master").status_code
        except KeycloakConnectionError as error:
            raise self._silent(error) from error
        if status != 200:
            hint = ", so it is not ready, or the URL lacks a path such as /auth" if status == 404 else ""
            raise Unreachable(f"{self._settings.url} answers {status} for realms/master{hint}")

    # -------------------------------------------------------------- requests

    def _read(self, method: str, path: str, body: Value = None) -> Response:
        """What changes nothing, tried again where it failed for a reason that may be gone, each time later.

        A server that has not answered yet is not waited for here: whoever looks knows whether it is starting.
        """
        began = time.monotonic()
        for pause_s in PAUSES_OF_A_READ_S:
            try:
                response = self._call(method, path, body)
            except Unreachable:
                if not self._has_answered or time.monotonic() - began > READ_TIMEOUT_S:
                    raise
            else:
                if response.status_code not in (THROTTLED, *TEMPORARY):
                    return response
                asked_s = _seconds(response.headers.get("Retry-After", "")) or pause_s
                pause_s = min(max(asked_s, pause_s), MOST_PAUSE_S)  # noqa: PLW2901
            self._pause(pause_s)
        return self._call(method, path, body)

    @property
    def _has_answered(self) -> bool:
        return self._connection is not None and self._connection.token is not None

    def _found(self, response: Response) -> Any:
        if response.status_code != 404:
            return checked(response).json()
        if not words_of(response.content):
            raise Unreachable(f"{self._settings.url} answers 404 in words that are not Keycloak's; is the URL right?")
        return ABSENT

    def _call(self, method: str, path: str, body: Value = None) -> Response:
        connection = self._fresh()
        try:
            return self._sent(connection, method, path, body)
        except Denied:  # the library could not renew a token that the server no longer knows
            self.login()
            return self._sent(connection, method, path, body)

    def _sent(self, connection: KeycloakOpenIDConnection, method: str, path: str, body: Value) -> Response:
        from keycloak.exceptions import KeycloakConnectionError, KeycloakError

        content = () if method == "get" else (None if body is None else json.dumps(revealed(body)),)
        try:
            response: Response = getattr(connection, f"raw_{method}")(path, *content)
        except KeycloakConnectionError as error:
            raise self._silent(error) from error
        except KeycloakError as error:
            raise self._refused(error) from error
        return response

    # -------------------------------------------------------------- tokens

    def _fresh(self) -> KeycloakOpenIDConnection:
        """The connection, with a token that lives long enough; one thread at a time renews it.

        The library renews without a lock, and not before it has to.
        """
        with self._lock:
            connection = self._connected()
            expires_at = connection.expires_at
            if connection.token is None or expires_at is None:
                self._new_token(connection)
            elif datetime.now(tz=UTC) + EXPIRES_SOON >= expires_at:
                self._renew(connection)
            return connection

    def _renew(self, connection: KeycloakOpenIDConnection) -> None:
        from keycloak.exceptions import KeycloakError

        try:
            connection.refresh_token()
        except KeycloakError:  # the session is gone, or the server was made anew
            self._new_token(connection)

    def _new_token(self, connection: KeycloakOpenIDConnection) -> None:
        from keycloak.exceptions import KeycloakConnectionError, KeycloakError

        try:
            connection.get_token()
        except KeycloakConnectionError as error:
            raise self._silent(error) from error
        except KeycloakError as error:
            raise self._refused(error) from error

    def _connected(self) -> KeycloakOpenIDConnection:
        self._connection = self._connection or _with_account(self._settings)
        return self._connection

    def close(self) -> None:
        with self._lock:
            for connection in (self._connection, self._front, self._plain):
                if connection is not None:
                    connection._s.close()  # noqa: SLF001  # the library closes it only when it is collected
            self._connection = self._front = self._plain = None

    # -------------------------------------------------------------- failures

    def _silent(self, error: KeycloakError) -> ProviderError:
        """No answer came: the library says no more than that, the exception behind it does."""
        from requests.exceptions import ReadTimeout, SSLError

        url = self._settings.url
        match error.__cause__:
            case SSLError():
                return NoLogin(f"the certificate of {url} is not trusted; set `x-reconcile.connection.caFile`")
            case ReadTimeout():
                return Unreachable(f"{url} took more than {READ_TIMEOUT_S:g} s to answer")
            case cause:
                return Unreachable(f"{url} does not answer: {_innermost(cause)}")

    def _refused(self, error: KeycloakError) -> ProviderError:
        """No token came."""
        code, own = error.response_code or 0, self._settings
        words = words_of(error.response_body or b"") or str(error)
        if code == THROTTLED:
            return Throttled(words, retry_in=POLL_S)
        if code >= 500:
            return Unreachable(f"{own.url} answers {code}: {words}")
        if code == 404:
            self._knock()
            return NoLogin(f"the account's realm `{own.realm}` does not exist; {CREDENTIALS}")
        who = own.username or own.client_id
        return NoLogin(f"Keycloak does not accept the account `{who}`: {words}; {CREDENTIALS}")


# ------------------------------------------------------------------ connections


def _with_account(settings: Settings) -> KeycloakOpenIDConnection:
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
        **LIMITS,
    )
    for manager in (connection.keycloak_openid.connection, connection):
        _set_up(manager, settings)
    return connection


def _front(settings: Settings) -> ConnectionManager:
    from keycloak import ConnectionManager

    manager = ConnectionManager(settings.url, **LIMITS)
    _set_up(manager, settings)
    return manager


def _set_up(manager: ConnectionManager, settings: Settings) -> None:
    """No proxy of the environment for this very machine, for others what NO_PROXY leaves; and whom to trust.

    The certificate is set afterwards, as the constructor hands it to httpx as well, which does not take a path.
    """
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
    status = response.status_code
    if status < 400:
        return response
    words = words_of(response.content) or "no reason given"
    said = words if str(status) in words else f"{words} ({status})"
    if status == THROTTLED:
        raise Throttled(said, retry_in=_seconds(response.headers.get("Retry-After", "")) or POLL_S)
    raise FAILURES.get(status, Rejected)(said)


def words_of(content: bytes) -> str:
    """The server's own words in an answer that is not as wished, "" if they are not Keycloak's."""
    try:
        body = json.loads(content)
    except ValueError:
        return ""
    found = body if isinstance(body, dict) else {}
    said = next((found[key] for key in ("errorMessage", "error_description", "error") if found.get(key)), "")
    return f"{found['field']}: {said}" if said and "field" in found else str(said)


def _seconds(text: str) -> float:
    """What a header asks to wait, 0 if nothing."""
    return float(text) if text.isdigit() else 0.0


def _innermost(error: BaseException | None) -> str:
    """What the operating system said, out of the layers that the libraries put around it."""
    text = str(error).rpartition("] ")[2] if "] " in str(error) else str(error)
    return text.strip("'\")> ") or "no reason given"
