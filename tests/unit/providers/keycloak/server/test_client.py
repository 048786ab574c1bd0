"""The line itself, against a server that follows a script: tokens, retries, and errors in the program's own words."""

from __future__ import annotations

import datetime as dt
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.message.errors import (
    Conflict,
    Denied,
    Misconfigured,
    ProviderError,
    Rejected,
    Throttled,
    Unreachable,
)
from reconciler.core.provider import Done, Pending
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import ABSENT, Secret
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.providers.keycloak.server.client import AdminClient, Settings
from tests.kit.keycloak.scripted import Script, serving

TOKEN = "POST /realms/master/protocol/openid-connect/token"
FRONT = "GET /realms/master"


def token(expires_in: int = 60) -> tuple[int, bytes]:
    return 200, json.dumps({"access_token": "t", "refresh_token": "r", "expires_in": expires_in}).encode()


def said(status: int, **body: Any) -> tuple[int, bytes]:
    return status, json.dumps(body).encode()


@contextmanager
def line(
    answers: Mapping[str, Any], *, tokens: Any = None, pauses: list[float] | None = None, **more: Any
) -> Iterator[tuple[AdminClient, Script]]:
    script = {TOKEN: tokens or [token()], FRONT: [(200, b"{}")], **{key: list(value) for key, value in answers.items()}}
    with serving(script) as served:
        settings = Settings.of({"url": served.url, "auth": {"username": "me", "password": "x"}, **more})
        client = AdminClient(settings, pause=[].append if pauses is None else pauses.append)
        try:
            yield client, served
        finally:
            client.close()


def test_one_token_serves_many_requests() -> None:
    with line({"GET /a": [said(200, x=1)]}) as (client, script):
        assert [client.get("a") for _ in range(3)] == [{"x": 1}] * 3

    assert script.asked == [TOKEN, *["GET /a"] * 3]


def test_answers_are_asked_for_in_json() -> None:
    with line({"GET /admin/realms/a/workflows": [said(200)]}) as (client, served):
        client.get("admin/realms/a/workflows")

    assert served.headers[-1]["Accept"] == "application/json"


def test_many_threads_share_one_token() -> None:
    with line({"GET /a": [(200, b"1")]}) as (client, script), ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: client.get("a"), range(40))) == [1] * 40

    assert script.asked.count(TOKEN) == 1


def test_a_token_is_renewed_before_it_ends() -> None:
    with line({"GET /a": [(200, b"1")]}, tokens=[token(5), token()]) as (client, script):
        client.get("a")
        client.get("a")

    assert script.asked == [TOKEN, "GET /a", TOKEN, "GET /a"]
    assert b"grant_type=refresh_token" in script.bodies[2]


def test_a_token_that_can_not_be_renewed_is_asked_for_anew() -> None:
    gone = said(400, error="invalid_grant", error_description="whatever")
    with line({"GET /a": [(200, b"1")]}, tokens=[token(5), gone, token()]) as (client, script):
        client.get("a")
        assert client.get("a") == 1

    assert b"grant_type=password" in script.bodies[3]


def test_a_token_that_the_server_forgot_costs_one_more_login() -> None:
    gone = said(400, error="invalid_grant", error_description="whatever")
    with line({"GET /a": [(401, b"{}"), (200, b"1")]}, tokens=[token(), gone, token()]) as (client, _):
        assert client.get("a") == 1


def test_a_read_is_tried_again_later_each_time_and_a_write_is_not() -> None:
    pauses: list[float] = []
    answers = {
        "GET /a": [(503, b""), (502, b""), (200, b"1")],
        "POST /export": [(500, b"{}"), (504, b""), (200, b"2")],
        "PUT /b": [(503, b"")],
        "POST /b": [(502, b"")],
    }
    with line(answers, pauses=pauses) as (client, script):
        assert (client.get("a"), client.ask("export")) == (1, 2)
        for write in (lambda: client.put("b", {}), lambda: client.post("b", {}), lambda: client.create("b", {})):
            with pytest.raises(Unreachable):
                write()

    assert script.asked[1:] == [*["GET /a"] * 3, *["POST /export"] * 3, "PUT /b", "POST /b", "POST /b"]
    assert pauses == [0.25, 0.5, 0.25, 0.5]


