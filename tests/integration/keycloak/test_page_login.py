"""Operators and readers log in to the daemon's page through a real Keycloak, and strangers do not."""

from __future__ import annotations

import json
import re
import subprocess
import time
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from reconciler.record import replace
from reconciler.web.access import CONFIRM_S, UNCONFIRMED_S
from reconciler.web.oidc import Issuer
from reconciler.web.server import listening, serving
from tests.kit.clock import TurnedClock
from tests.kit.page_login import PUBLIC, a_client_with_users
from tests.kit.web import HTML, Stage, box, form_token, living


@pytest.fixture
def issuer(server, realm, by_hand):
    a_client_with_users(by_hand, PUBLIC)
    return Issuer(f"{server.url}/realms/{realm}", "reconcile", PUBLIC)


@pytest.fixture
def clock():
    return TurnedClock()


@pytest.fixture
def stage(tmp_path, issuer, clock):
    made = Stage(tmp_path, [box("a", size=2)], [living("a", size=1)], public_url=PUBLIC, issuer=issuer, now=clock.now)
    made.look()
    return made


def at_the_issuer(location, name):
    """Fill in the form of Keycloak; returns the address that it leads back to."""
    with httpx2.Client(follow_redirects=False, timeout=60) as browser:
        page = browser.get(location)
        action = unescape(re.search(r'action="([^"]*)"', page.text)[1])
        cookies = "; ".join(f"{each.name}={each.value}" for each in page.cookies.jar)  # secure ones, on plain localhost
        form = {"username": name, "password": "correct-horse"}
        answer = browser.post(action, data=form, headers={"cookie": cookies})
        return answer.headers["location"]


def came_back(client, name, where="/plan"):
    begun = client.get("/login/begin", params={"next": where}, headers=HTML)
    back = urlsplit(at_the_issuer(begun.headers["location"], name))
    return client.get(f"{back.path}?{back.query}", headers=HTML)


def test_each_person_has_the_role_that_keycloak_gives(stage):
    clients = {name: stage.client(host=PUBLIC) for name in ("olga", "gus", "rita", "sam")}
    answers = {name: came_back(client, name) for name, client in clients.items()}
    asked = {name: client.get("/confirm/sync", headers=HTML) for name, client in clients.items()}

    assert {name: answer.status_code for name, answer in answers.items()} == {
        "olga": 303, "gus": 303, "rita": 303, "sam": 403
    }  # fmt: skip
    assert {name: answer.status_code for name, answer in asked.items()} == {
        "olga": 200, "gus": 200, "rita": 403, "sam": 303
    }  # fmt: skip
    assert answers["olga"].headers["location"] == "/plan"
    assert "sam, who has neither the role" in answers["sam"].text
    assert "need the role operator" in asked["rita"].text
    acted = clients["olga"].post("/act/sync", data={"csrf": form_token(asked["olga"].text)})
    assert acted.status_code == 303
    assert stage.commands() == [("sync", "olga", 0)]


def test_an_answer_counts_once_in_the_browser_in_which_it_began(stage):
    client, other = stage.client(host=PUBLIC), stage.client(host=PUBLIC)
    begun, second = (client.get("/login/begin", headers=HTML) for _ in range(2))  # two tabs
    back = urlsplit(at_the_issuer(begun.headers["location"], "olga"))
    address = f"{back.path}?{back.query}"
    other.get("/login/begin", headers=HTML)

    stolen = other.get(address, headers=HTML)
    right = client.get(address, headers=HTML)
    once_more = client.get(address, headers=HTML)
    client.cookies.delete("reconcile")
    again = client.get(address, headers=HTML)
    in_the_other_tab = urlsplit(at_the_issuer(second.headers["location"], "rita"))

    assert [each.status_code for each in (stolen, right, once_more, again)] == [401, 303, 303, 401]
    assert once_more.headers["location"] == "/"
    assert client.get(f"{in_the_other_tab.path}?{in_the_other_tab.query}", headers=HTML).status_code == 303
    assert parse_qs(urlsplit(begun.headers["location"]).query)["code_challenge_method"] == ["S256"]
    assert begun.headers["set-cookie"].endswith("; HttpOnly; Max-Age=600; Path=/; SameSite=lax")


