"""A comparison with files in the place of servers makes the same plan, asks nobody, and has no secret in them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.kit.cli import called
from tests.kit.docker.memory import PROJECT, Line, served

SCHEMA = json.loads((Path(__file__).parents[3] / "schemas/snapshot.schema.json").read_text(encoding="utf-8"))
STACK = """\
services:
  web:
    image: app:1
    mem_limit: 64m
    environment: {DB_PASSWORD: "${DB_PASSWORD}", DSN: "postgres://u:${DB_PASSWORD}@db/x", MODE: a}
    command: ["serve", "--password=${DB_PASSWORD}"]
    networks: {default: {}, back: {aliases: [w]}}
    volumes: [data:/data]
  db: {image: "app:1"}
networks: {back: {}}
volumes: {data: {}}
"""
CANARY = "correct-horse-battery"


@pytest.fixture
def reconcile(engine, tmp_path, monkeypatch, capsys):
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    (tmp_path / ".env").write_text(f"DB_PASSWORD={CANARY}\n", encoding="utf-8")
    with served(engine) as url:

        def run(*arguments, host=url):
            env = {"DOCKER_HOST": host, "COMPOSE_PROJECT_NAME": PROJECT}
            return called(monkeypatch, capsys, "--state-directory", tmp_path / "s", *arguments, cwd=tmp_path, env=env)

        assert run("apply", "--yes").code == 0
        yield run


def by_hand(engine):
    line = Line(engine)
    line.post(f"/containers/{PROJECT}-web-1/update", {"Memory": 100 << 20, "MemorySwap": 200 << 20})
    line.post(f"/networks/{PROJECT}_back/disconnect", {"Container": f"{PROJECT}-web-1"})


def plan_of(ran):
    """The plan without causes, which follow from the history of an engine, and without digests of secrets."""
    plan = json.loads(ran.out)
    return {key: value for key, value in plan.items() if key not in ("salt", "actions", "checksum")} | {
        "actions": [
            {**action, "cause": "", "changes": [(each["path"], each["reaction"]) for each in action["changes"]]}
            for action in plan["actions"]
        ]
    }


NOWHERE = "unix:///nowhere/docker.sock"


def test_the_plan_is_the_same_as_with_the_server_and_none_is_asked(reconcile, engine, tmp_path):
    by_hand(engine)
    (tmp_path / "stack.yaml").write_text(STACK.replace("MODE: a", "MODE: b"), encoding="utf-8")

    taken = reconcile("snapshot", "--out", "live.json")
    live = reconcile("diff", "--format", "json")
    offline = reconcile("diff", "--format", "json", "--against", "live.json", host=NOWHERE)

    assert (taken.code, live.code, offline.code) == (0, 2, 2), taken.err + offline.err
    assert plan_of(live) == plan_of(offline)
    assert len(json.loads(live.out)["actions"]) == 1


def test_what_is_as_declared_is_so_offline_with_the_same_secrets_and_not_with_others(reconcile, tmp_path):
    reconcile("snapshot", "--out", "live.json")

    same = reconcile("diff", "--against", "live.json", host=NOWHERE)
    (tmp_path / ".env").write_text("DB_PASSWORD=another-one-altogether\n", encoding="utf-8")
    other = reconcile("diff", "--against", "live.json", host=NOWHERE)

    assert (same.code, other.code) == (0, 2), same.out + same.err
    assert "(secret) → (another secret)" in other.out


def test_there_is_no_secret_in_a_snapshot_and_it_is_as_its_schema_says(reconcile, tmp_path):
    reconcile("snapshot", "--out", "live.json")

    text = (tmp_path / "live.json").read_text(encoding="utf-8")
    jsonschema.validate(json.loads(text), SCHEMA)
    assert CANARY not in text
    assert CANARY not in reconcile("snapshot").out
    assert (tmp_path / "live.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is neither a snapshot nor a realm export: line 1, column 2: a name in double quotes is missing"),
        ("[1]", "is neither a snapshot nor a realm export\n"),
        ("{}", "is neither a snapshot nor a realm export\n"),
        ('{"schema": "reconcile.snapshot/v1"}', "lacks `project`"),
        (
            '{"schema": "reconcile.snapshot/v1", "project": "x", "salt": "s", "providers": [], "resources": []}',
            "is a snapshot of the project `x`, not of",
        ),
    ],
)
def test_a_file_that_is_something_else_is_refused(reconcile, tmp_path, text, says):
    (tmp_path / "live.json").write_text(text, encoding="utf-8")

    ran = reconcile("diff", "--against", "live.json", host=NOWHERE)

    assert ran.code == 65
    assert says in ran.err, ran.err


def test_a_realm_of_which_there_is_no_file_is_left_out_and_reported(reconcile, tmp_path):
    reconcile("snapshot", "--out", "live.json")
    (tmp_path / "users.yaml").write_text("realm: r\nx-reconcile: {connection: {url: http://127.0.0.1:9}}\n")

    ran = reconcile("diff", "--against", "live.json", host=NOWHERE)

    assert "1 resources are left out, as no file of --against has their live state: keycloak.realm" in ran.err
    assert ran.code == 0, ran.out


EXPORT = {
    "id": "1",
    "realm": "r",
    "displayName": "Lab",
    "enabled": True,
    "accessTokenLifespan": 300,
    "roles": {"realm": [{"id": "2", "name": "boss", "composite": False}]},
    "groups": [{"id": "3", "name": "all", "path": "/all", "subGroups": []}],
    "clients": [{"id": "4", "clientId": "web", "redirectUris": ["https://b.test/*"]}],
}
PEOPLE = [{"id": "5", "username": "ann", "enabled": True, "groups": ["/all"]}]
REALM = {
    "realm": "r",
    "displayName": "Another",
    "roles": {"realm": [{"name": "boss"}]},
    "groups": [{"name": "all"}],
    "clients": [{"clientId": "web", "redirectUris": ["https://a.test/*"]}],
    "users": [{"username": "ann", "groups": ["/all"]}],
    "x-reconcile": {"connection": {"url": "http://127.0.0.1:9"}},
}


@pytest.mark.parametrize("users", [{"users": PEOPLE}, {}], ids=["whole", "partial"])
def test_a_realm_export_is_compared_field_by_field(tmp_path, monkeypatch, capsys, users):
    (tmp_path / "users.yaml").write_text(json.dumps(REALM), encoding="utf-8")
    (tmp_path / "export.json").write_text(json.dumps([EXPORT | users]), encoding="utf-8")

    ran = called(monkeypatch, capsys, "diff", "--format", "json", "--against", "export.json", cwd=tmp_path)

    found = {each["address"]: [field["path"] for field in each["changes"]] for each in json.loads(ran.out)["actions"]}
    assert (ran.code, found) == (2, {"keycloak.realm/r": ["displayName"], "keycloak.client/r/web": ["redirectUris"]})
    assert ("1 resources are left out" in ran.err) == (not users)
