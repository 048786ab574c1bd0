"""A realm that was printed comes up on an empty server as it was, and an adopted one differs in nothing.

RECONCILE_KEYCLOAK_CORPUS names a folder of other people's realms; with RECONCILE_TEST_ADOPTION=all each file in it that
makes a realm is tried, else a few.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.config import Sources, load
from tests.integration.keycloak.test_corpus import ENVIRONMENT, EXCEPTIONS
from tests.kit.cli import called
from tests.kit.keycloak.server import Driver, Server, dropped, printed, with_quick_keys

CORPUS = Path(os.environ.get("RECONCILE_KEYCLOAK_CORPUS") or "/nowhere")
EVERYTHING = os.environ.get("RECONCILE_TEST_ADOPTION") == "all"
KEYS = "org.keycloak.keys.KeyProvider"
A_FEW = 2


def loaded(folder: Path, realm: Mapping[str, Any]) -> Any:
    file = folder / "users.json"
    file.write_text(json.dumps(realm), encoding="utf-8")
    return load(Sources(folder, users_files=(file,), environment=ENVIRONMENT)).document.realms or ()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path, server: Server) -> Any:
    account = {"RECONCILE_KEYCLOAK_USERNAME": server.user, "RECONCILE_KEYCLOAK_PASSWORD": server.password}
    env = {"RECONCILE_KEYCLOAK_URL": server.url, "HOME": str(tmp_path), **account}
    return partial(called, monkeypatch, capsys, cwd=tmp_path, env=env)


PROFILE = {
    "attributes": [
        {"name": "username", "permissions": {"view": ["admin", "user"], "edit": ["admin"]}},
        {"name": "email", "permissions": {"view": ["admin", "user"], "edit": ["admin", "user"]}},
        {"name": "apiKey", "permissions": {"view": ["admin"], "edit": ["admin"]}},
        {"name": "shoe", "permissions": {"view": ["admin"], "edit": ["admin"]}},
    ]
}


def test_an_adopted_realm_differs_in_nothing_and_its_secrets_are_variables(
    driver: Driver, realm: str, run: Any, tmp_path: Path
) -> None:
    ann = {"username": "ann", "enabled": True, "attributes": {"apiKey": ["k-1234-5678"], "shoe": ["39"]}}
    app = {"clientId": "app", "secret": "s3cret-of-the-app", "redirectUris": ["https://a.test/*"], "webOrigins": []}
    public = {"clientId": "page", "publicClient": True, "attributes": {"pkce.code.challenge.method": "S256"}}
    driver.apply({"realm": realm, "userProfile": PROFILE, "users": [ann], "clients": [app, public]})

    ran = run("adopt", "--realm", realm)

    assert (ran.code, run("diff").code) == (0, 0), ran.err
    text = (tmp_path / "users.yaml").read_text(encoding="utf-8")
    variables = (tmp_path / ".env").read_text(encoding="utf-8")
    for secret in ("k-1234-5678", "s3cret-of-the-app"):
        assert secret not in text + ran.out + ran.err
        assert secret in variables
    found = yaml.safe_load(text)
    assert sorted(found["clients"], key=lambda client: client["clientId"]) == [
        {"clientId": "app", "secret": "${APP_SECRET}", "redirectUris": ["https://a.test/*"], "webOrigins": []},
        public,
    ]
    assert found["users"][0]["attributes"] == {"apiKey": ["${ANN_API_KEY}"], "shoe": ["39"]}
    assert {each["name"] for each in found["userProfile"]["attributes"]} == {"username", "email", "apiKey", "shoe"}
    assert "org.keycloak.userprofile.UserProfileProvider" not in found["components"]

    exported = run("export", "--realm", realm)

    assert "k-1234-5678" not in exported.out + exported.err
    assert [each.get("secret") for each in yaml.safe_load(exported.out)["clients"]] == [None, None]


def test_a_realm_with_a_changed_flow_of_the_servers_own_is_printed_with_all_of_them(
    server: Server, driver: Driver, fresh: str, tmp_path: Path
) -> None:
    """A part of them is a part of nothing where another release has other ones."""
    browser = {
        "alias": "browser",
        "authenticationExecutions": [{"authenticator": "auth-cookie", "requirement": "DISABLED"}],
    }
    driver.apply(with_quick_keys({"realm": fresh, "enabled": True, "authenticationFlows": [browser]}))
    file = printed(server, fresh)
    dropped(server, fresh)

    assert {flow["alias"] for flow in file["authenticationFlows"]} >= {
        "browser",
        "direct grant",
        "registration",
        "forms",
    }
    assert all(flow["builtIn"] for flow in file["authenticationFlows"])
    *_, last = driver.apply(*loaded(tmp_path, with_quick_keys(_without_keys(file))))
    assert last.plan.in_sync


def _without_keys(file: Mapping[str, Any]) -> dict[str, Any]:
    """The file without keys, whose private part no server shows."""
    components = {sort: each for sort, each in (file.get("components") or {}).items() if sort != KEYS}
    return {**file, "components": components}


# ------------------------------------------------------------------ other people's realms


def corpus() -> list[Path]:
    """Files that make a realm by themselves."""
    files = sorted(file for file in CORPUS.rglob("*.json") if str(file.relative_to(CORPUS)) not in EXCEPTIONS)
    making = [file for file in files if "quickstarts" in file.parts or "create" in file.name]
    return making if EVERYTHING else making[:: max(len(making) // A_FEW, 1)][:A_FEW]


@pytest.mark.skipif(not CORPUS.is_dir(), reason="RECONCILE_KEYCLOAK_CORPUS names no folder of realm files")
@pytest.mark.parametrize("file", corpus() if CORPUS.is_dir() else [], ids=lambda file: str(file.relative_to(CORPUS)))
def test_other_peoples_realms_come_up_as_they_were_printed(
    server: Server, driver: Driver, fresh: str, tmp_path: Path, file: Path
) -> None:
    (declared,) = load(Sources(file.parent, users_files=(file,), environment=ENVIRONMENT)).document.realms or ()
    driver.apply(with_quick_keys(_without_keys({**declared, "realm": fresh})))
    file_of_ours = printed(server, fresh)

    assert driver.look(*loaded(tmp_path, file_of_ours)).plan.in_sync
    dropped(server, fresh)

    *_, last = driver.apply(*loaded(tmp_path, with_quick_keys(_without_keys(file_of_ours))))
    assert last.plan.in_sync