def test_a_read_is_given_up_after_a_while() -> None:
    with line({"GET /a": [(429, b"")], "GET /b": [(503, b"")], "GET /c": [(500, b"")]}) as (client, script):
        with pytest.raises(Throttled):
            client.get("a")
        with pytest.raises(Unreachable):
            client.get("b")
        with pytest.raises(Rejected):
            client.get("c")

    assert script.asked[1:] == [*["GET /a"] * 4, *["GET /b"] * 4, *["GET /c"] * 4]


def test_a_server_that_never_answered_is_not_waited_for() -> None:
    pauses: list[float] = []
    settings = Settings.of({"url": "http://127.0.0.1:9", "auth": {"password": "x"}})

    with pytest.raises(Unreachable):
        AdminClient(settings, pause=pauses.append).get("a")

    assert pauses == []


def test_what_is_not_there_is_absent_to_a_read_and_a_conflict_to_a_write() -> None:
    missing = said(404, error="Realm not found.")
    with line({f"{verb} /a": [missing] for verb in ("GET", "POST", "PUT")}) as (client, _):
        assert client.get("a") is ABSENT
        assert client.ask("a") is ABSENT
        with pytest.raises(Conflict, match="Realm not found"):
            client.put("a")


def test_a_page_that_is_not_keycloaks_is_no_answer() -> None:
    with line({}) as (client, _), pytest.raises(Unreachable, match="is the URL right"):
        client.get("a")


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (said(400, errorMessage="error-invalid-length", field="username"), Rejected, "username: error-invalid-length"),
        (said(400, error="unknown", error_description="Bad thing"), Rejected, r"Bad thing \(400\)"),
        (said(403, error="HTTP 403 Forbidden"), Denied, "HTTP 403 Forbidden"),
        (said(409, errorMessage="exists"), Conflict, "exists"),
        (said(429, error="slow"), Throttled, "slow"),
        ((500, b"<html>"), Rejected, r"no reason given \(500\)"),
    ],
)
def test_failures_keep_the_servers_words(answer: tuple[int, bytes], error: Any, words: str) -> None:
    with line({"PUT /a": [answer]}) as (client, _), pytest.raises(error, match=words):
        client.put("a", {})


def test_the_name_of_what_was_made_is_returned() -> None:
    with line({"POST /a": [(201, b"")]}) as (client, _):
        assert client.create("a", {}) == ""


def test_secrets_leave_the_program_here_and_nothing_else_is_changed() -> None:
    with line({"PUT /a": [(204, b"")]}) as (client, script):
        client.put("a", {"secret": Secret("s"), "list": ("a", Secret("b")), "flag": True, "none": None})

    assert json.loads(script.bodies[-1]) == {"secret": "s", "list": ["a", "b"], "flag": True, "none": None}


def test_a_wrong_password_is_tried_once_and_says_what_to_check() -> None:
    wrong = said(401, error="invalid_grant", error_description="Invalid user credentials")
    words = "`me`: Invalid user credentials; check RECONCILE_KEYCLOAK_USERNAME"
    with line({}, tokens=[wrong]) as (client, script), pytest.raises(Denied, match=words):
        client.get("a")

    assert script.asked == [TOKEN]


def test_a_server_that_opens_is_pending_and_one_that_takes_the_account_is_ready() -> None:
    with line({FRONT: [(503, b""), (404, b""), (200, b"{}")]}, tokens=[(500, b""), token()]) as (client, script):
        verdicts = [client.ready() for _ in range(4)]

    assert [type(verdict) for verdict in verdicts] == [Pending, Pending, Pending, Done]
    assert all(verdict.note for verdict in verdicts[:3])
    assert script.asked == [FRONT, FRONT, FRONT, TOKEN, FRONT, TOKEN]


def test_a_look_at_a_server_that_has_not_opened_is_unreachable() -> None:
    closed = said(404, error="Realm does not exist")
    with line({FRONT: [(503, b"")]}, tokens=[closed]) as (client, _), pytest.raises(Unreachable, match="503"):
        client.get("a")


def test_a_client_logs_in_with_its_secret() -> None:
    auth = {"clientId": "robot", "clientSecret": Secret("s"), "realm": "master"}
    with line({"GET /a": [(200, b"1")]}, auth=auth) as (client, script):
        client.get("a")

    assert b"grant_type=client_credentials" in script.bodies[0]
    assert b"client_secret=s" in script.bodies[0]


