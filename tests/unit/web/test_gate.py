"""The gate: each route with each role, hosts, origins, forms, sessions, bodies and headers."""

from __future__ import annotations

import re

import anyio
import pytest

from reconciler.web.access import IDLE_S, LONGEST_S, TRIES, Gate, Role, Sessions, hosts_of, is_same_origin
from reconciler.web.app import HEADERS, ROUTES, application
from reconciler.web.login import safe_next
from tests.kit.clock import TurnedClock
from tests.kit.web import HTML, OPERATOR, READER, TOKENS, Stage, box, form_token, living

PATHS = {"{action}": "sync", "{number:int}": "1", "{name}": "page.css"}
STREAM = "/api/v1/events"
EVERY = [route for route in ROUTES if route.path != STREAM]


def path_of(route):
    path = route.path
    for parameter, value in PATHS.items():
        path = path.replace(parameter, value)
    return path


@pytest.fixture
def stage(tmp_path):
    made = Stage(
        tmp_path, [box("a", size=2)], [living("a", size=1)], tokens=TOKENS, public_url="https://ops.example:8443"
    )
    made.look()
    return made


def test_every_route_has_a_role_and_only_these_are_for_anyone():
    assert {route.path for route in ROUTES if route.role is Role.ANYONE} == {
        *("/livez", "/readyz", "/healthz"),
        *("/login", "/login/begin", "/login/callback", "/login/backchannel", "/logout", "/webhook", "/static/{name}"),
    }
    assert all(route.role is Role.OPERATOR for route in ROUTES if route.method == "POST" and route.role)


@pytest.mark.parametrize("route", EVERY, ids=lambda route: f"{route.method} {route.path}")
def test_a_route_asks_for_its_role(stage, route):
    answers = {
        role: stage.client(token).request(route.method, path_of(route)).status_code
        for role, token in ((Role.ANYONE, ""), (Role.READER, READER), (Role.OPERATOR, OPERATOR))
    }

    for role, status in answers.items():
        assert (status in (401, 403)) == (role < route.role) or (route.form and role >= route.role and status == 403)


@pytest.mark.parametrize("route", EVERY, ids=lambda route: f"{route.method} {route.path}")
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "CONNECT"])
def test_no_route_takes_another_method(stage, route, method):
    assert stage.client(OPERATOR).request(method, path_of(route)).status_code in (404, 405)


@pytest.mark.parametrize(
    "path", ["/", "/plan", "/static/none.css", "/nothing", "/api/v1/status", "/resource?address=x", "/%2e%2e/"]
)
def test_each_answer_has_the_headers(stage, path):
    answer = stage.client(OPERATOR).get(path, headers=HTML)

    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "server" not in answer.headers


def test_a_static_file_is_kept_and_has_the_headers_besides(stage):
    page = stage.client(OPERATOR).get("/", headers=HTML).text
    name = re.search(r'href="(/static/page\.[0-9a-f]+\.css)"', page)[1]

    answer = stage.client().get(name)

    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/css")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_fault_that_nobody_foresaw_shows_nothing_of_itself(stage):
    stage.session.history.runs = None  # a bug: the call of it is a TypeError

    answer = stage.client(OPERATOR).get("/history", headers=HTML)

    assert answer.status_code == 500
    assert "TypeError" not in answer.text
    assert answer.headers["content-security-policy"] == HEADERS["content-security-policy"]
    assert any("TypeError" in str(line) for line in stage.log.lines)


