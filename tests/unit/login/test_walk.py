"""The walk of a login: how far it comes, and what it reports where it ends."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from reconciler.core.login import Login, Stage, Trouble, Way, Ways
from reconciler.core.resource.values import Secret
from reconciler.login.walk import walk
from tests.kit.site import FORM, PASSWORD, USER, Reply, redirect, serving_site


def a_login(site, path="/login", user=USER, password=PASSWORD):
    return Login(f"{site.url}{path}", user, Secret(password) if user else None)


def ended(site, **rest):
    found = walk(a_login(site, **rest))
    return found.stage, found.trouble


def test_a_user_logs_in():
    with serving_site() as site:
        found = walk(a_login(site))

    assert (found.stage, found.trouble, found.works) == (Stage.DONE, Trouble.NONE, True)
    assert site.asked == ["/login", "/sso/auth", "/sso/post", "/callback", "/home"]
    assert found.request["client_id"] == "app"


def test_without_a_user_it_ends_at_the_form():
    with serving_site() as site:
        assert ended(site, user="") == (Stage.FORM, Trouble.NONE)
        assert site.asked == ["/login", "/sso/auth"]


def test_an_application_with_a_page_of_its_own_is_entered_by_its_link():
    with serving_site(start=lambda *_: Reply(200, '<a href="/about">?</a><a href="/login">Log in</a>')) as site:
        assert ended(site, path="/start") == (Stage.DONE, Trouble.NONE)


def test_a_wrong_password_is_rejected_with_the_words_of_the_page():
    with serving_site() as site:
        found = walk(a_login(site, password="wrong"))

    assert (found.stage, found.trouble) == (Stage.PASSWORD, Trouble.REJECTED)
    assert found.message == "Invalid username or password."


OUTER = 7
"""A port of the machine that the browser is thought to be on."""


def walked_inside(way, **replies):
    """A walk from inside a container, with the way to the port of the application."""
    with serving_site(**replies) as site:
        port = urlsplit(site.url).port
        site.url = f"http://localhost:{OUTER}"
        return walk(a_login(site), ways=Ways({OUTER: Way("127.0.0.1", port)} if way is None else way)), site


def test_inside_a_container_it_takes_the_way_to_who_publishes_the_port():
    found, site = walked_inside(None)

    assert (found.stage, found.trouble) == (Stage.DONE, Trouble.NONE)
    assert site.asked == ["/login", "/sso/auth", "/sso/post", "/callback", "/home"]
    assert {each.url.partition("/login")[0] for each in found.trail[:1]} == {f"http://localhost:{OUTER}"}


@pytest.mark.parametrize(
    ("way", "trouble", "words"),
    [
        ({OUTER: Way(hidden="it shares no network with web")}, Trouble.HIDDEN, "it shares no network with web"),
        ({}, Trouble.HIDDEN, "no container publishes it"),
        ({OUTER: Way()}, Trouble.SILENT, "no running container publishes this port"),
    ],
)
def test_inside_a_container_an_address_that_is_not_reached_proves_no_failure(way, trouble, words):
    found, _ = walked_inside(way)

    assert (found.stage, found.trouble, found.works) == (Stage.OPEN, trouble, False)
    assert found.fails is (trouble is not Trouble.HIDDEN)
    assert words in found.message


def test_inside_a_container_a_redirect_to_a_hidden_port_ends_it_without_a_verdict():
    elsewhere = "http://localhost:8/auth?client_id=app&response_type=code&redirect_uri=http://localhost:7/callback"
    found, _ = walked_inside(None, login=lambda *_: redirect(elsewhere))

    assert (found.stage, found.trouble, found.url) == (Stage.AUTHORIZE, Trouble.HIDDEN, "http://localhost:8/auth")


OTHER_FORM = '<form id="p"><input type="password" name="password-new"><input type="password" name="again"></form>'
ENDS = {
    "no application": ({"login": lambda *_: Reply(500, "oops")}, Stage.OPEN, Trouble.STATUS),
    "no login at all": ({"login": lambda *_: Reply(200, "<title>Hello</title>")}, Stage.OPEN, Trouble.PAGE),
    "provider refuses": (
        {"sso_auth": lambda *_: Reply(400, '<p class="instruction alert-error">Invalid parameter: redirect_uri</p>')},
        Stage.AUTHORIZE,
        Trouble.STATUS,
    ),
    "provider sends back": (
        {"sso_auth": lambda given, _: redirect(f"{given['redirect_uri']}?error=invalid_scope&error_description=no")},
        Stage.RETURN,
        Trouble.PAGE,
    ),
    "another page after the password": (
        {"sso_post": lambda *_: redirect("/act?execution=UPDATE_PASSWORD"), "act": lambda *_: Reply(200, OTHER_FORM)},
        Stage.PASSWORD,
        Trouble.ACTION,
    ),
    "the application fails": (
        {"callback": lambda *_: Reply(500, "<title>Error</title>")},
        Stage.RETURN,
        Trouble.STATUS,
    ),
    "the application says no": (
        {"callback": lambda *_: Reply(200, '<div id="snackbar">Not you</div><a href="/login">Again</a>')},
        Stage.RETURN,
        Trouble.REFUSED,
    ),
    "the application forgets": (
        {"home": lambda *_: Reply(200, '<a href="/login">Log in</a>')},
        Stage.RETURN,
        Trouble.FORGOTTEN,
    ),
    "a circle": ({"login": lambda *_: redirect("/login")}, Stage.OPEN, Trouble.LOOP),
    "another scheme": ({"login": lambda *_: redirect("file:///etc/passwd")}, Stage.OPEN, Trouble.PAGE),
    "nothing is answered": (
        {"login": lambda *_: redirect(f"http://localhost:{free_port()}/sso/auth?client_id=a&response_type=code")},
        Stage.AUTHORIZE,
        Trouble.SILENT,
    ),
}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize(("replies", "stage", "trouble"), ENDS.values(), ids=ENDS)
def test_the_end_of_a_walk_is_named(replies, stage, trouble):
    with serving_site(**replies) as site:
        assert ended(site) == (stage, trouble)


def test_codes_and_passwords_are_in_no_report():
    with serving_site(callback=lambda *_: Reply(500, "no")) as site:
        found = walk(a_login(site))

    assert "c0de" not in repr(found)
    assert PASSWORD not in repr(found).replace("'right'", "")


def test_a_login_at_another_name_of_the_machine_loses_the_cookie():
    with serving_site() as site:
        port = urlsplit(site.url).port
        found = walk(Login(f"http://127.0.0.1:{port}/login", USER, Secret(PASSWORD)))

    assert (found.stage, found.trouble, found.message) == (Stage.RETURN, Trouble.REFUSED, "No state")


def test_a_form_that_is_sent_by_itself_leads_back():
    def by_form(*_):
        return Reply(
            200, f'<form method="post" action="{site.url}/callback"><input type="hidden" name="code" value="c"></form>'
        )

    with serving_site(sso_post=by_form) as site:
        assert ended(site) == (Stage.DONE, Trouble.NONE)


def test_a_server_that_hangs_is_left_in_time():
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = walk(Login(f"http://localhost:{server.getsockname()[1]}/login"), within_s=0.3)

    assert (found.stage, found.trouble) == (Stage.OPEN, Trouble.SILENT)


def test_hidden_fields_are_sent_and_boxes_are_not_ticked():
    sent = {}
    form = FORM.replace(
        "</form>", '<input type="hidden" name="id" value="7"><input type="checkbox" name="keep"></form>'
    )

    def note(given, _cookies):
        sent.update(given)
        return redirect(f"{site.url}/callback")

    with serving_site(sso_auth=lambda *_: Reply(200, form), sso_post=note) as site:
        walk(a_login(site))

    assert sent == {"username": USER, "password": PASSWORD, "id": "7"}
