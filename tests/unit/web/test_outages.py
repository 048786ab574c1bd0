"""Each view for each visitor in each outage: its status, no traceback, and nothing in sync that is not known."""

from __future__ import annotations

import re
from html import unescape

import pytest

from reconciler.core.history.facts import Ailment, Trouble
from reconciler.core.history.records import Run
from reconciler.core.message.errors import Unreachable
from reconciler.core.resource.values import Secret
from reconciler.web.access import CONFIRM_S, Role
from reconciler.web.app import ROUTES
from reconciler.web.oidc import Issuer
from tests.kit.clock import TurnedClock
from tests.kit.web import HTML, OPERATOR, READER, TOKENS, Access, Stage, box, living, words
from tests.kit.web import shown as shown_to

STACK = {"x-reconcile": {"login": {"url": "http://localhost:5000/login", "user": "olga", "password": "x"}}}
REALM = {"realm": "shop", "users": [{"username": "olga"}]}
QUERIES = {
    "/resource": "?address=memory.box/a",
    "/logs": "?address=memory.box/a",
    "/access": "?realm=shop&q=olga&user=olga",
    "/graph": "?focus=memory.box/a",
    "/history": "?who=x",
}
PARAMETERS = {"{number:int}": "1", "{action}": "sync", "{name}": "page.css"}
VIEWS = [
    route.path
    for route in ROUTES
    if route.method == "GET" and route.role is not Role.ANYONE and route.path != "/api/v1/events"
]
VISITORS = {"operator": (OPERATOR, Role.OPERATOR), "reader": (READER, Role.READER), "stranger": ("", Role.ANYONE)}
OUTAGES = ("none", "cannot be read", "asked in vain", "the look fails", "no look yet", "stands by")
OF_A_SERVER = {"/access": 502, "/logs": 502}
"""Views that ask a server while they are made, and their status where it is away."""


def shown(stage, path):
    return shown_to(stage, path, READER)


def staged(tmp_path, outage):
    tmp_path.mkdir(exist_ok=True)
    stage = Stage(
        tmp_path, [box("a", size=2), box("b", "a", size=1)], [living("a", size=1), living("b", size=1)],
        tokens=TOKENS, stack=STACK, realms=[REALM],
    )  # fmt: skip
    stage.provider.before = stage.provider.after = Access({"olga": {}}, ("/staff",), {"olga": ("reader",)})
    if outage == "no look yet":
        stage.board.error = "the engine is away"
        return stage
    troubles = [Trouble(Ailment.UNREAD, "memory", "the server is away")] if outage == "cannot be read" else []
    stage.look(*troubles)
    stage.history.begin(Run(0, "apply", stage.time, "olga", "host", ""))
    if outage in ("cannot be read", "asked in vain"):
        stage.provider.is_up = False

        def away(*_args, **_options):
            raise Unreachable("the server is away: <script>alert(1)</script>")
            yield

        stage.provider.logs = away
        for name in ("users_found", "groups_found", "members_found", "grants_of_user", "grants_of_group"):
            setattr(stage.provider, name, lambda *_args, **_options: next(away()))
    if outage == "the look fails":
        stage.board.failed("the engine refuses: <script>alert(1)</script>")
    if outage == "stands by":
        stage.board.leads, stage.board.leader = False, "host-b"
    return stage


def wanted(path, role, needed, outage):
    """The status of a view."""
    if role < needed:
        return 403 if role else 401 if path.startswith("/api/") else 303
    if outage == "no look yet":
        return 200 if path in ("/metrics", "/api/v1/openapi.json") else 503
    return OF_A_SERVER.get(path, 200) if outage in ("cannot be read", "asked in vain") else 200


def test_the_views_are_all_that_somebody_logged_in_can_look_at():
    assert {"/", "/plan", "/resource", "/history", "/graph", "/logs", "/doctor", "/access", "/metrics"} <= set(VIEWS)


@pytest.mark.parametrize("outage", OUTAGES)
@pytest.mark.parametrize("visitor", VISITORS)
def test_each_view_has_its_status_whoever_asks_and_whatever_is_away(tmp_path, outage, visitor):
    stage = staged(tmp_path, outage)
    token, role = VISITORS[visitor]
    client = stage.client(token)
    found, expected = {}, {}
    for path in VIEWS:
        needed = next(route.role for route in ROUTES if route.method == "GET" and route.path == path)
        filled = re.sub(r"{[^}]+}", lambda part: PARAMETERS[part[0]], path) + QUERIES.get(path, "")
        answer = client.get(filled, headers=HTML)
        found[path], expected[path] = answer.status_code, wanted(path, role, needed, outage)
        assert "Traceback" not in answer.text, path
        assert "<script>alert" not in answer.text or "html" not in answer.headers["content-type"], path

    assert found == expected
    assert not [line for line in stage.log.lines if line[1] == "request failed"]


@pytest.mark.parametrize("path", ["/", "/resource?address=memory.box/b", "/graph"])
def test_what_cannot_be_read_is_unknown_and_never_in_sync(tmp_path, path):
    away, there = (shown(staged(tmp_path / name, name), path) for name in ("cannot be read", "none"))

    assert "unknown" in words(away).lower()
    assert "unknown" not in words(there).lower().replace("0 unknown", "")
    assert "everything is as declared" not in words(away).lower()


@pytest.mark.parametrize("outage", ["the look fails", "stands by", "cannot be read"])
@pytest.mark.parametrize("path", ["/", "/plan", "/history", "/resource?address=memory.box/a"])
def test_each_view_says_that_what_it_shows_may_not_be_what_is(tmp_path, outage, path):
    text = words(shown(staged(tmp_path, outage), path))
    notices = {
        "the look fails": "The last look failed: the engine refuses",
        "stands by": "This daemon stands by. The one that acts is host-b.",
        "cannot be read": "memory: can't be read. the server is away",
    }

    assert notices[outage] in unescape(text)


def test_a_person_who_logged_in_keeps_the_view_while_the_issuer_is_away(tmp_path):
    clock = TurnedClock()
    issuer = Issuer("http://127.0.0.1:1/realms/none", "reconcile", "http://localhost:7420")
    stage = Stage(tmp_path, [box("a", size=1)], issuer=issuer, public_url="http://localhost:7420", now=clock.now)
    stage.look()
    client = stage.client(host="http://localhost:7420")
    identity = stage.desk.gate.sessions.begin("olga", Role.OPERATOR, "login", refresh_token=Secret("r"))
    client.cookies.set("reconcile", identity)
    clock.sleep(CONFIRM_S + 1)

    codes = [client.get(path, headers=HTML).status_code for path in ("/", "/plan", "/confirm/sync")]
    stranger = stage.client(host="http://localhost:7420").get("/login/begin", headers=HTML)

    assert codes == [200, 200, 200]
    assert (stranger.status_code, "Keycloak does not answer." in stranger.text) == (503, True)