# ------------------------------------------------------------------ hosts and origins


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1:7420", "[::2]", "", "0.0.0.0"],
)
def test_a_name_of_elsewhere_is_refused(tmp_path, host):
    stage = Stage(tmp_path)
    stage.look()

    assert stage.client().get("/api/v1/status", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:7420", "localhost:9", "LOCALHOST", "[::1]:7420"])
def test_a_name_of_the_loopback_address_is_admitted(tmp_path, host):
    stage = Stage(tmp_path)
    stage.look()

    assert stage.client().get("/api/v1/status", headers={"host": host}).status_code == 200


def test_the_public_url_and_further_names_are_hosts():
    assert hosts_of("0.0.0.0", "https://Ops.Example:8443/x", ("Reconcile",)) == {
        *("localhost", "127.0.0.1", "[::1]", "ops.example", "reconcile")
    }


ORIGINS = [
    ({"sec-fetch-site": "cross-site"}, False),
    ({"sec-fetch-site": "same-site"}, False),
    ({"sec-fetch-site": "same-origin"}, True),
    ({"sec-fetch-site": "none"}, True),
    ({"sec-fetch-site": "nonsense"}, False),
    ({"origin": "http://evil.example", "host": "127.0.0.1:7420"}, False),
    ({"origin": "http://127.0.0.1:80", "host": "127.0.0.1:7420"}, False),
    ({"origin": "null", "host": "127.0.0.1:7420"}, False),
    ({"origin": "http://127.0.0.1:7420", "host": "127.0.0.1:7420"}, True),
    ({"host": "127.0.0.1:7420"}, True),
]


@pytest.mark.parametrize(("headers", "is_same"), ORIGINS)
def test_only_pages_of_ours_may_act(tmp_path, headers, is_same):
    stage = Stage(tmp_path)
    stage.look()

    status = stage.client().post("/api/v1/sync", headers=headers).status_code

    assert is_same_origin(headers) is is_same
    assert status == (202 if is_same else 403)
    assert len(stage.asked) == is_same


@pytest.mark.parametrize(
    "header", ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded", "x-real-ip"]
)
def test_the_loopback_address_of_a_proxy_proves_nothing(tmp_path, header):
    stage = Stage(tmp_path)
    stage.look()

    assert stage.client().get("/api/v1/status", headers={header: "127.0.0.1"}).status_code == 401


def test_without_a_token_only_the_machine_itself_gets_in(tmp_path):
    stage = Stage(tmp_path)
    stage.look()

    assert stage.client(address="192.168.1.7").get("/api/v1/status").status_code == 401
    assert stage.client(address="::1").get("/api/v1/status").status_code == 200


# ------------------------------------------------------------------ forms


@pytest.mark.parametrize("token", ["", "x", "0.0", "ü.ü", None])
def test_a_form_needs_its_token(tmp_path, token):
    stage = Stage(tmp_path)
    stage.look()
    fields = {} if token is None else {"csrf": token}

    answer = stage.client().post("/act/sync", data=fields)

    assert answer.status_code == 403
    assert stage.asked == []


def test_a_token_of_one_visitor_is_no_token_of_another(stage):
    sessions = stage.desk.gate.sessions
    one, other = (sessions.begin(name, Role.OPERATOR, "login") for name in ("alice", "bob"))
    visitors = [stage.desk.gate.visitor({}, identity, "127.0.0.1") for identity in (one, other)]

    token = stage.desk.gate.csrf_token(visitors[0])

    assert stage.desk.gate.is_csrf_token(token, visitors[0])
    assert not stage.desk.gate.is_csrf_token(token, visitors[1])
    assert token != stage.desk.gate.csrf_token(visitors[0])


def test_a_page_that_asks_by_itself_keeps_no_session_from_its_end(tmp_path):
    clock = TurnedClock()
    stage = Stage(tmp_path, [box("a", size=1)], tokens=TOKENS, now=clock.now)
    stage.look()
    identity = stage.desk.gate.sessions.begin("alice", Role.READER, "login")
    client = stage.client()
    client.cookies.set("reconcile", identity)

    found = []
    for _ in range(3):
        clock.sleep(IDLE_S / 2 + 1)
        found.append(client.get("/plan", headers={"x-by-itself": "1"}).status_code)

    assert found == [200, 401, 401]


# ------------------------------------------------------------------ bodies


@pytest.mark.parametrize("route", [each for each in ROUTES if each.method == "POST"], ids=lambda route: route.path)
def test_no_more_of_a_body_is_read_than_allowed(stage, route):
    """Spoken to as a server does it, because the test client reads a body to its end before it sends it."""
    read, sent = [0], []
    headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {OPERATOR}".encode())]
    scope = {"type": "http", "method": "POST", "path": path_of(route), "query_string": b"", "headers": headers}

    async def receive():
        read[0] += 1_024
        return {"type": "http.request", "body": b"x" * 1_024, "more_body": True}

    async def send(message):
        sent.append(message)

    anyio.run(application(stage.desk), {**scope, "client": ("127.0.0.1", 1)}, receive, send)

    assert sent[0]["status"] == 413
    assert read[0] <= route.body + 1_024


def test_a_body_that_announces_too_much_is_not_read(stage):
    headers = {"content-length": str(10**9)}

    assert stage.client(OPERATOR).post("/api/v1/sync", content=b"{}", headers=headers).status_code == 413


# ------------------------------------------------------------------ login and sessions


def logged_in(client, token, where="/plan?kind=x"):
    form = form_token(client.get("/login", params={"next": where}, headers=HTML).text)
    return client.post("/login", data={"csrf": form, "token": token, "next": where}, headers=HTML)


def test_a_page_without_a_login_leads_to_it_and_back(stage):
    client = stage.client(host="https://ops.example:8443")

    first = client.get("/plan?kind=x", headers=HTML)
    second = logged_in(client, OPERATOR)

    assert (first.status_code, first.headers["location"]) == (303, "/login?next=%2Fplan%3Fkind%3Dx")
    assert (second.status_code, second.headers["location"]) == (303, "/plan?kind=x")
    assert client.get("/plan", headers=HTML).status_code == 200


def test_the_cookie_of_a_session_is_secure_and_names_nobody(stage):
    cookie = logged_in(stage.client(host="https://ops.example:8443"), OPERATOR).headers["set-cookie"]

    assert cookie.startswith("__Host-reconcile=")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert OPERATOR not in cookie


def test_on_plain_loopback_the_cookie_has_another_name(tmp_path):
    stage = Stage(tmp_path, tokens=TOKENS)
    stage.look()

    cookie = logged_in(stage.client(), READER).headers["set-cookie"]

    assert cookie.startswith("reconcile=")
    assert "Secure" not in cookie
    assert "HttpOnly" in cookie


def test_a_session_has_a_new_id_each_time_and_ends_with_the_logout(stage):
    client = stage.client(host="https://ops.example:8443")
    ids = {logged_in(client, OPERATOR).cookies["__Host-reconcile"] for _ in range(3)}
    token = form_token(client.get("/", headers=HTML).text)
    kept = client.cookies["__Host-reconcile"]

    client.post("/logout", data={"csrf": token})
    client.cookies.set("__Host-reconcile", kept, domain="ops.example")

    assert len(ids) == 3
    assert client.get("/api/v1/status").status_code == 401


def test_wrong_tokens_make_everybody_wait_and_nobody_for_long(stage):
    client = stage.client(host="https://ops.example:8443")
    now = stage.desk.gate.now()
    stage.desk.gate.now = lambda: now

    codes = [logged_in(client, f"wrong-{number}").status_code for number in range(TRIES + 1)]
    right = logged_in(client, OPERATOR).status_code
    stage.desk.gate.now = lambda: now + 61

    assert codes == [401] * TRIES + [429]
    assert right == 429
    assert logged_in(client, OPERATOR).status_code == 303


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer x", f"Basic {OPERATOR}", f"Bearer {OPERATOR}x", f"Bearer {OPERATOR[:-1]}"]
)
def test_a_wrong_token_is_no_token(stage, header):
    assert stage.client().get("/api/v1/status", headers={"authorization": header}).status_code == 401