def test_a_path_in_the_url_is_kept() -> None:
    answers = {f"POST /auth{TOKEN.removeprefix('POST ')}": [token()], "GET /auth/a": [(200, b"1")]}
    with serving(answers) as script:
        client = AdminClient(Settings.of({"url": f"{script.url}/auth", "auth": {"username": "me", "password": "x"}}))
        assert client.get("a") == 1
        client.close()


def test_proxies_of_the_environment_are_not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with line({"GET /a": [(200, b"1")]}) as (client, _):
        assert client.get("a") == 1
        assert client.ready() == Done()


def test_an_unknown_certificate_is_denied_with_the_remedy_and_a_known_one_is_taken(tmp_path: Path) -> None:
    certificate = a_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving({TOKEN: [token()], "GET /a": [(200, b"1")]}, tls=context) as script:
        connection: dict[str, Any] = {"url": script.url, "auth": {"username": "me", "password": "x"}}
        stranger = AdminClient(Settings.of(connection))
        friend = AdminClient(Settings.of({**connection, "caFile": str(certificate)}))

        with pytest.raises(Denied, match="caFile"):
            stranger.get("a")
        assert friend.get("a") == 1
        stranger.close()
        friend.close()


def test_a_url_of_the_wrong_scheme_is_told_with_the_right_one(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(a_certificate(tmp_path))
    account = {"username": "me", "password": "x"}
    with serving({TOKEN: [token()]}, tls=context) as tls, serving({TOKEN: [token()]}) as plain:
        https = plain.url.replace("http", "https")
        for url, words in (
            (tls.url.replace("https", "http"), f"; if it speaks TLS there, the URL is {tls.url}"),
            (https, f"{https}/ does not speak TLS there; if the port is right, the URL is {plain.url}"),
        ):
            client = AdminClient(Settings.of({"url": url, "auth": account}))
            with pytest.raises(Unreachable, match=words):
                client.get("a")
            client.close()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "the URL lacks a path such as /auth$"),
        ("/auth", "the path /auth in the URL is one too many$"),
        ("/elsewhere", "the path /elsewhere in the URL is one too many, or should be another one such as /auth$"),
    ],
)
def test_a_url_of_the_wrong_path_is_told_with_the_right_one(path: str, words: str) -> None:
    with serving({}) as script:
        client = AdminClient(Settings.of({"url": script.url + path, "auth": {"username": "me", "password": "x"}}))
        with pytest.raises(Unreachable, match=f"answers 404 for realms/master, so it is not ready, or {words}"):
            client.get("a")
        client.close()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            said(400, errors=[{"field": "a", "errorMessage": "x"}, {"errorMessage": "y"}]),
            "Keycloak says: a: x; y (400)",
        ),
        (said(400, error={"message": "deep"}), "Keycloak says: deep (400)"),
        (said(400, error=["one", {"error": "two"}]), "Keycloak says: two (400)"),
        ((400, b'[{"errorMessage": "in a list"}]'), "Keycloak says: in a list (400)"),
        (said(400, message="of a gateway"), "Keycloak says: of a gateway (400)"),
        ((500, b'"text"'), "with no reason given (500)"),
        ((302, b""), "with a redirect (302), which is not followed"),
        ((500, b"[" * 100_000), "with no reason given (500)"),
    ],
)
def test_words_are_found_in_every_shape_and_the_request_is_named(answer: tuple[int, bytes], words: str) -> None:
    with line({"PUT /a": [answer]}) as (client, _), pytest.raises(ProviderError) as raised:
        client.put("a", {})

    assert words in str(raised.value)
    assert "PUT /a" in str(raised.value)


def test_a_404_of_somebody_else_is_not_read_as_not_there() -> None:
    words = "answers GET /a with 404 in words that are not Keycloak's"
    answers = {"GET /a": [said(404, message="no route matched")]}
    with line(answers) as (client, _), pytest.raises(Unreachable, match=words):
        client.get("a")


@pytest.mark.parametrize("body", [b"{}", b"null", b"[1]", b'"users"', b"7"])
def test_a_list_that_is_none_is_not_read_as_empty(body: bytes) -> None:
    path = "admin/realms/lab/users"
    with (
        line({f"GET /{path}": [(200, body)]}) as (client, _),
        pytest.raises(Rejected, match=f"answers GET /{path} with"),
    ):
        client.get(path)


