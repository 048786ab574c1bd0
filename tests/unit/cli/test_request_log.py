"""``-v`` logs every request of both clients, without its query and body; without it there is none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial

import pytest

from reconciler.core.message.errors import ProviderError
from reconciler.core.resource.values import Secret
from reconciler.providers.answers import Request
from reconciler.providers.keycloak.server.client import AdminClient, Settings
from tests.kit.cli import called
from tests.kit.docker.memory import MemoryEngine, served
from tests.kit.faulty import FAULTS, Given, faulty

STACK = "services: {web: {image: 'app:1', environment: {A: CANARY-IN-A-BODY}}}"
LINE = re.compile(
    r"\d\d:\d\d:\d\d debug   request  run=(\w{8}) provider=docker method=([A-Z]+) path=(/\S+) status=\d{3} ms=\d+"
)


@pytest.fixture
def run(monkeypatch, capsys, tmp_path) -> Iterator[tuple[MemoryEngine, partial]]:
    engine = MemoryEngine()
    engine.image("app:1")
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    with served(engine) as url:
        yield engine, partial(called, monkeypatch, capsys, cwd=tmp_path, env={"DOCKER_HOST": url})


def test_each_request_is_a_line_with_the_same_run(run):
    engine, reconcile = run

    ran = reconcile("-v", "apply", "--yes")

    found = [match for line in ran.err.splitlines() if (match := LINE.fullmatch(line))]
    asked = [re.sub(r"^/v1\.\d+", "", match[3]) for match in found]
    assert ran.code == 0, ran.err
    assert len({match[1] for match in found}) == 1
    assert sorted(asked) == sorted(call.partition(" ")[2] for call in engine.calls)
    assert "CANARY" not in ran.err
    assert "?" not in "".join(asked)


def test_it_is_json_where_the_log_is(run):
    _, reconcile = run

    ran = reconcile("-v", "--log-format", "json", "diff")

    lines = [json.loads(line) for line in ran.err.splitlines() if line.startswith("{")]
    assert {line["event"] for line in lines} == {"request"}
    assert all(line.keys() == {*("event", "level", "ts", "run", "provider"), *REQUEST} for line in lines)


REQUEST = ("method", "path", "status", "ms")


def test_without_verbose_there_is_none(run):
    _, reconcile = run

    assert "request" not in reconcile("diff").err


def keycloak(_method: str, path: str, _body: bytes, _headers: Mapping[str, str]) -> Given:
    token = {"access_token": "t", "refresh_token": "r", "expires_in": 60}
    return Given(200, json.dumps(token if path.endswith("/token") else []).encode())


def test_keycloak_is_noted_as_well_without_account_or_query():
    found: list[Request] = []
    with faulty(keycloak) as proxy:
        auth = {"username": "me", "password": Secret("CANARY")}
        client = AdminClient(Settings.of({"url": proxy.url, "auth": auth}), note=found.append, pause=lambda _s: None)
        client.get("admin/realms/lab/users?search=ann")
        proxy.spoil(FAULTS["hung up"], 0)
        with pytest.raises(ProviderError):
            client.put("admin/realms/lab", {"a": Secret("CANARY")})
        client.close()

    assert [(each.method, each.path, each.status) for each in found] == [
        ("POST", "/realms/master/protocol/openid-connect/token", 200),
        ("GET", "/admin/realms/lab/users", 200),
        ("PUT", "/admin/realms/lab", 0),
    ]
    assert "it hung up without an answer" in found[-1].error
    assert "CANARY" not in repr(found)
