"""Causes and authors on a real Keycloak: a hand and a file are told apart, and admin events tell whose hand it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.cli import reconcile
from tests.kit.keycloak.server import ByHand, Server, a_made_realm, dropped

USERS = """\
realm: {realm}
adminEventsEnabled: {events}
displayName: One
clients:
  - clientId: app
    name: App
    redirectUris: ["https://a"]
    protocolMappers:
      - name: group
        protocol: openid-connect
        protocolMapper: oidc-group-membership-mapper
        config: {{claim.name: groups, full.path: "false"}}
users:
  - username: ann
    enabled: true
    firstName: Ann
roles:
  realm:
    - name: staff
      description: all
"""

Run = Callable[..., str]


class Desk:
    """A realm, its file, the command line, and an administrator's hands."""

    def __init__(self, server: Server, folder: Path, hand: ByHand) -> None:
        self.server, self.folder, self.hand = server, folder, hand

    def write(self, *edits: tuple[str, str], events: str = "true") -> None:
        text = USERS.format(realm=self.hand.realm, events=events)
        for before, after in edits:
            assert before in text
            text = text.replace(before, after)
        (self.folder / "users.yaml").write_text(text, encoding="utf-8")

    def run(self, *arguments: str, code: int = 0) -> str:
        env = {
            "RECONCILE_STATE_DIRECTORY": str(self.folder / "state"),
            "RECONCILE_KEYCLOAK_URL": self.server.url,
            "RECONCILE_KEYCLOAK_USERNAME": self.server.user,
            "RECONCILE_KEYCLOAK_PASSWORD": self.server.password,
        }
        ran = reconcile(*arguments, cwd=self.folder, env=env, timeout=120)
        assert ran.code == code, ran.out + ran.err
        return ran.out

    def at(self, *keys: str) -> str:
        kind, *rest = keys
        return "/".join((f"keycloak.{kind}", self.hand.realm, *rest))

    def changes(self) -> dict[str, tuple[str, int]]:
        """Path → cause and line of every field that differs."""
        plan: Any = json.loads(self.run("diff", "--format", "json", code=2))
        return {
            change["path"]: (change["cause"], change["source"]["line"])
            for action in plan["actions"]
            for change in action["changes"]
        }


@pytest.fixture
def desk(server: Server, tmp_path: Path) -> Iterator[Desk]:
    name = a_made_realm(server)
    admin = server.client()
    try:
        yield Desk(server, tmp_path, ByHand(admin, name))
    finally:
        admin.close()
        dropped(server, name)


def test_a_hand_and_a_file_are_told_apart_and_admin_events_tell_whose_hand(desk: Desk) -> None:
    desk.write()
    desk.run("apply")
    client = desk.hand.id_of("clients", clientId="app")
    desk.hand.put(f"clients/{client}", {"clientId": "app", "name": "By hand"})
    desk.hand.put("", {"displayName": "By hand"})
    user = desk.hand.id_of("users", username="ann")
    desk.hand.delete(f"users/{user}")
    desk.write(('"https://a"', '"https://b"'), ('full.path: "false"', 'full.path: "true"'))

    found = desk.changes()
    asked = desk.run("why", desk.at("client", "app"))
    desk.run("apply")
    history: Any = json.loads(desk.run("history", "--format", "json"))

    assert found["name"] == ("drift", 6)
    assert found["displayName"] == ("drift", 3)
    assert found["redirectUris"] == ("declared", 7)
    assert found["protocolMappers.group.config.full.path"] == ("declared", 12)
    assert found["firstName"] == ("drift", 16)
    assert "by admin with admin-cli from " in asked
    recorded = {change["address"]: change for change in history["runs"][0]["changes"]}
    gone = recorded[desk.at("user", "ann")]
    assert (gone["action"], gone["cause"]) == ("create", "drift")
    assert [(author["act"], author["user"]) for author in gone["authors"]] == [("delete user", "admin")]
    assert recorded[desk.at("realm")]["authors"][0]["act"] == "update realm"


def test_a_realm_that_records_no_admin_events_has_causes_and_no_authors(desk: Desk) -> None:
    desk.write(events="false")
    desk.run("apply")
    desk.hand.put("roles/staff", {"name": "staff", "description": "by hand"})

    assert desk.changes() == {"description": ("drift", 20)}
    assert "Acts on it" not in desk.run("why", desk.at("role", "staff"))
