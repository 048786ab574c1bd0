"""The access view: users and groups are searched, and one's access is compared with that after the plan."""

from __future__ import annotations

import pytest

from tests.kit.web import HTML, READER, TOKENS, Access, Stage, box, living, shown, words


@pytest.fixture
def stage(tmp_path):
    made = Stage(
        tmp_path, [box("a", size=2)], [living("a", size=1)], tokens=TOKENS, realms=[{"realm": "shop"}, {"realm": "b"}]
    )
    made.look()
    users = {**{f"user{number:05}": {} for number in range(30)}, "ann": {}, "off": {"enabled": False}}
    made.provider.before = Access(users, ["/staff"], {"ann": ["read", "edit"]})
    made.provider.after = Access(users, ["/staff"], {"ann": ["read", "admin"]}, ["app", "wiki"])
    return made


def test_nobody_is_listed_before_a_search(stage):
    page = shown(stage, "/access", READER)

    assert stage.provider.asked == []
    assert "user0" not in page


def test_a_search_is_the_servers_and_shows_the_first_with_the_number_of_all(stage):
    page = shown(stage, "/access?q=user", READER)

    assert stage.provider.asked == ["users shop user", "groups shop user"]
    assert page.count('href="/access?realm=shop&amp;user=') == 20
    assert "20 of 30 that match." in words(page)


@pytest.mark.parametrize("text", ["", "u", " u "])
def test_a_search_needs_two_letters(stage, text):
    shown(stage, f"/access?q={text}", READER)

    assert stage.provider.asked == []


def test_the_access_of_a_user_is_compared_with_that_after_the_plan(stage):
    text = words(shown(stage, "/access?user=Ann", READER))

    assert stage.provider.asked == ["grants shop ann"]
    assert "Access of Ann" in text
    assert "The plan changes this access" in text
    assert "app loses edit gains admin read" in text
    assert "can log in to: gains wiki app" in text


def test_what_the_plan_leaves_alone_is_said_to_stay(stage):
    stage.provider.after = stage.provider.before

    assert "The plan changes nothing of this access." in words(shown(stage, "/access?user=ann", READER))


def test_who_is_switched_off_or_not_there_is_said_to_be(stage):
    assert "off is switched off." in words(shown(stage, "/access?user=off", READER))
    assert "zoe is not there yet." in words(shown(stage, "/access?user=zoe", READER))


def test_a_group_shows_its_first_members(stage):
    page = shown(stage, "/access?group=/staff&realm=b", READER)

    assert stage.provider.asked == ["grants b /staff", "members b /staff"]
    assert "Access of the members of /staff" in words(page)
    assert "user00019 and more" in words(page)


def test_a_realm_of_a_request_is_one_of_the_files(stage):
    assert stage.client(READER).get("/access?realm=master&user=admin", headers=HTML).status_code == 404
    assert stage.provider.asked == []


def test_a_server_that_is_away_is_said_to_be(stage):
    stage.provider.is_up = False

    answer = stage.client(READER).get("/access?user=ann", headers=HTML)

    assert answer.status_code == 502
    assert "The users can&#39;t be read: the users are away" in answer.text


def test_few_requests_wait_for_a_server_at_a_time(stage):
    for _ in range(4):
        stage.desk.slow_calls.acquire()

    assert stage.client(READER).get("/access?user=ann", headers=HTML).status_code == 503


def test_without_a_declared_realm_there_is_nothing_to_show(tmp_path):
    stage = Stage(tmp_path, [box("a", size=1)])
    stage.look()

    assert stage.client().get("/access", headers=HTML).status_code == 404


def test_a_resource_that_has_access_links_to_it(stage):
    assert 'href="/access?realm=a&amp;group=%2F"' in shown(stage, "/resource?address=memory.box/a", READER)