def test_a_logout_ends_the_session_at_keycloak_as_well(stage, by_hand):
    client = stage.client(host=PUBLIC)
    came_back(client, "olga")
    user = by_hand.id_of("users", username="olga")
    before = by_hand.get(f"users/{user}/sessions")

    answer = client.post("/logout", data={"csrf": form_token(client.get("/", headers=HTML).text)}, headers=HTML)

    assert len(before) == 1
    assert by_hand.get(f"users/{user}/sessions") == []
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert client.get("/plan").status_code == 401


def test_a_role_that_is_taken_away_and_a_session_that_is_ended_there_count_here(stage, by_hand, clock):
    olga, rita = stage.client(host=PUBLIC), stage.client(host=PUBLIC)
    came_back(olga, "olga"), came_back(rita, "rita")
    app, user = by_hand.id_of("clients", clientId="reconcile"), by_hand.id_of("users", username="olga")
    operator, reader = (by_hand.get(f"clients/{app}/roles/{name}") for name in ("operator", "reader"))
    by_hand.delete(f"users/{user}/role-mappings/clients/{app}", [operator])
    by_hand.post(f"users/{user}/role-mappings/clients/{app}", [reader])
    before = olga.get("/confirm/sync", headers=HTML).status_code

    clock.sleep(CONFIRM_S + 1)
    after = olga.get("/confirm/sync", headers=HTML).status_code
    by_hand.post(f"users/{by_hand.id_of('users', username='rita')}/logout", {})

    assert (before, after, olga.get("/plan").status_code) == (200, 403, 200)
    assert rita.get("/plan").status_code == 401


def test_a_session_lasts_while_keycloak_is_away_but_not_for_ever(stage, clock, issuer):
    client = stage.client(host=PUBLIC)
    came_back(client, "olga")
    stage.desk.issuer = replace(issuer, url="http://127.0.0.1:1/realms/none")

    found = []
    for _ in range(int(UNCONFIRMED_S / (2 * CONFIRM_S)) + 1):
        clock.sleep(2 * CONFIRM_S)
        found.append(client.get("/plan").status_code)

    assert found == [200] * (len(found) - 1) + [401]


@pytest.fixture
def reached_by_keycloak(stage):
    """The address at which Keycloak, in its container, reaches the page."""
    found = subprocess.run(["docker", "network", "inspect", "bridge"], capture_output=True, text=True, check=True)
    gateway = json.loads(found.stdout)[0]["IPAM"]["Config"][0]["Gateway"]
    own = listening("0.0.0.0", 0)  # the test's own page, for a moment
    stage.desk.gate.hosts |= {gateway}
    with serving(stage.desk, own):
        yield f"http://{gateway}:{own.getsockname()[1]}"


def until(answers, *wanted):
    """Wait for one of these answers."""
    deadline = time.monotonic() + 60
    while (found := answers()) not in wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def test_a_session_that_ends_at_keycloak_ends_here_at_once(stage, by_hand, reached_by_keycloak):
    client = by_hand.get(f"clients/{by_hand.id_of('clients', clientId='reconcile')}")
    url = {"backchannel.logout.url": f"{reached_by_keycloak}/login/backchannel"}
    attributes = {**client["attributes"], **url, "backchannel.logout.session.required": "true"}
    by_hand.put(f"clients/{client['id']}", {**client, "attributes": attributes})
    olga, rita, again = (stage.client(host=PUBLIC) for _ in range(3))
    came_back(olga, "olga"), came_back(rita, "rita"), came_back(again, "olga")
    user = by_hand.id_of("users", username="olga")
    first, _ = by_hand.get(f"users/{user}/sessions")

    by_hand.delete(f"sessions/{first['id']}")
    codes = until(lambda: [each.get("/plan").status_code for each in (olga, again)], [200, 401], [401, 200])
    assert sorted(codes) == [200, 401]
    assert rita.get("/plan").status_code == 200
    by_hand.post(f"users/{user}/logout", {})
    until(lambda: [each.get("/plan").status_code for each in (olga, again)], [401, 401])
    assert rita.get("/plan").status_code == 200
    assert {line[2]["user"] for line in stage.log.lines if line[1] == "logout"} == {"olga"}