def a_certificate(directory: Path) -> Path:
    """A certificate for this machine with its key, signed by itself."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(tz=dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file = directory / "server.pem"
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*private))
    return file


def test_our_own_account_is_known() -> None:
    user = AdminClient(Settings.of({"url": "http://id", "auth": {"username": "Admin", "password": "x"}}))
    robot = AdminClient(
        Settings.of({"url": "http://id", "auth": {"clientId": "Bot", "clientSecret": "x", "realm": "lab"}})
    )

    assert user.is_account(Address("keycloak.user", ("master", "admin")))
    assert user.is_account(Address("keycloak.realm", ("master",)))
    assert not user.is_account(Address("keycloak.user", ("lab", "admin")))
    assert robot.is_account(Address("keycloak.client", ("lab", "Bot")))
    assert robot.is_account(Address("keycloak.user", ("lab", "service-account-bot")))


@pytest.mark.parametrize(
    ("connection", "error", "words"),
    [
        ({}, Misconfigured, "x-reconcile.connection.url"),
        ({"url": "localhost:8080"}, Misconfigured, "did you mean `http://localhost:8080` or `https://localhost:8080`"),
        ({"url": "ftp://id"}, Misconfigured, "expected http:// or https://, and a host"),
        ({"url": "http://"}, Misconfigured, "and a host"),
        ({"url": "http://id:port"}, Misconfigured, "`http://id:port` is no URL of a Keycloak"),
        ({"url": "http://id"}, Denied, "RECONCILE_KEYCLOAK_PASSWORD"),
    ],
)
def test_a_connection_that_says_too_little_says_what_is_missing(connection: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        Settings.of(connection)


def test_it_is_served_by_the_address_of_its_service() -> None:
    def address_of(service: str) -> Address:
        return Address("swarm.service", (service,))

    served = KeycloakProvider({"url": "x", "service": "keycloak"}, address_of=address_of)

    assert served.served_by == Address("swarm.service", ("keycloak",))
    assert KeycloakProvider({"url": "x"}, address_of=address_of).served_by is None


def test_nothing_heavy_is_imported_before_the_first_request() -> None:
    code = (
        "import sys\n"
        "from reconciler.providers.keycloak.provider import KeycloakProvider\n"
        "from reconciler.providers.keycloak.server.client import AdminClient, Settings\n"
        "provider = KeycloakProvider({'url': 'http://id', 'auth': {'password': 'x'}})\n"
        "assert provider.observe([]) == () and provider.kinds and provider.steps([]) == []\n"
        "provider.close()\n"
        "print({'keycloak', 'requests', 'httpx', 'docker'} & set(sys.modules))\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


GRANT = "POST /realms/a%20b/protocol/openid-connect/token"
LOGOUT = "POST /realms/a%20b/protocol/openid-connect/logout"


def test_a_password_that_opens_leaves_no_session() -> None:
    with line({GRANT: [token()], LOGOUT: [(204, b"")]}) as (client, script):
        assert client.takes("a b", "ann", Secret("pw"))

    assert script.asked == [GRANT, LOGOUT]
    assert b"refresh_token=r" in script.bodies[1]


@pytest.mark.parametrize(
    ("words", "right"),
    [("Invalid user credentials", False), ("Account disabled", True), ("Account is not fully set up", True)],
)
def test_a_refusal_tells_whether_the_password_was_right(words: str, right: bool) -> None:
    with line({GRANT: [said(400, error="invalid_grant", error_description=words)]}) as (client, _):
        assert client.takes("a b", "ann", Secret("pw")) is right


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (400, Rejected, "Client not allowed; its client admin-cli must be enabled with direct access grants"),
        (401, Rejected, "Client not allowed; its client"),
        (503, Unreachable, "Client not allowed"),
    ],
)
def test_any_other_refusal_tells_nothing(status: int, error: Any, message: str) -> None:
    answer = said(status, error="unauthorized_client", error_description="Client not allowed")
    with line({GRANT: [answer]}) as (client, _), pytest.raises(error, match=message):
        client.takes("a b", "ann", Secret("pw"))


def test_a_text_is_sent_as_it_is() -> None:
    with line({"PUT /label": [(204, b"")]}) as (client, script):
        client.put_text("label", "ours: 1")

    assert script.asked == [TOKEN, "PUT /label"]
    assert script.bodies[1] == b"ours: 1"
