"""``reconcile access`` on files."""

from __future__ import annotations

import json
from functools import partial

import pytest

from tests.kit.cli import called

USERS = """
realm: lab
clients: [{clientId: app}, {clientId: wiki, standardFlowEnabled: false}]
groups: [{name: staff, clientRoles: {app: [edit]}}]
users: [{username: Ann, groups: [staff]}, {username: bob, roles: [reader]}]
"""


@pytest.fixture
def access(monkeypatch, capsys, tmp_path):
    (tmp_path / "users.yaml").write_text(USERS, encoding="utf-8")
    return partial(called, monkeypatch, capsys, "access", cwd=tmp_path)


def test_it_prints_who_gets_into_what_and_where_anybody_can_log_in(access):
    ran = access()

    assert ran.code == 0
    assert ran.out.splitlines() == [
        "USER  CLIENTS    ROLES              GROUPS",
        "ann   app        app/edit (/staff)",
        "bob   app, wiki  reader",
    ]
    assert "Every user of lab who is not switched off can log in to: app." in ran.err


def test_it_can_be_asked_for_one_user_or_one_client(access):
    assert access("--user", "ann", "--client", "app").out.splitlines()[1:] == ["ann   app      app/edit (/staff)"]
    assert access("--client", "wiki").out.splitlines()[1:] == ["bob   wiki     reader"]


def test_a_client_that_acts_for_itself_only_is_told_of_nobody_but_who_has_a_role_of_it(access, tmp_path):
    (tmp_path / "users.yaml").write_text(
        "realm: lab\nclients: [{clientId: app}, "
        "{clientId: batch, standardFlowEnabled: false, serviceAccountsEnabled: true}]\n"
        "users: [{username: ann, roles: [batch/run]}, {username: bob, roles: [reader]}]\n"
    )

    assert access().out.splitlines()[1:] == ["ann   batch    batch/run", "bob   app      reader"]


def test_as_json_it_is_for_programs(access):
    found = json.loads(access("--format", "json").out)

    assert found["open"] == {"lab": ["app"]}
    assert found["access"][0]["roles"] == [{"name": "app/edit", "through": ["/staff"]}]


@pytest.mark.parametrize(("option", "what"), [("--user", "user"), ("--client", "client"), ("--realm", "realm")])
def test_what_is_not_there_is_an_error(access, option, what):
    ran = access(option, "nobody")

    assert ran.code == 64
    assert f"there is no {what} `nobody`" in ran.err