def test_a_token_in_a_url_or_cookie_is_no_token(stage):
    assert stage.client().get(f"/api/v1/status?token={OPERATOR}&access_token={OPERATOR}").status_code == 401
    assert stage.client().get("/api/v1/status", headers={"cookie": f"reconcile={OPERATOR}"}).status_code == 401


def test_sessions_end_when_idle_and_at_last_in_any_case():
    time = [0.0]
    sessions = Sessions(lambda: time[0])
    idle, busy = sessions.begin("a", Role.READER, "x"), sessions.begin("b", Role.READER, "x")

    for _ in range(int(LONGEST_S // IDLE_S)):
        time[0] += IDLE_S - 1
        sessions.of(busy)

    assert sessions.of(idle) is None
    assert sessions.of(busy) is not None
    time[0] = LONGEST_S + 1
    assert sessions.of(busy) is None


def test_a_full_house_drops_the_oldest_session():
    sessions = Sessions(lambda: 0.0)
    ids = [sessions.begin(str(number), Role.READER, "x") for number in range(501)]

    assert sessions.of(ids[0]) is None
    assert sessions.of(ids[-1])


@pytest.mark.parametrize(
    ("where", "safe"),
    [
        ("/plan?kind=x#a", True),
        ("/resource?address=memory.box/a%2Fb", True),
        ("//evil.example", False),
        ("/\\evil.example", False),
        ("https://evil.example", False),
        ("javascript:alert(1)", False),
        ("/\t/evil.example", False),
        ("/x\r\nset-cookie: a=b", False),
        ("", False),
        ("plan", False),
        ("\\/evil", False),
    ],
)
def test_a_login_leads_to_this_server_only(where, safe):
    assert safe_next(where) == (where if safe else "/")


def test_tokens_are_compared_by_digests_of_one_length():
    gate = Gate(frozenset(), {"a-token-of-sixteen": Role.READER})

    assert gate.role_of("a-token-of-sixteen") is Role.READER
    assert gate.role_of("é") is Role.ANYONE
    assert gate.role_of("") is Role.ANYONE


def test_only_who_comes_with_a_wrong_token_is_counted():
    gate = Gate(frozenset(), {"a-token-of-sixteen": Role.READER}, now=lambda: 0.0)

    assert {gate.role_of(str(number)) for number in range(TRIES)} == {Role.ANYONE}
    assert not gate.brake.is_on(0.0)
    assert {gate.admit("a-token-of-sixteen") for _ in range(TRIES)} == {Role.READER}
    assert not gate.brake.is_on(0.0)
    assert {gate.admit(str(number)) for number in range(TRIES)} == {Role.ANYONE}
    assert gate.admit("a-token-of-sixteen") is Role.ANYONE


# ------------------------------------------------------------------ a logout at the issuer


def test_a_logout_ends_the_session_that_it_names_or_all_of_a_person():
    sessions = Sessions()
    ids = {
        name: sessions.begin(name, Role.READER, "login", subject=subject, sid=sid)
        for name, subject, sid in (("a", "1", "s1"), ("b", "1", "s2"), ("c", "2", "s3"), ("token", "", ""))
    }

    assert sessions.end_those_of("1", "s2") == ["b"]
    assert sessions.end_those_of("", "") == []
    assert sessions.end_those_of("1", "") == ["a"]
    assert [name for name, identity in ids.items() if sessions.of(identity)] == ["c", "token"]
