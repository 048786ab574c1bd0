"""Live changes of a realm are put into its file: then nothing differs, and all else in the file is as it was."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.kit.cli import called
from tests.kit.keycloak.server import Server

FILE = """\
# The realm.
realm: REALM
enabled: true
displayName: 'The lab'   # as on the door
x-reconcile: {connection: {url: URL}}
clients:
  - clientId: app   # the application
    publicClient: true
    redirectUris:
      - https://app.example.org/*
      # for work at home
      - http://localhost:3000/*
    attributes: {post.logout.redirect.uris: "+"}
roles:
  realm: [{name: reader, description: reads}, {name: writer}]
groups:
  - name: staff
    attributes:
      floor: ["1"]
users:
  - username: ann   # the first
    firstName: Ann
    email: ann@example.org
    roles: [reader]
    groups: [staff]
"""

CHANGES = (
    ("'The lab'", "'The office'"),
    ("http://localhost:3000/*", "http://localhost:4000/*"),
    ("      # for work", "      # for work"),
    ('uris: "+"', 'uris: "-"'),
    ("description: reads", "description: looks"),
    ('floor: ["1"]', 'floor: ["2"]'),
    ("firstName: Ann", "firstName: Anne"),
    ("roles: [reader]", "roles: [writer]"),
)


@pytest.fixture
def reconcile(monkeypatch: Any, capsys: Any, tmp_path: Path) -> Any:
    env = {"RECONCILE_KEYCLOAK_USERNAME": "admin", "RECONCILE_KEYCLOAK_PASSWORD": "admin"}
    return partial(called, monkeypatch, capsys, cwd=tmp_path, env=env)


def test_changes_of_every_sort_come_into_the_file(reconcile: Any, server: Server, realm: str, tmp_path: Path) -> None:
    declared = FILE.replace("REALM", realm).replace("URL", server.url)
    live = declared
    for before, after in CHANGES:
        live = live.replace(before, after)
    path = tmp_path / "users.yaml"
    path.write_text(live)
    assert reconcile("-u", "users.yaml", "apply", "--yes").code == 0
    path.write_text(declared)

    ran = reconcile("-u", "users.yaml", "export", "--patch", "users.yaml", "--write")

    assert ran.code == 0, ran.err
    assert path.read_text() == live
    assert reconcile("-u", "users.yaml", "diff").code == 0


MORE = """\
      - name: night
  - name: guests
    realmRoles: [visitor]
"""


def test_live_objects_that_no_file_declares_are_added(
    reconcile: Any, server: Server, realm: str, tmp_path: Path
) -> None:
    declared = FILE.replace("REALM", realm).replace("URL", server.url)
    live = declared.replace("{name: writer}", "{name: writer}, {name: visitor, description: looks in}")
    live = live.replace('      floor: ["1"]\n', f'      floor: ["1"]\n    subGroups:\n{MORE}')
    path = tmp_path / "users.yaml"
    path.write_text(live + "  - {username: bob, firstName: Bob, groups: [guests]}\n")
    assert reconcile("-u", "users.yaml", "apply", "--yes").code == 0
    path.write_text(declared)
    adds = ("group/REALM/guests", "group/REALM/staff/night", "user/REALM/bob")
    options = [part for each in adds for part in ("--add", f"keycloak.{each.replace('REALM', realm)}")]

    ran = reconcile("-u", "users.yaml", "export", "--patch", "users.yaml", "--write", *options)

    text = path.read_text()
    assert ran.code == 0, ran.err
    lines = iter(text.splitlines())
    others = [line for line in declared.splitlines() if "realm: [" not in line]  # the list of roles is on one line
    assert [line for line in others if line not in lines] == []
    assert "name: visitor" in text
    assert "    subGroups:\n" in text
    assert "username: bob" in text
    assert reconcile("-u", "users.yaml", "diff").code == 0
